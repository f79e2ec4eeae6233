# SPDX-License-Identifier: Apache-2.0
"""What holds for any expression in any row."""

import ast
from ctypes import c_int64, c_uint64
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from query_strategies import (
    FIELDS, SCOPE, ValuesRow, cases, comparisons, conditions, in_networks, integers, matches, rows,
)  # fmt: skip

from faultin.query.early import inputs_only
from faultin.query.evaluate import compiled, decided, evaluate
from faultin.query.operands import Operands
from faultin.query.printing import printed
from faultin.query.query import parse_where
from faultin.query.rows import EarlyRow
from faultin.query.syntax import read
from faultin.query.tree import (
    And, Compare, Const, Expr, InNetworks, Match, Matching, Missing, Not, Or, Relation, Unknown,
    children, slots,
)  # fmt: skip
from faultin.query.types import MISSING, Type

MORE = settings(max_examples=300, deadline=None)
NAMES = {field.name: field.slot for field in FIELDS}


@MORE
@given(conditions())
def test_a_condition_that_was_printed_parses_to_itself(expr):
    assert parse_where(printed(expr), SCOPE) == expr


@MORE
@given(integers())
def test_an_integer_that_was_printed_parses_to_itself(expr):
    text = read(printed(expr), "query")
    found = Operands(SCOPE, text, frozenset()).operand(text.root)
    found = found if not hasattr(found, "choices") else SCOPE.take(found, Type.S64)
    assert found == expr


def naive(node, row):
    """(value, is_unsigned) of Python's own syntax, with C's integers; None for missing."""
    match node:
        case ast.Constant():
            return node.value, None
        case ast.Name():
            value = row.value(NAMES[node.id])
            return None if value is MISSING else value, node.id in ("len", "cgroup")
        case ast.UnaryOp():
            value, kind = naive(node.operand, row)
            return None if value is None else -value, kind
        case ast.Call():
            value = evaluate(parse_length(node), row)
            return None if value is MISSING else value, False
    (left, of_left), (right, of_right) = naive(node.left, row), naive(node.right, row)
    kinds = {of_left, of_right} - {None}
    if not kinds:
        raise AssertionError("constants were folded")
    unsigned = kinds == {True}
    if left is None or right is None:
        return None, unsigned
    c_type = c_uint64 if unsigned else c_int64
    left, right = c_type(left).value, c_type(right).value
    value = calculate(type(node.op), left, right)
    return None if value is None else c_type(value).value, unsigned


def parse_length(node):
    text = read(ast.unparse(node), "query")
    return Operands(SCOPE, text, frozenset()).operand(text.root)


def calculate(op, left, right):
    if op in (ast.FloorDiv, ast.Mod):
        if right == 0:
            return None
        return left // right if op is ast.FloorDiv else left - right * (left // right)
    if op in (ast.LShift, ast.RShift):
        if right not in range(64):
            return None
        return left * 2**right if op is ast.LShift else left // 2**right
    return {
        ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right,
        ast.BitAnd: left & right, ast.BitOr: left | right, ast.BitXor: left ^ right,
    }[op]  # fmt: skip


@MORE
@given(cases(integers()))
def test_integers_are_those_of_c_with_the_division_of_python(case):
    expr, row = case
    if isinstance(expr, Const):
        return
    value, _ = naive(ast.parse(printed(expr), mode="eval").body, row)
    assert evaluate(expr, row) == (MISSING if value is None else value)


@MORE
@given(cases(integers()))
def test_an_integer_is_in_the_range_of_its_type(case):
    expr, row = case
    value = evaluate(expr, row)
    if value is not MISSING:
        assert 0 <= value < 1 << 64 if expr.type is Type.U64 else -(1 << 63) <= value < 1 << 63


def absent(row, used):
    return ValuesRow(tuple(MISSING if i in used else value for i, value in enumerate(row.values)))


@MORE
@given(cases(integers()))
def test_what_is_made_of_something_missing_is_missing(case):
    expr, row = case
    for slot in slots(expr):
        assert evaluate(expr, absent(row, {slot})) is MISSING


@MORE
@given(cases(conditions()))
def test_a_condition_is_true_or_false_and_never_missing(case):
    expr, row = case
    assert type(evaluate(expr, row)) is bool


def singles(expr):
    if isinstance(expr, And | Or | Not):
        return [found for child in children(expr) for found in singles(child)]
    return [expr]


@MORE
@given(cases(conditions()))
def test_a_comparison_with_something_missing_is_false(case):
    expr, row = case
    for each in singles(expr):
        for slot in slots(each):
            assert evaluate(each, absent(row, {slot})) is isinstance(each, Missing)


@MORE
@given(cases(conditions()))
def test_not_is_the_opposite_and_missing_says_what_is(case):
    expr, row = case
    assert evaluate(Not(expr), row) is not evaluate(expr, row)
    for slot, value in enumerate(row.values):
        assert evaluate(Missing(FIELDS[slot]), row) is (value is MISSING)


LATE = st.frozensets(st.integers(0, len(FIELDS) - 1))


@MORE
@given(cases(conditions()), LATE, st.lists(rows(), min_size=1, max_size=3))
def test_what_is_decided_early_holds_whatever_the_call_returns(case, late, others):
    expr, row = case
    early = decided(inputs_only(expr, late))(row)
    assert decided(expr)(EarlyRow(row, late)) is early
    for other in [row, *others]:
        mixed = [other.values[i] if i in late else value for i, value in enumerate(row.values)]
        full = compiled(expr)(ValuesRow(tuple(mixed)))
        assert early is None or early is full
    if not slots(expr) & late:
        assert early is evaluate(expr, row)


def test_early_is_not_always_undecided():
    """Kleene's logic: what is false decides an `and`, what is true an `or`."""
    expr = parse_where('path == "/a" and ret < 0', SCOPE)
    late = frozenset([NAMES["ret"]])
    row = ValuesRow(tuple(b"/b" if field.name == "path" else MISSING for field in FIELDS))
    assert decided(inputs_only(expr, late))(row) is False
    either = parse_where('path == "/b" or ret < 0', SCOPE)
    assert decided(inputs_only(either, late))(row) is True
    assert decided(inputs_only(Not(expr), late))(row) is True
    assert decided(inputs_only(parse_where("ret < 0", SCOPE), late))(row) is None


def node_kinds(expr: Expr) -> set[type]:
    return {type(expr)}.union(*[node_kinds(child) for child in children(expr)])


def some(expressions, count):
    """The same cases in every run."""
    found = []

    @settings(max_examples=count, deadline=None, database=None, derandomize=True)
    @given(cases(expressions))
    def look(case):
        found.append(case)

    look()
    return found


def test_the_strategies_make_every_node_and_both_answers():
    """A generator that makes nothing would let everything pass."""
    kinds = {kind for expr, _ in some(conditions(), 400) for kind in node_kinds(expr)}
    assert kinds == set(get_args(Expr)) - {Unknown}
    answers: set[object] = set()
    for expr, row in [*some(comparisons(), 800), *some(matches(), 500), *some(in_networks(), 50)]:
        answer = evaluate(expr, row)
        match expr:
            case Compare():
                is_text = expr.left.type is Type.BYTES
                answers |= {(expr.relation, is_text, answer), (expr.left.type, answer)}
            case Match():
                answers.add((expr.how, answer))
            case InNetworks():
                answers.add((InNetworks, answer))
    wanted: set[object] = set()
    for answer in (True, False):
        wanted |= {(kind, answer) for kind in (Type.S64, Type.U64, InNetworks, *Matching)}
        wanted |= {(relation, False, answer) for relation in Relation}
        wanted |= {(relation, True, answer) for relation in (Relation.EQ, Relation.NE)}
    assert wanted - answers == set()
