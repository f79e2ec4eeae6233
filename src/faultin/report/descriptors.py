# SPDX-License-Identifier: Apache-2.0
"""Descriptors: how many bytes went through what.

In: a Chosen. Out: rows of name, of what kind it is, bytes in and out. What a descriptor is
open on is what the last call of its process before said of it: open, connect, accept, pipe,
dup, close. Of one that was inherited, or opened before, only its number is known.
"""

from typing import Any

from faultin.report.chosen import Chosen

_IN = ("read", "pread64", "readv", "preadv", "preadv2", "recvfrom", "recvmsg")
_OUT = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg")
_BOTH = (  # a call, what it reads, what it writes
    ("sendfile", "in_fd__fd", "out_fd__fd"),
    ("copy_file_range", "fd_in__fd", "fd_out__fd"),
    ("splice", "fd_in__fd", "fd_out__fd"),
)
_OPENS = ("open", "openat", "openat2", "creat")
_MAKES = (
    "socket", "dup", "dup2", "dup3", "eventfd", "eventfd2", "memfd_create", "epoll_create1",
    "inotify_init1", "timerfd_create", "signalfd4", "pidfd_open", "userfaultfd",
)  # fmt: skip


def _names(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def bytes_by_descriptor(chosen: Chosen, top: int) -> tuple[list[dict[str, Any]], int]:
    """(the first by bytes, how many there are)."""
    if not chosen.has("fd__fd"):
        return [], 0
    rows = chosen.ask(f"""
        WITH said AS ({" UNION ALL ".join(_said(chosen))}),
        moved AS (
            SELECT pid, fd__fd AS fd, ts, syscall IN ({_names(_IN)}) AS reads, ret AS bytes
            FROM {chosen.name}
            WHERE ret > 0 AND fd__fd IS NOT NULL AND syscall IN ({_names(_IN + _OUT)})
            {_both(chosen)}),
        named AS (
            SELECT moved.*, said.name, coalesce(said.kind, 'not seen') AS kind
            FROM moved ASOF LEFT JOIN said
            ON moved.pid = said.pid AND moved.fd = said.fd AND moved.ts >= said.ts)
        SELECT kind, name, CASE WHEN name IS NULL THEN fd END AS fd,
            count(DISTINCT pid) AS pids, count(*) AS n,
            coalesce(sum(bytes) FILTER (WHERE reads), 0)::BIGINT AS bytes_in,
            coalesce(sum(bytes) FILTER (WHERE NOT reads), 0)::BIGINT AS bytes_out
        FROM named GROUP BY ALL ORDER BY bytes_in + bytes_out DESC, n DESC, name, fd""")
    return rows[:top], len(rows)


def _said(chosen: Chosen) -> list[str]:
    """What calls say of descriptors from their end on: pid, fd, ts, name, kind."""
    after = "ts + coalesce(latency, 0) AS ts"
    found = []
    for column in ("filename__path", "pathname__path"):
        if chosen.has(column):
            found.append(f"""SELECT pid, ret::INT AS fd, {after}, encode("{column}") AS name,
                'file' AS kind FROM {chosen.name}
                WHERE ret >= 0 AND syscall IN ({_names(_OPENS)}) AND "{column}" IS NOT NULL""")
    for column, fd, holds in (
        ("uservaddr__sockaddr", "fd__fd",
         "syscall = 'connect' AND (ret = 0 OR errno = 'EINPROGRESS')"),
        ("upeer_sockaddr__sockaddr", "ret::INT", "syscall IN ('accept', 'accept4') AND ret >= 0"),
    ):  # fmt: skip
        if chosen.has(column):
            found.append(f"""SELECT pid, {fd} AS fd, {after}, {_peer(column)} AS name,
                'peer' AS kind FROM {chosen.name} WHERE {holds} AND "{column}" IS NOT NULL""")
    if chosen.has("fildes__fd_list"):
        found.append(f"""SELECT pid, unnest(fildes__fd_list) AS fd, {after}, NULL::BLOB AS name,
            'pipe' AS kind FROM {chosen.name} WHERE syscall IN ('pipe', 'pipe2') AND ret = 0""")
    found.append(f"""SELECT pid, ret::INT AS fd, {after}, NULL::BLOB AS name,
        CASE WHEN syscall LIKE 'dup%' THEN 'duplicate' ELSE syscall END AS kind
        FROM {chosen.name} WHERE ret >= 0 AND syscall IN ({_names(_MAKES)})""")
    found.append(f"""SELECT pid, fd__fd AS fd, {after}, NULL::BLOB AS name, NULL AS kind
        FROM {chosen.name} WHERE syscall = 'close' AND ret = 0""")
    return found


def _peer(column: str) -> str:
    """An address as text: ip:port, [ip]:port, a path, @ and an abstract name."""
    return f"""coalesce(
        encode(CASE WHEN "{column}".ip LIKE '%:%'
            THEN '[' || "{column}".ip || ']:' || "{column}".port
            ELSE "{column}".ip || ':' || "{column}".port END),
        encode("{column}".path), '@'::BLOB || "{column}".abstract, 'another family'::BLOB)"""


def _both(chosen: Chosen) -> str:
    """Both sides of calls that read one descriptor and write another."""
    return " ".join(
        f"""UNION ALL SELECT pid, {fd} AS fd, ts, {reads} AS reads, ret AS bytes
        FROM {chosen.name} WHERE ret > 0 AND syscall = '{name}' AND {fd} IS NOT NULL"""
        for name, *sides in _BOTH
        for fd, reads in zip(sides, ("true", "false"), strict=True)
        if chosen.has(fd)
    )
