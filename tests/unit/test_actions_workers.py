# SPDX-License-Identifier: Apache-2.0
"""Workers, lines and the fan: bounds, deadlines and errors, with events in place of sleeps."""

import json
import os
import threading
import time

import pytest

from faultin.actions.base import ActionReport
from faultin.actions.fan import Fan, report_lines
from faultin.actions.lines import Lines
from faultin.actions.workers import Workers
from faultin.errors import OutputError
from faultin.sinks.output import BrokenOutput, Output

LONG = 60.0


def soon():
    return time.monotonic() + LONG


def test_all_are_done_in_order_by_one():
    done = []
    workers = Workers("w", lambda n, _: done.append(n["i"]) or "", capacity=100)
    for number in range(50):
        workers.submit({"i": number})
    assert workers.close(soon()) == ActionReport(50, 0, 0) and done == list(range(50))


def test_without_a_notification_there_is_no_thread():
    before = threading.active_count()
    workers = Workers("w", lambda n, _: "", jobs=4)
    assert threading.active_count() == before and workers.close(soon()) == ActionReport()


def test_so_many_at_once_and_no_more():
    together = threading.Barrier(3)  # passes only if three run at the same time
    running, seen, lock = set(), [], threading.Lock()

    def perform(notification, ended):
        with lock:
            running.add(notification["i"])
            seen.append(len(running))
        together.wait(LONG)
        with lock:
            running.discard(notification["i"])
        return ""

    workers = Workers("w", perform, jobs=3)
    for number in range(9):
        workers.submit({"i": number})
    assert workers.close(soon()).done == 9 and max(seen) == 3


def test_a_full_queue_drops_and_never_blocks():
    started, go = threading.Event(), threading.Event()

    def perform(notification, ended):
        started.set()
        return "" if go.wait(LONG) else "it did not happen in time"

    workers = Workers("w", perform, capacity=2)
    workers.submit({})
    assert started.wait(LONG)
    for _ in range(5):
        workers.submit({})  # two wait, three find the queue full
    go.set()
    assert workers.close(soon()) == ActionReport(3, 0, 3)


def test_failures_are_counted_by_reason():
    workers = Workers("w", lambda n, _: n["why"])
    for why in ("", "no", "no", "gone"):
        workers.submit({"why": why})
    assert workers.close(soon()) == ActionReport(1, 3, 0, {"no": 2, "gone": 1})


def test_the_deadline_ends_what_can_be_ended_and_drops_the_rest():
    started, given_up = threading.Event(), []

    def perform(notification, ended):
        started.set()
        return "ended" if ended.wait(LONG) else "it did not happen in time"

    workers = Workers("w", perform, give_up=lambda: given_up.append(1))
    for _ in range(4):
        workers.submit({})
    assert started.wait(LONG)
    report = workers.close(time.monotonic())
    assert report == ActionReport(0, 1, 3, {"ended": 1})
    assert given_up == [1] and not workers.is_busy


def test_what_cannot_be_ended_is_dropped(monkeypatch):
    monkeypatch.setattr("faultin.actions.workers._GRACE", 0.0)
    go = threading.Event()
    workers = Workers("w", lambda n, _: str(go.wait(LONG)))
    workers.submit({})
    assert workers.close(time.monotonic()) == ActionReport(0, 0, 1) and workers.is_busy
    go.set()


def test_an_error_reaches_who_submits_once():
    def perform(notification, ended):
        raise OutputError("the disk", "is full")

    workers = Workers("w", perform)
    workers.submit({})
    workers._threads[0].join(LONG)
    with pytest.raises(OutputError, match="is full"):
        workers.submit({})
    workers.submit({})
    assert workers.close(soon()).dropped == 2


def test_an_error_at_the_end_is_raised_by_close():
    workers = Workers("w", lambda n, _: 1 / 0)
    workers.submit({})
    with pytest.raises(ZeroDivisionError):
        workers.close(soon())


def output(stream):
    return Output.open(None, stream)


@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_lines(format):
    ours, theirs = os.pipe()
    with open(theirs, "wb") as stream:
        lines = Lines(output(stream), format)
        for number in range(3):
            lines.submit({"pid": number, "buf": b"\xff\n\x1b"})
        assert lines.close(soon()) == ActionReport(3, 0, 0)
    written = open(ours, "rb").read().splitlines()
    if format == "text":
        assert written == [b'pid=%d buf="\\377\\n\\33"' % number for number in range(3)]
    else:
        assert [json.loads(line) for line in written] == [
            {"pid": number, "buf": {"b64": "/wob"}} for number in range(3)
        ]


def test_a_line_is_flushed_as_soon_as_there_is_no_other():
    ours, theirs = os.pipe()
    with open(theirs, "wb") as stream, open(ours, "rb", buffering=0) as reader:
        lines = Lines(output(stream), "text")
        lines.submit({"pid": 1})
        assert reader.read(100) == b"pid=1\n"  # before close
        lines.close(soon())


def test_a_reader_that_does_not_read_costs_notifications_only(monkeypatch):
    monkeypatch.setattr("faultin.actions.workers._GRACE", 0.0)
    ours, theirs = os.pipe()
    stream = open(theirs, "wb")
    lines = Lines(output(stream), "text", capacity=3)
    for _ in range(50):
        lines.submit({"buf": "x" * 1_000_000})
    os.read(ours, 1)  # the writer is at work, and the pipe too small for it to end
    report = lines.close(time.monotonic())
    assert report == ActionReport(0, 0, 50)
    os.close(ours)  # lets the writer go, with BrokenOutput that nobody waits for
    lines._workers._join(soon())
    with pytest.raises(BrokenOutput):
        lines.close(soon())
    stream.close()


def test_a_reader_that_has_gone_is_told():
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "wb") as stream:
        lines = Lines(output(stream), "text")
        lines.submit({})
        with pytest.raises(BrokenOutput):
            lines.close(soon())


class Fake:
    def __init__(self, error=None):
        self.got, self.closed, self.error = [], False, error

    def submit(self, notification):
        if self.error:
            raise self.error
        self.got.append(notification)

    def close(self, deadline):
        self.closed = True
        if self.error:
            raise self.error
        return ActionReport(len(self.got))


def test_the_fan_serves_all_whatever_one_of_them_says():
    bad, good = Fake(OutputError("gone")), Fake()
    fan = Fan({"lines": bad, "exec": good})
    with pytest.raises(OutputError):
        fan.submit({"pid": 1})
    with pytest.raises(OutputError):
        fan.close(0.0)
    assert good.got == [{"pid": 1}] and good.closed and bad.closed
    assert Fan({"a": Fake(), "b": Fake()}).close(0.0) == {"a": ActionReport(), "b": ActionReport()}


def test_report_lines_are_about_what_went_wrong():
    reports = {"exec": ActionReport(5, 2, 1, {"exit status 1": 2}), "lines": ActionReport(8)}
    assert report_lines(reports) == [
        "faultin: exec: 3 of 8 not done "
        "(2 exit status 1, 1 dropped: the queue was full, or time was over)\n"
    ]
