# SPDX-License-Identifier: Apache-2.0
"""Queries as a user has them: trace -w, stats and watch, on complete data, with every
engine that this kernel has."""

import json
import shutil
import subprocess
from base64 import b64decode

import pytest
from compare import build, load_expected
from engines import Way, best, ways
from running import command, faultin

pytestmark = pytest.mark.kernel
WAYS = [way for way in best(ways()) if way.strategy == "copy"]
# A kernel without task work needs no option to do without.
each_way = pytest.mark.parametrize("way", WAYS, ids=str)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return build(tmp_path_factory.mktemp("corpus"))


def run(*words, **options):
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=120, **options)


def raw(value):
    """A value of JSON Lines, as bytes."""
    return b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


def cold_opens(expected):
    """The paths that the corpus passes to openat and that begin so, as often as it does."""
    passed = [case["args"].get("filename") for case in load_expected(expected)
              if case["syscall"] == "openat"]  # fmt: skip
    paths = [raw(path) for path in passed if path and (isinstance(path, str) or "b64" in path)]
    return [path for path in paths if path.startswith(b"missing")]


@each_way
def test_a_filter_on_a_cold_path_matches_just_those_calls(way: Way, corpus, tmp_path):
    expected = tmp_path / "expected"
    ran = faultin("--engine", way.engine, "-e", "openat", "-w", 'path.startswith("missing")', "--",
                  corpus, "--mode", "cold", expected)  # fmt: skip
    assert ran.status == 0, ran.stderr
    wanted = cold_opens(expected)
    assert len(wanted) >= 5
    assert sorted(raw(event["args"]["filename"]) for event in ran.events) == sorted(wanted)


@each_way
def test_counters_by_a_cold_path_are_the_true_totals(way: Way, corpus, tmp_path):
    expected, table = tmp_path / "expected", tmp_path / "table"
    ran = run("stats", "count()", "--by", "path", "--engine", way.engine, "-e", "openat", "--json",
              "-w", 'path.startswith("missing")', "-o", table,
              "--", corpus, "--mode", "cold", expected)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    counted = {raw(row["path"]): row["count()"] for row in rows if "path" in row}
    paths = cold_opens(expected)
    assert counted == {path: paths.count(path) for path in set(paths)}


@each_way
def test_what_is_written_is_searched_and_summed(way: Way, tmp_path):
    program = tmp_path / "writes.py"
    program.write_text(
        "import os\n"
        "fd = os.open('/dev/null', os.O_WRONLY)\n"
        "for size in (10, 20, 4000):\n"
        "    os.write(fd, b'x' * size + b'password')\n"
        "    os.writev(fd, [b'a' * size, b'b' * 5])\n"
    )
    table = tmp_path / "table"
    ran = run("stats", "sum(len(buf)), sum(iov.len), max(iov.count)", "--by", "syscall", "--engine", way.engine,
              "-e", "write,writev", "--csv", "-o", table,
              "-w", 'b"password" in buf or iov.count == 2', "--", "python3", program)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert set(table.read_text().splitlines()[1:]) == {"write,4054,0,", "writev,0,4045,2"}


@each_way
def test_what_a_filtered_call_sends_ahead_finds_its_record(way: Way, tmp_path):
    """In the first call of a task, of which nothing is known before it is wanted."""
    program = tmp_path / "writes.py"
    program.write_text(
        "import os\n"
        "fd = os.open('/dev/null', os.O_WRONLY)\n"
        "for letter in b'ab':\n"
        "    if not os.fork():\n"
        "        os.write(fd, bytes([letter]) * 20000)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
    )
    ran = faultin("--engine", way.engine, "-e", "write", "-s", "32k", "-w", "ret == 20000", "--",
                  "python3", program)  # fmt: skip
    assert [event["args"]["buf"] for event in ran.events] == ["a" * 20000, "b" * 20000]


@each_way
def test_a_match_runs_a_command_with_what_was_captured(way: Way, tmp_path):
    told = tmp_path / "told"
    ran = run("watch", "--engine", way.engine, "-e", "openat", "-w", 'path == "/etc/hostname" and ret >= 0',
              "--capture", "comm,path,ret", "--exec", f"sh -c 'echo $FAULTIN_COMM $FAULTIN_PATH >>{told}'",
              "--", "sh", "-c", "cat /etc/hostname /etc/hostname")  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert told.read_text() == "cat /etc/hostname\n" * 2


@pytest.mark.host
def test_once_ends_the_watch_and_not_the_command():
    ran = run("watch", "-e", "openat", "-w", 'path == "/etc/hostname"', "--capture", "path", "--once",
              "--", "sh", "-c", "cat /etc/hostname; cat /etc/hostname; exit 3")  # fmt: skip
    assert ran.stdout.count("openat") == 1 and ran.returncode == 3


@pytest.mark.host
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trace", "-w", 'pth == "x"'], "did you mean path?"),
        (["trace", "-w", "ret <"], "column"),
        (["stats", "cuont()"], "did you mean count?"),
        (["stats", "uniq(ustack)"], "can only be a key or a capture"),
        (["stats", "--by", "comm", "--lines"], "about stacks"),
        (["watch", "-w", "path.startwith('x')"], "did you mean startswith?"),
    ],
)
def test_a_query_that_cannot_be_gets_one_line(words, says):
    ran = run(*words, "-e", "openat", "--", "true")
    assert ran.returncode == 2 and says in ran.stderr and ran.stderr.count("\n") == 1


@pytest.mark.host
def test_stats_alone_counts_calls_errors_and_time():
    ran = run("stats", "-e", "openat,close", "--", "cat", "/nonexistent-file")
    assert ran.returncode == 1
    words = next(line.split() for line in ran.stdout.splitlines() if line.endswith("openat") or " openat " in line)
    assert int(words[4]) >= 1


# The same filter in bpftrace, which reads nofault as the call begins.
BPFTRACE = (
    'tracepoint:syscalls:sys_enter_openat /strncmp(str(args->filename), "missing", 7) == 0/ '
    '{ printf("matched %s\\n", str(args->filename)); }'
)


@pytest.mark.host
@pytest.mark.skipif(not shutil.which("bpftrace"), reason="bpftrace is not installed")
def test_what_the_same_filter_misses_in_bpftrace(corpus, tmp_path, capsys):
    """Both watch the same run of the corpus, once with its paths warm, once cold."""
    seen = {mode: both_see(corpus, tmp_path, mode) for mode in ("warm", "cold")}
    with capsys.disabled():
        print("\nmatched: " + ", ".join(f"{mode}: faultin {ours}, bpftrace {theirs}"
                                        for mode, (ours, theirs) in seen.items()))  # fmt: skip
    assert seen["warm"][1] > 0, "bpftrace matches nothing: the filters are not the same"
    assert seen["cold"][1] < seen["cold"][0], "bpftrace sees cold paths: what is this test for?"


def both_see(corpus, folder, mode: str) -> tuple[int, int]:
    """How many calls match in faultin, and in bpftrace."""
    expected, events = folder / f"expected-{mode}", folder / f"events-{mode}"
    traced = command("trace", "--engine", "deferred", "-e", "openat", "-w", 'path.startswith("missing")',
                     "--format", "jsonl", "-o", events, "--", corpus, "--mode", mode, expected)  # fmt: skip
    ran = subprocess.run(  # it splits -c at blanks, without a shell
        ["bpftrace", "-q", "-e", BPFTRACE, "-c", " ".join(traced)],
        capture_output=True, timeout=120,
    )  # fmt: skip
    found = [json.loads(line) for line in events.read_text().splitlines()[:-1]]
    assert sorted(raw(event["args"]["filename"]) for event in found) == sorted(cold_opens(expected))
    return len(found), ran.stdout.count(b"matched missing")
