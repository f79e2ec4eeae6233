# SPDX-License-Identifier: Apache-2.0
"""--exec with real children: what they are given, how many there are, how they end."""

import json
import os
import pwd
import select
import sys
import time
from pathlib import Path

import pytest

from faultin.actions.base import ActionReport
from faultin.actions.execute import Execute
from faultin.errors import CommandError
from faultin.launch import identity
from faultin.values import Missing

LONG = 60.0


def soon():
    return time.monotonic() + LONG


def shell(script):
    return ["/bin/sh", "-c", script]


def python(script):
    return [sys.executable, "-I", "-S", "-c", script]


def test_fields_in_the_environment_and_all_on_stdin(tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTIN_STALE", "from outside")
    script = (
        "import os, sys, json\n"
        "env = {k: v for k, v in os.environ.items() if k.startswith('FAULTIN_')}\n"
        f"json.dump([env, json.load(sys.stdin)], open({str(tmp_path / 'out')!r}, 'w'))"
    )
    action = Execute(python(script))
    action.submit({"path": "/etc/$(id)\n", "pid": 7, "buf": b"\xff\0x", "addr": Missing("fault")})
    assert action.close(soon()) == ActionReport(1, 0, 0)
    variables, document = json.loads((tmp_path / "out").read_text())
    assert variables == {
        "FAULTIN_PATH": "/etc/$(id)\n",
        "FAULTIN_PID": "7",
        "FAULTIN_BUF": "\udcff",
        "FAULTIN_TRUNCATED": "FAULTIN_BUF",
        "FAULTIN_MISSING": "FAULTIN_ADDR=fault",
    }
    assert document == {"path": "/etc/$(id)\n", "pid": 7, "buf": {"b64": "/wB4"}, "addr": None}


def test_no_shell_reads_a_field(tmp_path):
    mark = tmp_path / "mark"
    action = Execute(["/bin/echo", f"$(touch {mark})"])
    action.submit({"path": f"`touch {mark}`; touch {mark}"})
    assert action.close(soon()).done == 1 and not mark.exists()


def test_statuses_are_counted():
    action = Execute(shell("kill -s ${FAULTIN_SIGNAL:-0} $$; exit $FAULTIN_STATUS"))
    for fields in ({"status": 0}, {"status": 3}, {"status": 3}, {"signal": "TERM"}):
        action.submit(fields)
    assert action.close(soon()) == ActionReport(
        1, 3, 0, {"exit status 3": 2, "ended by signal 15": 1}
    )


def test_a_child_need_not_read_its_stdin():
    action = Execute(["/bin/true"], jobs=1)
    for _ in range(5):
        action.submit({"buf": "x" * 300_000})
    assert action.close(soon()).done == 5


def test_so_many_children_at_once(tmp_path):
    """Each opens the pipe of the other, so both end only if both run."""
    for name in "ab":
        os.mkfifo(tmp_path / name)
    a, b = tmp_path / "a", tmp_path / "b"
    first, second = f"echo >{a}; read x <{b}", f"read x <{a}; echo >{b}"
    action = Execute(shell(f"if [ $FAULTIN_I = 0 ]; then {first}; else {second}; fi"), jobs=2)
    action.submit({"i": 0})
    action.submit({"i": 1})
    assert action.close(soon()) == ActionReport(2, 0, 0)


def test_no_more_than_jobs_and_the_queue_is_bounded(tmp_path):
    started, go = tmp_path / "started", tmp_path / "go"
    os.mkfifo(started)
    os.mkfifo(go)
    action = Execute(shell(f"echo >{started}; read x <{go}"), jobs=1, capacity=1)
    action.submit({})
    started.read_text()  # the first runs
    for _ in range(3):
        action.submit({})  # one waits, two find the queue full
    go.write_text("\n")
    started.read_text()
    go.write_text("\n")
    assert action.close(soon()) == ActionReport(2, 0, 2)


def _gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("ended_by", ["timeout", "deadline"])
def test_what_takes_too_long_is_killed_with_its_children(tmp_path, ended_by):
    pids = tmp_path / "pids"
    os.mkfifo(pids)
    reader = os.open(pids, os.O_RDWR)
    by_timeout = ended_by == "timeout"
    script = f"sleep 1000 & echo $$ $! >{pids}; wait"
    action = Execute(shell(script), timeout=2.0 if by_timeout else LONG)
    action.submit({"buf": "x" * 1_000_000})  # more than the pipe of stdin takes
    assert select.select([reader], [], [], LONG)[0]
    child, grandchild = map(int, os.read(reader, 100).split())
    os.close(reader)
    report = action.close(soon() if by_timeout else time.monotonic())
    reason = "timed out" if by_timeout else "killed at the end"
    assert report == ActionReport(0, 1, 0, {reason: 1})
    assert not Path(f"/proc/{child}").exists()  # reaped
    end = soon()
    while not _gone(grandchild):
        assert time.monotonic() < end, "the grandchild still runs"


def test_what_cannot_be_executed(tmp_path):
    with pytest.raises(CommandError, match="not found"):
        Execute(["no-such-command-anywhere"])
    script = tmp_path / "script"
    script.write_text("no interpreter line")
    script.chmod(0o755)
    action = Execute([str(script)])
    action.submit({})
    assert action.close(soon()).reasons == {"not started: Exec format error": 1}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_runs_as_who_called_sudo(monkeypatch):
    nobody = pwd.getpwnam("nobody")
    monkeypatch.setenv("SUDO_UID", str(nobody.pw_uid))
    who = identity(None)
    action = Execute(shell('[ "$(id -u) $(id -g)" = "$FAULTIN_WHO" ]'), who=who)
    action.submit({"who": f"{nobody.pw_uid} {nobody.pw_gid}"})
    assert action.close(soon()) == ActionReport(1, 0, 0)
