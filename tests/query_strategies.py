# SPDX-License-Identifier: Apache-2.0
"""Typed expressions, and rows to evaluate them in, for hypothesis.

Every back end is tested with these: `cases(conditions())` gives expressions and rows.
The fields are those of real calls (TRACED), so that an expression can be printed and
parsed again in SCOPE.
"""

from functools import cache

from hypothesis import strategies as st
from query_values import (
    ADDRESSES, BUFFERS, FIELDS, LISTS, PLANS, SCOPE, SIGNED, TABLE, TEXTS, TRACED, UNSIGNED,
    ValuesRow, cases, near, query, rows, signed, text, unsigned,
)  # fmt: skip

from faultin.query.arithmetic import CannotFold, binary, constant
from faultin.query.comparing import all_of, any_of, present_and_not
from faultin.query.networks import network
from faultin.query.tree import (
    Arithmetic, Compare, Const, Expr, InNetworks, Item, Length, Match, Matching, Missing, Not,
    Relation, Slice,
)  # fmt: skip
from faultin.query.types import MAX_BYTES, Type, type_of_number

__all__ = [
    "FIELDS", "PLANS", "SCOPE", "TABLE", "TRACED", "ValuesRow", "bytes_values", "cases",
    "comparisons", "conditions", "in_networks", "integers", "matches", "missings", "patterns",
    "query", "rows", "text",
]  # fmt: skip


# Values


@cache
def numbers() -> st.SearchStrategy[Const]:
    """Integer constants."""
    return (signed() | unsigned()).map(lambda value: Const(type_of_number(value), value))


@cache
def _lengths() -> st.SearchStrategy[Expr]:
    return st.builds(Length, bytes_values() | st.sampled_from(LISTS))


@cache
def integers() -> st.SearchStrategy[Expr]:
    """Integer expressions, constants among them."""
    leaves = st.sampled_from([*SIGNED, *UNSIGNED]) | numbers() | _lengths()
    return st.recursive(leaves, _binaries, max_leaves=4)


def _binaries(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    """Most of which have a value: a shift by just anything, or a long sum of fields that
    may be missing, has none."""
    shifts = st.sampled_from([Arithmetic.LEFT, Arithmetic.RIGHT])
    by_few = st.builds(_folded, shifts, inner, near([1, 8, 31, 62]).map(_const))
    others = [op for op in Arithmetic if op not in (Arithmetic.LEFT, Arithmetic.RIGHT)]
    with_one = st.builds(_folded, st.sampled_from(others), inner, numbers())
    any_two = st.builds(_folded, st.sampled_from(Arithmetic), inner, inner)
    return with_one | by_few | any_two


def _const(value: int) -> Const:
    return Const(type_of_number(value), value)


def _folded(op: Arithmetic, left: Expr, right: Expr) -> Expr:
    """left op right; left alone where two constants have no result, or a huge one."""
    try:
        return binary(op, left, right)
    except CannotFold:
        return left


@cache
def bytes_values() -> st.SearchStrategy[Expr]:
    """Expressions of type BYTES that are no constants."""
    items = st.builds(Item, st.sampled_from(LISTS), st.integers(0, 4))
    leaves = st.sampled_from([*TEXTS, *BUFFERS]) | items
    far = st.sampled_from([-MAX_BYTES, MAX_BYTES, MAX_BYTES + 3])
    bounds = st.none() | st.integers(-6, 12) | far
    return leaves | leaves | st.builds(Slice, leaves, bounds, bounds)


# Conditions


def _numeric(relation: Relation, left: Expr, right: Expr) -> Expr:
    return Compare(relation, _beside(left, right), _beside(right, left))


def _beside(side: Expr, other: Expr) -> Expr:
    if isinstance(side, Const) and isinstance(side.value, int):
        return constant(side.value, other.type)
    return side


def _is_const(expr: Expr) -> bool:
    return isinstance(expr, Const)


def _fields_only(found: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return found.filter(lambda expr: not _is_const(expr))


@cache
def comparisons() -> st.SearchStrategy[Expr]:
    """Of integers, and of bytes."""
    relations, equal = st.sampled_from(Relation), st.sampled_from([Relation.EQ, Relation.NE])
    some = _fields_only(integers())
    numeric = st.builds(_numeric, relations, some, integers())
    turned = st.builds(_numeric, relations, numbers(), some)
    constants = text().map(lambda value: Const(Type.BYTES, value))
    others = bytes_values() | constants
    plain = st.sampled_from([*SIGNED, *UNSIGNED])
    plain_ones = st.builds(_numeric, relations, plain, plain | numbers())
    return numeric | plain_ones | turned | st.builds(Compare, equal, bytes_values(), others)


@cache
def patterns() -> st.SearchStrategy[bytes]:
    """For glob."""
    sets = [b"[ab]", b"[!a]", b"[a-", b"[]]", b"[", b"]"]
    parts = [b"*", b"?", b"/etc/", b"a", b"/", b"\xff", *sets]
    return st.lists(st.sampled_from(parts), max_size=6).map(b"".join) | text(8)


@cache
def matches() -> st.SearchStrategy[Expr]:
    """Match, of all its kinds."""
    one = st.tuples(text(8))
    some = st.lists(text(8), min_size=1, max_size=3).map(tuple)
    affix = st.sampled_from([Matching.PREFIX, Matching.SUFFIX])
    return (
        st.builds(Match, st.just(Matching.CONTAINS), bytes_values(), one)
        | st.builds(Match, affix, bytes_values(), some)
        | st.builds(Match, st.just(Matching.GLOB), bytes_values(), st.tuples(patterns()))
        | st.builds(Match, st.just(Matching.ITEM), st.sampled_from(LISTS), one)
    )


@cache
def networks() -> st.SearchStrategy[tuple[bytes, int]]:
    known = ["10.0.0.0/8", "127.0.0.1", "0.0.0.0/0", "128.0.0.0/1", "10.1.2.0/31"]
    known += ["::1", "::/0", "fe80::/10"]
    return st.sampled_from(known).map(network)


@cache
def in_networks() -> st.SearchStrategy[Expr]:
    found = st.lists(networks(), min_size=1, max_size=3).map(tuple)
    return st.builds(InNetworks, st.sampled_from(ADDRESSES), found)


@cache
def missings() -> st.SearchStrategy[Expr]:
    return st.builds(Missing, st.sampled_from(FIELDS) | bytes_values() | _fields_only(integers()))


@cache
def conditions() -> st.SearchStrategy[Expr]:
    """Expressions of type BOOL: what a query filters by."""
    single = comparisons() | matches() | in_networks() | missings()
    negatable = matches() | in_networks()
    negated = negatable.map(lambda expr: present_and_not(_subject(expr), expr))

    def joined(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
        several = st.lists(inner, min_size=2, max_size=4)
        both, either = several.map(lambda e: all_of(*e)), several.map(lambda e: any_of(*e))
        return both | either | inner.map(Not)

    return st.recursive(single | negated, joined, max_leaves=6)


def _subject(expr: Expr) -> Expr:
    assert isinstance(expr, Match | InNetworks)
    return Length(expr.subject) if expr.subject.type is Type.LIST else expr.subject
