# SPDX-License-Identifier: Apache-2.0
"""Operands: the values in an expression, typed.

In: nodes of Python's syntax, and a Scope. Out: an Operand: an expression, or a Leaf
whose type is still open, since it differs between plans; `settle` decides it by what is
expected there. Invariant: an integer constant has the type of what it is combined with.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from faultin.errors import QueryError
from faultin.query.arithmetic import CannotFold, binary
from faultin.query.fields import ARGUMENTS, COMMON, Path
from faultin.query.names import Ambiguous, constant, near
from faultin.query.refusals import no_value
from faultin.query.scope import Leaf, Scope, spelled
from faultin.query.syntax import Text
from faultin.query.tree import Arithmetic, Const, Expr, Item, Length, Slice
from faultin.query.types import MAX_BYTES, Type, type_of_number

Operand = Expr | Leaf
INT = Type.S64  # stands for both where a type is expected
_INDEX_MAX = 1 << 31

_OPERATORS = {
    ast.Add: Arithmetic.ADD, ast.Sub: Arithmetic.SUB, ast.Mult: Arithmetic.MUL,
    ast.FloorDiv: Arithmetic.DIV, ast.Mod: Arithmetic.MOD, ast.BitAnd: Arithmetic.AND,
    ast.BitOr: Arithmetic.OR, ast.BitXor: Arithmetic.XOR, ast.LShift: Arithmetic.LEFT,
    ast.RShift: Arithmetic.RIGHT,
}  # fmt: skip


def path_of(node: ast.expr) -> Path | None:
    """NAME.NAME[3].NAME as a path; None for anything else."""
    match node:
        case ast.Name():
            return (node.id,)
        case ast.Attribute():
            base = path_of(node.value)
            return base and (*base, node.attr)
        case ast.Subscript(slice=ast.Constant(value=int(index))) if type(index) is int:
            base = path_of(node.value)
            return base and (*base, index)
    return None


def types_of(operand: Operand) -> set[Type]:
    """What an operand can be; S64 for all integers."""
    if isinstance(operand, Leaf):
        return set(operand.choices)
    return {INT if operand.type.is_int else operand.type}


def called(types: Iterable[Type]) -> str:
    """How an error calls types: "text or a list"."""
    return " or ".join([type_.value for type_ in Type if type_ in set(types)])


@dataclass
class Operands:
    """Types the values of one condition. `kinds`: of the fields in it, by which names of
    constants are understood."""

    scope: Scope
    text: Text
    kinds: frozenset[str]

    @classmethod
    def of(cls, scope: Scope, text: Text, node: ast.expr) -> "Operands":
        """For all that is in `node`."""
        nodes = [each for each in ast.walk(node) if isinstance(each, ast.expr)]
        paths = [path for each in nodes if (path := path_of(each))]
        kinds = {kind for path in paths for kind in scope.look_up(path).kinds}
        return cls(scope, text, frozenset(kinds))

    def operand(self, node: ast.expr) -> Operand:
        """A value; conditions are none."""
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name() | ast.Attribute():
                return self._path(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.BinOp():
                return self._binary(node)
            case ast.UnaryOp(op=ast.USub()):
                return self._fold(node, Arithmetic.SUB, Const(INT, 0), self.integer(node.operand))
            case ast.UnaryOp(op=ast.Invert()):
                return self._fold(node, Arithmetic.XOR, self.integer(node.operand), Const(INT, -1))
            case ast.UnaryOp(op=ast.UAdd()):
                return self.integer(node.operand)
            case ast.Call(func=ast.Name(id="len")):
                return self._length(node)
        raise no_value(self.text, node)

    def integer(self, node: ast.expr) -> Expr:
        return self.settle(self.operand(node), INT, node)

    def settle(self, operand: Operand, type_: Type, node: ast.expr) -> Expr:
        """The operand as the type that is expected, or an error."""
        if type_ not in types_of(operand):
            raise self.unlike(operand, (type_,), node)
        return self.scope.take(operand, type_) if isinstance(operand, Leaf) else operand

    def field(self, node: ast.expr, *expected: Type) -> Expr:
        """A value of the first of these types that it can have, and that is no constant."""
        operand = self.operand(node)
        if isinstance(operand, Const):
            raise self.text.error(node, "a constant, where a field is expected")
        type_ = next((type_ for type_ in expected if type_ in types_of(operand)), None)
        if type_ is None:
            raise self.unlike(operand, expected, node)
        return self.settle(operand, type_, node)

    # Errors

    def unlike(
        self, operand: Operand, expected: Iterable[Type], node: ast.expr, advice: str = ""
    ) -> QueryError:
        """An operand that is of none of the expected types."""
        if isinstance(operand, Leaf) and not operand.choices:
            advice = next(iter(operand.wholes.values())).advice
            return self.text.error(node, f"{operand.name} is a whole structure", advice)
        is_, wanted = called(types_of(operand)), called(expected)
        if wanted == INT.value and Type.BYTES in types_of(operand):
            advice = "len() of it is an integer"
        return self.text.error(node, f"expected {wanted}, this is {is_}", advice)

    # Constants

    def _constant(self, node: ast.Constant) -> Const:
        value = node.value
        if type(value) is int:
            return self._number(node, value)
        if isinstance(value, str | bytes):
            return Const(Type.BYTES, self.bytes_of(node, value))
        advice = "missing(x) asks whether there is a value" if value is None else ""
        what = self.text.source(node)
        raise self.text.error(node, f"expected an integer or text, this is {what}", advice)

    def bytes_of(self, node: ast.expr, value: str | bytes) -> bytes:
        """A text constant, in UTF-8."""
        try:
            data = value.encode() if isinstance(value, str) else value
        except UnicodeEncodeError:
            raise self.text.error(node, "that is not UTF-8", r'write bytes, as b"\xff"') from None
        if len(data) > MAX_BYTES:
            why = f"text of {len(data)} bytes, and a query looks at {MAX_BYTES}"
            raise self.text.error(node, why)
        return data

    def _number(self, node: ast.expr, value: int) -> Const:
        try:
            return Const(type_of_number(value), value)
        except OverflowError:
            raise self.text.error(node, "this number does not fit into 64 bits") from None

    def named(self, node: ast.expr, name: str) -> int | None:
        """The number of a constant; None if there is none of that name."""
        try:
            return constant(name, self.kinds)
        except Ambiguous as found:
            values = ", ".join(f"{value:#x} of {kind}" for kind, value in found.named.items())
            advice = "write the number"
            raise self.text.error(node, f"{name} can be {values}", advice) from None

    # Fields

    def _path(self, node: ast.Name | ast.Attribute) -> Operand:
        path = path_of(node)
        if path is None:
            raise self.text.error(node, "only fields have parts", "as in addr.port, ufds[0].fd")
        leaf = self.scope.look_up(path)
        if leaf.exists:
            if Type.STACK in leaf.choices:
                raise self.text.error(node, f"{leaf.name} can only be a key or a capture")
            return leaf
        value = self.named(node, str(path[0])) if len(path) == 1 else None
        if value is None:
            raise self.unknown(node, path)
        return self._number(node, value)

    def unknown(self, node: ast.expr, path: Path) -> QueryError:
        """Why a path is nothing, and what may be meant."""
        refused = self.scope.look_up(path).refused
        if refused:
            like = get_close_matches(str(path[-1]), refused.near, 1)
            advice = f"did you mean {like[0]}?" if like else refused.advice
            if isinstance(node, ast.Attribute):
                return self.text.error_behind(node.value, refused.why, advice)
            return self.text.error(node, refused.why, advice)
        if calls := self.scope.elsewhere(path):
            some = ", ".join(calls[:3]) + (", ..." if len(calls) > 3 else "")
            why = f"no traced call has {spelled(path)}"
            return self.text.error(node, why, f"{some} {'have' if calls[1:] else 'has'} it: see -e")
        name = str(path[1] if path[0] == ARGUMENTS and len(path) > 1 else path[0])
        known = self.scope.traced_names()
        like = get_close_matches(name, known, 1) or [near(name, self.kinds)]
        advice = f"did you mean {like[0]}?" if like[0] else f"there are {', '.join(COMMON)}"
        return self.text.error(node, f"there is no field or constant {name}", advice)

    def unknown_constant(self, node: ast.expr, name: str) -> QueryError:
        """A text beside a number that is no name of one."""
        like = near(name, self.kinds)
        advice = f"did you mean {like}?" if like else "numbers are written without quotes"
        return self.text.error(node, f"there is no constant {name}", advice)

    # Parts of values

    def _subscript(self, node: ast.Subscript) -> Operand:
        path = path_of(node)
        leaf = self.scope.look_up(path) if path else None
        if leaf and leaf.exists:
            return leaf
        if path and leaf and leaf.refused and not leaf.refused.is_base:
            raise self.unknown(node, path)
        subject = self.field(node.value, Type.BYTES, Type.LIST)
        if isinstance(node.slice, ast.Slice):
            return self._slice(node.slice, self.settle(subject, Type.BYTES, node.value))
        index = self._index(node.slice)
        if subject.type is Type.LIST:
            if index < 0:
                raise self.text.error(node.slice, "a list counts from its front", "as in argv[0]")
            return Item(subject, index)
        return Slice(subject, index, index + 1 if index != -1 else None)

    def _slice(self, node: ast.Slice, subject: Expr) -> Expr:
        if node.step is not None:
            raise self.text.error(node.step, "a slice has no step here")
        start = self._index(node.lower) if node.lower else None
        return Slice(subject, start, self._index(node.upper) if node.upper else None)

    def _index(self, node: ast.expr) -> int:
        found = self.operand(node)
        if not isinstance(found, Const) or not isinstance(found.value, int):
            raise self.text.error(node, "expected a constant integer", 'as in path[:5] == "/etc/"')
        if not -_INDEX_MAX < found.value < _INDEX_MAX:
            raise self.text.error(node, "this index is too large")
        return found.value

    def _length(self, node: ast.Call) -> Expr:
        return Length(self.field(self.only_argument(node), Type.BYTES, Type.LIST))

    def only_argument(self, node: ast.Call) -> ast.expr:
        """The one argument of a call."""
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            name = self.text.source(node.func)
            raise self.text.error(node, f"{name}() takes one argument")
        return node.args[0]

    # Arithmetic

    def _binary(self, node: ast.BinOp) -> Expr:
        op = _OPERATORS.get(type(node.op))
        if op is None:
            advice = "use // , which gives an integer" if isinstance(node.op, ast.Div) else ""
            what = {ast.Div: "/", ast.Pow: "**", ast.MatMult: "@"}[type(node.op)]
            raise self.text.error_behind(node.left, f"there is no operator {what}", advice)
        return self._fold(node, op, self.integer(node.left), self.integer(node.right))

    def _fold(self, node: ast.expr, op: Arithmetic, left: Expr, right: Expr) -> Expr:
        try:
            return binary(op, left, right)
        except CannotFold as error:
            raise self.text.error(node, str(error)) from None

