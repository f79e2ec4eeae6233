# SPDX-License-Identifier: Apache-2.0
"""Engine ptrace leaves a program as it is: whatever becomes of its tasks, whoever runs
faultin, and however faultin ends. Each as root, and as a user without any capability."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from running import command, faultin, wait_for
from unprivileged import (
    NOBODY,
    command_as_nobody,
    faultin_as_nobody,
    nobody,
    open_folder,
    packages,
    python,
)

HERE = Path(__file__).parent
IS_ROOT = os.geteuid() == 0
as_each = pytest.mark.parametrize("run", [*([faultin] if IS_ROOT else []), faultin_as_nobody],
                                  ids=lambda run: run.__name__)  # fmt: skip
needs_root = pytest.mark.skipif(not IS_ROOT, reason="it mounts, or makes a setuid program")
# All calls, or some of them through a filter.
each_set = pytest.mark.parametrize("names", [[], ["-e", "rmdir,execve,openat"]], ids=["all", "some"])

MARKS = {
    "threads": ["/life/thread"] * 8,
    "forks": ["/life/fork", "/life/vfork"],
    "clones": ["/life/clone3", "/life/clone3-untraced", "/life/clone3-vfork", "/life/clone3-shared",
               "/life/clone-untraced", "/life/clone-without-signal"],
    "exec-by-thread": ["/life/thread", "/life/thread-exec"],
    "signals": [],
    "job-control": [],
    "restarts": [],
    "killed": None,  # as far as it comes
}  # fmt: skip


@pytest.fixture(scope="module")
def folder():
    with open_folder() as made:
        yield made


@pytest.fixture(scope="module")
def life(folder):
    """The program of programs/life.c, where everybody can run it."""
    source, target = HERE / "programs" / "life.c", folder / "life"
    words = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-O1", "-pthread"]
    subprocess.run(["gcc", *words, "-o", target, source], check=True)
    return target


@as_each
@each_set
@pytest.mark.parametrize("what", MARKS)
def test_all_goes_as_without_a_tracer(run, names, what, life):
    untraced = subprocess.run([life, what], capture_output=True, text=True, timeout=60)
    assert untraced.stdout == "ok\n"
    ran = run("--engine", "ptrace", *names, "--", life, what)
    assert (ran.status, ran.stdout, ran.stderr) == (0, "ok\n", "")
    assert ran.summary["lost"] == {} and ran.summary["engine"] == "ptrace"
    marks = [e["args"]["pathname"] for e in ran.events if e["syscall"] == "rmdir"]
    if MARKS[what] is not None:
        assert sorted(marks) == sorted(MARKS[what])


def test_the_exec_of_a_thread_is_told_by_its_leader(life):
    ran = faultin_as_nobody("--", life, "exec-by-thread")
    last = [e for e in ran.events if e["syscall"] == "execve"][-1]
    assert last["ret"] == 0 and last["args"]["argv"][-1] == "/life/thread-exec"
    after = [e for e in ran.events if e["args"].get("pathname") == "/life/thread-exec"]
    assert [e["tid"] for e in after] == [last["pid"]]


def test_a_call_that_a_stop_interrupts_is_told_as_often_as_it_runs(life):
    ran = faultin_as_nobody("-e", "clock_nanosleep,restart_syscall", "--", life, "restarts")
    (parent,) = {e["pid"] for e in ran.events if e["args"].get("rqtp", {}).get("tv_nsec") == 10**8}
    child = [(e["syscall"], e["ret"], e["errno"]) for e in ran.events if e["pid"] != parent]
    assert child[0][:2] == ("clock_nanosleep", -516) and child[-1] == ("restart_syscall", 0, None)


@as_each
def test_a_program_that_traces_is_told_of(run, life):
    ran = run("--engine", "ptrace", "-e", "openat", "--", life, "ptrace")
    assert ran.status == 1 and "Operation not permitted" in ran.stdout
    assert ran.stderr.count("\n") == 1 and "uses ptrace itself" in ran.stderr


@needs_root
@each_set
def test_a_setuid_program_loses_its_privilege_and_that_is_said_once(names, folder):
    program = folder / "setuid-id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    assert subprocess.run(nobody(program, "-u"), capture_output=True, text=True).stdout == "0\n"
    script = f"{program} -u; {program} -u"
    ran = faultin_as_nobody(*names, "--", "sh", "-c", script)
    assert ran.stdout == f"{NOBODY}\n" * 2
    assert ran.stderr.count("\n") == 1 and f"{program} runs without the privilege" in ran.stderr
    ran = faultin("--engine", "ptrace", *names, "-u", NOBODY, "--", "sh", "-c", script)
    assert ran.stdout == "0\n" * 2 and ran.stderr == ""


def test_no_new_privs_is_set_only_for_a_filter():
    show = ["--", "grep", "NoNewPrivs", "/proc/self/status"]
    for names, told in (([], "0"), (["-e", "openat"], "1")):
        assert faultin_as_nobody(*names, *show).stdout.split() == ["NoNewPrivs:", told]


@pytest.fixture
def project(folder):
    """Sources whose build takes a while, and makes many processes."""
    made = folder / "project"
    made.mkdir()
    names = [f"unit{number}" for number in range(30)]
    for name in names:
        (made / f"{name}.c").write_text(f"#include <stdio.h>\nint {name}(void) {{ return 1; }}\n")
    (made / "Makefile").write_text(f"all: {' '.join(f'{name}.o' for name in names)}\n")
    if IS_ROOT:
        shutil.chown(made, NOBODY, NOBODY)
    yield made
    shutil.rmtree(made)


def keepers_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(c) for c in children if b"tracing-keeper" in Path(f"/proc/{c}/cmdline").read_bytes()]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


@each_set
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_build_outlives_faultin(names, how, project):
    """However faultin is ended in the middle, and the keeper ends when the build has: it waits
    for the end of faultin, which on a quick machine may take longer than make."""
    words = command_as_nobody("trace", "--engine", "ptrace", *names, "-o", os.devnull)
    waits = f"until [ -e {project}/go ]; do sleep 0.1; done"
    build = f"make -j2 -C {project}; made=$?; {waits}; echo $made > {project}/status"
    tracer = subprocess.Popen([*words, "--", "sh", "-c", build], stdout=subprocess.DEVNULL, cwd="/")
    wait_for(lambda: len(list(project.glob("*.o"))) > 3)
    (keeper,) = keepers_of(tracer.pid)
    tracer.send_signal(how)
    tracer.wait(60)
    (project / "go").touch()
    assert wait_for(lambda: (project / "status").exists() and (project / "status").read_text()) == "0\n"
    assert len(list(project.glob("*.o"))) == 30
    wait_for(lambda: not is_running(keeper))


def test_a_running_process():
    """Attached to in a call, and let go in a call, which it does not notice."""
    child = subprocess.Popen(nobody("sleep", "4"))
    wait_for(lambda: "sleep" in Path(f"/proc/{child.pid}/comm").read_text())
    with open_folder() as made:
        output = made / "out"
        words = command_as_nobody("trace", "--format", "jsonl", "-o", output, "-p", child.pid)
        # What the kernel starts again is restart_syscall, and no more what it was.
        for name, seconds in (("clock_nanosleep", 4), ("restart_syscall", None)):
            tracer = subprocess.Popen(words, cwd="/")
            wait_for(lambda: output.exists())
            time.sleep(0.7)
            tracer.send_signal(signal.SIGINT)
            assert tracer.wait(30) == 128 + signal.SIGINT
            *events, last = map(json.loads, output.read_text().splitlines())
            assert [(e["syscall"], e["ret"]) for e in events] == [(name, None)]
            assert events[0]["args"].get("rqtp", {}).get("tv_sec") == seconds
            assert last["summary"]["engine"] == "ptrace"
            output.unlink()
    assert child.wait(30) == 0


def test_a_process_that_is_traced_already():
    child = subprocess.Popen(nobody("sleep", "20"))
    words = command_as_nobody("trace", "-o", os.devnull, "-p", child.pid)
    tracer = subprocess.Popen(words, cwd="/")
    try:
        wait_for(lambda: "TracerPid:\t0\n" not in Path(f"/proc/{child.pid}/status").read_text())
        ran = subprocess.run(words, cwd="/", capture_output=True, text=True, timeout=60)
        assert ran.returncode == 1 and ran.stderr.count("\n") == 1
        assert "traces it already" in ran.stderr
    finally:
        child.kill()
        child.wait(30)
        assert tracer.wait(30) == 0


def test_a_threads_name_is_followed():
    program = (
        "import ctypes, os, threading\n"
        "def work():\n"
        "    ctypes.CDLL(None).prctl(15, b'renamed')\n"
        "    os.path.exists('/life/renamed')\n"
        "t = threading.Thread(target=work); t.start(); t.join()\n"
    )  # fmt: skip
    for names in ([], ["-e", "stat,newfstatat"]):
        ran = faultin_as_nobody(*names, "--", python(), "-S", "-c", program)
        found = [e["comm"] for e in ran.events if e["args"].get("filename") == "/life/renamed"]
        assert found == ["renamed"]


@as_each
def test_the_commands_affinity_is_its_own(run):
    """The tracer joins it on its CPU: that is the tracer's business alone."""
    program = (
        "import os\n"
        "before = os.sched_getaffinity(0)\n"
        "seen = {frozenset(os.sched_getaffinity(0)) for _ in range(2000) if not os.path.exists('/life/x')}\n"
        "print(seen == {frozenset(before)}, os.sched_getscheduler(0), len(before))\n"
    )  # fmt: skip
    ran = run("--engine", "ptrace", "-e", "stat,newfstatat", "--", python(), "-S", "-c", program)
    assert ran.stdout.split() == ["True", "0", str(len(os.sched_getaffinity(0)))]
    assert sum(e["args"]["filename"] == "/life/x" for e in ran.events) == 2000


def test_in_a_user_namespace():
    words = ["env", f"PYTHONPATH={packages()}", python(), "-m", "faultin", "trace", "-e", "openat"]
    ran = subprocess.run(
        nobody("unshare", "-Ur", *words, "--", "cat", "/etc/hostname"),
        capture_output=True, text=True, cwd="/", timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0 and ran.stdout == Path("/etc/hostname").read_text()
    assert 'openat(AT_FDCWD, "/etc/hostname", O_RDONLY) = 3' in ran.stderr


@needs_root
@each_set
def test_in_a_chroot_without_proc_and_sys(names, folder):
    root = folder / "root"
    parts = [part for part in ("usr", "bin", "lib", "lib64") if Path("/", part).exists()]
    for part in (*parts, "packages"):
        (root / part).mkdir(parents=True, exist_ok=True)
    mounts = [f"mount --bind /{part} {root}/{part}" for part in parts]
    mounts.append(f"mount --bind {packages()} {root}/packages")
    inside = [python(), "-m", "faultin", "trace", *names, "--", "sh", "-c", "cat /nonexistent; ls /usr"]
    script = f"{' && '.join(mounts)} && exec chroot --userspec={NOBODY}:{NOBODY} {root} \"$@\""
    words = ["unshare", "-m", "sh", "-c", script, "sh", "env", "PYTHONPATH=/packages", "HOME=/"]
    ran = subprocess.run([*words, *inside], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and "lib" in ran.stdout, ran.stderr
    assert 'openat(AT_FDCWD, "/nonexistent", O_RDONLY) = -1 ENOENT' in ran.stderr
    assert "Traceback" not in ran.stderr


def test_doctor_says_what_it_needs():
    ran = subprocess.run(
        command_as_nobody("doctor", "--json"), capture_output=True, text=True, cwd="/", timeout=60
    )
    report = json.loads(ran.stdout)
    (found,) = [engine for engine in report["engines"] if engine["engine"] == "ptrace"]
    assert ran.returncode == 0 and report["auto"] == "ptrace" and found["usable"]
    assert "no_new_privs" in found["reason"] and "-p" in found["reason"]


def test_a_full_ring_buffer_is_counted():
    words = ["--engine", "ptrace", "--buffer", "64k", "-s", "1m", "-e", "write"]
    program = "import os; f = os.open('/dev/null', 1); [os.write(f, b'x' * 1000000) for _ in range(50)]"
    ran = faultin_as_nobody(*words, "--", python(), "-S", "-c", program)
    assert ran.status == 0 and ran.summary["lost"]["ring_full"] > 0 and "--buffer" in ran.stderr


def test_a_killed_tracer_is_told():
    """The trace ends, and says that there is more than it has."""
    program = (
        "import time\nfor _ in range(600):\n try: open('/dev/null').close()\n"
        " except OSError: break\n time.sleep(0.1)"
    )
    words = command("trace", "--engine", "ptrace", "-e", "openat", "--format", "jsonl", "-o", "/dev/stdout")
    with subprocess.Popen([*words, "--", python(), "-S", "-c", program], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as tracer:  # fmt: skip
        for line in tracer.stdout:
            if "/dev/null" in line:
                break
        victim = json.loads(line)["pid"]
        status = Path(f"/proc/{victim}/status").read_text()
        os.kill(int(re.search(r"TracerPid:\s*(\d+)", status)[1]), signal.SIGKILL)
        out, said = tracer.communicate(timeout=60)
    assert json.loads(out.splitlines()[-1])["summary"]["lost"] == {"tracer_killed": 1}
    assert "native tracer was killed" in said and "Traceback" not in said
