# SPDX-License-Identifier: Apache-2.0
"""Choice: the set language of `-e` becomes system calls.

In: an expression and the rows to choose from. Out: the numbers of those chosen, at
least one; anything unknown in the expression is a UsageError that names what is near.

Parts are separated by commas: a name, /regex/, %class, or all. A part after `!` is
taken away from the others, or from all where there are no others.
"""

import re
from collections.abc import Iterable
from functools import cache

from faultin.errors import UsageError
from faultin.syscalls.data import read_table
from faultin.syscalls.rows import Syscall

_PART = re.compile(r"\s*(!?)\s*(/(?:[^/\\]|\\.)+/(?=\s*(?:,|$))|[^,]*)(?:,|$)")
_KINDS = {"file": {"path"}, "desc": {"fd", "dirfd", "fd_set", "pollfd"}}


def choose(expression: str, rows: Iterable[Syscall]) -> frozenset[int]:
    """The numbers of the system calls that an expression names."""
    by_name = {row.name: row for row in rows}
    wanted: dict[str, list[set[str]]] = {"": [], "!": []}
    for sign, part in _parts(expression):
        wanted[sign].append(_names(part, by_name))
    chosen = set().union(*wanted[""]) if wanted[""] else set(by_name)
    chosen -= set().union(*wanted["!"])
    if not chosen or not any(wanted.values()):
        advice = "name some, as in -e openat,%network"
        raise UsageError(f"-e {expression!r}", "that leaves no system call", advice)
    return frozenset(by_name[name].nr for name in chosen)


def _parts(expression: str) -> list[tuple[str, str]]:
    """(sign, part) of each; a comma within / / does not separate."""
    found = [(sign, part.strip()) for sign, part in _PART.findall(expression)]
    return [(sign, part) for sign, part in found if part]


def _names(part: str, by_name: dict[str, Syscall]) -> set[str]:
    if part == "all":
        return set(by_name)
    if part.startswith("%"):
        return _class(part[1:], by_name)
    if part.startswith("/"):
        return _matching(part, by_name)
    if part in by_name:
        return {part}
    import difflib  # only here: it takes longer to import than a table to read

    near = difflib.get_close_matches(part, by_name, 1)
    advice = f"did you mean {near[0]}?" if near else "-e all traces every call there is"
    raise UsageError(f"-e {part}", "there is no such system call", advice)


def _matching(part: str, by_name: dict[str, Syscall]) -> set[str]:
    if len(part) < 3 or not part.endswith("/"):
        raise UsageError(f"-e {part}", "a regular expression ends with /", "try /^open/")
    try:
        pattern = re.compile(part.removeprefix("/").removesuffix("/"))
    except re.error as error:
        why = f"not a regular expression, {error}"
        raise UsageError(f"-e {part}", why, "try /^open/") from None
    return {name for name in by_name if pattern.search(name)}


def _class(name: str, by_name: dict[str, Syscall]) -> set[str]:
    lists = _lists()
    if name not in lists and name not in _KINDS:
        known = " ".join(f"%{known}" for known in sorted(lists.keys() | _KINDS))
        raise UsageError(f"-e %{name}", "there is no such class", f"there are {known}")
    kinds = _KINDS.get(name, set())
    derived = {row.name for row in by_name.values() if any(a.kind in kinds for a in row.arguments)}
    return derived | lists.get(name, set()) & by_name.keys()


@cache
def _lists() -> dict[str, set[str]]:
    """classes.tbl: the names in each class; an indented line continues the one above."""
    found: dict[str, set[str]] = {}
    name = ""
    text = read_table("classes.tbl")
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and not line[0].isspace():
            name, *words = words
        if words:
            found.setdefault(name, set()).update(words)
    return found
