# SPDX-License-Identifier: Apache-2.0
"""What the kernel counts is what there was: every call once, by keys of any kind, whatever
there is no room for, and the same as counting the records here."""

import json
import shutil
import subprocess
import sys
from base64 import b64decode
from collections import Counter
from pathlib import Path

import pytest
from compare import build, load_expected
from engines import Way, ways
from running import command

from faultin.aggregate.aggregator import Aggregator
from faultin.aggregate.counters import counter
from faultin.aggregate.digests import hashing

pytestmark = pytest.mark.kernel
HERE = Path(__file__).parent / "programs"
SEED = 0x9E3779B97F4A7C15
WAYS = [way for way in ways() if way.strategy == "copy" and way.engine != "ptrace"]
each_way = pytest.mark.parametrize("way", WAYS, ids=str)
# faultin with another seed, or other sizes of maps.
PATCHED = "from faultin.aggregate import digests\nfrom faultin.codegen import capacity\n{}\n" \
          "import sys\nfrom faultin.cli.main import main\nsys.exit(main())"  # fmt: skip


@pytest.fixture(scope="session")
def paths(tmp_path_factory):
    target = tmp_path_factory.mktemp("paths") / "paths"
    subprocess.run(["gcc", "-O2", "-o", target, HERE / "paths.c"], check=True)
    return str(target)


def stats(*words, patch=""):
    """(rows, summary) of `faultin stats WORDS`; `patch` is run before it."""
    words = ["stats", "--json", *map(str, words)]
    run = [sys.executable, "-c", PATCHED.format(patch), *words] if patch else command(*words)
    ran = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    return rows[:-1], rows[-1]["summary"]


def raw(value):
    if value is None:
        return None
    return b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


def by_path(rows, column="count()"):
    return {raw(row["path"]): row[column] for row in rows}


def names(number):
    return [b"/nowhere/%d/of/%d/paths" % (i, number) for i in range(number)]


# Every call once


@each_way
def test_two_million_calls_from_two_processes(way: Way, paths):
    rows, summary = stats("count(), sum(ret)", "--by", "path", "-e", "access", "--engine", way.engine,
                          "-w", 'path.startswith("/nowhere")', "--", paths, 2, 1_000_000, 16)  # fmt: skip
    assert by_path(rows) == dict.fromkeys(names(16), 125_000)
    assert by_path(rows, "sum(ret)") == dict.fromkeys(names(16), -2 * 125_000)  # -ENOENT
    assert summary["lost"] == {} and summary["events"] == 2_000_000
    assert 32 >= 2_000_000 - summary["kernel"]["counted"] >= 16


@each_way
def test_two_million_calls_without_a_key(way: Way, paths):
    rows, summary = stats("count(), max(errno)", "-e", "access", "--engine", way.engine,
                          "-w", "ret == -ENOENT and mode == 0", "--", paths, 2, 1_000_000, 3)  # fmt: skip
    assert rows[0]["max(errno)"] == 2 and summary["lost"] == {}
    # The loader looks for /etc/ld.so.preload.
    assert 2_000_000 <= rows[0]["count()"] == summary["events"] <= 2_000_002


# The same, whoever counts

FUNCTIONS = ("sum", "min", "max", "avg", "hist", "lhist", "quantiles", "uniq")
PARAMETERS = {"lhist": (-100, 1000, 50), "quantiles": (0.5, 0.99)}


def columns(amount):
    found = {"count()": counter("count()", "count")}
    for name in FUNCTIONS:
        text = f"{name}({', '.join(map(str, (amount, *PARAMETERS.get(name, ()))))})"
        is_signed = amount == "offset"
        found[text] = counter(text, name, PARAMETERS.get(name, ()), signed=is_signed)
    return found


def expected(calls, made):
    """What the plain functions make of (key, amount) pairs, as the JSON has it."""
    from faultin.sinks.stats.files import _results  # what is told of a row

    aggregator = Aggregator(["key"], list(made.values()), 1000, hashing(SEED))
    for key, amount in calls:
        aggregator.add((key,), [amount] * len(made))
    table = aggregator.table
    return {row.key[0]: json.loads(json.dumps(_results(table.counters, row))) for row in table.rows()}


@pytest.mark.parametrize("how", [[], ["--no-kernel-counters"], ["--engine", "ptrace"]], ids=str)
@pytest.mark.parametrize(("call", "amount", "key"), [("lseek", "offset", "whence"), ("read", "size", "fd")])
def test_every_function_gives_what_the_plain_one_gives(how, call, amount, key, tmp_path):
    told, made = tmp_path / "told", columns(amount)
    rows, summary = stats(
        ", ".join(made), "--by", key, "-e", call, *how, "-w", "fd == -7", "--",
        sys.executable, HERE / "amounts.py", 20, told, patch=f"digests.new_seed = lambda: {SEED}",
    )  # fmt: skip
    calls = [(each[2] if call == "lseek" else -7, each[1])
             for each in json.loads(told.read_text()) if each[0] == call]  # fmt: skip
    assert {row.pop(key): row for row in rows} == expected(calls, made)
    assert summary["events"] == len(calls)
    assert bool(summary["kernel"]) == (not how)
    assert how or summary["kernel"]["counted"] == len(calls) - len(rows)


# Keys and rooms that are too small


def accessed(tmp_path, *words, patch=""):
    """Rows of faccessat by its path, the summary, and how often each path was passed."""
    told = tmp_path / "told"
    rows, summary = stats("count(), uniq(path)", "--by", "path", "-e", "faccessat", "-w", "dfd == -7", *words,
                          "--", sys.executable, HERE / "amounts.py", 20, told, patch=patch)  # fmt: skip
    passed = [None if path is None else bytes.fromhex(path) for name, _, path in json.loads(told.read_text())
              if name == "faccessat"]  # fmt: skip
    # NULL, and what is no pointer, are missing, and that is one key.
    return rows, summary, Counter(passed)


@each_way
def test_paths_of_any_bytes_are_keys(way: Way, tmp_path):
    rows, summary, passed = accessed(tmp_path, "--engine", way.engine)
    assert by_path(rows) == passed
    assert {row["uniq(path)"] for row in rows if row["path"] is not None} == {1}
    assert summary["kernel"]["counted"] == passed.total() - len(passed)
    assert summary["kernel"]["collisions"] == 0 and summary["lost"] == {}


def test_texts_with_one_digest_are_told_apart_and_reported(tmp_path):
    rows, summary, passed = accessed(tmp_path, patch="digests.new_seed = lambda: 0")
    assert by_path(rows) == passed and summary["events"] == passed.total()
    assert summary["kernel"]["collisions"] > 100


def test_the_text_says_that_there_were_collisions(paths):
    run = [sys.executable, "-c", PATCHED.format("digests.new_seed = lambda: 0"),
           "stats", "--by", "path", "-e", "access", "--", paths, "1", "100", "2"]  # fmt: skip
    ran = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert "50 events counted here and not in the kernel" in ran.stdout


@pytest.mark.parametrize("patch", [
    "capacity._BUCKETS = 5", "capacity._TEXT = capacity._ARENA_BYTES = 1; capacity._GROUPS_MAX = 40",
], ids=["buckets", "groups"])  # fmt: skip
def test_what_finds_no_room_in_the_kernel_is_counted_here(patch, tmp_path):
    rows, summary, passed = accessed(tmp_path, patch=patch)
    assert by_path(rows) == passed and summary["events"] == passed.total()
    assert summary["kernel"]["counted"] < passed.total() - len(passed) and summary["lost"] == {}


def test_texts_that_find_no_room_are_counted_here(paths):
    """The arena has 1 MiB, in which so many texts do not fit."""
    rows, summary = stats("--by", "path", "-e", "access", "--", paths, 1, 80_000, 40_000,
                          patch="capacity._ARENA_BYTES = 1")  # fmt: skip
    found = by_path(rows)
    assert [found[name] for name in names(40_000)] == [2] * 40_000
    assert 20_000 < summary["kernel"]["counted"] < 40_000 and summary["lost"] == {}


def test_keys_beyond_the_limit_are_told_as_lost(paths):
    rows, summary = stats("--by", "path", "-e", "access", "--max-keys", 10, "--", paths, 1, 10_000, 1000)
    found = by_path(rows)
    assert len(found) == 10
    assert summary["events"] == sum(found.values())
    assert summary["lost"].keys() == {"map_full"}
    assert 10_000 <= summary["events"] + summary["lost"]["map_full"] <= 10_005


def test_a_first_call_that_finds_the_ring_full_is_lost_and_told(paths):
    rows, summary = stats("--by", "path", "-e", "access", "--buffer", "64k", "-w", 'path.startswith("/nowhere")',
                          "--", paths, 2, 200_000, 20_000)  # fmt: skip
    assert summary["events"] == sum(row["count()"] for row in rows)
    # Records of tasks that end are among them.
    assert 400_000 <= summary["events"] + summary["lost"].get("ring_full", 0) <= 400_003


# What the kernel cannot do


@each_way
def test_exe_is_counted_here(way: Way, paths):
    rows, summary = stats("--by", "exe,path", "-e", "access", "--engine", way.engine,
                          "-w", 'path.startswith("/nowhere")', "--", paths, 2, 1000, 2)  # fmt: skip
    found = Counter()
    for row in rows:  # some are read when their process is gone
        assert row["exe"] in (paths, None)
        found[raw(row["path"])] += row["count()"]
    assert found == dict.fromkeys(names(2), 1000) and summary["kernel"].get("counted", 0) == 0


# Beside bpftrace


def cold_opens(told):
    passed = [case["args"].get("filename") for case in load_expected(told) if case["syscall"] == "openat"]
    found = [raw(path) for path in passed if path and (isinstance(path, str) or "b64" in path)]
    return Counter(path for path in found if path.startswith(b"missing"))


@each_way
def test_cold_paths_are_counted_where_bpftrace_misses_some(way: Way, tmp_path, capsys):
    corpus = build(tmp_path)
    told, beside = tmp_path / "told", tmp_path / "beside"
    rows, summary = stats("--by", "path", "-e", "openat", "-w", 'path.startswith("missing")', "--engine",
                          way.engine, "--", corpus, "--mode", "cold", told)  # fmt: skip
    passed = cold_opens(told)
    assert len(passed) >= 5 and by_path(rows) == passed and summary["lost"] == {}
    if not shutil.which("bpftrace"):
        return
    program = "tracepoint:syscalls:sys_enter_openat /pid == cpid/ { @[str(args->filename)] = count(); }"
    subprocess.run(
        ["bpftrace", "-q", "-f", "json", "-o", beside, "-e", program,
         "-c", f"{corpus} --mode cold {tmp_path / 'told2'}"],
        capture_output=True, timeout=120,
    )  # fmt: skip
    found = {}
    for line in beside.read_text(errors="replace").splitlines():
        found |= json.loads(line)["data"].get("@", {}) if '"map"' in line else {}
    missed = sum(n - found.get(path.decode(errors="replace"), 0) for path, n in passed.items())
    empty = found.get("", 0)
    with capsys.disabled():
        print(f"\nbpftrace: {missed} of {passed.total()} calls with a cold path missed, {empty} by no path")
    assert 0 < missed <= empty
