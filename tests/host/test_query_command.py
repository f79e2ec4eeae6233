# SPDX-License-Identifier: Apache-2.0
"""`faultin query` as a user has it: its words, its errors, and what it writes."""

import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recording import query, run

pytestmark = pytest.mark.kernel
OPENS = [sys.executable, "-c", "for i in range(3000): open('/etc/hostname').close()"]


def test_words_of_a_query_stand_where_they_like(tmp_path):
    target = tmp_path / "t.parquet"
    assert run("record", "-o", target, "-e", "openat,close", "--", *OPENS).returncode == 0
    where, counters = 'path == "/etc/hostname"', "count(), sum(ret >= 0)"
    for words in (
        (target, counters, "--by", "path", "-w", where),
        ("-w", where, target, "--by", "path", counters),
        ("-w", where, "--by", "path", target, counters),
    ):
        assert query(*words)[0] == [
            {"path": "/etc/hostname", "count()": 3000, "sum(ret >= 0)": 3000}
        ]
    for words, why in (
        ((), "give a recording"),
        ((target, "count()", "sum(ret)"), "give all in one word"),
        ((target, "--sql", "select 1", "count()"), "there is a query too"),
        ((target, "-w", "pth == 1"), "did you mean path"),
        ((target, "cont()"), "did you mean count"),
        ((target, "--engine", "polars", "count()"), "it has not what queries need to be exact"),
        ((target, "--engine", "nothing", "--sql", "select 1"), "Ibis cannot connect"),
        ((target, "--sql", "selec 1"), "syntax error"),
        ((target, "--nothing"), "--nothing"),
    ):
        ran = run("query", *words)
        assert ran.returncode in (1, 2) and why in ran.stderr and ran.stderr.count("\n") == 1, (
            ran.stderr
        )


def test_a_query_writes_recordings_and_tables(tmp_path):
    target, other = tmp_path / "t", tmp_path / "o.parquet"
    for _ in range(2):
        assert run("record", "-o", target, "-e", "openat,close", "--", *OPENS).returncode == 0
    assert run("query", target, "-w", 'path == "/etc/hostname"', "-o", other).returncode == 0
    assert query(other)[1]["events"] == 6000 and "fd__fd" not in pq.read_schema(other).names
    assert pq.read_schema(other).field("comm").type == pa.dictionary(pa.int32(), pa.string())
    again = run("query", target, "-o", other)
    assert again.returncode == 2 and "--force overwrites it" in again.stderr
    sql = "select comm, count(*) as n, min(host) as host from events where filename__path = '/etc/hostname' group by 1"
    ran = run("query", target, "--sql", sql, "--json")
    (row,) = [json.loads(line) for line in ran.stdout.splitlines()]
    assert row["n"] == 6000 and row["host"] == os.uname().nodename
    assert run("query", target, "--sql", sql, "--csv").stdout.splitlines()[0] == "comm,n,host"
    heading = run("query", other, "--csv").stdout.splitlines()[0].split(",")
    assert heading[:3] == ["ts", "pid", "tid"] and "fd__fd" not in heading
