# SPDX-License-Identifier: Apache-2.0
"""User events in recordings: kept as they are traced, asked and converted like calls."""

import json
import sys
from pathlib import Path

import pytest
from babeltrace import messages
from read_back import from_chrome, from_perfetto
from recording import query, run

import faultin
from faultin.probes.parse import arguments
from faultin.probes.recorded import arguments_text
from faultin.syscalls.rows import EVENTS, Syscall

pytestmark = pytest.mark.kernel
WRITES = Path(__file__).parent / "programs" / "writes.py"
BLOB = "blob(data: bytes, n: int)"
COLD = {"data": "A" * 2048 + "B" * 4096, "n": -1, "data_size": 6144}
EMPTY = {"data": "", "n": 2, "data_size": 0}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """Two events beside a system call; the first payload is on pages that are not present."""
    target = tmp_path_factory.mktemp("events") / "t.parquet"
    where = 'uname == "cold" or syscall == "blob"'
    words = ["-e", "memfd_create", "--event", BLOB, "-w", where, "-s", "8k", "-o", target]
    ran = run("record", *words, "--", sys.executable, WRITES, "cold")
    assert ran.returncode == 0, ran.stderr
    return target


def test_they_are_kept_as_they_are_traced(recorded: Path) -> None:
    calls, summary = query(recorded)
    assert summary["lost"] == {}
    assert [(call["syscall"], call.get("event")) for call in calls] == [
        ("memfd_create", None), ("blob", True), ("blob", True),
    ]  # fmt: skip
    assert [call["args"] for call in calls[1:]] == [COLD, EMPTY]
    assert [call["ret"] for call in calls[1:]] == [None, None]
    assert calls[1]["capture"] == {"data": "entry"}
    asked = [(event.syscall, event.args) for event in faultin.ask(recorded)]
    assert asked[1:] == [("blob", COLD), ("blob", EMPTY)]


def test_their_fields_are_asked_like_arguments(recorded: Path) -> None:
    rows, _ = query(recorded, "count(), sum(data_size), min(n)", "--by", "syscall")
    by_name = {row.pop("syscall"): row for row in rows}
    assert by_name["blob"] == {"count()": 2, "sum(data_size)": 6144, "min(n)": -1}
    assert by_name["memfd_create"]["count()"] == 1
    rows, _ = query(recorded, "-w", 'data.startswith("AA") or uname == "cold"')
    assert [row["syscall"] for row in rows] == ["memfd_create", "blob"]
    ran = run("query", recorded, "-w", "date == 1")
    assert ran.returncode == 2 and "did you mean data?" in ran.stderr


def test_other_formats_have_them(recorded: Path, tmp_path: Path) -> None:
    calls, _ = query(recorded)
    for name, read in (("t.json", from_chrome), ("t.pftrace", from_perfetto)):
        assert run("convert", recorded, "-o", tmp_path / name).returncode == 0
        found, _ = read((tmp_path / name).read_bytes())
        assert found == calls
    assert run("convert", recorded, "-o", tmp_path / "t.jsonl").returncode == 0
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines][:-1] == calls
    assert run("convert", recorded, "-o", tmp_path / "t.strace").returncode == 0
    text = (tmp_path / "t.strace").read_text()
    assert "] blob(" not in text and ' blob("AAAA' in text and " = " not in text.splitlines()[-1]
    assert run("convert", recorded, "-o", tmp_path / "t.ctf").returncode == 0
    found = [each for each in messages(tmp_path / "t.ctf", "trixie") if "event" in each]
    names = [each["event"] for each in found]
    assert names == ["syscall_entry_memfd_create", "syscall_exit_memfd_create", "blob", "blob"]
    data = bytes.fromhex(found[2]["payload"]["data"]["hex"])
    assert data.decode() == COLD["data"] and found[3]["payload"]["n"] == 2


def test_one_name_with_two_meanings_is_asked_apart(recorded: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    words = ["--event", "blob(data: string)", "-o", other, "--", sys.executable, WRITES, "cold"]
    assert run("record", *words).returncode == 0
    ran = run("query", recorded, other, "count()")
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1)
    assert "event blob is (data: bytes" in ran.stderr and "ask one by one" in ran.stderr


def test_an_argument_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    """Not 0, and not an empty text."""
    event = "uprobe:libc.so.6:getenv(name: string, more: string)"  # the second is any register
    target = tmp_path / "t.parquet"
    words = ["record", "--event", event, "-o", target, "--", "git", "--version"]
    assert run(*words).returncode == 0
    calls, _ = query(target)
    bad = [call for call in calls if call["capture"]["more"] in ("fault", "null")]
    assert bad and all(call["args"]["more"] is None for call in bad)
    (row,), _ = query(target, "count()", "-w", "missing(more)")
    assert row["count()"] == len(bad)


@pytest.mark.parametrize(
    "text",
    ["", "n: u64", "path: string, buf: bytes(n), n: size", "iov: iovec[n], n: u64", "st: stat",
     "a: bytes(16), how: open_flags, b: bytes(*a)"],
)  # fmt: skip
def test_what_is_written_of_arguments_is_read_again(text: str) -> None:
    call = Syscall(EVENTS, "e", arguments(text))
    assert arguments_text(call) == text
    assert arguments(arguments_text(call)) == call.arguments
