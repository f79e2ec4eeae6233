# SPDX-License-Identifier: Apache-2.0
"""Facts: what the page of a report shows, as the engine answered it.

In: a Chosen (chosen.py). Out: Facts. Invariant: their size does not grow with the
recording: bins, and the first of each kind, with how many there are.
"""

from dataclasses import dataclass, field
from typing import Any

from faultin.report.chosen import FAILED, Chosen, quoted, text
from faultin.report.descriptors import bytes_by_descriptor

BINS = 240  # of time
ROWS = 24  # of a time line
TOP = 50
PROCESSES = 200
STACKS = 2000
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Top:
    """The first rows of something, and how many there are in all."""

    rows: list[Row] = field(default_factory=list)
    of: int = 0

    @property
    def left_out(self) -> int:
        return self.of - len(self.rows)


@dataclass(frozen=True, slots=True)
class Facts:
    """by_process, by_syscall: calls by bin of time, rows of name, bin, n, failed. latencies:
    rows of bin, power of 2, n. captured: rows of argument, word, n. stacks: None where none
    were recorded."""

    totals: Row
    by_process: Top
    by_syscall: Top
    latencies: list[Row]
    syscalls: Top
    paths: Top
    errors: Top
    bytes: Top
    processes: Top
    captured: list[Row]
    cut: list[Row]
    stacks: Top | None


def facts_of(chosen: Chosen) -> Facts:
    """Asks all of it. `totals` has n 0 where there are no calls; then the rest is empty."""
    totals = _totals(chosen)
    empty = Top()
    if not totals["n"]:
        return Facts(totals, empty, empty, [], empty, empty, empty, empty, empty, [], [], None)
    when = _bin(totals)
    return Facts(
        totals,
        _line(chosen, when, "comm || ' ' || pid"),
        _line(chosen, when, "syscall"),
        _latencies(chosen, when),
        _syscalls(chosen),
        _paths(chosen),
        _errors(chosen),
        Top(*bytes_by_descriptor(chosen, TOP)),
        _processes(chosen),
        _captured(chosen),
        _cut(chosen),
        _stacks(chosen) if chosen.has("ustack") else None,
    )


def _totals(chosen: Chosen) -> Row:
    return chosen.ask(f"""
        SELECT count(*) AS n, min(ts) AS first, max(ts + coalesce(latency, 0)) AS last,
            count(DISTINCT pid) AS pids, count(DISTINCT tid) AS tids,
            count(DISTINCT syscall) AS syscalls, count(*) FILTER (WHERE {FAILED}) AS failed,
            coalesce(sum(latency), 0)::BIGINT AS latency,
            count(*) FILTER (WHERE ret IS NULL) AS open
        FROM {chosen.name}""")[0]


def _bin(totals: Row) -> str:
    """The bin of a call, in SQL. In integers: a double does not tell ns since 1970 apart."""
    width = max((totals["last"] - totals["first"]) // BINS + 1, 1)
    return f"((ts - {totals['first']}) // {width})"


def _line(chosen: Chosen, when: str, name: str) -> Top:
    of = chosen.ask(f"SELECT count(DISTINCT {name}) AS n FROM {chosen.name}")[0]["n"]
    rows = chosen.ask(f"""
        WITH named AS (SELECT {name} AS name, {when} AS bin, {FAILED} AS failed FROM {chosen.name}),
        first AS (SELECT name, count(*) AS total FROM named GROUP BY name
                  ORDER BY total DESC, name LIMIT {ROWS})
        SELECT name, total, bin, count(*) AS n, count(*) FILTER (WHERE failed) AS failed
        FROM named JOIN first USING (name) GROUP BY name, total, bin
        ORDER BY total DESC, name, bin""")
    return _Named(rows, of).top()


@dataclass(frozen=True, slots=True)
class _Named:
    """Rows of bins become a row for each name, with its bins."""

    rows: list[Row]
    of: int

    def top(self) -> Top:
        found: dict[str, Row] = {}
        for row in self.rows:
            line = found.setdefault(
                row["name"], {"name": row["name"], "total": row["total"], "bins": {}}
            )
            line["bins"][row["bin"]] = (row["n"], row["failed"])
        return Top(list(found.values()), self.of)


def _latencies(chosen: Chosen, when: str) -> list[Row]:
    return chosen.ask(f"""
        SELECT {when} AS bin,
            CASE WHEN latency < 1 THEN 0 ELSE floor(log2(latency))::INT END AS power,
            count(*) AS n
        FROM {chosen.name} WHERE latency IS NOT NULL GROUP BY ALL ORDER BY ALL""")


def _syscalls(chosen: Chosen) -> Top:
    rows = chosen.ask(f"""
        SELECT syscall, count(*) AS n, count(*) FILTER (WHERE {FAILED}) AS failed,
            sum(latency)::BIGINT AS time, quantile_disc(latency, 0.5) AS p50,
            quantile_disc(latency, 0.99) AS p99, max(latency) AS most
        FROM {chosen.name} GROUP BY syscall ORDER BY time DESC NULLS LAST, syscall""")
    return Top(rows[:TOP], len(rows))


def _paths(chosen: Chosen) -> Top:
    if not (all_paths := chosen.paths()):
        return Top()
    of = chosen.ask(f"SELECT count(DISTINCT path) AS n FROM ({all_paths})")[0]["n"]
    rows = chosen.ask(f"""
        WITH named AS ({all_paths}),
        first AS (SELECT path, count(*) AS n, count(*) FILTER (WHERE errno IS NOT NULL) AS failed,
                      sum(latency)::BIGINT AS time
                  FROM named GROUP BY path ORDER BY n DESC, path LIMIT {TOP}),
        whys AS (SELECT path, string_agg(errno || ' ' || k, ', ' ORDER BY k DESC, errno) AS errors
                 FROM (SELECT path, errno, count(*) AS k FROM named SEMI JOIN first USING (path)
                       WHERE errno IS NOT NULL GROUP BY path, errno) GROUP BY path)
        SELECT path, n, failed, time, errors FROM first LEFT JOIN whys USING (path)
        ORDER BY n DESC, path""")
    return Top(rows, of)


def _errors(chosen: Chosen) -> Top:
    """What failed, how, and on which path most often."""
    paths = chosen.paths()
    rows = chosen.ask(f"""
        SELECT syscall, errno, path, count(*) AS n FROM (
            {paths + " UNION ALL " if paths else ""}
            SELECT NULL::BLOB AS path, errno, latency, syscall FROM {chosen.name}
            WHERE {" AND ".join(f"{quoted(c)} IS NULL" for c in chosen.path_columns) or "true"})
        WHERE errno IS NOT NULL GROUP BY ALL ORDER BY n DESC, syscall, errno, path""")
    return Top(rows[:TOP], len(rows))


def _processes(chosen: Chosen) -> Top:
    ppid = "min_by(ppid, ts) FILTER (WHERE ppid > 0)" if chosen.has("ppid") else "NULL::INT"
    program = "NULL"
    if chosen.has("filename__path"):
        program = "max_by(filename__path, ts) FILTER (WHERE syscall = 'execve' AND ret = 0)"
    argv = "NULL"
    if chosen.has("argv__strings"):
        argv = "max_by(argv__strings, ts) FILTER (WHERE syscall = 'execve' AND ret = 0)"
    of = chosen.ask(f"SELECT count(DISTINCT pid) AS n FROM {chosen.name}")[0]["n"]
    rows = chosen.ask(f"""
        WITH born AS (SELECT ret::INT AS child, any_value(pid) AS parent FROM {chosen.name}
            WHERE syscall IN ('fork', 'vfork', 'clone', 'clone3') AND ret > 0 GROUP BY ret)
        SELECT found.* REPLACE (coalesce(ppid, parent) AS ppid) FROM (
        SELECT pid, {ppid} AS ppid, max_by(comm, ts) AS comm, {program} AS program,
            {argv} AS argv, min(ts) AS first, max(ts + coalesce(latency, 0)) AS last,
            count(*) AS n, count(*) FILTER (WHERE {FAILED}) AS failed,
            count(DISTINCT tid) AS threads
        FROM {chosen.name} GROUP BY pid ORDER BY first, pid LIMIT {PROCESSES}) found
        LEFT JOIN born ON pid = child ORDER BY first, pid""")
    return Top(rows, of)


def _captured(chosen: Chosen) -> list[Row]:
    """How each pointer argument was obtained."""
    words = [
        f"""SELECT {text(column.removesuffix("__capture"))} AS argument,
            {quoted(column)}::VARCHAR AS word
            FROM {chosen.name} WHERE {quoted(column)} IS NOT NULL"""
        for column in chosen.columns if column.endswith("__capture")
    ]  # fmt: skip
    if not words:
        return []
    return chosen.ask(
        f"SELECT argument, word, count(*) AS n FROM ({' UNION ALL '.join(words)}) GROUP BY ALL"
    )


def _cut(chosen: Chosen) -> list[Row]:
    """Values that were longer than what was captured."""
    found = []
    for column in chosen.columns:
        if column.endswith("__length"):
            n = chosen.ask(f"SELECT count({quoted(column)}) AS n FROM {chosen.name}")[0]["n"]
            if n:
                found.append({"argument": column.removesuffix("__length"), "n": n})
    return found


def _stacks(chosen: Chosen) -> Top:
    rows = chosen.ask(f"""
        SELECT comm, ustack, syscall, count(*) AS n FROM {chosen.name}
        WHERE ustack IS NOT NULL GROUP BY ALL ORDER BY n DESC, comm, ustack, syscall""")
    return Top(rows[:STACKS], len(rows))
