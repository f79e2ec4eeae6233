# SPDX-License-Identifier: Apache-2.0
"""Recordings with odd names, in odd folders, of odd contents: what is read is what was recorded,
what is missing is told, and nothing that is read is overwritten."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import ABOUT, COLUMNS, LOST, recording, rows
from recording import query, run
from running import command

import faultin
from faultin.cli.ending import Ended, ending
from faultin.cli.main import main
from faultin.errors import OutputError
from faultin.event import Summary
from faultin.recordings import writer
from faultin.recordings.about import metadata_of
from faultin.recordings.places import place
from faultin.recordings.source import source
from faultin.recordings.writer import Rotation, Writer

DAY = 86_400 * 10**9


def refused(*words: object) -> tuple[int, str]:
    ran = run(*words)
    assert ran.stderr.startswith("faultin: ") and ran.stderr.count("\n") == 1, ran.stderr
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("name", ["pid=1", "comm=evil", "date=2020-01-01"])
def test_the_name_of_a_folder_is_no_value_of_a_call(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    target = recording(tmp_path / name / "t.parquet")
    (row,), _ = query(target, "count()", "--by", "pid,comm")
    assert row == {"pid": 7, "comm": "ca\tt", "count()": 2}


def test_the_name_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    target = recording(tmp_path / "t[1]*.parquet", 3)
    for other in ("t1.parquet", "t1x.parquet", "t[1]x.parquet"):
        recording(tmp_path / other, 5)
    assert query(target, "count()")[0] == [{"count()": 3}]


def test_a_file_counts_once_however_it_is_reached(tmp_path: Path) -> None:
    target = recording(tmp_path / "t.parquet")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert query(tmp_path, tmp_path, target, "count()")[0] == [{"count()": 2}]


def test_parts_of_another_day_are_no_doubles(tmp_path: Path, monkeypatch) -> None:
    """The first day's file was put together, and the second day's could not be."""
    real, count = writer.merge, 0

    def merge(*words) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise OutputError("cannot write", "the disk is full")
        real(*words)

    monkeypatch.setattr(writer, "merge", merge)
    both = [*rows(1), *({**row, "ts": row["ts"] + DAY} for row in rows(2))]
    keeper = Writer(place(str(tmp_path / "t")), False, ABOUT, Rotation(1 << 30, 1e9))
    keeper.keep(pa.RecordBatch.from_pylist(both, COLUMNS))
    with pytest.raises(OutputError):
        keeper.close(Summary(3, {}, "e", "s"))
    assert query(tmp_path / "t", "count()")[0] == [{"count()": 3}]


def test_one_recording_of_several_keeps_what_each_knew(tmp_path: Path) -> None:
    """Events, filters and hosts, and that one of them was cut short."""
    first = recording(
        tmp_path / "a.parquet", about=replace(ABOUT, where="ret > 1", events={"paid": "id: u64"})
    )
    second = recording(
        tmp_path / "b.parquet", about=replace(ABOUT, host="there", run="other", summary={})
    )
    for words in (["convert", first, second], ["query", second, first]):
        target = tmp_path / f"{words[0]}.parquet"
        ran = run(*words, "-o", target)
        assert ran.returncode == 0 and "recording other was cut short" in ran.stderr
        about = source([str(target)]).about
        assert (about.host, about.where) == ("here,there", "ret > 1")
        assert about.events == {"paid": "id: u64"}
        assert source([str(target)]).cut_short
        status, said = refused("report", target, "-o", tmp_path / "r.html")
        assert status == 2 and "they are of here and there" in said


@pytest.mark.parametrize("words", [["report", "--force"], ["query"], ["query", "count()"]])
def test_what_is_read_is_not_overwritten(words: list[str], tmp_path: Path) -> None:
    target = recording(tmp_path / "t.pq")
    shutil.copy(target, tmp_path / "kept")
    status, said = refused(words[0], "-o", target, target, *words[1:])
    assert status == 2 and "it is what is read" in said
    assert target.read_bytes() == (tmp_path / "kept").read_bytes()


def test_a_loss_is_told_beside_tables_too(tmp_path: Path) -> None:
    target = recording(tmp_path / "t.parquet")
    for words in (["--csv"], ["--sql", "select count(*) from events"]):
        ran = run("query", target, *words)
        assert ran.returncode == 0 and f"{LOST['ring_full']} events lost" in ran.stderr, ran.stderr
    cut = recording(tmp_path / "cut.parquet", about=replace(ABOUT, summary={}))
    assert "was cut short" in run("query", cut, "--csv").stderr


def test_names_of_columns_are_escaped(tmp_path: Path) -> None:
    table = pq.read_table(recording(tmp_path / "t.parquet"))
    odd = table.append_column("x\x1b[31m", pa.array([1, 2]))
    pq.write_table(odd, tmp_path / "odd.parquet")
    for words in (["--csv"], ["--sql", "select * from events"]):
        ran = run("query", tmp_path / "odd.parquet", *words)
        assert ran.returncode == 0 and "\x1b" not in ran.stdout and r"x\33[31m" in ran.stdout


@pytest.mark.parametrize(
    "name, type_", [("ts", pa.string()), ("comm", pa.int64()), ("syscall", None), ("ret", None)]
)
def test_columns_of_calls_are_what_they_are(name: str, type_, tmp_path: Path) -> None:
    fields = [field if field.name != name else type_ and pa.field(name, type_) for field in COLUMNS]
    schema = pa.schema(list(filter(None, fields)), metadata_of(ABOUT))
    pq.write_table(schema.empty_table(), tmp_path / "t.parquet")
    for words in (["query"], ["convert", "-o", "-", "--to", "jsonl"], ["report", "-o", "r.html"]):
        status, said = refused(*words, tmp_path / "t.parquet")
        assert status == 1 and f"its columns are not those of calls: {name}" in said


def test_what_is_no_file_is_told_in_a_line(tmp_path: Path) -> None:
    assert refused("query", "/dev/null")[0] in (1, 2)
    status, said = refused("query", tmp_path / "a\udcff.parquet")
    assert status == 2 and "its name is not UTF-8" in said


def test_a_stdout_that_is_closed_is_told_in_a_line(tmp_path: Path) -> None:
    target = recording(tmp_path / "t.parquet")
    for words in (["query", target], ["query", target, "count()"],
                  ["convert", target, "-o", "-", "--to", "jsonl"]):  # fmt: skip
        shell = ["sh", "-c", '"$@" >&-', "sh", *command(*words)]
        ran = subprocess.run(shell, capture_output=True, text=True)
        assert ran.returncode == 1
        assert ran.stderr == "faultin: cannot write to stdout: it is closed\n"


def test_a_statement_is_none_if_it_is_empty(tmp_path: Path) -> None:
    target = recording(tmp_path / "t.parquet")
    for empty in ("", " \n"):
        status, said = refused("query", target, "--sql", empty)
        assert status == 2 and "there is no statement" in said


def test_an_error_is_one_line_whatever_the_query_has(tmp_path: Path) -> None:
    status, said = refused("query", recording(tmp_path / "t.parquet"), "-w", "ret <\n\t0 and pth == 1")
    assert status == 2 and "in `ret <  0 and pth == 1`" in said


@pytest.mark.parametrize("of, value, says", [
    ("ts", -1, "a time that no clock has"),
    ("ts", None, "a time that no clock has"),
    ("latency", -5, "a time that no clock has"),
    ("latency", (1 << 63) - 1, "ends after the last time there is"),
    ("exact", "{", "`exact`"),
    ("exact", '{"args": 3}', "`exact`"),
    ("exact", "[]", "`exact`"),
])  # fmt: skip
def test_a_call_that_none_can_be_is_told(of: str, value, says: str, tmp_path: Path, capfd) -> None:
    columns = COLUMNS if of in COLUMNS.names else COLUMNS.append(pa.field(of, pa.string()))
    table = pa.Table.from_pylist([{**row, of: value} for row in rows(2)], columns)
    pq.write_table(table.replace_schema_metadata(metadata_of(ABOUT)), tmp_path / "t.parquet")
    ways = [["query"], ["query", "--json"]]
    for name in ("t.jsonl", "t.strace", "t.json", "t.pftrace", *["t.ctf", "t.folded"] * (of != "exact")):
        ways.append(["convert", "-o", str(tmp_path / name)])
    for words in ways:
        status = main([*words, str(tmp_path / "t.parquet")])
        said = capfd.readouterr().err
        assert status == 1 and said.count("\n") == 1 and says in said


def test_a_summary_has_what_all_fell_back_to(tmp_path: Path) -> None:
    for name, count in (("a", 2), ("b", 5)):
        summary = {**ABOUT.summary, "fell_back": {"not_at_entry": count}}
        recording(tmp_path / f"{name}.parquet", about=replace(ABOUT, run=name, summary=summary))
    assert query(tmp_path)[1]["fell_back"] == {"not_at_entry": 7}


def test_programs_are_told_what_is_not_known(tmp_path: Path) -> None:
    cut = recording(tmp_path / "cut.parquet", about=replace(ABOUT, summary={}))
    with pytest.warns(RuntimeWarning, match="was cut short"):
        faultin.ask(cut)
    found = faultin.ask(recording(tmp_path / "t.parquet"), sql="SELECT 1 AS one")
    assert list(found) == [{"one": 1}] and found.summary.lost == LOST


# Of those who write


def test_a_part_that_has_gone_is_told(tmp_path: Path) -> None:
    keeper = Writer(place(str(tmp_path / "t.parquet")), True, ABOUT, Rotation(1 << 30, 1e9))
    for n in range(2):
        keeper.keep(pa.RecordBatch.from_pylist(rows(n + 1), COLUMNS))
    folder = tmp_path / "t.parquet.parts"
    while len(list(folder.glob("*.part.parquet"))) < 2:
        time.sleep(0.01)
    (folder / "000000.part.parquet").unlink()
    with pytest.raises(OutputError) as caught:
        keeper.close(Summary(3, {}, "e", "s"))
    assert str(caught.value).startswith("cannot read ")
    assert "No such file or directory; what was recorded until then is kept" in str(caught.value)
    assert query(tmp_path / "t.parquet", "count()")[0] == [{"count()": 2}]


@pytest.mark.parametrize("target", ["/proc/t.parquet", "/proc/t", "/dev/null/t"])
def test_where_nothing_can_be_written_nothing_is_run(target: str, tmp_path: Path) -> None:
    status, said = refused("record", "-o", target, "--", "touch", tmp_path / "ran")
    assert status == 1 and "cannot write" in said and "kept" not in said
    assert not (tmp_path / "ran").exists()


def test_a_link_to_a_file_stays_one(tmp_path: Path) -> None:
    there, link = tmp_path / "there.parquet", tmp_path / "link.parquet"
    link.symlink_to(there)
    for options in ([], ["--force"]):
        ran = run("record", *options, "-o", link, "-e", "openat", "--", "true")
        assert ran.returncode == 0, ran.stderr
        assert link.is_symlink() and pq.read_metadata(there).num_rows > 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.parquet", "there.parquet"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_half_written(number: signal.Signals, tmp_path: Path) -> None:
    source = recording(tmp_path / "t.parquet", 200_000)
    words = command("convert", source, "-o", tmp_path / "t.strace")
    converting = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("t.strace.*.tmp")):
        assert converting.poll() is None, "it has ended before it could be stopped"
        time.sleep(0.01)
    converting.send_signal(number)
    assert converting.communicate(timeout=60) == (None, "")
    assert converting.returncode == 128 + number
    assert [each.name for each in tmp_path.iterdir()] == ["t.parquet"]


def test_a_signal_is_one_whatever_a_library_makes_of_it() -> None:
    with pytest.raises(Ended) as caught, ending():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException:
            raise RuntimeError("Query interrupted") from None
    assert caught.value.status == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
