# SPDX-License-Identifier: Apache-2.0
"""Tree: one typed expression.

In: what typing.py has checked. Out: frozen nodes, which all back ends read. An
expression is shared by all plans; only where a slot's value comes from differs
(sources.py).

What every back end must do, node by node, stands with the nodes. Two rules hold for
all: a value node with a missing operand is missing, and a condition (Compare, Match,
InNetworks) with a missing operand is false. `x != y`, `not in` and the like are
built from these, so that a condition itself is never missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from faultin.query.types import Type


class Arithmetic(Enum):
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "//"
    MOD = "%"
    AND = "&"
    OR = "|"
    XOR = "^"
    LEFT = "<<"
    RIGHT = ">>"


class Relation(Enum):
    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class Matching(Enum):
    """How Match looks at its subject."""

    CONTAINS = "in"
    PREFIX = "startswith"
    SUFFIX = "endswith"
    GLOB = "glob"
    ITEM = "item"


# Values


@dataclass(frozen=True, slots=True)
class Const:
    """A number in the range of its type, or bytes."""

    type: Type
    value: int | bytes


@dataclass(frozen=True, slots=True)
class Field:
    """The value of a slot; `name` is how the query calls it."""

    type: Type
    slot: int
    name: str


@dataclass(frozen=True, slots=True)
class Binary:
    """Both operands as numbers of `type` (wrapped, if they are of the other), then the
    operation, then wrapped. // floors, and % has the sign of the divisor, as in Python;
    both are missing by 0, shifts are missing by less than 0 or more than 63. >> keeps
    the sign of an S64. -x is 0 - x, and ~x is x ^ -1.
    """

    type: Type
    op: Arithmetic
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True, slots=True)
class Slice:
    """subject[start:stop] by the full length of the subject, as Python slices; never
    Cut: missing if it reaches bytes that were not captured, and is not empty."""

    type: ClassVar = Type.BYTES
    subject: "Expr"
    start: int | None
    stop: int | None


@dataclass(frozen=True, slots=True)
class Item:
    """subject[index] of a LIST, index >= 0; missing beyond its end."""

    type: ClassVar = Type.BYTES
    subject: "Expr"
    index: int


@dataclass(frozen=True, slots=True)
class Length:
    """The full length of BYTES, the number of strings of a LIST; missing of a CutList."""

    type: ClassVar = Type.S64
    subject: "Expr"


# Conditions


@dataclass(frozen=True, slots=True)
class Compare:
    """Integers, mathematically, whatever their signs; or BYTES with == and != only.

    Bytes whose full lengths differ are not equal. If these are equal, a Cut operand
    is missing.
    """

    type: ClassVar = Type.BOOL
    relation: Relation
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True, slots=True)
class Match:
    """Whether any of `constants` matches the subject.

    CONTAINS (one constant), PREFIX: by the bytes that were captured.
    SUFFIX: a Cut subject is missing.
    GLOB (one constant, globs.py): all of the subject; a Cut subject is missing, unless
    the pattern ends in *, which then stands for what was not captured.
    ITEM (one constant): a string of a LIST that is equal to it.
    """

    type: ClassVar = Type.BOOL
    how: Matching
    subject: "Expr"
    constants: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class InNetworks:
    """Whether an IP is in any of (address, bits): as long as the address, and equal to
    it in the first so many bits. An IPv4 address inside IPv6 (::ffff:0:0/96) is IPv4,
    here and in the subject."""

    type: ClassVar = Type.BOOL
    subject: "Expr"
    networks: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether a value is missing."""

    type: ClassVar = Type.BOOL
    operand: "Expr"


@dataclass(frozen=True, slots=True)
class Not:
    type: ClassVar = Type.BOOL
    operand: "Expr"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more conditions, from the left; none is looked at behind one that is false."""

    type: ClassVar = Type.BOOL
    operands: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more conditions, from the left; none is looked at behind one that is true."""

    type: ClassVar = Type.BOOL
    operands: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A condition that is not known before the call returns. Only early.py makes it."""

    type: ClassVar = Type.BOOL


Expr = (
    Const | Field | Binary | Slice | Item | Length
    | Compare | Match | InNetworks | Missing | Not | And | Or | Unknown
)  # fmt: skip
CONDITIONS = (Compare, Match, InNetworks, Missing)  # those without conditions in them


def children(expr: Expr) -> tuple[Expr, ...]:
    """The operands of a node, from the left."""
    match expr:
        case Binary() | Compare():
            return (expr.left, expr.right)
        case Slice() | Item() | Length() | Match() | InNetworks():
            return (expr.subject,)
        case Missing() | Not():
            return (expr.operand,)
        case And() | Or():
            return expr.operands
    return ()


def fields(expr: Expr) -> Iterator[Field]:
    """The fields of an expression, from the left, as often as they occur."""
    if isinstance(expr, Field):
        yield expr
    for child in children(expr):
        yield from fields(child)


def slots(expr: Expr) -> frozenset[int]:
    """The slots that an expression looks at."""
    return frozenset(field.slot for field in fields(expr))
