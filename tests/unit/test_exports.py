# SPDX-License-Identifier: Apache-2.0
"""Exports: what needs no kernel: lanes and classes of CTF, and one call in every format."""

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import COLUMNS, ESC, FORMATS, LOST, convert, recording, rows

from faultin.columnar.again import named, plain
from faultin.event import Summary
from faultin.exports.ctf.classes import Blob, Integer, List, Member, Structure, Text, encode
from faultin.exports.ctf.lanes import Lanes
from faultin.exports.ctf.metadata2 import metadata2
from faultin.exports.ctf.records import EventClass
from faultin.exports.ctf.trace import Trace
from faultin.exports.folded import Folded
from faultin.sinks.output import Output
from faultin.values import Symbol, Truncated


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return recording(tmp_path_factory.mktemp("source") / "run.parquet")


# Lanes, classes of CTF


def test_in_a_lane_time_never_goes_back_and_there_are_no_more_than_needed():
    rng = np.random.default_rng(1)
    begins = rng.integers(0, 10**6, 5000)
    ends = begins + rng.integers(0, 2000, 5000)
    order = np.argsort(ends)  # as a recording has them
    begins, ends = begins[order], ends[order]
    lanes = Lanes()
    found = np.concatenate([lanes.assign(begins[:2000], ends[:2000]),
                            lanes.assign(begins[2000:], ends[2000:])])  # fmt: skip
    for lane in np.unique(found):
        mine = np.flatnonzero(found == lane)
        assert (begins[mine][1:] >= ends[mine][:-1]).all()
    at_once = max(int(((begins < end) & (ends >= end)).sum()) for end in ends)
    assert len(np.unique(found)) <= at_once + 1


def raw(array):
    return [each.as_py() for each in array]


def test_what_is_never_there_is_no_member_and_what_is_sometimes_is_optional():
    kind = pa.struct([("a", pa.int16()), ("b", pa.string()), ("c", pa.int8())])
    of, found = encode(pa.array([{"a": 1, "b": None}, {"a": -1, "b": "x"}], kind))
    assert of == Structure((Member("a", Integer(16, True)), Member("b", Text(), True)))
    assert raw(found) == [b"\1\0\0", b"\xff\xff\1x\0"]


def test_lists_and_bytes_have_their_number_before_them():
    of, found = encode(pa.array([[b"ab", None], [], [b""]], pa.list_(pa.binary())))
    assert of == List(Blob(), optional=True)
    assert raw(found) == [b"\2\0\0\0\1\2\0\0\0ab\0", b"\0\0\0\0", b"\1\0\0\0\1\0\0\0\0"]


def test_nulls_have_no_bytes_and_slices_are_what_they_show():
    whole = pa.array([["x"], ["a", "b"], None, ["c"]], pa.list_(pa.string()))
    of, found = encode(whole.slice(1))
    assert of == List(Text())
    assert raw(found) == [b"\2\0\0\0a\0b\0", b"", b"\1\0\0\0c\0"]


def test_text_with_a_nul_is_bytes():
    assert encode(pa.array(["a\0b"]))[0] == Blob()
    assert encode(pa.array(["ab"]))[0] == Text()


def test_metadata_of_ctf_2_are_json_text_sequences():
    trace = Trace({"domain": "kernel"})
    trace.classes.number(EventClass("syscall_entry_x", Structure(()), Structure(())))
    fragments = metadata2(trace).split(b"\x1e")
    assert fragments[0] == b"" and all(each.endswith(b"\n") for each in fragments[1:])
    kinds = [json.loads(each)["type"] for each in fragments[1:]]
    assert kinds == [
        "preamble", "clock-class", "trace-class", "data-stream-class", "event-record-class",
    ]  # fmt: skip


# Values that were kept as JSON


def test_names_are_names_again_and_what_a_program_chose_is_not():
    found = named({"si_code": "SI_USER", "d_name": "SI_USER", "other": "\x1b[2J", "n": 3})
    assert [type(each) for each in found.values()] == [Symbol, str, str, int]
    assert plain({"a": {"b64": "/w=="}, "b": {"value": "x", "length": 9}, "c": "AT_FDCWD"}) == {
        "a": b"\xff", "b": Truncated("x", 9), "c": "AT_FDCWD",
    }  # fmt: skip
    assert type(plain("AT_FDCWD")) is str


# Formats


def test_every_format_is_by_the_name_of_the_target(source, tmp_path, capsys):
    for name in sorted(FORMATS):
        assert convert(source, tmp_path / name) == 0
    assert sorted(os.listdir(tmp_path)) == sorted(FORMATS)
    assert capsys.readouterr().err == ""
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["args"] == {
        "dfd": "AT_FDCWD", "filename": ESC, "flags": "O_RDONLY|O_CLOEXEC", "mode": "000",
    }  # fmt: skip
    about = json.loads((tmp_path / "t.json").read_text())["otherData"]
    assert (about["lost"], about["events"], about["engine"]) == (LOST, 2, "ptrace")
    assert sorted(os.listdir(tmp_path / "t.ctf")) == ["channel0_0", "metadata"]
    assert ESC.encode() + b"\0" in (tmp_path / "t.ctf/channel0_0").read_bytes()
    again = json.loads(pq.read_schema(tmp_path / "t.parquet").metadata[b"faultin"])
    assert (again["host"], again["summary"]["lost"]) == ("here", LOST)


def test_no_control_character_reaches_text(source, tmp_path):
    for name in ("t.strace", "t.folded"):
        convert(source, tmp_path / name)
        text = (tmp_path / name).read_text()
        assert text.endswith("\n") and all(map(str.isprintable, text.splitlines()))
    assert text == "ca\\tt;openat;/tmp/\\x1b[31mred :x 2\n"


def test_a_recording_without_calls_is_one_in_every_format(tmp_path):
    source = recording(tmp_path / "none.parquet", 0)
    for name in FORMATS:
        assert convert(source, tmp_path / name) == 0
        assert (tmp_path / name).exists()
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"] == []
    assert (tmp_path / "t.folded").read_text() == ""
    assert json.loads((tmp_path / "t.jsonl").read_text())["summary"]["lost"] == LOST


def test_a_folded_line_says_why_there_is_no_path(tmp_path):
    table = pa.Table.from_pylist([
        {**rows(1)[0], "filename__path": path, "filename__capture": word, "errno": "EFAULT"}
        for path, word in ((None, "fault"), (None, "null"), ("", "entry"))
    ], COLUMNS)  # fmt: skip
    target = tmp_path / "t"
    folded = Folded(Output.open(str(target), None), "x86_64", {}, "calls", has_stacks=True)
    (batch,) = table.to_batches()
    folded.write(batch)
    folded.close(Summary(3, {}, "", ""))
    assert target.read_text().splitlines() == [
        f"ca\\tt;[no stack];openat;{path};[EFAULT] 1" for path in ('""', "<fault>", "NULL")
    ]
