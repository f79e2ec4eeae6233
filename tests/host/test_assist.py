# SPDX-License-Identifier: Apache-2.0
"""`faultin assist`: what a call passes is present for any tracer that looks as it begins.

The corpus of cold pages runs under other tracers, without and with assist. Those that are
installed are compared; a table of what they saw is in docs/assist.md, made from here.
"""

import os
import platform
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from compare import build, compare, format_summary, load_expected, summarise
from engines import keep
from running import command, faultin
from test_corpus import OUTPUTS
from unprivileged import NOBODY, command_as_nobody, nobody, open_folder

from faultin.syscalls.table import Direction, load

HERE = Path(__file__).parent
EVENTS = Path("/sys/kernel/tracing/events/syscalls")
MARKER = 0x7FA0000
SHOWN = 63  # bytes that bpftrace shows of a string
FUNCTIONS = {"stat": "newstat", "lstat": "newlstat", "umount2": "umount"}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the other tracers need root")
needs_bpftrace = pytest.mark.skipif(not shutil.which("bpftrace"), reason="there is no bpftrace")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return build(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def folder():
    with open_folder() as made:
        yield made


@pytest.fixture(scope="module")
def life(folder):
    source, target = HERE / "programs" / "life.c", folder / "life"
    words = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-O1", "-pthread"]
    subprocess.run(["gcc", *words, "-o", target, source], check=True)
    return target


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


def assisted(with_assist, *words):
    return [*command("assist", "--"), *map(str, words)] if with_assist else list(map(str, words))


@needs_root
def test_a_tracer_that_reads_at_entry_only_has_all_of_the_corpus(corpus, tmp_path, capsys):
    """faultin itself as such a tracer: it knows of all structures, nested ones too."""
    counts = {}
    for with_assist in (False, True):
        expected = tmp_path / f"expected-{with_assist}"
        words = assisted(with_assist, corpus, "--mode", "cold", expected)
        run = faultin("--engine", "deferred", "--entry-only", "--", *words)
        assert run.status == 0 and run.summary["lost"] == {}, run.stderr
        cases = load_expected(expected)
        wrong = compare(cases, run.events, at_entry=with_assist, outputs=OUTPUTS)
        # Such a tracer cannot know that a pointer is bad.
        wrong = [mismatch for mismatch in wrong if mismatch.class_ != "bad-pointer"]
        counts[with_assist] = format_summary(summarise(cases, wrong)).splitlines()[-1].split()[-1]
        cold = {
            (case["marker"], name) for case in cases for name, is_cold in case["cold"].items()
            if is_cold and f"{case['syscall']}.{name}" not in OUTPUTS and name not in case["out"]
            and case["capture"].get(name) == "read"
        }  # fmt: skip
        lost = {(m.marker, m.argument) for m in wrong} & cold
        if with_assist:
            assert not wrong, "\n".join(map(str, wrong))
        else:
            assert len(lost) > 0.9 * len(cold)
        keep(f"assist-faultin-{with_assist}", {"seen": len(cold) - len(lost), "cold": len(cold)})
        with capsys.disabled():
            print(f"\nentry reads, {with_assist=}: {len(cold) - len(lost)}/{len(cold)} cold inputs")


def paths():
    """(the call, its first path argument)"""
    for call in load(platform.machine()):
        for argument in call.arguments:
            if argument.kind == "path" and argument.direction is Direction.IN:
                yield call.name, argument.name
                break


def probes():
    """A bpftrace program that says of each call with a path, and of an iovec, what it saw."""
    mark = f"tracepoint:syscalls:sys_enter_getpriority /args->which == {MARKER}/"
    parts = [f'{mark} {{ printf("\\n=M %d %d", tid, args->who); }}']
    for call, name in paths():
        function = FUNCTIONS.get(call, call)
        if (EVENTS / f"sys_enter_{function}").exists():
            where = f'tracepoint:syscalls:sys_enter_{function} /comm == "corpus"/'
            parts.append(f'{where} {{ printf("\\n=P %d {call} {name} %s", tid, str(args->{name})); }}')
    where = 'tracepoint:syscalls:sys_enter_writev /comm == "corpus"/'
    nested = "str(*(uint64*)uptr(args->vec), *(uint64*)uptr((uint64)args->vec + 8) + 1)"
    parts.append(f'{where} {{ printf("\\n=P %d writev vec %s", tid, {nested}); }}')
    return "\n".join(parts)


def by_bpftrace(words, tmp_path):
    """What bpftrace said while a command ran."""
    program, output = tmp_path / "probes.bt", tmp_path / "bpftrace"
    program.write_text(probes())
    environment = {**os.environ, "BPFTRACE_MAX_PROBES": "1024"}
    with open(tmp_path / "said", "w") as said:
        tracer = subprocess.Popen(
            ["bpftrace", "-o", output, program], stdout=said, stderr=said, env=environment
        )
        try:
            wait_for(lambda: tracer.poll() is not None or "Attaching" in output.read_text(errors="replace")
                     if output.exists() else tracer.poll() is not None, 60)
            time.sleep(5)  # it does not say when it has
            subprocess.run(words, check=True, timeout=120)
            time.sleep(1)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(60)
    return output.read_text(errors="replace")


def seen_by_marker(text):
    """{(number of the case, call, argument): what was seen}"""
    seen, markers = {}, {}
    for part in text.split("\n="):  # a path may have lines of its own
        if found := re.match(r"M (\d+) (\d+)", part):
            markers[found[1]] = int(found[2])
        elif (found := re.match(r"P (\d+) (\w+) (\w+) (.*)", part, re.S)) and found[1] in markers:
            seen.setdefault((markers[found[1]], found[2], found[3]), found[4])
    return seen


def given(case, name):
    value = case["args"].get(name)
    if name == "vec" and isinstance(value, list) and value:
        value = value[0]["iov_base"]
    return value if isinstance(value, str) else None


@needs_root
@needs_bpftrace
def test_bpftrace_has_all_of_the_cold_paths(corpus, tmp_path, capsys):
    known = [*paths(), ("writev", "vec")]
    for with_assist in (False, True):
        expected = tmp_path / "expected"
        text = by_bpftrace(assisted(with_assist, corpus, "--mode", "cold", expected), tmp_path)
        seen = seen_by_marker(text)
        cold = [
            (case, name, given(case, name)) for case in load_expected(expected)
            for call, name in known
            if call == case["syscall"] and case["cold"].get(name) and given(case, name)
        ]  # fmt: skip
        assert len(cold) > 50
        right = [
            case for case, name, value in cold
            if seen.get((case["marker"], case["syscall"], name), "") in (value, value[:SHOWN])
        ]  # fmt: skip
        wrong = [(case["case"], name) for case, name, _ in cold if case not in right]
        keep(f"assist-bpftrace-{with_assist}", {"seen": len(right), "cold": len(cold)})
        with capsys.disabled():
            print(f"\nbpftrace, {with_assist=}: {len(right)}/{len(cold)} cold inputs")
        if with_assist:
            assert not wrong
        else:  # a page may come back to life by what the kernel maps around another
            assert len(right) < 0.05 * len(cold)


def cold_opens(expected):
    """The paths of openat that were cold, as text shows them: the plain ones."""
    cases = [case for case in load_expected(expected) if case["syscall"] == "openat"]
    found = [given(case, "filename") for case in cases if case["cold"].get("filename")]
    return [path for path in found if path and re.fullmatch(r"[\w./-]{1,60}", path)]


def shown(paths_given, text):
    return [path for path in paths_given if f'"{path}"' in text]


def compared(name, show, corpus, tmp_path, capsys):
    """Runs the corpus under a tracer that prints paths in quotes, without and with assist."""
    warm, expected = tmp_path / "warm", tmp_path / "expected"
    text = show(assisted(False, corpus, "--mode", "warm", warm))
    plain = [given(c, "filename") for c in load_expected(warm) if c["syscall"] == "openat"]
    if not shown(filter(None, plain), text):
        pytest.skip(f"{name} shows addresses only here, no memory at all")
    for with_assist in (False, True):
        text = show(assisted(with_assist, corpus, "--mode", "cold", expected))
        cold = cold_opens(expected)
        seen = shown(cold, text)
        keep(f"assist-{name}-{with_assist}", {"seen": len(seen), "cold": len(cold)})
        with capsys.disabled():
            print(f"\n{name}, {with_assist=}: {len(seen)}/{len(cold)} cold paths")
        assert len(cold) > 5 and seen == (cold if with_assist else [])


@needs_root
@pytest.mark.skipif(not shutil.which("perf"), reason="there is no perf")
def test_perf_trace(corpus, tmp_path, capsys):
    def show(words):
        output = tmp_path / "perf"
        subprocess.run(["perf", "trace", "-e", "openat", "-o", output, "--", *words], check=True, timeout=60)
        return output.read_text(errors="replace")

    compared("perf", show, corpus, tmp_path, capsys)


@needs_root
@pytest.mark.skipif(not EVENTS.exists(), reason="there is no tracefs")
def test_ftrace(corpus, tmp_path, capsys):
    """The kernel's own syscall events show memory from 6.19 on."""
    instance = EVENTS.parents[1] / "instances" / f"faultin-test-{os.getpid()}"

    def show(words):
        (instance / "trace").write_text("")
        script = f'echo $$ > {instance}/set_event_pid; exec "$@"'
        subprocess.run(["sh", "-c", script, "sh", *words], check=True, timeout=60)
        return (instance / "trace").read_text(errors="replace")

    instance.mkdir()
    enable = instance / "events" / "syscalls" / "sys_enter_openat" / "enable"
    try:
        (instance / "options" / "event-fork").write_text("1")
        enable.write_text("1")
        compared("ftrace", show, corpus, tmp_path, capsys)
    finally:
        enable.write_text("0")
        instance.rmdir()


WHATS = ["threads", "forks", "clones", "exec-by-thread", "signals", "job-control", "restarts", "killed"]


@pytest.mark.parametrize("what", WHATS)
def test_all_goes_as_without_it(what, life):
    ran = subprocess.run(
        command_as_nobody("assist", "--", life, what), capture_output=True, text=True, timeout=60, cwd="/"
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize("script, status", [("exit 3", 3), ("kill -TERM $$", -15), ("kill -KILL $$", 137)])
def test_the_status_is_the_commands(script, status):
    ran = subprocess.run(command_as_nobody("assist", "--", "sh", "-c", script), timeout=60, cwd="/")
    assert ran.returncode == status


def test_errors_are_one_line(folder):
    broken = folder / "broken"
    broken.write_bytes(b"\x7fELF nothing more")
    broken.chmod(0o755)
    for words, status, says in (
        (["assist"], 2, "nothing to assist"),
        (["assist", "-e", "opnat", "--", "true"], 2, "openat"),
        (["assist", "--", "no-such-command-anywhere"], 127, "not found"),
        (["assist", "--", broken], 126, "cannot be run"),
    ):
        ran = subprocess.run(command_as_nobody(*words), capture_output=True, text=True, timeout=60, cwd="/")
        assert ran.returncode == status and says in ran.stderr and ran.stderr.count("\n") == 1, ran


@pytest.mark.parametrize("names", [[], ["-e", "openat"]], ids=["all", "some"])
def test_a_build_outlives_the_supervisor(names, folder):
    """Killed in the middle: whatever call it held goes on, as do all that follow."""
    project = folder / "project"
    project.mkdir()
    units = [f"unit{number}" for number in range(30)]
    for unit in units:
        (project / f"{unit}.c").write_text(f"#include <stdio.h>\nint {unit}(void) {{ return 1; }}\n")
    (project / "Makefile").write_text(f"all: {' '.join(f'{unit}.o' for unit in units)}\n")
    if os.geteuid() == 0:
        shutil.chown(project, NOBODY, NOBODY)
    build_it = f"make -j2 -C {project}; echo $? > {project}/status"
    supervisor = subprocess.Popen(
        command_as_nobody("assist", *names, "--", "sh", "-c", build_it),
        stdout=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    wait_for(lambda: len(list(project.glob("*.o"))) > 3)
    supervisor.kill()
    supervisor.wait(30)
    status = project / "status"
    assert not status.exists()
    assert wait_for(lambda: status.exists() and status.read_text()) == "0\n"
    assert len(list(project.glob("*.o"))) == 30
    shutil.rmtree(project)


@pytest.mark.skipif(
    not Path("/proc/sys/vm/unprivileged_userfaultfd").exists(), reason="this kernel has no userfaultfd"
)
@needs_root
def test_a_page_that_never_comes_stalls_only_who_passed_it(folder):
    hostile = folder / "hostile"
    sources = [HERE / "hostile" / name for name in ("hostile.c", "others.c", "page.c")]
    subprocess.run(["gcc", "-O1", "-pthread", "-o", hostile, *sources], check=True)
    script = f"{hostile} userfault -1 200 badwrite & sleep 1; ls / | wc -l; kill -KILL $!; wait; echo end"
    ran = subprocess.run(command("assist", "--", "sh", "-c", script), capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and "returned" not in ran.stdout
    assert ran.stdout.endswith("end\n") and int(ran.stdout.split()[-2]) > 5


def test_without_any_rights_in_a_user_namespace():
    words = command_as_nobody("assist", "--", "cat", "/etc/hostname")
    inner = words[words.index("env") :]
    ran = subprocess.run(nobody("unshare", "-Ur", *inner), capture_output=True, text=True, timeout=60, cwd="/")
    assert ran.returncode == 0 and ran.stdout == Path("/etc/hostname").read_text(), ran.stderr
