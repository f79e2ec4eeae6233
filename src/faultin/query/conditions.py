# SPDX-License-Identifier: Apache-2.0
"""Conditions: what is true or false in an expression, typed.

In: nodes of Python's syntax, and a Scope. Out: an expression of type BOOL. What Python
writes in many ways becomes few nodes: `not in`, tuples and chained comparisons are made
of Compare, Match, InNetworks, Missing, And, Or and Not.
"""

import ast
from dataclasses import dataclass

from faultin.query.comparing import Side, all_of, any_of, compare, in_networks, present_and_not
from faultin.query.operands import INT, Operand, Operands, types_of
from faultin.query.refusals import METHODS, no_function
from faultin.query.scope import Leaf, Scope
from faultin.query.syntax import Text
from faultin.query.tree import (
    Const, Expr, Length, Match, Matching, Missing, Not, Relation,
)  # fmt: skip
from faultin.query.types import Type

_RELATIONS = {
    ast.Eq: Relation.EQ, ast.NotEq: Relation.NE, ast.Lt: Relation.LT, ast.LtE: Relation.LE,
    ast.Gt: Relation.GT, ast.GtE: Relation.GE,
}  # fmt: skip
_MANY = (ast.Tuple, ast.List, ast.Set)


@dataclass
class Conditions:
    """Types the conditions of one text."""

    scope: Scope
    text: Text

    def condition(self, node: ast.expr) -> Expr:
        """A node where a condition is expected; an integer there means that it is not 0."""
        match node:
            case ast.BoolOp(op=ast.And()):
                return all_of(*[self.condition(value) for value in node.values])
            case ast.BoolOp():
                return any_of(*[self.condition(value) for value in node.values])
            case ast.UnaryOp(op=ast.Not()):
                return Not(self.condition(node.operand))
        return self._single(node, Operands.of(self.scope, self.text, node))

    def is_condition(self, node: ast.expr) -> bool:
        """Whether a node is a condition by its form."""
        match node:
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return True
            case ast.Call(func=ast.Name(id="glob" | "missing")):
                return True
            case ast.Call(func=ast.Attribute(attr=name)):
                return name in METHODS
        return False

    def _single(self, node: ast.expr, operands: Operands) -> Expr:
        """A condition without conditions in it."""
        match node:
            case ast.Compare():
                return self._chain(node, operands)
            case ast.Call(func=ast.Name(id="missing")):
                return self._missing(node, operands)
            case ast.Call(func=ast.Name(id="glob")):
                return self._glob(node, operands)
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith")):
                return self._affix(node, operands)
            case ast.Call() if not (isinstance(node.func, ast.Name) and node.func.id == "len"):
                raise no_function(self.text, node.func)
        operand = operands.operand(node)
        if isinstance(operand, Const):
            raise self.text.error(node, "expected a condition, this is a constant")
        if INT not in types_of(operand):
            advice = "compare it, or ask missing() of it"
            raise operands.unlike(operand, [Type.BOOL], node, advice)
        return compare(operands, Relation.NE, (operand, node), (Const(INT, 0), node))

    # Comparisons

    def _chain(self, node: ast.Compare, operands: Operands) -> Expr:
        """a < b < c is a < b and b < c."""
        nodes = [node.left, *node.comparators]
        pairs = zip(nodes[:-1], node.ops, nodes[1:], strict=True)
        return all_of(*[self._pair(operands, left, op, right) for left, op, right in pairs])

    def _pair(self, operands: Operands, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Expr:
        if isinstance(op, ast.In | ast.NotIn):
            return self._in(operands, left, right, isinstance(op, ast.NotIn))
        if isinstance(op, ast.Is | ast.IsNot):
            raise self.text.error_behind(left, "`is` compares nothing here", "use == or missing()")
        if isinstance(right, _MANY):
            raise self.text.error(right, "a list of values can only stand after `in`")
        sides = ((operands.operand(left), left), (operands.operand(right), right))
        return compare(operands, _RELATIONS[type(op)], *sides)

    def _in(self, operands: Operands, left: ast.expr, right: ast.expr, negated: bool) -> Expr:
        subject = (operands.operand(left), left)
        if isinstance(right, _MANY):
            return self._one_of(operands, subject, right, negated)
        container = operands.operand(right)
        if isinstance(container, Const):
            return self._in_constant(operands, subject, right, negated)
        needle = subject[0]
        if not isinstance(needle, Const) or not isinstance(needle.value, bytes):
            why = "expected a text constant before `in`"
            raise self.text.error(left, why, 'as in "x" in path, or path in ("a", "b")')
        field = operands.field(right, Type.BYTES, Type.LIST)
        how = Matching.ITEM if field.type is Type.LIST else Matching.CONTAINS
        condition = Match(how, field, (needle.value,))
        if not negated:
            return condition
        return present_and_not(Length(field) if how is Matching.ITEM else field, condition)

    def _in_constant(
        self, operands: Operands, subject: Side, right: ast.expr, negated: bool
    ) -> Expr:
        if Type.IP in types_of(subject[0]):
            return in_networks(operands, subject, [right], negated)
        raise self.text.error(right, "expected a field or several constants", 'as in ("a", "b")')

    def _one_of(
        self, operands: Operands, subject: Side, node: ast.Tuple | ast.List | ast.Set, negated: bool
    ) -> Expr:
        if not node.elts:
            raise self.text.error(node, "there is nothing to be in")
        if types_of(subject[0]) == {Type.IP}:
            return in_networks(operands, subject, node.elts, negated)
        relation, joined = (Relation.NE, all_of) if negated else (Relation.EQ, any_of)
        sides = [(operands.operand(each), each) for each in node.elts]
        return joined(*[compare(operands, relation, subject, side) for side in sides])

    # Functions and methods

    def _missing(self, node: ast.Call, operands: Operands) -> Expr:
        argument = operands.only_argument(node)
        operand = operands.operand(argument)
        if isinstance(operand, Const):
            raise self.text.error(argument, "a constant is never missing")
        return all_of(*[Missing(value) for value in self.values(operand)])

    def values(self, operand: Operand) -> list[Expr]:
        """All that an operand can be; in one call at most one of them is not missing."""
        if not isinstance(operand, Leaf):
            return [operand]
        found: list[Expr] = [self.scope.take(operand, type_) for type_ in operand.choices]
        return [*found, *self.scope.take_wholes(operand)]

    def _glob(self, node: ast.Call, operands: Operands) -> Expr:
        if len(node.args) != 2 or node.keywords:
            why = "glob() takes a field and a pattern"
            raise self.text.error(node, why, 'as in glob(path, "/etc/*")')
        subject = operands.field(node.args[0], Type.BYTES)
        return Match(Matching.GLOB, subject, (self._pattern(operands, node.args[1]),))

    def _affix(self, node: ast.Call, operands: Operands) -> Expr:
        assert isinstance(node.func, ast.Attribute)
        argument = operands.only_argument(node)
        nodes = argument.elts if isinstance(argument, ast.Tuple) else [argument]
        if not nodes:
            raise self.text.error(argument, "there is nothing to begin or end with")
        constants = tuple([self._pattern(operands, each) for each in nodes])
        subject = operands.field(node.func.value, Type.BYTES)
        how = Matching.PREFIX if node.func.attr == "startswith" else Matching.SUFFIX
        return Match(how, subject, constants)

    def _pattern(self, operands: Operands, node: ast.expr) -> bytes:
        found = operands.operand(node)
        if not isinstance(found, Const) or not isinstance(found.value, bytes):
            raise self.text.error(node, "expected a text constant")
        return found.value
