# SPDX-License-Identifier: Apache-2.0
"""faultin report of recordings that are not whole, empty, of several hosts, or not to be trusted."""

import os
import re
import stat
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recording import query, run

from faultin.recordings.about import about_of
from faultin.recordings.files import read, write_part
from faultin.recordings.places import place

pytestmark = pytest.mark.kernel
PROGRAM = "cat /etc/hostname /nothing; ls / >/dev/null; mv /nothing-1 /nothing-2; true"
LOST = {"ring_full": 1234, "return_not_seen": 5}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(the recording's name, its table, what it says of itself)."""
    target = tmp_path_factory.mktemp("inputs") / "t.parquet"
    ran = run("record", "-o", target, "--", "sh", "-c", PROGRAM)
    assert ran.returncode == 0, ran.stderr
    table = read(place(str(target)))
    return target, table, about_of(table.schema, "t")


def page_of(table: pa.Table, about, folder) -> str:
    source, page = folder / "made.parquet", folder / "made.html"
    write_part(place(str(source)), table, about)
    ran = run("report", source, "-o", page)
    assert (ran.returncode, ran.stderr) == (0, "")
    return page.read_text()


def test_its_numbers_are_those_of_query(recorded, tmp_path):
    target, table, about = recorded
    page = page_of(table, about, tmp_path)
    rows, summary = query(target, "count(), sum(-4095 <= ret < 0), sum(latency), max(latency)", "--by", "syscall")
    cell = r'<td class="n" data-v="(-?\d+)">[^<]*</td>'
    found = re.findall(rf'<tr><td class="t">(\w+)</td>{cell}{cell}{cell}(?:{cell}){{2}}{cell}</tr>', page)
    shown = {name: (int(n), int(failed), int(time), int(most)) for name, n, failed, time, _, most in found}
    wanted = {
        row["syscall"]: tuple(
            -1 if value is None else value for name, value in row.items() if name != "syscall"
        )
        for row in rows
    }
    unending = {row["syscall"] for row in rows if row["max(latency)"] is None}  # exit_group
    assert shown.keys() == wanted.keys() and len(shown) > 10 and unending
    assert {n: v for n, v in shown.items() if n not in unending} == {
        n: v for n, v in wanted.items() if n not in unending
    }
    assert sum(n for n, *_ in shown.values()) == summary["events"]
    by_path = {row["path"]: row["count()"] for row in query(target, "count()", "--by", "path")[0]}
    paths = re.findall(rf'<tr>{cell}{cell}{cell}<td class="t">([^<&]+)</td>', page)
    assert len(paths) > 20
    assert all(int(n) == by_path[path] for n, _, _, path in paths if "/nothing-" not in path)


def test_what_was_lost_and_what_was_cut_short_is_said(recorded, tmp_path):
    _, table, about = recorded
    page = page_of(table, replace(about, summary={**about.summary, "lost": LOST}), tmp_path)
    assert "1234 events lost (the ring buffer was full" in page and "5 events lost" in page
    assert "No events were lost" not in page
    (tmp_path / "made.html").unlink()
    page = page_of(table, replace(about, summary={}), tmp_path)
    assert f"Recording {about.run} was cut short" in page and "No events were lost" not in page


def test_what_is_missing_is_shown_so(recorded, tmp_path):
    """No latency and no result at all, and no stacks."""
    _, table, about = recorded
    for name in ("latency", "ret", "errno"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.nulls(len(table), table.schema.field(name).type))
    page = page_of(table, about, tmp_path)
    assert 'data-v="None"' not in page and ">None<" not in page
    assert f"{len(table):,} calls did not return" in page
    assert "No call failed." in page and "<iframe" not in page


def test_names_of_columns_are_no_sql_and_no_html(recorded, tmp_path):
    """Whoever made a file chose them, and the words that should be of ours."""
    _, table, about = recorded
    evil = "x\"'; COPY (SELECT 1) TO '" + str(tmp_path / "made-by-sql") + "'; --<b>\x1b[31m"
    words = pa.array(["<b>\x1b[31m"] * len(table))
    table = table.append_column(f"{evil}__capture", words).append_column(f"{evil}__path", words)
    table = table.append_column(f"{evil}__length", pa.array([1] * len(table)))
    page = page_of(table, replace(about, summary={**about.summary, "lost": {evil: 1}}), tmp_path)
    assert not (tmp_path / "made-by-sql").exists()
    assert "&lt;b&gt;" in page and "<b>\\" not in page and "\x1b" not in page


def test_an_empty_recording(recorded, tmp_path):
    _, table, about = recorded
    write_part(place(str(tmp_path / "e.parquet")), table.slice(0, 0), about)
    ran = run("report", tmp_path / "e.parquet", "-o", tmp_path / "o.html")
    assert ran.returncode == 1 and ran.stderr.count("\n") == 1 and "it has no calls" in ran.stderr
    assert not (tmp_path / "o.html").exists()


def test_several_hosts(recorded, tmp_path):
    target, table, about = recorded
    write_part(place(str(tmp_path / "other.parquet")), table, replace(about, host="elsewhere"))
    ran = run("report", target, tmp_path / "other.parquet", "-o", tmp_path / "o.html")
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1 and "report one by one" in ran.stderr


def test_what_it_says_of_itself_is_broken(recorded, tmp_path):
    _, table, about = recorded
    for text in (b"{", b"[1]", b'{"schema": 1}'):
        pq.write_table(table.replace_schema_metadata({b"faultin": text}), tmp_path / "b.parquet")
        ran = run("report", tmp_path / "b.parquet", "-o", tmp_path / "o.html")
        assert ran.returncode == 1 and ran.stderr.count("\n") == 1, ran.stderr


def test_a_device_stays_one(recorded, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    ran = run("report", recorded[0], "-o", tmp_path / "pipe", "--force")
    assert ran.returncode == 2 and "it is no file" in ran.stderr
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    (tmp_path / "real.html").write_text("old")
    (tmp_path / "link.html").symlink_to("real.html")
    assert run("report", recorded[0], "-o", tmp_path / "link.html").returncode == 2
    assert run("report", recorded[0], "-o", tmp_path / "link.html", "--force").returncode == 0
    assert (tmp_path / "link.html").is_symlink()
    assert "Process tree" in (tmp_path / "real.html").read_text()
