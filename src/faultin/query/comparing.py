# SPDX-License-Identifier: Apache-2.0
"""Comparing: two operands, and what holds between them.

In: Operands, whose types may be open. Out: a condition, once a type is found that both
can have. A text constant is understood by what it stands beside: bytes, an address, or
the name of a number.
"""

import ast
from collections.abc import Iterable
from difflib import get_close_matches

from faultin.query.arithmetic import constant
from faultin.query.networks import NoNetwork, address, network
from faultin.query.operands import INT, Operand, Operands, types_of
from faultin.query.tree import (
    And, Compare, Const, Expr, Field, InNetworks, Missing, Not, Or, Relation,
)  # fmt: skip
from faultin.query.types import Type

_COMPARABLE = (INT, Type.BYTES, Type.IP)
Side = tuple[Operand, ast.expr]


def all_of(*conditions: Expr) -> Expr:
    """All of them, in one And."""
    flat = _flat(And, conditions)
    return And(flat) if len(flat) > 1 else flat[0]


def any_of(*conditions: Expr) -> Expr:
    """Any of them, in one Or."""
    flat = _flat(Or, conditions)
    return Or(flat) if len(flat) > 1 else flat[0]


def _flat(of: type[And] | type[Or], conditions: Iterable[Expr]) -> tuple[Expr, ...]:
    """The operands of those that are of one kind, in their place."""
    found: list[Expr] = []
    for each in conditions:
        found += each.operands if isinstance(each, of) else (each,)
    return tuple(found)


def present_and_not(subject: Expr, condition: Expr) -> Expr:
    """The opposite of a condition, but false too if its subject is missing."""
    return all_of(Not(Missing(subject)), Not(condition))


def compare(operands: Operands, relation: Relation, left: Side, right: Side) -> Expr:
    """left relation right; the nodes of the two are for errors."""
    if isinstance(left[0], Const) and isinstance(right[0], Const):
        raise operands.text.error(left[1], "this compares two constants")
    type_ = _common(operands, left, right)
    if type_ is Type.IP:
        return _addresses(operands, relation, left, right)
    if type_ is Type.BYTES:
        return _texts(operands, relation, left, right)
    return _numbers(operands, relation, left, right)


def _types(side: Operand, other: Operand) -> set[Type]:
    """What a side can be. Text can be an address or the name of a number, too."""
    found = types_of(side)
    if isinstance(side, Const) and found == {Type.BYTES} and Type.BYTES not in types_of(other):
        found |= {INT, Type.IP}
    return found


def _common(operands: Operands, left: Side, right: Side) -> Type:
    both = _types(left[0], right[0]) & _types(right[0], left[0])
    type_ = next((type_ for type_ in _COMPARABLE if type_ in both), None)
    if type_ is not None:
        return type_
    given, wrong = (right, left) if isinstance(left[0], Const) else (left, right)
    expected = [type_ for type_ in _COMPARABLE if type_ in types_of(given[0])]
    if not expected:
        advice = 'as in "-la" in argv, argv[0] == "ls"' if Type.LIST in types_of(given[0]) else ""
        raise operands.unlike(given[0], _COMPARABLE, given[1], advice)
    raise operands.unlike(wrong[0], expected, wrong[1])


# Numbers


def _numbers(operands: Operands, relation: Relation, left: Side, right: Side) -> Expr:
    sides = [_number(operands, side) for side in (left, right)]
    if isinstance(sides[0], Const) and isinstance(sides[1], Const):
        raise operands.text.error(left[1], "this compares two constants")
    exact = relation in (Relation.EQ, Relation.NE)
    first, second = (
        _beside(operands, side, other, exact) for side, other in (sides, reversed(sides))
    )
    return Compare(relation, first, second)


def _number(operands: Operands, side: Side) -> Expr:
    operand, node = side
    if not isinstance(operand, Const) or isinstance(operand.value, int):
        return operands.settle(operand, INT, node)
    name = operand.value.decode(errors="replace")
    value = operands.named(node, name)
    if value is None:
        raise operands.unknown_constant(node, name)
    return Const(INT, value)


def _beside(operands: Operands, side: Expr, other: Expr, exact: bool) -> Expr:
    """A constant as the number beside it has it: a uid of -1 is 0xffffffff."""
    if not isinstance(side, Const) or not isinstance(side.value, int):
        return side
    value = side.value
    layout = operands.scope.slots[other.slot].bits if isinstance(other, Field) else None
    if exact and layout and layout[0] < 64:
        bits, signed = layout
        if -(1 << bits - 1) <= value < 1 << bits:
            value %= 1 << bits
            value -= (1 << bits) * (signed and value >= 1 << bits - 1)
    return constant(value, other.type)


# Text


def _texts(operands: Operands, relation: Relation, left: Side, right: Side) -> Expr:
    first, second = (operands.settle(side, Type.BYTES, node) for side, node in (left, right))
    if relation not in (Relation.EQ, Relation.NE):
        why = f"text has no order: {relation.value} is for integers"
        raise operands.text.error_behind(left[1], why)
    for side, (other, node) in ((first, right), (second, left)):
        if isinstance(side, Field) and side.name == "syscall" and isinstance(other, Const):
            _check_call(operands, node, other)
    return Compare(relation, first, second)


def _check_call(operands: Operands, node: ast.expr, name: Const) -> None:
    """A call that is not traced is never seen."""
    assert isinstance(name.value, bytes)
    traced = {plan.syscall.name for plan in operands.scope.plans.plans.values()}
    wanted = name.value.decode(errors="replace")
    if wanted not in traced:
        like = get_close_matches(wanted, traced, 1)
        advice = f"did you mean {like[0]}?" if like else "see -e"
        raise operands.text.error(node, f"no traced call is named {wanted}", advice)


# Addresses


def _addresses(operands: Operands, relation: Relation, left: Side, right: Side) -> Expr:
    constant, subject = (left, right) if isinstance(left[0], Const) else (right, left)
    if not isinstance(constant[0], Const):
        raise operands.text.error(right[1], "an address is compared with a constant only")
    if relation not in (Relation.EQ, Relation.NE):
        why = f"addresses have no order: {relation.value} is for integers"
        raise operands.text.error_behind(left[1], why, 'as in addr.ip in "10.0.0.0/8"')
    return in_networks(operands, subject, [constant[1]], relation is Relation.NE, exact=True)


def in_networks(
    operands: Operands, subject: Side, nodes: list[ast.expr], negated: bool, exact: bool = False
) -> Expr:
    """Whether an address is in networks, or (exact) is the address, that constants name."""
    found = []
    for node in nodes:
        value = operands.operand(node)
        if not isinstance(value, Const) or not isinstance(value.value, bytes):
            raise operands.text.error(node, "expected an address or a network, as text")
        try:
            found.append((address if exact else network)(value.value.decode(errors="replace")))
        except NoNetwork as error:
            raise operands.text.error(node, str(error), error.advice) from None
    field = operands.settle(subject[0], Type.IP, subject[1])
    condition = InNetworks(field, tuple(found))
    return present_and_not(field, condition) if negated else condition
