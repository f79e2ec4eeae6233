# SPDX-License-Identifier: Apache-2.0
"""Counting: what a query counts by, and how much, as LLVM IR.

In: a Query with actions, and the plans it is bound to. Out: IR of faultin_key() and
faultin_count() (bpf/count.bpf.h), and what their maps need. A key that is a number has one
word, a text has two: its digest, and captured length | full length << 32. The first word of
a key has a bit for each part that is there. What the kernel cannot do in a plan is left to
faultin, and so are all calls of that plan.
"""

from collections.abc import Callable
from dataclasses import dataclass

from faultin.codegen.plan import Plans
from faultin.codegen.query.amounts import Adding
from faultin.codegen.query.builder import FALSE, TRUE, Builder
from faultin.codegen.query.conditions import Final, is_memory
from faultin.codegen.query.layout import KEY_TEXTS, PLAN, RECORD, TEXTS_MAX
from faultin.codegen.query.linked import Counts
from faultin.codegen.query.memory import NotInKernel, Places
from faultin.codegen.query.texts import Texts
from faultin.codegen.query.values import Scene, View
from faultin.query.early import late_slots
from faultin.query.query import Query
from faultin.query.sources import Fixed, Source
from faultin.query.tree import Expr, Field, slots
from faultin.query.types import Type

_KEY = "define i32 @faultin_key(ptr %state, ptr %key, i32 %returned) alwaysinline"
_COUNT = (
    "define i32 @faultin_count(ptr %state, ptr %cells, i32 %group, i32 %returned) alwaysinline"
)
_KEY_MAX = 16  # KEY_MAX of bpf/count.bpf.h
_CONSTANT = -1  # in the place of a text's lengths: the name of the plan's call
_TEXTS = (Type.BYTES, Type.IP)
Write = Callable[[Scene], str]  # writes a plan's part of a function, which may return 0; an i32


@dataclass(frozen=True, slots=True)
class Counting:
    """The IR of both functions, and what they need of the kernel's maps."""

    ir: str
    counts: Counts


def counting(query: Query, plans: Plans, places: Places, texts: Texts) -> Counting | None:
    """None where the kernel has no room for such keys or counters. Nor has it stacks: what
    it has of one is a copy, which is walked outside."""
    words = 1 + sum(2 if key.value.type in _TEXTS else 1 for key in query.keys)
    strings = sum(key.value.type in _TEXTS for key in query.keys)
    adding = Adding(query.actions)
    if words > _KEY_MAX or strings > TEXTS_MAX or not adding.fits or query.stacks:
        return None
    keys = [key.value for key in query.keys]
    amounts = [action.amount for action in query.actions if action.amount is not None]
    writing = _Writing(query, plans, places, texts)
    key = writing.function(Builder(_KEY), keys, lambda scene: _key(scene, keys))
    count = writing.function(Builder(_COUNT), amounts, adding.write)
    counts = Counts(
        8 * words, strings, adding.cells, adding.sparse, adding.layout, writing.early()
    )
    return Counting(key + count, counts)


@dataclass(frozen=True, slots=True)
class _Writing:
    query: Query
    plans: Plans
    places: Places
    texts: Texts

    def function(self, b: Builder, expressions: list[Expr], write: Write) -> str:
        """A function that does for the calls of each plan what `write` writes; plans whose
        sources are alike share code."""
        groups: dict[tuple, list[int]] = {}
        used = sorted({slot for each in expressions for slot in slots(each)})
        whole = _whole_fields(expressions)
        for index, row in self.query.sources.items():
            alike = tuple(_class_of(row[slot], slot in whole) for slot in used)
            groups.setdefault(alike, []).append(index)
        number = b.load("i16", "%state", RECORD + PLAN)
        labels = {alike: b.name("plan") for alike in groups}
        pairs = [(labels[alike], index) for alike, found in groups.items() for index in found]
        targets = " ".join(f"i16 {_short(index)}, label %{label}" for label, index in pairs)
        b.do(f"switch i16 {number}, label %none [{targets}]")
        for alike, found in groups.items():
            b.start(labels[alike])
            self._plan(b, self.query.sources[found[0]], write)
        b.start("none")
        b.do("ret i32 0")
        return b.text()

    def _plan(self, b: Builder, row: tuple[Source | None, ...], write: Write) -> None:
        """What the kernel cannot do is tried on a function that is thrown away."""
        try:
            write(Scene(Builder(""), row, self.places, Texts(), TRUE))
        except NotInKernel:
            b.do("ret i32 0")
            return
        returned = b.compare("ne", "i32", "%returned", 0)
        b.do(f"ret i32 {write(Scene(b, row, self.places, self.texts, returned))}")

    def early(self) -> frozenset[int]:
        """The plans of whose calls all is known as they begin."""
        used = {slot for each in self.query.expressions() for slot in slots(each)}
        found = self.query.sources.items()
        return frozenset(
            index for index, row in found if not used & late_slots(row, self.plans.plans.get(index))
        )


def _class_of(source: Source | None, is_whole: bool) -> object:
    if is_memory(source):
        return "memory"
    return "name" if is_whole and isinstance(source, Fixed) else source


def _whole_fields(expressions: list[Expr]) -> frozenset[int]:
    """The slots that are looked at as they are, and in no other way."""
    inside = {slot for each in expressions if not isinstance(each, Field) for slot in slots(each)}
    return frozenset(each.slot for each in expressions if isinstance(each, Field)) - inside


def _short(index: int) -> int:
    return index - (1 << 16) if index >= 1 << 15 else index


# Keys


def _key(scene: Scene, keys: list[Expr]) -> str:
    """Writes %key, and state->texts."""
    b = scene.builder
    at, text, there = 1, 0, "0"
    for bit, key in enumerate(keys):
        if key.type in _TEXTS:
            present, words = _text(scene, key, text)
            text += 1
        else:
            present, words = _number(scene, key)
        there = b.add(f"or i64 {there}, {b.select(present, 'i64', 1 << bit, 0)}")
        for word in words:
            b.store("i64", b.select(present, "i64", word, 0), "%key", 8 * at)
            at += 1
    b.store("i64", there, "%key", 0)
    return "1"


def _number(scene: Scene, key: Expr) -> tuple[str, list[str]]:
    if key.type is Type.BOOL:
        return TRUE, [scene.widened(Final(scene).condition(key))]
    number = scene.number(key)
    return number.present, [number.value]


def _text(scene: Scene, key: Expr, index: int) -> tuple[str, list[str]]:
    b, offset = scene.builder, KEY_TEXTS + 4 * index
    view = scene.text(key)
    if view.constant is not None or view.present == FALSE:
        b.store("i32", 0, "%state", offset)
        if view.present == FALSE:
            return FALSE, ["0", "0"]
        return TRUE, [_name(scene, key), str(_CONSTANT)]
    size = b.add(f"trunc i64 {b.select(view.present, 'i64', view.length, 0)} to i32")
    packed = b.add(f"or i32 {b.select(view.present, 'i32', view.at, 0)}, {b.add(f'shl i32 {size}, 16')}")
    b.store("i32", packed, "%state", offset)
    digest = b.call("i64", "count_digest", "ptr %state", f"i32 {view.at}", f"i32 {size}")
    return view.present, [digest, _lengths(b, view)]


def _lengths(b: Builder, view: View) -> str:
    return b.add(f"or i64 {view.length}, {b.add(f'shl i64 {view.full}, 32')}")


def _name(scene: Scene, key: Expr) -> str:
    """The name of the call: the number of the plan stands for it."""
    if not isinstance(key, Field) or not isinstance(scene.row[key.slot], Fixed):
        raise NotInKernel
    b = scene.builder
    return b.add(f"zext i16 {b.load('i16', '%state', RECORD + PLAN)} to i64")
