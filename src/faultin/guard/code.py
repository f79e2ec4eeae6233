# SPDX-License-Identifier: Apache-2.0
"""Code: the condition of a rule for the native guard.

In: the condition, and the sources of its slots in the plan of one call. Out: words, as
native/guard/condition.h has them; None for what only faultin can tell (the fields of a
process, division and shifts, slices, buffers of any bytes): then it is asked.
"""

from collections.abc import Callable
from typing import Any

from faultin.codegen.plan import OpKind, Plan
from faultin.drain.wire import Role
from faultin.query.globs import STAR, tokens
from faultin.query.sources import (
    Address, Common, Count, Fixed, Items, Memory, MemoryInt, Register, Source, Text, Total,
)  # fmt: skip
from faultin.query.tree import (
    And, Arithmetic, Binary, Compare, Const, Expr, Field, InNetworks, Item, Length, Match, Matching,
    Missing, Not, Or, Relation,
)  # fmt: skip
from faultin.query.types import Type

Words = list[int]
_AND, _OR, _NOT, _MISSING, _COMPARE, _PREFIX, _SUFFIX, _CONTAINS = range(1, 9)
_GLOB, _NETWORKS, _HAS = 9, 10, 11
_NUMBER, _TEXT, _REGISTER, _STRING, _INT, _PART, _ADDRESS, _ITEM, _TOTAL, _COUNT = range(20, 30)
_LENGTH, _BINARY, _NONE, _PID, _TID, _TOKENS = 30, 31, 32, 33, 34, 40
_WORD = (1 << 64) - 1
_NO_FAMILY = 0xFFFF
_MATCHES = {
    Matching.PREFIX: _PREFIX, Matching.SUFFIX: _SUFFIX, Matching.CONTAINS: _CONTAINS,
}  # fmt: skip
_OPERATORS = (
    Arithmetic.ADD, Arithmetic.SUB, Arithmetic.MUL, Arithmetic.AND, Arithmetic.OR, Arithmetic.XOR,
)  # fmt: skip
_ROLE_DATA = 0
_ROLES = (Role.DATA, Role.HEADER, Role.NAME)


class _CannotTell(Exception):
    """The native guard does not know this."""


def code(condition: Expr, sources: tuple[Source | None, ...], plan: Plan) -> Words | None:
    """The words of a condition in the calls of a plan."""
    try:
        return _Compiler(sources, plan).node(condition)
    except _CannotTell:
        return None


def _node(kind: int, *parts: Words, small: int = 0, middle: int = 0) -> Words:
    body = [word & _WORD for part in parts for word in part]
    if not 0 <= middle < 1 << 16:
        raise _CannotTell
    return [kind | small << 8 | middle << 16 | (len(body) + 1) << 32, *body]


def _text(value: bytes, small: int = 0) -> Words:
    padded = value + bytes(-len(value) % 8)
    words = [int.from_bytes(padded[at : at + 8], "little") for at in range(0, len(padded), 8)]
    return _node(_TEXT, words, small=small, middle=len(value))


def _tokens(pattern: bytes) -> Words:
    words: Words = []
    for token in tokens(pattern):
        if token is STAR:
            words.append(0)
        else:
            words += [1, *(token >> 64 * part & _WORD for part in range(4))]
    return _node(_TOKENS, words)


def _where(source: MemoryInt | Text | Address) -> Words:
    """Two words: where in the memory, and which families it is for."""
    offset, size = getattr(source, "offset", 0), getattr(source, "size", 0)
    word = offset | size << 16 | int(source.role) << 32
    word |= int(getattr(source, "signed", False)) << 40
    word |= int(getattr(source, "big_endian", False)) << 41
    families = (*getattr(source, "families", ()), *[_NO_FAMILY] * 4)[:4]
    return [word, sum(family << 16 * place for place, family in enumerate(families))]


class _Compiler:
    """For one plan."""

    def __init__(self, sources: tuple[Source | None, ...], plan: Plan) -> None:
        self._sources, self._plan = sources, plan

    def node(self, expr: Expr) -> Words:
        make: Callable[[Any], Words] | None = _MAKERS.get(type(expr))
        if make is None:
            raise _CannotTell
        return make(self, expr)

    def _all(self, kind: int, expr: And | Or) -> Words:
        return _node(kind, *map(self.node, expr.operands))

    def and_(self, expr: And) -> Words:
        return self._all(_AND, expr)

    def or_(self, expr: Or) -> Words:
        return self._all(_OR, expr)

    def not_(self, expr: Not) -> Words:
        return _node(_NOT, self.node(expr.operand))

    def missing(self, expr: Missing) -> Words:
        return _node(_MISSING, self.node(expr.operand))

    def compare(self, expr: Compare) -> Words:
        relation = list(Relation).index(expr.relation)
        return _node(_COMPARE, self.node(expr.left), self.node(expr.right), small=relation)

    def match(self, expr: Match) -> Words:
        if expr.how is Matching.ITEM:
            return self._has(expr)
        subject = self.node(expr.subject)
        if expr.how is Matching.GLOB:
            return _node(_GLOB, subject, _tokens(expr.constants[0]))
        return _node(_MATCHES[expr.how], subject, *map(_text, expr.constants))

    def _has(self, expr: Match) -> Words:
        source = self._source(expr.subject)
        if source is None:
            return _node(_NOT, _node(_AND))  # a condition with a missing operand is false
        if not isinstance(source, Items):
            raise _CannotTell
        return _node(_HAS, _text(expr.constants[0]), middle=source.op)

    def networks(self, expr: InNetworks) -> Words:
        texts = [_text(base, small=bits) for base, bits in expr.networks]
        return _node(_NETWORKS, self.node(expr.subject), *texts)

    def const(self, expr: Const) -> Words:
        if isinstance(expr.value, bytes):
            return _text(expr.value)
        return _node(_NUMBER, [expr.value], small=expr.type is Type.U64)

    def binary(self, expr: Binary) -> Words:
        if expr.op not in _OPERATORS:
            raise _CannotTell
        sides = self.node(expr.left), self.node(expr.right)
        return _node(_BINARY, *sides, small=expr.type is Type.U64, middle=ord(expr.op.value))

    def length(self, expr: Length) -> Words:
        if isinstance(self._source(expr.subject), Items):
            raise _CannotTell
        return _node(_LENGTH, self.node(expr.subject))

    def item(self, expr: Item) -> Words:
        source = self._source(expr.subject)
        if source is None:
            return _node(_NONE)
        if not isinstance(source, Items):
            raise _CannotTell
        return _node(_ITEM, [expr.index], middle=source.op)

    def _source(self, expr: Expr) -> Source | None:
        if not isinstance(expr, Field):
            raise _CannotTell
        return self._sources[expr.slot]

    def field(self, expr: Field) -> Words:
        unsigned = expr.type is Type.U64
        match self._source(expr):
            case None:
                return _node(_NONE)
            case Fixed(value):
                return _text(value)
            case Common("pid"):
                return _node(_PID)
            case Common("tid"):
                return _node(_TID)
            case Register(position, bits, signed):
                where = position | bits << 4 | signed << 12
                return _node(_REGISTER, small=unsigned, middle=where)
            case Memory(op, text=True, role=role) if role == Role.DATA:
                return _node(_STRING, middle=op)
            case MemoryInt() as source:
                return _node(_INT, self._in_memory(source), small=unsigned, middle=source.op)
            case Text() as source:
                return _node(_PART, self._in_memory(source), middle=source.op)
            case Address() as source:
                return _node(_ADDRESS, self._in_memory(source), middle=source.op)
            case Total(op):
                return _node(_TOTAL, [self._vector(op)], small=unsigned, middle=op)
            case Count(op):
                return _node(_COUNT, [self._vector(op)], small=unsigned, middle=op)
        raise _CannotTell

    def _in_memory(self, source: MemoryInt | Text | Address) -> Words:
        if source.role not in _ROLES or len(getattr(source, "families", ())) > 4:
            raise _CannotTell
        return _where(source)

    def _vector(self, op: int) -> int:
        kind = self._plan.ops[op].kind
        if kind not in (OpKind.IOVEC, OpKind.MSGHDR):
            raise _CannotTell
        return self._plan.ops[op].position | (kind is OpKind.MSGHDR) << 8


_MAKERS: dict[type, Any] = {
    And: _Compiler.and_, Or: _Compiler.or_, Not: _Compiler.not_, Missing: _Compiler.missing,
    Compare: _Compiler.compare, Match: _Compiler.match, InNetworks: _Compiler.networks,
    Const: _Compiler.const, Binary: _Compiler.binary, Length: _Compiler.length,
    Item: _Compiler.item, Field: _Compiler.field,
}  # fmt: skip
