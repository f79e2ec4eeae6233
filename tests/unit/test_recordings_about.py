# SPDX-License-Identifier: Apache-2.0
"""What a file says of itself is believed only if it is of its kind."""

from dataclasses import asdict
from typing import Any

import orjson
import pyarrow as pa
import pytest

from faultin.event import Summary
from faultin.recordings.about import About, NoRecording, about_of, metadata_of

TOLD = {"arch": "x86_64", "host": "here", "run": "r", "calls": "all", "where": "", "faultin": "0",
        "kernel": "6"}  # fmt: skip


def said(found: Any) -> pa.Schema:
    return pa.schema([]).with_metadata({b"faultin": orjson.dumps(found)})


def test_it_is_read_again_as_it_was_written() -> None:
    events = {"paid": "id: u64, note: bytes(n), n: size"}
    summary = asdict(Summary(3, {"ring_full": 1}, "deferred", "copy"))
    about = About(**TOLD, summary=summary, events=events)
    assert about_of(pa.schema([]).with_metadata(metadata_of(about)), "t") == about


@pytest.mark.parametrize(
    "more, why",
    [
        ({"host": None}, "not so: host"),
        ({"calls": ["openat"], "summary": []}, "not so: calls, summary"),
        ({"events": ["paid"]}, "not so: events"),
        ({"events": {"paid": 5}}, "not so: events"),
        ({"events": {"paid": "id u64"}}, "not so: events"),
        ({"summary": {"events": 1}}, "not so: summary"),
        ({"summary": {"events": 1, "lost": {"a": "x"}, "engine": "", "strategy": ""}}, "summary"),
        ({"schema": 2}, "its schema has version 2"),
        ({"schema": "1"}, "its schema has version '1'"),
        ({"schema": True}, "its schema has version True"),
        ({"another": 1}, "is not whole"),
    ],
)
def test_what_is_not_so_is_refused_in_a_line(more: dict[str, Any], why: str) -> None:
    with pytest.raises(NoRecording, match=why) as raised:
        about_of(said({**TOLD, "schema": 1, **more}), "t.parquet")
    assert str(raised.value).startswith("t.parquet: ")
    with pytest.raises(NoRecording, match="is not whole"):
        about_of(said({"schema": 1}), "t")
