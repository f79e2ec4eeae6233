# SPDX-License-Identifier: Apache-2.0
"""`faultin trace` as a user meets it: statuses, errors in one line, signals, losses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import ROOT, command, faultin, wait_for
from unprivileged import faultin_as_nobody

pytestmark = pytest.mark.kernel


def run(*words, **options):
    return subprocess.run(
        command(*words), capture_output=True, text=True, errors="replace", timeout=60,
        stdin=subprocess.DEVNULL, **options,
    )  # fmt: skip


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "words, status, says",
    [
        (["trace", "-e", "opnat", "--", "true"], 2, "did you mean openat?"),
        (["trace", "-e", "%fil", "--", "true"], 2, "%file"),
        (["trace", "--engine", "fast", "--", "true"], 2, "there are auto, tracepoint"),
        (["trace", "--buffer", "3m", "--", "true"], 2, "power of two"),
        (["trace", "--nonsense", "--", "true"], 2, "--nonsense"),
        (["trace"], 2, "nothing to trace"),
        (["trace", "-p", "1", "--", "true"], 2, "both -p and a command"),
        (["trace", "--", "/nonexistent/command"], 127, "no such file"),
        (["trace", "--", "no-such-command-anywhere"], 127, "not found"),
        (["trace", "--", "/etc/passwd"], 126, "not executable"),
        (["trace", "--", "/etc"], 126, "directory"),
        (["trace", "-o", "/nonexistent/file", "--", "true"], 1, "No such file or directory"),
    ],
)
def test_bad_input_gets_one_line_and_its_status(words, status, says):
    ran = run(*words)
    assert ran.returncode == status
    assert ran.stderr.count("\n") == 1 and says in ran.stderr, ran.stderr


def test_a_process_that_is_gone():
    child = subprocess.Popen(["true"])
    child.wait()
    ran = run("trace", "-p", str(child.pid))
    assert ran.returncode == 1 and "no such process" in ran.stderr


def test_without_rights():
    ran = faultin_as_nobody("--engine", "deferred", "--", "true")
    assert ran.status == 1 and "CAP_BPF" in ran.stderr and ran.stderr.count("\n") == 1
    ran = faultin_as_nobody("--", "true")
    assert ran.status == 0 and ran.summary["engine"] == "ptrace" and ran.stderr == ""


def test_without_libbpf():
    patch = (
        "import ctypes, sys; real = ctypes.CDLL\n"
        "def fake(name, *a, **k):\n"
        "    if name == 'libbpf.so.1': raise OSError(name)\n"
        "    return real(name, *a, **k)\n"
        "ctypes.CDLL = fake\n"
        "from faultin.cli.main import main; sys.exit(main(['trace', '--engine', 'deferred', '--', 'true']))"
    )  # fmt: skip
    ran = subprocess.run([sys.executable, "-c", patch], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1 and "libbpf1" in ran.stderr and ran.stderr.count("\n") == 1


@pytest.mark.parametrize("script, status", [("exit 3", 3), ("kill -TERM $$", -15), ("kill -KILL $$", 137)])
def test_the_status_is_the_commands(script, status):
    ran = run("trace", "-e", "openat", "-o", os.devnull, "--", "sh", "-c", script)
    assert ran.returncode == status


def test_the_commands_own_execve_comes_first_and_exit_last():
    ran = faultin("--", "true")
    first, last = ran.events[0], ran.events[-1]
    assert first["syscall"] == "execve" and first["ret"] == 0 and first["args"]["argv"] == ["true"]
    assert last["syscall"] == "exit_group" and last["ret"] is None and last["latency"] is None


def test_every_pointer_has_its_word():
    words = {"entry", "exit", "deferred", "remote", "exec", "null", "fault", "gone", "truncated", "unset"}
    ran = faultin("--", "sh", "-c", "ls -la / | sort >/dev/null; cat /nonexistent; true")
    assert len(ran.events) > 100 and ran.summary["lost"] == {}
    assert ran.summary["events"] == len(ran.events)
    for event in ran.events:
        assert set(event["capture"].values()) <= words
        for name, word in event["capture"].items():
            missing = event["args"][name] is None
            assert missing == (word in ("null", "fault", "gone", "unset")), event


def test_threads_and_children_from_their_first_call():
    program = (
        "import os, threading\n"
        "def work(): os.close(os.open('/etc/hostname', os.O_RDONLY))\n"
        "threads = [threading.Thread(target=work) for _ in range(5)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "[os.waitpid(p, 0) if p else os._exit(0) for p in [os.fork() for _ in range(1)]]\n"
    )  # fmt: skip
    ran = faultin("--", sys.executable, "-S", "-c", program)
    opens = [e for e in ran.events if e["args"].get("filename") == "/etc/hostname"]
    assert len(opens) == 5 and len({e["tid"] for e in opens}) == 5
    assert len({e["pid"] for e in ran.events}) == 2


def test_sigint_ends_the_trace_and_not_the_command(tmp_path):
    output = tmp_path / "out.jsonl"
    words = command("trace", "--format", "jsonl", "-e", "clock_nanosleep,execve", "-o", output, "--", "sleep", "30")
    tracer = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    children = Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children")
    wait_for(lambda: children.read_text().split() and output.exists() and "sleep" in _comm(children))
    time.sleep(0.3)
    child = int(children.read_text().split()[0])
    tracer.send_signal(signal.SIGINT)
    assert tracer.wait(20) == 130
    try:
        assert is_running(child)
        *events, last = map(json.loads, output.read_text().splitlines())
        assert last["summary"]["lost"] == {}
        blocked = [e for e in events if e["syscall"] == "clock_nanosleep"]
        assert len(blocked) == 1 and blocked[0]["ret"] is None and blocked[0]["args"]["rqtp"]["tv_sec"] == 30
    finally:
        os.kill(child, signal.SIGKILL)


def _comm(children):
    pid = children.read_text().split()[0]
    return Path(f"/proc/{pid}/comm").read_text()


def test_a_killed_tracer_leaves_the_command_running(tmp_path):
    mark = tmp_path / "mark"
    script = f"sleep 2; echo done > {mark}"
    tracer = subprocess.Popen(command("trace", "-o", os.devnull, "--", "sh", "-c", script))
    time.sleep(1.2)
    tracer.kill()
    tracer.wait(20)
    wait_for(mark.exists)


def test_a_running_process_and_what_it_was_blocked_in():
    child = subprocess.Popen(["sleep", "2"])
    try:
        ran = faultin("-p", child.pid)
    finally:
        child.wait()
    first = ran.events[0]
    assert first["syscall"] == "clock_nanosleep" and first["args"]["rqtp"]["tv_sec"] == 2
    assert first["latency"] is None and first["ret"] == 0
    assert ran.events[-1]["syscall"] == "exit_group"


def test_a_blocked_call_is_shown_while_it_blocks():
    ran = run("trace", "-e", "clock_nanosleep", "--", "sleep", "1.5")
    lines = ran.stderr.splitlines()
    assert lines[0].endswith("<unfinished ...>") and lines[1].startswith("<... resumed>")
    assert lines[1].endswith("= 0") and len(lines) == 3


def test_a_full_ring_buffer_is_counted(tmp_path):
    program = tmp_path / "loop"
    subprocess.run(["gcc", "-O2", "-o", program, ROOT / "bench" / "loop.c"], check=True)
    # As many as there are CPUs, and more: the reader has to wait for its turn.
    loops = 2 * os.cpu_count()
    each = f"for i in $(seq {loops}); do {program} open 100000 & done; wait"
    words = ["-e", "close", "--", "sh", "-c", each]
    ran = faultin("--buffer", "64k", *words)
    lost = ran.summary["lost"]["ring_full"]
    assert lost > 0 and "--buffer" in ran.stderr and str(lost) in ran.stderr
    exact = faultin(*words)
    assert exact.summary["lost"] == {}
    # Of the loops, the shell and seq, and what each end signals: no events, and may be lost.
    ends = 2 * (loops + 2)
    assert exact.summary["events"] <= ran.summary["events"] + lost <= exact.summary["events"] + ends


def test_a_full_disk_keeps_what_was_written(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        mark = tmp_path / "mark"
        script = f"ls -laR /etc >/dev/null; sleep 0.5; ls -laR /etc > /dev/null; echo done > {mark}"
        ran = run("trace", "--format", "jsonl", "-o", disk / "out", "--", "sh", "-c", script)
        assert ran.returncode == 1 and "No space left" in ran.stderr and "Traceback" not in ran.stderr
        assert mark.exists()
        whole = (disk / "out").read_bytes().split(b"\n")[:-1]
        assert len(whole) > 10 and all(json.loads(line) for line in whole)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_closed_pipe_ends_quietly():
    words = " ".join(command("trace", "--", "ls", "-laR", "/etc"))
    ran = subprocess.run(
        ["bash", "-c", f"{words} 2>&1 >/dev/null | head -n 1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    first, status = ran.stdout.splitlines()
    assert first.startswith("execve(") and status == "141" and ran.stderr == ""


def test_hostile_bytes_are_escaped_in_text_and_whole_in_json(tmp_path):
    evil = b"\x1b[31mred\x07\xff\xc2\x9b\xe2\x80\xae"
    (tmp_path / "evil").write_bytes(evil)  # cat prints it too: only what faultin says counts
    text = run("trace", "-e", "read", "--", "cat", tmp_path / "evil").stderr
    assert "red" in text and all(c.isprintable() or c == "\n" for c in text)
    events = faultin("-e", "read", "--", "cat", tmp_path / "evil").events
    import base64

    found = [e["args"]["buf"]["b64"] for e in events if isinstance(e["args"]["buf"], dict)]
    assert base64.b64encode(evil).decode() in found


def test_large_buffers_and_environments_are_whole():
    program = "import os; os.write(os.open('/dev/null', os.O_WRONLY), b'x' * 300_000)"
    whole = faultin("-s", "1m", "-e", "write", "--", sys.executable, "-S", "-c", program)
    assert whole.events[-1]["args"]["buf"] == "x" * 300_000
    cut = faultin("-e", "write", "--", sys.executable, "-S", "-c", program).events[-1]
    assert cut["args"]["buf"] == {"value": "x" * 4096, "length": 300_000}
    assert cut["capture"]["buf"] == "truncated"
    many = {f"VARIABLE_{i}": "y" * 150 for i in range(600)}
    ran = faultin("-e", "execve", "--", "env", "-i", *[f"{k}={v}" for k, v in many.items()], "/bin/true")
    assert ran.events[-1]["args"]["envp"] == [f"{k}={v}" for k, v in many.items()]


def test_the_summary_counts():
    ran = run("trace", "-c", "--", "cat", "/nonexistent-file")
    assert ran.returncode == 1
    row = next(line for line in ran.stderr.splitlines() if line.strip().endswith("openat"))
    assert int(row.split()[3]) >= 2


def test_doctor():
    report = json.loads(run("doctor", "--json").stdout)
    assert report["auto"] == "deferred" and all(f["reason"] for f in report["findings"])
    assert "engine deferred" in run("doctor").stdout
