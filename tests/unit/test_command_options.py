# SPDX-License-Identifier: Apache-2.0
"""What the words of `faultin stats` and `faultin watch` mean, through the real parser."""

import json
import math
import os
import time

import pytest

from faultin.actions.base import ActionReport
from faultin.actions.rates import Rules
from faultin.cli import main, stats, watch
from faultin.errors import FaultinError
from faultin.sinks.stats.view import View


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(main.COMMANDS, "stats", "count")
    monkeypatch.setitem(main.COMMANDS, "watch", "notify")


def parse(command, *words):
    return {"stats": stats, "watch": watch}[command].options_of(
        main.parser().parse_args([command, *words])
    )


def test_stats_options_may_stand_before_and_after_the_counters():
    words = ["-s", "1k", "count(), sum(ret)", "--by", "comm,path", "-e", "read", "-w", "ret > 0"]
    made = parse("stats", *words, "--", "./server", "-s", "--by", "--")
    assert made.counters == "count(), sum(ret)" and made.by == "comm,path"
    choice = made.choice
    assert choice.command == ("./server", "-s", "--by", "--") and choice.pids == ()
    assert (choice.set, choice.where, choice.max_bytes) == ("read", "ret > 0", 1024)


def test_stats_without_counters():
    made = parse("stats", "--", "ls", "-la")
    assert (made.counters, made.by, made.format, made.output) == (None, None, "text", None)
    assert made.choice.command == ("ls", "-la") and made.view == View() and made.interval == 1.0
    assert parse("stats", "--by", "comm", "--", "ls").by == "comm"


def test_stats_of_processes():
    pids = [os.getppid(), 1]
    made = parse(
        "stats",
        "-p",
        str(pids[0]),
        "count()",
        "-p",
        "1",
        "--json",
        "--top",
        "5",
        "-H",
        "--sort",
        "n",
    )
    assert (
        made.choice.pids == tuple(pids) and made.choice.command == () and made.counters == "count()"
    )
    assert made.format == "json" and made.view == View("n", False, 5, True)
    assert parse("stats", "-p", "1", "--no-live", "--csv").interval is None


@pytest.mark.parametrize(
    "words, says",
    [
        (["count()"], "nothing to trace"),
        (["count()", "-p", "1", "--", "ls"], "both -p and a command"),
        (["count()", "sum(ret)", "--", "ls"], "all counters in one word"),
        (["count()", "-p", "0"], "no process id"),
        (["-p", str(os.getpid())], "cannot trace itself"),
    ],
)
def test_stats_says_what_does_not_fit(words, says):
    with pytest.raises(FaultinError, match=says):
        parse("stats", *words)


@pytest.mark.parametrize(
    "words, says",
    [
        (["stats", "count()", "--bye", "comm", "--", "ls"], "--bye"),
        (["stats", "--json", "--csv", "--", "ls"], "not allowed with"),
        (["stats", "--top", "x", "--", "ls"], "whole number"),
        (["stats", "--max-keys", "0", "--", "ls"], "from 1"),
        (["stats", "--interval", "0", "--", "ls"], "number of seconds"),
        (["watch", "--rate", "10", "--", "ls"], "such as 10/s"),
        (["watch", "--rate", "0/s", "--", "ls"], "from 1"),
        (["watch", "--period", "nan", "--", "ls"], "number of seconds"),
        (["watch", "--jobs", "-1", "--", "ls"], "expected one argument|from 1"),
        (["watch", "--buffer", "3m", "--", "ls"], "power of two"),
        (["watch", "-s", "2m", "--", "ls"], "at most"),
    ],
)
def test_bad_words_end_with_status_2(words, says, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(*words)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    assert any(part in said for part in says.split("|")), said


def test_watch_by_default_writes_text_of_everything():
    made = parse("watch", "-e", "openat", "-w", 'path == "/x"', "--", "ls")
    assert made.format == "text" and made.rules == Rules() and made.choice.where == 'path == "/x"'
    assert made.choice.command == ("ls",) and made.commands == ()


def test_watch_rules():
    made = parse(
        "watch",
        "--once",
        "--every",
        "3",
        "--rate",
        "6/m",
        "--for-each",
        "comm",
        "--period",
        "9.5",
        "ls",
    )
    assert made.rules == Rules(True, 3, 0.1, 6, True, 9.5) and made.for_each == "comm"
    assert parse("watch", "--for-each", "pid", "ls").rules.period == math.inf


def test_watch_actions_and_when_lines_are_written():
    made = parse("watch", "--exec", "./a 'b c' $HOME", "--exec", "d", "ls")
    assert made.commands == (("./a", "b c", "$HOME"), ("d",)) and made.format == "none"
    assert parse("watch", "--exec", "a | b", "--shell", "ls").commands == (
        ("/bin/sh", "-c", "a | b"),
    )
    assert parse("watch", "--webhook", "http://h/", "--format", "jsonl", "ls").format == "jsonl"
    assert parse("watch", "--syslog", "user.info", "-o", "f", "ls").format == "text"
    made = parse("watch", "--webhook", "http://h/", "--header", "Authorization: Bearer  x ", "ls")
    assert made.headers == (("Authorization", "Bearer  x"),)


@pytest.mark.parametrize(
    "words, says",
    [
        (["--period", "5", "ls"], "--for-each"),
        (["--exec", "a 'b", "ls"], "quotation"),
        (["--exec", " ", "ls"], "there is no command"),
        (["--header", "nonsense", "ls"], "NAME: VALUE"),
        (["--header", "A: b\nC: d", "ls"], "printable"),
        ([], "nothing to trace"),
    ],
)
def test_watch_says_what_does_not_fit(words, says):
    with pytest.raises(FaultinError, match=says):
        parse("watch", *words)


def test_the_actions_that_were_asked_for_are_made_and_work(tmp_path):
    mark, output = tmp_path / "mark", tmp_path / "out"
    words = ["--exec", f'/bin/sh -c "echo $FAULTIN_PATH >{mark}"', "--exec", "/bin/false"]
    fan = watch.make_actions(parse("watch", *words, "--format", "jsonl", "-o", str(output), "ls"))
    fan.submit({"path": "/etc/shadow"})
    reports = fan.close(time.monotonic() + 60)
    assert reports == {
        "exec": ActionReport(1),
        "exec-2": ActionReport(0, 1, 0, {"exit status 1": 1}),
        "lines": ActionReport(1),
    }
    assert mark.read_text() == "/etc/shadow\n" and json.loads(output.read_text()) == {
        "path": "/etc/shadow"
    }


@pytest.mark.parametrize(
    "words, says",
    [
        (["--exec", "no-such-command-anywhere"], "not found"),
        (["--webhook", "nonsense"], "http or https"),
        (["--syslog", "daemon.loud"], "no priority"),
        (["--journald", "loud"], "no priority"),
        (["--exec", "true", "--exec-user", "no-such-user"], "no user"),
    ],
)
def test_an_action_that_cannot_be_leaves_the_output_as_it_was(words, says, tmp_path):
    output = tmp_path / "out"
    output.write_text("before")
    options = parse("watch", *words, "-o", str(output), "ls")
    with pytest.raises(FaultinError, match=says):
        watch.make_actions(options)
    assert output.read_text() == "before"


def test_help_is_there(capsys):
    for command in ("stats", "watch"):
        with pytest.raises(SystemExit) as ended:
            main.parser().parse_args([command, "--help"])
        assert ended.value.code == 0 and "--where" in capsys.readouterr().out
