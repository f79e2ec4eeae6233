# SPDX-License-Identifier: Apache-2.0
"""`faultin assist` beside other tracers: what they have of the cold corpus without it and with.

Those that are installed are compared. `tests/run tests/host/test_assist_tracers.py
--assist-page docs/assist.md` writes what they had into the table there.
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
from assist_page import update
from compare import build, compare, load_expected
from running import command, faultin, wait_for
from test_corpus import OUTPUTS

from faultin.syscalls.table import Direction, load

EVENTS = Path("/sys/kernel/tracing/events/syscalls")
MARKER = 0x7FA0000
SHOWN = 63  # bytes that bpftrace shows of a string
FUNCTIONS = {"stat": "newstat", "lstat": "newlstat", "umount2": "umount"}
ADDRESSES = "shows addresses only"
PATHS = "the paths of all calls"
OPENS = "the paths of openat"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the other tracers need root")


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"there is no {program}")


def version(program):
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    return ".".join(re.search(r"(\d+)\.(\d+)", said).groups())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return build(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def table(request):
    """Takes what a tracer had of some inputs; says it, and keeps it for the page."""
    found = {}

    def note(tracer, inputs, with_assist, had):
        found.setdefault((tracer, inputs), {})[with_assist] = had
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{tracer}, {with_assist=}: {had} of {inputs}")

    yield note
    if page := request.config.getoption("--assist-page"):
        update(Path(page), found)


def assisted(with_assist, *words):
    return [*command("assist", "--"), *map(str, words)] if with_assist else list(map(str, words))


def test_a_tracer_that_reads_at_entry_only_has_all_of_the_corpus(corpus, table, tmp_path):
    """faultin itself as such a tracer: it knows of all structures, nested ones too."""
    for with_assist in (False, True):
        expected = tmp_path / f"expected-{with_assist}"
        words = assisted(with_assist, corpus, "--mode", "cold", expected)
        run = faultin("--engine", "deferred", "--entry-only", "--", *words)
        assert run.status == 0 and run.summary["lost"] == {}, run.stderr
        cases = load_expected(expected)
        wrong = compare(cases, run.events, at_entry=with_assist, outputs=OUTPUTS)
        # Such a tracer cannot know that a pointer is bad.
        wrong = [mismatch for mismatch in wrong if mismatch.class_ != "bad-pointer"]
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
        had = f"{len(cold) - len(lost)} of {len(cold)}"
        table("faultin, reading at entry only", "all, nested ones too", with_assist, had)


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
    parts.append('interval:s:1 { printf("\\n=R"); }')
    return "\n".join(parts)


def is_ready(output):
    """It reads what its probes say, R among it, when all of them are attached."""
    return "\n=R" in output.read_text(errors="replace")


def by_bpftrace(words, tmp_path):
    """What bpftrace said while a command ran."""
    program, output = tmp_path / "probes.bt", tmp_path / "bpftrace"
    program.write_text(probes())
    environment = {**os.environ, "BPFTRACE_MAX_PROBES": "1024"}
    with open(output, "w") as seen, open(tmp_path / "said", "w") as said:
        tracer = subprocess.Popen(  # what goes to its -o waits in a buffer
            ["bpftrace", "-B", "none", program], stdout=seen, stderr=said, env=environment
        )
        try:
            wait_for(lambda: tracer.poll() is not None or is_ready(output), 120)
            assert tracer.poll() is None, said.name
            # What two CPUs say it reads one after the other, so that it may be out of order.
            one = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
            subprocess.run([*one, *words], check=True, timeout=120)
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


@needs("bpftrace")
def test_bpftrace_has_all_of_the_cold_paths(corpus, table, tmp_path):
    tracer = f"bpftrace {version('bpftrace')}"
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
        had = f"{len(right)} of {len(cold)}"
        table(tracer, f"{PATHS}, and a buffer behind an iovec", with_assist, had)
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


def compared(tracer, show, corpus, table, tmp_path, takes_faults=False):
    """Runs the corpus under a tracer that prints paths in quotes, without and with assist."""
    warm, expected = tmp_path / "warm", tmp_path / "expected"
    text = show(assisted(False, corpus, "--mode", "warm", warm))
    plain = [given(c, "filename") for c in load_expected(warm) if c["syscall"] == "openat"]
    assert text.count("openat(") >= len(plain), "it has not seen the calls at all"
    if not shown(filter(None, plain), text):
        for with_assist in (False, True):
            table(tracer, OPENS, with_assist, ADDRESSES)
        pytest.skip(f"{tracer} {ADDRESSES} here, no memory at all")
    for with_assist in (False, True):
        text = show(assisted(with_assist, corpus, "--mode", "cold", expected))
        cold = cold_opens(expected)
        seen = shown(cold, text)
        table(tracer, OPENS, with_assist, f"{len(seen)} of {len(cold)}")
        assert len(cold) > 5 and seen == (cold if with_assist or takes_faults else [])


@needs("perf")
def test_perf_trace(corpus, table, tmp_path):
    def show(words):
        output = tmp_path / "perf"
        subprocess.run(["perf", "trace", "-e", "openat", "-o", output, "--", *words], check=True, timeout=60)
        return output.read_text(errors="replace")

    compared(f"perf trace {version('perf')}", show, corpus, table, tmp_path)


@pytest.mark.skipif(not EVENTS.exists(), reason=f"there is no {EVENTS}")
def test_ftrace(corpus, table, tmp_path):
    """The kernel's own syscall events show memory from 6.19 on, and take the faults for it."""
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
        compared("ftrace syscall events", show, corpus, table, tmp_path, takes_faults=True)
    finally:
        enable.write_text("0")
        instance.rmdir()


def no_modules():
    """Why not. Debian's kernels come without LTTng's: lttng-modules-dkms builds them."""
    modinfo = shutil.which("modinfo", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if modinfo is None:
        return "there is no modinfo to look for lttng-tracer"
    found = subprocess.run([modinfo, "lttng-tracer"], capture_output=True).returncode == 0
    return "" if found else "modinfo finds no lttng-tracer for this kernel"


NO_MODULES = no_modules()


def by_lttng(words, output):
    """What babeltrace2 says of a session with all system calls while a command ran."""
    output.mkdir()
    home = {**os.environ, "LTTNG_HOME": str(output)}

    def lttng(*words):
        subprocess.run(["lttng", "-q", *words], check=True, timeout=120, env=home)

    said = output / "said"
    with said.open("w") as sink:
        daemon = subprocess.Popen(["lttng-sessiond"], stdout=sink, stderr=sink, env=home)
    try:
        wait_for(lambda: subprocess.run(["lttng", "list"], capture_output=True, env=home).returncode == 0)
        lttng("create", "corpus", f"--output={output / 'trace'}")
        lttng("enable-channel", "-k", "--subbuf-size=4M", "--num-subbuf=8", "calls")
        lttng("enable-event", "-k", "--syscall", "--all", "--channel=calls")
        lttng("add-context", "-k", "--type=tid", "--type=procname", "--channel=calls")
        lttng("start")
        subprocess.run(words, check=True, timeout=120)
        lttng("destroy")
    finally:
        daemon.terminate()
        daemon.wait(60)
    read = ["babeltrace2", output / "trace"]
    return subprocess.run(read, capture_output=True, text=True, errors="replace", check=True).stdout


LTTNG_EVENT = re.compile(
    r'syscall_entry_(\w+): .*tid = (\d+), procname = "corpus" \}, \{ (.*) \}$', re.M
)


def unescaped(text):
    letters = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
    one = lambda m: chr(int(m[1], 16)) if m[1] else letters.get(m[2], m[2])  # noqa: E731
    return re.sub(r"\\(?:x([0-9a-f]{2})|(.))", one, text)


def first_strings(text):
    """{(number of the case, call): the first string among its arguments}"""
    seen, markers = {}, {}
    for call, tid, fields in LTTNG_EVENT.findall(text):
        if found := re.match(rf"which = {MARKER}, who = (\d+)", fields):
            markers[tid] = int(found[1])
        elif tid in markers and (found := re.search(r'= "((?:[^"\\]|\\.)*)"', fields)):
            seen.setdefault((markers[tid], call), unescaped(found[1]))
    return seen


@needs("lttng")
@needs("babeltrace2")
@pytest.mark.skipif(bool(NO_MODULES), reason=NO_MODULES)
def test_lttng_has_all_of_the_cold_paths(corpus, table, tmp_path):
    tracer, known = f"LTTng {version('lttng')}", dict(paths())
    for with_assist in (False, True):
        expected = tmp_path / f"expected-{with_assist}"
        words = assisted(with_assist, corpus, "--mode", "cold", expected)
        seen = first_strings(by_lttng(words, tmp_path / f"lttng-{with_assist}"))
        cold = [
            (case, value) for case in load_expected(expected)
            if (name := known.get(case["syscall"])) and case["cold"].get(name)
            and (value := given(case, name))
        ]  # fmt: skip
        assert len(cold) > 50
        call = lambda case: FUNCTIONS.get(case["syscall"], case["syscall"])  # noqa: E731
        wrong = [case["case"] for case, value in cold if seen.get((case["marker"], call(case))) != value]
        table(tracer, PATHS, with_assist, f"{len(cold) - len(wrong)} of {len(cold)}")
        if with_assist:
            assert not wrong
        else:
            assert len(wrong) > 0.95 * len(cold)
