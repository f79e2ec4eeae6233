# SPDX-License-Identifier: Apache-2.0
"""Exports: what is written is there as a whole or not at all, and bad input is one line."""

import json
import os
import re
import resource
import subprocess
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import ABOUT, FORMATS, convert, recording
from running import command

from faultin.cli.main import main


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return recording(tmp_path_factory.mktemp("source") / "run.parquet")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return recording(tmp_path_factory.mktemp("large") / "run.parquet", 20_000)


def refused(capsys, *words):
    status = main(["convert", *map(str, words)])
    said = capsys.readouterr().err
    assert said.startswith("faultin: ") and said.count("\n") == 1, said
    return status, said.removeprefix("faultin: ").rstrip("\n")


@pytest.mark.parametrize("name", ["t.json", "t.ctf", "t.parquet"])
def test_nothing_is_overwritten_without_force(name, source, tmp_path, capsys):
    target = tmp_path / name
    assert convert(source, target) == 0
    why = f"{target}: it is there already; --force overwrites it"
    assert refused(capsys, source, "-o", target) == (2, why)
    assert convert(source, target, "--force") == 0
    assert os.listdir(tmp_path) == [name]


def test_the_source_is_never_overwritten(source, capsys):
    before = source.read_bytes()
    for options in ((), ("--force",)):
        status, said = refused(capsys, source, "-o", source, *options)
        assert status == 2 and "it is what is read" in said
    assert source.read_bytes() == before


def test_force_overwrites_no_folder_but_a_trace(source, tmp_path, capsys):
    target = tmp_path / "photos.ctf"
    target.mkdir()
    (target / "me.jpg").write_text("precious")
    status, said = refused(capsys, source, "-o", target, "--force")
    assert status == 2 and "me.jpg is in it, which is no part of a trace" in said
    status, said = refused(capsys, source, "-o", target, "--to", "chrome", "--force")
    assert status == 2 and "it is no file" in said
    assert (target / "me.jpg").read_text() == "precious"
    (tmp_path / "file").write_text("precious")
    status, said = refused(capsys, source, "-o", tmp_path / "file", "--to", "ctf2", "--force")
    assert status == 2 and "it is no folder" in said


def test_a_source_that_is_none(tmp_path, capsys):
    text, foreign, cut = (tmp_path / name for name in ("text", "foreign.parquet", "cut.parquet"))
    text.write_text("hello")
    pq.write_table(pa.table({"a": [1]}), foreign)
    whole = recording(tmp_path / "whole.parquet").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    later = recording(tmp_path / "later.parquet", about=replace(ABOUT, schema=99, faultin="9.9"))
    for source, why in (
        (text, "it is no whole Parquet file"),
        (cut, "it is no whole Parquet file"),
        (foreign, "it is no recording of faultin"),
        (later, "its schema has version 99, this faultin reads 1; it was made by faultin 9.9"),
        (tmp_path / "none", "there is no such file or folder"),
    ):
        status, said = refused(capsys, source, "-o", tmp_path / "t.json")
        assert status in (1, 2) and why in said
    status, said = refused(capsys, tmp_path / "whole.parquet", "-o", tmp_path / "t.what")
    assert status == 2 and "its name does not say which format; --to ctf2, ctf1, " in said
    assert not list(tmp_path.glob("t.*"))


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_of_a_file_that_breaks_off_what_is_before_is_converted(name, tmp_path, capsys):
    """A page of the third row group is not what was written there."""
    source = recording(tmp_path / "broken.parquet", 5000, row_group_size=1000, compression="zstd")
    column = pq.read_metadata(source).row_group(2).column(0)
    data = bytearray(source.read_bytes())
    at = column.dictionary_page_offset or column.data_page_offset
    data[at : at + 64] = b"\xff" * 64
    source.write_bytes(data)
    status, said = refused(capsys, source, "-o", tmp_path / name)
    assert status == 1
    assert re.search(r"cannot read .*/broken.parquet to its end: .*; the 2000 calls before", said)
    again = tmp_path / name
    if name == "t.jsonl":
        assert json.loads(again.read_text().splitlines()[-1])["summary"]["events"] == 2000
    elif name == "t.parquet":
        assert pq.read_metadata(again).num_rows == 2000
    elif name == "t.folded":
        assert again.read_text().endswith(" 2000\n")
    assert again.exists()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_full_disk_leaves_nothing_and_what_was_there(name, source, large, tmp_path, capsys):
    folder = tmp_path / "target"
    folder.mkdir()
    target = folder / name
    assert convert(source, target) == 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20 if name == "t.folded" else 3000, hard))
    try:
        said = refused(capsys, large, "-o", target, "--force")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert said == (1, f"cannot write {target}: File too large; nothing of it was kept")
    assert os.listdir(folder) == [name]
    if name == "t.jsonl":
        assert len(target.read_text().splitlines()) == 3


def test_a_target_that_cannot_be_written(source, tmp_path, capsys):
    for name in ("none/t.json", "none/t.ctf", "none/t.parquet"):
        status, said = refused(capsys, source, "-o", tmp_path / name)
        assert status == 1 and "cannot write" in said and "No such file" in said
    for options in (("--to", "ctf2"), ("--to", "parquet")):
        status, said = refused(capsys, source, "-o", "-", *options)
        assert status == 2 and "give its name" in said
    status, said = refused(capsys, source, "-o", "/dev/full", "--to", "jsonl")
    assert status == 1 and "cannot write /dev/full: No space left on device" in said
    status, said = refused(capsys, source, "-o", "/dev/full", "--to", "parquet", "--force")
    assert status == 2 and "it is no file" in said


def test_a_reader_that_goes_away_is_no_error(large):
    words = command("convert", large, "-o", "-", "--to", "jsonl")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        assert json.loads(ran.stdout.readline())["syscall"] == "openat"
        ran.stdout.close()
        assert (ran.stderr.read(), ran.wait()) == (b"", 141)


def test_a_missing_extra_is_named(source, tmp_path):
    """A package that cannot be imported is as good as none; nothing is written."""
    (tmp_path / "perfetto.py").write_text("raise ModuleNotFoundError('x', name='perfetto')")
    target = tmp_path / "t.pftrace"
    ran = subprocess.run(
        command("convert", source, "-o", target), capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert (ran.returncode, target.exists()) == (1, False)
    assert ran.stderr == (
        "faultin: --to perfetto: it needs perfetto, which is not installed; "
        "pip install 'faultin[perfetto]'\n"
    )
