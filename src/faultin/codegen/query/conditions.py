# SPDX-License-Identifier: Apache-2.0
"""Conditions: what is true or false in a query, as LLVM IR.

In: a condition of query/tree.py, and a Scene. Out: an i1. `Final` says whether it holds
for a call that has ended; `Possible` whether it can still become true (or false) by what
has been seen so far, for which what is not known counts as either.
"""

from dataclasses import dataclass, replace

from faultin.codegen.query.builder import FALSE, TRUE, Builder
from faultin.codegen.query.layout import CONTEXT_FIELDS
from faultin.codegen.query.memory import NotInKernel
from faultin.codegen.query.texts import Texts, containing
from faultin.codegen.query.values import Scene, View
from faultin.query.evaluate import compiled
from faultin.query.globs import tokens
from faultin.query.sources import Common, Fixed
from faultin.query.tree import (
    And, Compare, Expr, Field, InNetworks, Item, Length, Match, Matching, Missing, Not, Or,
    Relation, Unknown, children, slots,
)  # fmt: skip
from faultin.query.types import MISSING, Type

_SIGNED = {"EQ": "eq", "NE": "ne", "LT": "slt", "LE": "sle", "GT": "sgt", "GE": "sge"}
_UNSIGNED = {"EQ": "eq", "NE": "ne", "LT": "ult", "LE": "ule", "GT": "ugt", "GE": "uge"}
_BELOW = (Relation.LT, Relation.LE, Relation.NE)  # hold between less and more
_ABOVE = (Relation.GT, Relation.GE, Relation.NE)


class _Fixed:
    """A row of which only constants are looked at."""

    def __init__(self, scene: Scene) -> None:
        self._row = scene.row

    def value(self, slot: int) -> object:
        source = self._row[slot]
        return source.value if isinstance(source, Fixed) else MISSING


def _is_fixed(scene: Scene, expr: Expr) -> bool:
    """Whether it is the same in all calls of the plan."""
    return all(isinstance(scene.row[slot], Fixed | None) for slot in slots(expr))


def joined(b: Builder, conditions: list, deciding: str) -> str:
    """And (FALSE decides) or Or (TRUE decides) of functions that write a condition each;
    what is behind the deciding one is not run."""
    end, arrivals = b.name("end"), []
    value = FALSE if deciding == TRUE else TRUE
    for condition in conditions:
        if value not in (TRUE, FALSE):
            onward = b.name("next")
            then, otherwise = (end, onward) if deciding == TRUE else (onward, end)
            arrivals.append((deciding, b.block))
            b.branch(value, then, otherwise)
            b.start(onward)
        value = condition()
        if value == deciding:
            break
    if not arrivals:
        return value
    arrivals.append((value, b.block))
    b.go(end)
    b.start(end)
    return b.add("phi i1 " + ", ".join(f"[ {found}, %{block} ]" for found, block in arrivals))


@dataclass(frozen=True, slots=True)
class Final:
    """Whether conditions hold. NotInKernel for what the kernel cannot do."""

    scene: Scene

    def condition(self, expr: Expr) -> str:
        b = self.scene.builder
        match expr:
            case And():
                return joined(b, [lambda e=e: self.condition(e) for e in expr.operands], FALSE)
            case Or():
                return joined(b, [lambda e=e: self.condition(e) for e in expr.operands], TRUE)
            case Not():
                return b.negated(self.condition(expr.operand))
        return self.single(expr)

    def single(self, expr: Expr) -> str:
        """A condition without conditions in it."""
        if _is_fixed(self.scene, expr):
            return TRUE if compiled(expr)(_Fixed(self.scene)) else FALSE
        match expr:
            case Compare():
                return self._bytes(expr) if expr.left.type is Type.BYTES else self._numbers(expr)
            case Match():
                return self._match(expr)
            case InNetworks():
                return self._networks(expr)
            case Missing():
                return self.scene.builder.negated(self._present(expr.operand))
        raise NotInKernel

    def _present(self, expr: Expr) -> str:
        if isinstance(expr, Field) and expr.type is Type.LIST:
            has = self.scene.row[expr.slot]
            return self.scene.known(expr.slot, ("any", 0)) if has else FALSE
        if isinstance(expr, Field) and expr.type is Type.IP:
            return self.scene.stored(expr.slot).present if self.scene.row[expr.slot] else FALSE
        of_bytes = expr.type is Type.BYTES
        return self.scene.view(expr).present if of_bytes else self.scene.number(expr).present

    # Comparisons

    def _numbers(self, expr: Compare) -> str:
        b = self.scene.builder
        left, right = self.scene.number(expr.left), self.scene.number(expr.right)
        present = b.both(left.present, right.present)
        if present == FALSE:
            return FALSE
        relation, types = expr.relation, (expr.left.type, expr.right.type)
        if types == (Type.S64, Type.S64):
            return b.both(present, b.compare(_SIGNED[relation.name], "i64", left.value, right.value))
        plain = b.compare(_UNSIGNED[relation.name], "i64", left.value, right.value)
        if Type.S64 in types:
            side, holds = (left, _BELOW) if types[0] is Type.S64 else (right, _ABOVE)
            minus = b.compare("slt", "i64", side.value, 0)
            plain = b.select(minus, "i1", TRUE if relation in holds else FALSE, plain)
        return b.both(present, plain)

    def _bytes(self, expr: Compare) -> str:
        b, scene = self.scene.builder, self.scene
        left, right = scene.view(expr.left), scene.view(expr.right)
        if left.constant is not None:
            left, right = right, left
        present = b.both(left.present, right.present)
        if present == FALSE:
            return FALSE
        alike = b.compare("eq", "i64", left.full, right.full)
        whole = b.both(scene.is_whole(left), scene.is_whole(right))
        comparable = b.both(alike, whole)
        same = self._same(left, right, b.select(comparable, "i64", left.full, 0))
        if expr.relation is Relation.EQ:
            return b.both(present, b.both(comparable, same))
        differs = b.both(comparable, b.negated(same))
        return b.both(present, b.either(b.negated(alike), differs))

    def _same(self, left: View, right: View, length: str) -> str:
        """Whether so many bytes are the same; `right` may be a constant."""
        b = self.scene.builder
        size = b.add(f"trunc i64 {length} to i32")
        if right.constant is None:
            arguments = ("ptr %state", f"i32 {left.at}", f"i32 {right.at}", f"i32 {size}")
            return b.compare("ne", "i32", b.call("i32", "query_same", *arguments), 0)
        return self._equals(left.at, right.constant, size)

    def _equals(self, at: str, constant: bytes, size: str | int) -> str:
        b, text = self.scene.builder, self.scene.texts.text(constant)
        found = b.call("i32", "query_equal", "ptr %state", f"i32 {at}", f"i32 {text}", f"i32 {size}")
        return b.compare("ne", "i32", found, 0)

    # Matches

    def _match(self, expr: Match) -> str:
        b, scene = self.scene.builder, self.scene
        if expr.how is Matching.ITEM:
            assert isinstance(expr.subject, Field)
            return scene.known(expr.subject.slot, ("has", expr.constants[0]))
        view = scene.view(expr.subject)
        if view.present == FALSE:
            return FALSE
        if view.constant is not None:  # a slice of a constant
            raise NotInKernel
        match expr.how:
            case Matching.CONTAINS:
                return b.both(view.present, self._automaton(view, containing(expr.constants[0])))
            case Matching.GLOB:
                is_open = expr.constants[0].endswith(b"*")
                whole = TRUE if is_open else scene.is_whole(view)
                found = self._automaton(view, tokens(expr.constants[0]))
                return b.both(b.both(view.present, whole), found)
        ends = expr.how is Matching.SUFFIX
        found = joined(b, [lambda c=c: self._affix(view, c, ends) for c in expr.constants], TRUE)
        return b.both(view.present, b.both(scene.is_whole(view), found) if ends else found)

    def _automaton(self, view: View, pattern: tuple) -> str:
        b, index = self.scene.builder, self.scene.texts.automaton(pattern)
        if index is None:
            raise NotInKernel
        size = b.add(f"trunc i64 {view.length} to i32")
        arguments = ("ptr %state", f"i32 {view.at}", f"i32 {size}", f"i32 {index}")
        return b.compare("ne", "i32", b.call("i32", "query_match", *arguments), 0)

    def _affix(self, view: View, constant: bytes, ends: bool) -> str:
        b = self.scene.builder
        fits = b.compare("uge", "i64", view.length, len(constant))
        at = view.at
        if ends:
            skipped = b.add(f"sub i64 {view.length}, {len(constant)}")
            at = b.add(f"add i32 {view.at}, {b.add(f'trunc i64 {skipped} to i32')}")
        return b.both(fits, self._equals(at, constant, b.select(fits, "i32", len(constant), 0)))

    def _networks(self, expr: InNetworks) -> str:
        b = self.scene.builder
        assert isinstance(expr.subject, Field)
        if self.scene.row[expr.subject.slot] is None:
            return FALSE
        packed = self.scene.stored(expr.subject.slot)
        at = b.add(f"trunc i64 {b.add(f'and i64 {packed.value}, 65535')} to i32")
        length = b.add(f"and i64 {b.add(f'lshr i64 {packed.value}, 16')}, 65535")

        def is_within(base: bytes, bits: int) -> str:
            sized = b.compare("eq", "i64", length, len(base))
            return b.both(sized, self._is_within(at, base, bits))

        # One at a time: BPF's stack has no room for what is known of a hundred.
        found = joined(b, [lambda n=network: is_within(*n) for network in expr.networks], TRUE)
        return b.both(packed.present, found)

    def _is_within(self, at: str, base: bytes, bits: int) -> str:
        """The first bits, a word of the address at a time."""
        b, found = self.scene.builder, TRUE
        for first in range(0, len(base), 8):
            part = base[first : first + 8]
            wanted = min(max(bits - 8 * first, 0), 8 * len(part))
            mask = ((1 << wanted) - 1) << (8 * len(part) - wanted)
            ordered = int.from_bytes(mask.to_bytes(len(part), "big"), "little")
            value = int.from_bytes(part, "little") & ordered
            place = b.add(f"add i32 {at}, {first}")
            word = b.call("i64", "query_load", "ptr %state", f"i32 {place}")
            masked = b.add(f"and i64 {word}, {_as_i64(ordered)}")
            found = b.both(found, b.compare("eq", "i64", masked, _as_i64(value)))
        return found


def _as_i64(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


@dataclass(frozen=True, slots=True)
class Possible:
    """Whether conditions can be true, or with `wanted` False, can be false."""

    scene: Scene
    late: frozenset[int]

    def condition(self, expr: Expr, wanted: bool = True) -> str:
        b = self.scene.builder
        match expr:
            case And() | Or():
                deciding = TRUE if isinstance(expr, Or) is wanted else FALSE
                return joined(
                    b, [lambda e=e: self.condition(e, wanted) for e in expr.operands], deciding
                )
            case Not():
                return self.condition(expr.operand, not wanted)
            case Unknown():
                return TRUE
        if slots(expr) & self.late:
            return TRUE
        if not is_in_kernel(expr, self.scene):
            return TRUE
        known = self._known(expr)
        return joined(b, [lambda: b.negated(known), lambda: self._single(expr, wanted)], TRUE)

    def _single(self, expr: Expr, wanted: bool) -> str:
        found = Final(self.scene).single(expr)
        return found if wanted else self.scene.builder.negated(found)

    def _known(self, expr: Expr) -> str:
        """Whether all that a condition looks at has been seen."""
        b, found = self.scene.builder, TRUE
        parts = parts_of(expr)
        for slot in slots(expr):
            source = self.scene.row[slot]
            if isinstance(source, Common) and source.name in CONTEXT_FIELDS:
                found = b.both(found, self.scene.whole())
            if is_memory(source):
                for part in parts[slot]:
                    found = b.both(found, self.scene.known(slot, part))
        return found


def is_in_kernel(expr: Expr, scene: Scene) -> bool:
    """Whether the kernel can do all of it: tried on a function that is thrown away."""
    try:
        Final(replace(scene, builder=Builder(""), texts=Texts())).condition(expr)
        for slot, parts in parts_of(expr).items():
            for part in parts if is_memory(scene.row[slot]) else ():
                scene.places.of(slot, part)
    except NotInKernel:
        return False
    return True


def is_memory(source: object) -> bool:
    return getattr(source, "op", None) is not None


def parts_of(expr: Expr) -> dict[int, set]:
    """For each slot, which parts of it a condition or value looks at."""
    found: dict[int, set] = {slot: set() for slot in slots(expr)}

    def visit(node: Expr) -> None:
        match node:
            case Item(subject=Field(slot=slot), index=index):
                found[slot].add(("item", index))
            case Length(subject=Field(type=Type.LIST, slot=slot)):
                found[slot].add(("count", 0))
            case Match(how=Matching.ITEM, subject=Field(slot=slot)):
                found[slot].add(("has", node.constants[0]))
            case Missing(operand=Field(type=Type.LIST, slot=slot)):
                found[slot].add(("any", 0))
            case Field():
                found[node.slot].add(None)
            case _:
                for child in children(node):
                    visit(child)

    visit(expr)
    return found

