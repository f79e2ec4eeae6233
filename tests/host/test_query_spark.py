# SPDX-License-Identifier: Apache-2.0
"""faultin query --engine pyspark, as a user runs it: executors of their own, over the folders of
several hosts, give what DuckDB gives."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from cluster import EXECUTORS, executors
from exported import recording
from recording import query, run
from running import command

from faultin.cli.main import main

pytestmark = pytest.mark.kernel
OPENS = [sys.executable, "-c", "for i in range(300): open('/etc/hostname').close()"]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Recordings of two hosts in one folder, of different calls."""
    folder = tmp_path_factory.mktemp("fleet")
    for host, calls in (("one", "openat"), ("two", "openat,read,getuid")):
        ran = run("record", "-o", folder / "made", "-e", calls, "--", *OPENS)
        assert ran.returncode == 0, ran.stderr
        (made,) = (folder / "made").glob("host=*")
        shutil.move(made, folder / f"host={host}")
    (folder / "made").rmdir()
    return folder


def test_counters_over_a_fleet(fleet, spark, capfd):
    """In this process, as the cluster is one of it: the session beside it is left as it is."""
    words = ("-w", "ret >= 0", "--by", "syscall,path", "count(), sum(ret), max(latency), uniq(pid)")
    rows, summary = query(fleet, *words)
    capfd.readouterr()
    status = main(["query", "--engine", "pyspark", *map(str, (fleet, *words)), "--json"])
    said = capfd.readouterr()
    assert status == 0, said.err
    *found, last = [json.loads(line) for line in said.out.splitlines()]
    assert found == rows and last["summary"]["events"] == summary["events"] > 600
    assert executors() == EXECUTORS
    assert not spark._session.catalog.tableExists("events")


def test_what_is_missing_is_one_line(fleet):
    ran = subprocess.run(
        command("query", fleet, "--engine", "pyspark"), capture_output=True, text=True,
        env=os.environ | {"PATH": str(fleet), "JAVA_HOME": ""},
    )  # fmt: skip
    assert ran.returncode == 1 and ran.stderr.count("\n") == 1 and "there is no java" in ran.stderr
    ran = run("query", fleet, "--engine-config", "a=b", "count()")
    assert ran.returncode == 2 and "duckdb takes none" in ran.stderr


def test_names_of_files_and_folders_are_names(spark, tmp_path, capfd):
    """No patterns, and no values of a call; host and date are where record makes such folders."""
    odd, day = tmp_path / "host=a/pid=1", tmp_path / "host=b[1]/date=2026-01-02"
    for folder in (odd, day):
        folder.mkdir(parents=True)
    target = recording(odd / "t[1].parquet", 3)
    recording(odd / "t1.parquet", 5)
    recording(day / "a{b}.parquet", 4)
    for words, expected in (
        ((target, "count()", "--by", "pid"), {"pid": 7, "count()": 3}),
        ((tmp_path, "count()", "--by", "pid"), {"pid": 7, "count()": 12}),
        ((day, "--sql", "SELECT host, count(*) AS n FROM events GROUP BY 1"), {"host": "b[1]", "n": 4}),
    ):
        capfd.readouterr()
        status = main(["query", "--engine", "pyspark", *map(str, words), "--json"])
        said = capfd.readouterr()
        assert status == 0 and json.loads(said.out.splitlines()[0]) == expected, said.err
