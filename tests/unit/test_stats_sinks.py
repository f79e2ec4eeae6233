# SPDX-License-Identifier: Apache-2.0
"""The table of counters as text, JSON Lines, CSV and on a terminal."""

import csv
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from faultin.aggregate.aggregator import Aggregator
from faultin.aggregate.counters import counter
from faultin.aggregate.functions import Bar
from faultin.event import Event, EventKind, Summary
from faultin.sinks.counts import Counts
from faultin.sinks.output import Output
from faultin.sinks.stats import syscalls
from faultin.sinks.stats.bars import bar_lines, spark
from faultin.sinks.stats.files import table_csv, table_json
from faultin.sinks.stats.live import LiveTable
from faultin.sinks.stats.report import Report
from faultin.sinks.stats.text import table_text
from faultin.sinks.stats.view import View, number_text
from faultin.sinks.text_values import bare_of
from faultin.values import Missing, Truncated

SUMMARY = Summary(7, {"map_full": 3}, "deferred", "copy")
EVIL = "\x1b[31m[bold]:smile:\n"


def counted(calls, counters=None, keys=("comm", "path")):
    counters = counters or [counter("count()", "count"), counter("avg(ret)", "avg")]
    found = Aggregator(keys, counters, 1000)
    for key, amount in calls:
        found.add(key, [amount] * len(counters))
    return found.table


SMALL = counted([(("cat", "/etc/passwd"), 1), (("cat", "/etc/passwd"), 2), (("ls", EVIL), 5)])


def test_text_by_hand():
    assert table_text(SMALL, {}, View()) == (
        "count()  avg(ret)  comm   path\n"
        "      2     1.500  cat    /etc/passwd\n"
        "      1     5.000  ls     \\33[31m[bold]:smile:\\n\n"
        "      3     2.667  total\n"
    )


def test_the_top_rows_say_how_many_more_there_are_and_losses_come_last():
    text = table_text(SMALL, {"map_full": 3}, View(top=1))
    assert "total" in text and "smile" not in text and "... and 1 more keys" in text
    last = text.splitlines()[-1]
    assert last.startswith("faultin: 3 events lost") and "--max-keys" in last


def test_without_keys_there_is_one_row_and_no_total():
    table = counted([((), 1), ((), 2)], keys=())
    assert table_text(table, {}, View()) == "count()  avg(ret)\n      2     1.500\n"
    assert "no calls were counted" in table_text(counted([]), {}, View())


def test_long_and_wide_keys_are_whole():
    path = "/" + "d" * 4000 + "字" * 30
    line = table_text(counted([(("a", path), 1)]), {}, View()).splitlines()[1]
    assert line.endswith("a     " + path)


@given(st.one_of(st.text(), st.binary()))
def test_keys_never_break_the_table(value):
    text = table_text(counted([((value, "x"), 1)]), {}, View())
    assert text.count("\n") == 2 and text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "value, text",
    [
        ("/a b", "/a b"),
        ('say "x"', 'say "x"'),
        ('\\"', '\\\\"'),
        ("", '""'),
        ("NULL", '"NULL"'),
        ("<fault>", '"<fault>"'),
        (" x", '" x"'),
        (None, "NULL"),
        (Missing("fault"), "<fault>"),
        (b"\xff\x1b", "\\377\\33"),
        (5, "5"),
        (Truncated("ab", 9), '"ab"...'),
        ('"q', '"\\"q"'),
    ],
)
def test_bare_values(value, text):
    assert bare_of(value) == text


@pytest.mark.parametrize(
    "value, unit, exact, human",
    [
        (1234567, "ns", "1234567", "1.23 ms"),
        (999, "ns", "999", "999 ns"),
        (0, "ns", "0", "0 ns"),
        (1234567, "", "1234567", "1.23 M"),
        (2.5, "", "2.500", "2.5"),
        (-4096, "", "-4096", "-4.1 k"),
        (None, "ns", "-", "-"),
        (90_000 * 10**9, "ns", str(90_000 * 10**9), "90000 s"),
        (2**64, "", str(2**64), "18446744 T"),
    ],
)
def test_numbers(value, unit, exact, human):
    assert (number_text(value, unit, False), number_text(value, unit, True)) == (exact, human)


def test_bars():
    bars = [Bar(None, -1, 0), Bar(0, 0, 1), Bar(4096, 8191, 104), Bar(8192, None, 2)]
    lines = bar_lines(bars, "", False)
    assert [line.split("  ")[0].rstrip() for line in lines] == [
        "(..., 0)",
        "[0]",
        "[4096, 8192)",
        "[8192, ...)",
    ]
    assert [line.count("@") for line in lines] == [0, 0, 52, 1] and len(set(map(len, lines))) == 1
    assert "[4 Ki, 8 Ki)" in bar_lines(bars, "", True)[2]
    assert "[4.1 us, 8.19 us)" in bar_lines(bars, "ns", True)[2]
    assert spark(bars) == " ▁█▁" and spark([]) == ""


def test_bars_follow_the_numbers_for_each_key():
    table = counted([(("cat", "/a"), 3), (("ls", "/b"), 0)], [counter("hist(ret)", "hist")])
    lines = table_text(table, {}, View()).splitlines()
    assert lines[1] == "hist(ret)  comm=cat  path=/a" and lines[2].startswith("[2, 4)  1 |@")
    assert "total" not in "".join(lines)


ALL = [
    counter("n", "count"),
    counter("h", "lhist", (0, 10, 5)),
    counter("q", "quantiles", (0.5, 0.999)),
    counter("s", "sum"),
]


def test_json():
    table = counted([((b"\xff", Missing("fault")), 7), ((None, "/é"), 2**63 - 1)] * 3, ALL)
    lines = [
        json.loads(line) for line in table_json(table, SUMMARY, View(sort="path")).splitlines()
    ]
    assert lines[0]["comm"] is None and lines[0]["path"] == "/é" and lines[0]["n"] == 3
    assert lines[0]["s"] == str(3 * (2**63 - 1)) and lines[1]["s"] == 21
    assert lines[1]["comm"] == {"b64": "/w=="} and lines[1]["path"] is None
    assert lines[1]["h"] == [{"first": 5, "last": 9, "count": 3}] and lines[1]["q"] == {
        "p50": 7,
        "p99.9": 7,
    }
    assert lines[2]["summary"]["lost"] == {"map_full": 3} and lines[2]["summary"]["rows"] == 2
    assert lines[2]["summary"]["totals"]["n"] == 6


def test_csv():
    table = counted([(('say "a", b', EVIL), 7), (("x", ""), Missing("gone"))], ALL)
    rows = list(csv.reader(io.StringIO(table_csv(table, View(sort="s")))))
    assert rows[0] == ["comm", "path", "n", "h", "q p50", "q p99.9", "s"]
    assert rows[1][:2] == ['say "a", b', "\\33[31m[bold]:smile:\\n"] and rows[1][2] == "1"
    assert json.loads(rows[1][3]) == [{"first": 5, "last": 9, "count": 1}]
    assert rows[2] == ["x", '""', "1", "[]", "", "", "0"]


@pytest.mark.parametrize(
    "format, starts", [("text", "count()"), ("json", '{"comm"'), ("csv", "comm,path")]
)
def test_a_report_is_written_whole(format, starts, tmp_path):
    path = tmp_path / "out"
    with open(os.devnull, "wb") as unused:
        Report(Output.open(str(path), unused), format, View()).write(SMALL, SUMMARY)
    assert path.read_text().startswith(starts)


def strace_like():
    found = Aggregator(syscalls.KEYS, syscalls.COUNTERS, 10)
    for name, failed, time in (
        ("read", 1, 3000),
        ("read", 0, 5000),
        ("write", 0, 90_000),
        ("exit", 0, Missing("unset")),
    ):
        found.add((name,), [None, failed, time, time])
    return found.table


def test_without_arguments_it_is_strace_c(tmp_path):
    with open(os.devnull, "wb") as unused:
        output = Output.open(str(tmp_path / "out"), unused)
        Report(output, "text", View()).write(strace_like(), SUMMARY)
    lines = [line.split() for line in (tmp_path / "out").read_text().splitlines()]
    lines = [words for words in lines if words]
    assert lines[0] == [
        "%",
        "time",
        "seconds",
        "usecs/call",
        "calls",
        "errors",
        "max",
        "usecs",
        "syscall",
    ]
    assert lines[2] == ["91.84", "0.000090", "90", "1", "90", "write"]
    assert lines[3] == ["8.16", "0.000008", "4", "2", "1", "5", "read"]
    assert lines[4] == ["0.00", "0.000000", "0", "1", "exit"]
    assert (
        lines[5] == ["100.00", "0.000098", "24", "4", "1", "90", "total"]
        and lines[6][0] == "faultin:"
    )


def test_the_top_syscalls_leave_the_total_as_it_is():
    words = [
        line.split() for line in syscalls.syscalls_text(strace_like(), {}, View(top=1)).splitlines()
    ]
    words = [line for line in words if line]
    assert words[2][0] == "91.84" and words[3] == [
        "100.00",
        "0.000098",
        "24",
        "4",
        "1",
        "90",
        "total",
    ]
    assert words[4][:4] == ["...", "and", "2", "more"]


def test_counts_from_events_have_the_same_table(tmp_path):
    with open(os.devnull, "wb") as unused:
        counts = Counts(Output.open(str(tmp_path / "out"), unused))
    for name, errno, latency in (
        ("read", "EIO", 3000),
        ("read", None, 5000),
        ("write", None, None),
    ):
        counts.write([Event(EventKind.CALL, 0, 1, 1, "a", name, errno=errno, latency=latency)])
    counts.close(SUMMARY)
    words = [line.split() for line in (tmp_path / "out").read_text().splitlines() if line.strip()]
    assert words[0][-2:] == ["errors", "syscall"]
    assert words[2] == ["100.00", "0.000008", "4", "2", "1", "read"]
    assert words[-1] == ["100.00", "0.000008", "3", "3", "1", "total"]


def live(width=60, height=12, terminal=True, view=View()):
    clock = [0.0]
    text = io.StringIO()
    console = Console(
        file=text, force_terminal=terminal, width=width, height=height, color_system=None
    )
    return LiveTable(console, view, 1.0, lambda: clock[0]), clock, text


def test_the_live_table_asks_only_when_due():
    table, clock, text = live()
    asked = []

    def snapshot():
        asked.append(clock[0])
        return SMALL, {}

    for now in (0.0, 0.5, 1.0, 1.5, 2.0, 2.9, 3.1):
        clock[0] = now
        table.offer(snapshot)
    table.stop()
    table.stop()
    assert asked == [1.0, 2.0, 3.1]
    assert "/etc/passwd" in text.getvalue() and "2 of 2 keys" in text.getvalue()


def test_the_live_table_fits_the_screen_and_escapes():
    many = [((f"task{i}", EVIL + "/very/long" * 30), i) for i in range(50)]
    table, clock, text = live(view=View(top=30))
    clock[0] = 1.0
    table.offer(
        lambda: (
            counted(many, [counter("count()", "count"), counter("h", "hist")]),
            {"map_full": 5},
        )
    )
    picture = text.getvalue()
    table.stop()
    lines = [line for line in picture.splitlines() if line.strip()]
    assert len(lines) <= 12 and "6 of 50 keys" in picture and "5 events lost" in picture
    assert "…" in picture and "task0" in picture and "\x1b[31m" not in picture
    assert max(map(len, lines[1:])) <= 60


def test_no_terminal_no_live_table():
    table, clock, text = live(terminal=False)
    clock[0] = 10.0
    table.offer(lambda: pytest.fail("nobody sees it"))
    table.stop()
    assert text.getvalue() == ""
