# SPDX-License-Identifier: Apache-2.0
"""Actions: what is counted, by what, and what is captured.

In: `count(), sum(ret)`, `comm,path`, `comm,uid,path`, and a Scope. Out: Actions, Keys
and Captures, typed as conditions are. A condition as an amount or a key is 0 or 1.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from faultin.errors import QueryError
from faultin.query.conditions import Conditions
from faultin.query.operands import INT, Operand, Operands, called, path_of, types_of
from faultin.query.scope import Leaf, Scope
from faultin.query.syntax import Text, read
from faultin.query.tree import Const, Expr
from faultin.query.types import Type

MAX_BUCKETS = 1000  # of one lhist


@dataclass(frozen=True, slots=True)
class Action:
    """count, sum, min, max, avg, hist, lhist, quantiles or uniq of an amount.

    An event whose amount is missing does not count. parameters: of lhist lo, hi and
    step, of quantiles the parts between 0 and 1. text: as the user wrote it.
    """

    name: str
    text: str
    amount: Expr | None = None
    parameters: tuple[int | float, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """What is counted by: integers, text, addresses, conditions. `name` as it was written."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Capture:
    """What a notification has. Where plans differ in its type there are several values, of
    which in one call at most one is not missing; a whole structure is its bytes, and
    Slot.kind says of which kind."""

    name: str
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class _Spec:
    """An action: what its amount can be, and what reads its parameters."""

    amount: tuple[Type, ...]
    parameters: Callable[[Text, ast.Call, list[ast.expr]], tuple[int | float, ...]]
    usage: str


def parse_actions(text: str, scope: Scope, part: str = "actions") -> tuple[Action, ...]:
    """At least one action."""
    found = read(text, part)
    return tuple([_action(found, scope, node) for node in _several(found)])


def parse_keys(text: str, scope: Scope, part: str = "keys") -> tuple[Key, ...]:
    """At least one key."""
    found = read(text, part)
    return tuple([_key(found, scope, node) for node in _several(found)])


def parse_captures(text: str, scope: Scope, part: str = "capture") -> tuple[Capture, ...]:
    """At least one capture."""
    found = read(text, part)
    return tuple([_capture(found, scope, node) for node in _several(found)])


def _several(text: Text) -> list[ast.expr]:
    if not isinstance(text.root, ast.Tuple):
        return [text.root]
    if not text.root.elts:
        raise text.error(text.root, "there is no expression")
    return text.root.elts


# Actions


def _action(text: Text, scope: Scope, node: ast.expr) -> Action:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        advice = f"as in count(), sum(ret); there are {', '.join(_SPECS)}"
        raise text.error(node, "expected an action", advice)
    name = node.func.id
    spec = _SPECS.get(name)
    if spec is None:
        like = get_close_matches(name, _SPECS, 1)
        advice = f"did you mean {like[0]}?" if like else f"there are {', '.join(_SPECS)}"
        raise text.error(node, f"there is no action {name}", advice)
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise _misuse(text, node, spec)
    amounts, rest = node.args[: bool(spec.amount)], node.args[bool(spec.amount) :]
    if len(amounts) < bool(spec.amount):
        raise _misuse(text, node, spec)
    parameters = spec.parameters(text, node, rest)
    amount = _value(text, scope, amounts[0], spec.amount) if amounts else None
    return Action(name, text.source(node), amount, parameters)


def _misuse(text: Text, node: ast.Call, spec: _Spec) -> QueryError:
    return text.error(node, f"it is used as {spec.usage}")


def _none(text: Text, node: ast.Call, rest: list[ast.expr]) -> tuple[int | float, ...]:
    if rest:
        assert isinstance(node.func, ast.Name)
        raise _misuse(text, node, _SPECS[node.func.id])
    return ()


def _buckets(text: Text, node: ast.Call, rest: list[ast.expr]) -> tuple[int | float, ...]:
    """lo, hi and step of an lhist."""
    if len(rest) != 3:
        raise _misuse(text, node, _SPECS["lhist"])
    low, high, step = (_number(text, each) for each in rest)
    if high <= low or step <= 0:
        raise text.error(rest[0], "expected lo < hi, and a step above 0")
    if (high - low + step - 1) // step > MAX_BUCKETS:
        raise text.error(rest[2], f"more than {MAX_BUCKETS} buckets", "take a larger step")
    return low, high, step


def _number(text: Text, node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(value)) if type(value) is int:
            pass
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            value = -value
        case _:
            raise text.error(node, "expected a constant integer")
    if not -(1 << 63) <= value < 1 << 63:
        raise text.error(node, "this number does not fit into 64 bits")
    return value


def _parts(text: Text, node: ast.Call, rest: list[ast.expr]) -> tuple[int | float, ...]:
    """The parts of quantiles."""
    if not rest:
        raise _misuse(text, node, _SPECS["quantiles"])
    found: list[float] = []
    for each in rest:
        value = each.value if isinstance(each, ast.Constant) else None
        if not isinstance(value, float) or not 0 < value < 1:
            raise text.error(each, "expected a part between 0 and 1", "as 0.5 for the median")
        found.append(value)
    return tuple(found)


_INTEGER = (INT, Type.BOOL)
_ANY = (INT, Type.BYTES, Type.IP, Type.BOOL)
_SPECS = {
    "count": _Spec((), _none, "count()"),
    "sum": _Spec(_INTEGER, _none, "sum(amount)"),
    "min": _Spec(_INTEGER, _none, "min(amount)"),
    "max": _Spec(_INTEGER, _none, "max(amount)"),
    "avg": _Spec(_INTEGER, _none, "avg(amount)"),
    "hist": _Spec(_INTEGER, _none, "hist(amount)"),
    "lhist": _Spec(_INTEGER, _buckets, "lhist(amount, lo, hi, step)"),
    "quantiles": _Spec(_INTEGER, _parts, "quantiles(amount, 0.5, 0.99)"),
    "uniq": _Spec(_ANY, _none, "uniq(value)"),
}


# Keys and captures


def _key(text: Text, scope: Scope, node: ast.expr) -> Key:
    return Key(text.source(node), _stack(text, scope, node) or _value(text, scope, node, _ANY))


def _capture(text: Text, scope: Scope, node: ast.expr) -> Capture:
    name = text.source(node)
    if stack := _stack(text, scope, node):
        return Capture(name, (stack,))
    conditions = Conditions(scope, text)
    if conditions.is_condition(node):
        return Capture(name, (conditions.condition(node),))
    operand = _field(text, scope, node)
    return Capture(name, tuple(conditions.values(operand)))


def _value(text: Text, scope: Scope, node: ast.expr, expected: tuple[Type, ...]) -> Expr:
    """A value of one of these types, the same in all plans."""
    conditions = Conditions(scope, text)
    if Type.BOOL in expected and conditions.is_condition(node):
        return conditions.condition(node)
    operand = _field(text, scope, node)
    can_be = [type_ for type_ in expected if type_ in types_of(operand)]
    if isinstance(operand, Leaf) and len(can_be) > 1:
        raise _differs(text, node, operand)
    type_ = can_be[0] if can_be else expected[0]
    return Operands(scope, text, frozenset()).settle(operand, type_, node)


def _field(text: Text, scope: Scope, node: ast.expr) -> Operand:
    operand = Operands.of(scope, text, node).operand(node)
    if isinstance(operand, Const):
        raise text.error(node, "a constant, where a field is expected")
    return operand


def _differs(text: Text, node: ast.expr, leaf: Leaf) -> QueryError:
    """A key or an amount has one type."""
    ways = {INT: f"{leaf.name} + 0", Type.BYTES: f"{leaf.name}[:64]"}
    advice = " or ".join(way for type_, way in ways.items() if type_ in leaf.choices)
    why = f"{leaf.name} is {called(leaf.choices)}, depending on the call"
    return text.error(node, why, f"say which, as {advice}")


def _stack(text: Text, scope: Scope, node: ast.expr) -> Expr | None:
    """ustack, which is not a value but for keys and captures."""
    path = path_of(node)
    if path != ("ustack",):
        return None
    return scope.take(scope.look_up(path), Type.STACK)
