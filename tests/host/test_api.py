# SPDX-License-Identifier: Apache-2.0
"""The Python API on real commands: what a program gets is what the command line gives."""

import subprocess
import sys
import time

import pytest

import faultin
from faultin.errors import CommandError, QueryError, UsageError
from faultin.kernel.libbpf import Link

pytestmark = pytest.mark.kernel
OPENS = ["sh", "-c", "cat /etc/hostname /etc/hostname /nothing >/dev/null 2>&1; exit 3"]
HOSTNAME = 'path == "/etc/hostname"'


def test_a_trace_gives_the_events_of_a_command():
    with faultin.trace("openat", where=HOSTNAME, command=OPENS) as trace:
        events = list(trace)
    assert [event.args["filename"] for event in events] == ["/etc/hostname"] * 2
    assert {(event.comm, event.syscall) for event in events} == {("cat", "openat")}
    assert trace.status == 3
    assert trace.summary.events == 2 and trace.summary.lost == {}


def test_a_trace_begins_when_it_is_iterated_too():
    trace = faultin.trace("openat,exit_group", where="missing(path)", command=OPENS)
    assert {event.syscall for event in trace} == {"exit_group"}


def test_signals_and_ends_of_tasks_are_given_if_they_are_wanted():
    command = ["sh", "-c", "trap : USR1; kill -USR1 $$"]
    kinds = {event.kind.value for event in faultin.trace("kill", signals=True, command=command)}
    assert kinds == {"call", "signal", "exit"}
    assert {e.kind.value for e in faultin.trace("kill", command=command)} == {"call"}


@pytest.fixture
def busy():
    """A process that opens a file again and again, until the test is over."""
    code = "import time\nwhile True: open('/etc/hostname').close(); time.sleep(0.001)"
    process = subprocess.Popen([sys.executable, "-c", code])
    yield process
    process.kill()
    process.wait()


def test_leaving_the_block_ends_the_trace_and_not_the_process(busy):
    with faultin.trace("openat", where=HOSTNAME, pid=busy.pid) as trace:
        for count, event in enumerate(trace, 1):
            assert event.pid == busy.pid
            if count == 5:
                break
    assert trace.summary.events == 5 and trace.status is None
    assert busy.poll() is None


def test_the_end_of_a_trace_loses_no_returns(busy, monkeypatch):
    """However long it takes to take all probes off."""
    close = Link.close
    monkeypatch.setattr(Link, "close", lambda link: (time.sleep(0.02), close(link)))
    with faultin.trace("openat", pid=busy.pid) as trace:
        next(iter(trace))
    assert trace.summary.lost == {}


def test_statistics_are_rows(busy):
    with faultin.stats("openat", "count(), max(ret)", by="comm,path", pid=busy.pid) as stats:
        for _ in faultin.trace("openat", where=HOSTNAME, pid=busy.pid):
            break
    (row,) = [row for row in stats if row["path"] == "/etc/hostname"]
    assert row["count()"] >= 1 and row["max(ret)"] >= 3
    assert stats.summary.events >= row["count()"]


def test_statistics_of_a_command_wait_for_it():
    with faultin.stats("openat", by="path", command=OPENS) as stats:
        pass
    rows = {row["path"]: row["count()"] for row in stats}
    assert (rows["/etc/hostname"], rows["/nothing"], stats.status) == (2, 1, 3)


def test_statistics_as_tables():
    stats = faultin.stats(
        "openat", "count(), quantiles(latency, 0.5), hist(ret), sum(ret < 0)", by="path, ret < 0",
        command=OPENS,
    )  # fmt: skip
    table = stats.to_arrow()
    rows = {row["path"]: row for row in table.to_pylist()}
    assert rows["/etc/hostname"]["count()"] == 2 and rows["/nothing"]["sum(ret < 0)"] == 1
    assert rows["/nothing"]["hist(ret)"] == [{"first": -3, "last": -2, "count": 1}]
    assert rows["/nothing"]["quantiles(latency, 0.5)"]["p50"] > 0
    assert stats.to_polars().height == table.num_rows
    assert stats.to_pandas().shape == (table.num_rows, 6)


def test_a_watch_calls_back():
    told = []
    with faultin.watch("openat", told.append, where=HOSTNAME, command=OPENS) as watch:
        pass
    assert [notification["filename"] for notification in told] == ["/etc/hostname"] * 2
    assert watch.status == 3 and watch.summary.events == 2


def test_a_watch_is_iterated(busy):
    watch = faultin.watch("openat", where=HOSTNAME, capture="comm,path,uid", every=3, pid=busy.pid)
    with watch:
        first = next(iter(watch))
    assert first["path"] == "/etc/hostname" and first["pid"] == busy.pid and first["uid"] == 0
    once = list(faultin.watch("openat", where=HOSTNAME, once=True, pid=busy.pid))
    assert len(once) == 1


def test_what_a_callback_raises_ends_the_watch():
    def refuse(notification):
        raise ValueError(notification["filename"])

    with pytest.raises(ValueError, match="/etc/hostname"):
        with faultin.watch("openat", refuse, where=HOSTNAME, command=OPENS):
            pass


def test_what_the_block_raises_ends_all_and_is_raised(busy):
    for traced in (faultin.trace, faultin.stats, faultin.watch):
        with pytest.raises(ZeroDivisionError), traced("openat", pid=busy.pid):
            1 // 0
    assert busy.poll() is None


def test_errors_are_exceptions():
    with pytest.raises(QueryError) as caught:
        list(faultin.trace("openat", where="pth == 'x'", command=["true"]))
    assert caught.value.caret.splitlines()[1] == "^"
    for wrong, why in (
        (lambda: list(faultin.trace("opnat", command=["true"])), "did you mean openat"),
        (lambda: faultin.stats("openat"), "nothing to trace"),
        (lambda: faultin.trace("openat", command=["true"], pid=1), "both pid and a command"),
        (lambda: faultin.trace("openat", command="ls /"), "give its words"),
        (lambda: faultin.trace("openat", comand=["ls"]), "there is no option comand"),
        (lambda: faultin.trace("openat", command=["ls"], buffer=1000), "a power of two"),
        (lambda: faultin.watch("openat", period=1.0, command=["ls"]), "for_each"),
        (lambda: list(faultin.stats("openat", "cont()", command=["true"])), "did you mean count"),
        (lambda: faultin.trace(["openat"], command=["ls"]), r"calls=\['openat'\]: it is to be str"),
        (lambda: faultin.trace("openat", pid="1"), "pid='1': it is to be int"),
        (lambda: faultin.trace("openat", command=["ls"], where=5), r"where=5: it is to be str \| None"),
        (lambda: faultin.trace("openat", command=["ls"], max_bytes="4k"), "max_bytes='4k'"),
        (lambda: faultin.trace("openat", command=5), "command=5: it is to be"),
        (lambda: faultin.stats("openat", command=["ls"], max_keys=0), "max_keys=0: it is 1"),
        (lambda: faultin.stats("openat", command=["ls"], by=["comm"]), "by="),
        (lambda: faultin.watch("openat", "alert", command=["ls"]), "callback='alert'"),
        (lambda: faultin.ask("t.parquet", where=3), "where=3"),
    ):
        with pytest.raises(UsageError, match=why):
            wrong()
    for missing in (["/nothing/there"], ["no-such-command"]):
        with pytest.raises(CommandError), faultin.trace("openat", command=missing):
            pass
    with pytest.raises(faultin.FaultinError, match="no such process"):
        faultin.trace("openat", pid=4194303)


def test_the_package_is_small_until_it_is_used():
    code = "import faultin, sys; print(len([m for m in sys.modules if m.startswith('faultin.')]))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"
