# SPDX-License-Identifier: Apache-2.0
"""Fields of real calls, and rows of values for them, for hypothesis.

A row is a ValuesRow, with the value of each slot as faultin.query.types says. Used
through query_strategies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from faultin.codegen.plan import plan
from faultin.query.query import Query
from faultin.query.scope import Scope
from faultin.query.tree import Const, Expr, Field, InNetworks, Match, children
from faultin.query.types import MAX_BYTES, MISSING, Cut, CutList, Type, wrapped
from faultin.syscalls.table import load

TABLE = load("x86_64")
TRACED = "execve,sendto"
PLANS = plan(TABLE, TABLE.resolve(TRACED))
SCOPE = Scope(PLANS, TABLE)


def _field(*path: str | int) -> Field:
    leaf = SCOPE.look_up(path)
    (type_,) = leaf.choices
    return SCOPE.take(leaf, type_)


SIGNED = [_field("ret"), _field("latency"), _field("ts")]
UNSIGNED = [_field("len"), _field("cgroup")]
TEXTS = [_field("path"), _field("comm"), _field("exe")]
BUFFERS = [_field("buf")]  # their values may be Cut
LISTS = [_field("argv"), _field("envp")]
ADDRESSES = [_field("addr", "ip")]
FIELDS = sorted(
    [*SIGNED, *UNSIGNED, *TEXTS, *BUFFERS, *LISTS, *ADDRESSES], key=lambda field: field.slot
)


def query(where: Expr | None = None) -> Query:
    """A Query of an expression over FIELDS."""
    return Query(tuple(SCOPE.slots), SCOPE.sources(), where)


# Rows


@dataclass(frozen=True)
class ValuesRow:
    """The value of each of FIELDS."""

    values: tuple[Any, ...]

    def value(self, slot: int) -> Any:
        return self.values[slot]


_EDGES = [0, 1, 2, 3, 7, 63, 64, 65, 255, 4096, 1 << 31, (1 << 32) - 1, 1 << 32]
_HIGH = [(1 << 63) - 1, (1 << 62) + 1]


def row_of(values: dict[Field, Any]) -> ValuesRow:
    """A row in which all else is missing."""
    by_slot = {field.slot: value for field, value in values.items()}
    return ValuesRow(tuple(by_slot.get(slot, MISSING) for slot in range(FIELDS[-1].slot + 1)))


def near(edges: list[int]) -> st.SearchStrategy[int]:
    """Numbers that are these, or one off."""
    return st.builds(int.__add__, st.sampled_from(edges), st.integers(-1, 1))


@cache
def signed() -> st.SearchStrategy[int]:
    """The values of an S64."""
    edges = [*_EDGES, *[-edge for edge in _EDGES]]
    ends = st.sampled_from([*_HIGH, -(1 << 63), -(1 << 63) + 1])
    return st.integers(-2, 3) | near(edges) | ends | st.integers(-(1 << 63), (1 << 63) - 1)


@cache
def unsigned() -> st.SearchStrategy[int]:
    """The values of a U64."""
    ends = st.sampled_from([0, *_HIGH, 1 << 63, (1 << 63) + 1, (1 << 64) - 1, (1 << 64) - 2])
    return st.integers(0, 3) | near(_EDGES).map(abs) | ends | st.integers(0, (1 << 64) - 1)


_WORDS = [b"", b"a", b"b", b"/", b"/etc/", b"/etc/passwd", b"aa", b"ab", b".conf", b"*", b"["]


@cache
def text(most: int = 24) -> st.SearchStrategy[bytes]:
    """Bytes that are often alike. Constants can have a NUL in them, as buffers can."""
    words = st.lists(st.sampled_from(_WORDS), max_size=4).map(b"".join)
    letters = st.lists(st.sampled_from(b"ab/.*[]!-\0\xc3\xff"), max_size=most).map(bytes)
    few = st.sampled_from([b"", b"a", b"/etc/passwd"])
    return few | words | letters | st.binary(max_size=most)


@cache
def strings() -> st.SearchStrategy[bytes]:
    """The values of a text: no NUL; rarely a long one."""
    long = st.builds(lambda word, count: (word * count)[: MAX_BYTES - 1], text(), st.just(600))
    return (text() | text() | text() | long).map(lambda value: value.replace(b"\0", b"a"))


@cache
def buffers() -> st.SearchStrategy[bytes]:
    """The values of a buffer: whole, or the head of a longer one."""
    more = st.integers(1, 8) | st.integers(1, 1 << 31)
    cut = st.builds(lambda data, rest: Cut(data, len(data) + rest), text(), more)
    full = st.builds(_full, text(), more)
    return text() | cut | full


def _full(data: bytes, rest: int) -> Cut:
    """All that a query looks at, and more behind it."""
    return Cut(((data or b"x") * MAX_BYTES)[:MAX_BYTES], MAX_BYTES + rest)


@cache
def lists() -> st.SearchStrategy[tuple[Any, ...]]:
    """The values of argv or envp: whole, or with an end that nobody has seen."""
    items = st.lists(strings() | strings() | st.just(MISSING), max_size=5)
    return items.map(tuple) | items.map(CutList)


@cache
def addresses() -> st.SearchStrategy[bytes]:
    """The values of an IP: never an IPv4 address inside IPv6."""
    four = st.sampled_from([b"\x7f\0\0\1", b"\x0a\1\2\3"]) | st.binary(min_size=4, max_size=4)
    six = st.just(bytes(15) + b"\1") | st.binary(min_size=16, max_size=16)
    return four | six.filter(lambda value: not value.startswith(bytes(10) + b"\xff\xff"))


def values(field: Field) -> st.SearchStrategy[Any]:
    """What a slot can have in a row."""
    if field in TEXTS:
        found: st.SearchStrategy[Any] = strings()
    else:
        by_type: dict[Type, st.SearchStrategy[Any]] = {
            Type.S64: signed(), Type.U64: unsigned(), Type.BYTES: buffers(), Type.LIST: lists(),
            Type.IP: addresses(),
        }  # fmt: skip
        found = by_type[field.type]
    return found | found | found | found | st.just(MISSING)


@cache
def rows() -> st.SearchStrategy[ValuesRow]:
    """Rows of any values."""
    return st.tuples(*[values(field) for field in FIELDS]).map(ValuesRow)


_PICK = st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(-1, 1))
_PICKS = st.tuples(*[_PICK for _ in FIELDS])


def cases(expressions: st.SearchStrategy[Expr]) -> st.SearchStrategy[tuple[Expr, ValuesRow]]:
    """(expression, row) with an answer that is more often true than by chance: half of the
    values are like the constants of the expression."""
    return st.builds(_case, expressions, rows(), _PICKS)


def _case(expr: Expr, row: ValuesRow, picks: tuple[Any, ...]) -> tuple[Expr, ValuesRow]:
    constants = [*constants_in(expr)]
    found = [_like(*each, constants) for each in zip(FIELDS, row.values, picks, strict=True)]
    return expr, ValuesRow(tuple(found))


def constants_in(expr: Expr) -> Iterator[int | bytes]:
    """The constants that values may be compared with."""
    if isinstance(expr, Const):
        yield expr.value
    if isinstance(expr, Match):
        yield from expr.constants
    if isinstance(expr, InNetworks):
        yield from (address for address, _ in expr.networks)
    for child in children(expr):
        yield from constants_in(child)


def _like(field: Field, value: Any, pick: tuple[int, int, int], constants: list[Any]) -> Any:
    """The value, or one that is like a constant."""
    which, form, more = pick
    fitting = [c for c in constants if _fits(field, c)]
    if which >= 4 or not fitting:
        return value
    constant = fitting[which % len(fitting)]
    if field.type.is_int:
        return wrapped(constant + more, field.type)
    if field.type is Type.IP:
        return constant
    before, after = ((b"", b""), (b"", b""), (b"/x", b""), (b"", b"a"), (b"a", b"/x"))[form % 5]
    text = (before + constant + after)[: MAX_BYTES - 1]
    if field in BUFFERS:
        return text if form < 6 else Cut(text, len(text) + 1 + which)
    text = text.replace(b"\0", b"a")
    return text if field.type is Type.BYTES else (*value, text) if type(value) is tuple else (text,)


def _fits(field: Field, constant: int | bytes) -> bool:
    if isinstance(constant, int):
        return field.type.is_int
    return len(constant) in (4, 16) if field.type is Type.IP else not field.type.is_int
