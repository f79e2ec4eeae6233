# SPDX-License-Identifier: Apache-2.0
"""Functions: a query becomes the functions that the BPF core calls.

In: a Query, and the plans it is bound to. Out: Functions: IR of faultin_admits(), faultin_see(),
faultin_possible(), faultin_certain() and faultin_keep(), the images of its constants, and what the core must
know. Plans whose sources are alike share code. Whatever the kernel cannot decide becomes
a verdict that faultin is asked for; nothing is ever decided wrongly.
"""

from dataclasses import replace

from faultin.codegen.plan import Plans
from faultin.codegen.query.builder import FALSE, TRUE, Builder
from faultin.codegen.query.conditions import Final, Possible, is_in_kernel, is_memory
from faultin.codegen.query.layout import CONTEXT_FIELDS, PLAN, RECORD
from faultin.drain.wire import Context
from faultin.codegen.query.counting import counting
from faultin.codegen.query.linked import (
    NO_ADMITTING, NO_COUNTING, NO_WHERE, NOTHING, Functions,
)  # fmt: skip
from faultin.codegen.query.memory import Places, see_function
from faultin.codegen.query.registers import Admitting, admitting
from faultin.codegen.query.texts import Texts
from faultin.codegen.query.values import Scene
from faultin.query.early import late_slots
from faultin.query.query import Query
from faultin.query.sources import Common
from faultin.query.tree import Expr, slots

DROP, KEEP, ASK = 0, 1, 2  # enum verdict of bpf/task.bpf.h
_CALLER = ("ts", "pid", "tid", "comm", "exe")  # what a record says of who calls, and when
_POSSIBLE = "define i32 @faultin_possible(ptr %state) alwaysinline"
_CERTAIN = "define i32 @faultin_certain(ptr %state) alwaysinline"
_KEEP = "define i32 @faultin_keep(ptr %state, i32 %returned) alwaysinline"


def functions(query: Query | None, plans: Plans, keys: int = 0) -> Functions:
    """What the kernel has of a query; without a `where`, no more than the context. keys: it
    counts too, by so many keys at the most."""
    texts, places = Texts(), Places()
    rows = query.sources.values() if query else ()
    common = {source.name for row in rows for source in row if isinstance(source, Common)}
    context = 0 if common.isdisjoint(CONTEXT_FIELDS) else Context.WHO
    if "exe" in common:
        context = Context.WHO | Context.EXE
    made = counting(query, plans, places, texts) if query and keys else None
    if query is None or (query.where is None and not made):
        return replace(NOTHING, context=context)
    judging, asked, admits = NO_WHERE, {}, Admitting(NO_ADMITTING, frozenset())
    if query.where is not None:
        bodies = ((_POSSIBLE, _possible), (_CERTAIN, _certain), (_KEEP, _keep))
        judging = "".join(
            _by_plan(Builder(head), query, plans, places, texts, body) for head, body in bodies
        )
        admits = admitting(query.where, query.sources, plans)
        asked = {index: query.needs(index, [query.where]).bits for index in query.sources}
    see = see_function(query, plans, places, texts)
    ir = "".join([admits.ir, see, judging, made.ir if made else NO_COUNTING])
    return Functions(
        ir, texts.images, texts.size, texts.automata, judges=query.where is not None,
        sees=bool(places.indexes), context=context, asked=asked,
        who=not common.isdisjoint(_CALLER), registers=admits.plans,
        counts=replace(made.counts, keys=keys) if made else None,
    )  # fmt: skip


def _by_plan(b: Builder, query: Query, plans: Plans, places: Places, texts: Texts, write) -> str:
    """A function that does for the calls of each plan what `write` writes."""
    assert query.where is not None
    groups: dict[tuple, list[int]] = {}
    used = sorted(slots(query.where))
    for index, row in query.sources.items():
        late = late_slots(row, plans.plans.get(index))
        alike = tuple(("memory", s in late) if is_memory(row[s]) else row[s] for s in used)
        groups.setdefault(alike, []).append(index)
    number = b.load("i16", "%state", RECORD + PLAN)
    labels = {alike: b.name("plan") for alike in groups}
    targets = [f"i16 {_short(i)}, label %{labels[a]}" for a, found in groups.items() for i in found]
    b.do(f"switch i16 {number}, label %none [{' '.join(targets)}]")
    for alike, found in groups.items():
        b.start(labels[alike])
        row = query.sources[found[0]]
        write(b, query.where, row, plans, found[0], places, texts)
    b.start("none")
    b.do("ret i32 0")
    return b.text()


def _short(index: int) -> int:
    return index - (1 << 16) if index >= 1 << 15 else index


def _possible(b: Builder, where: Expr, row, plans: Plans, index: int, places, texts) -> None:
    scene = Scene(b, row, places, texts, FALSE)
    found = Possible(scene, late_slots(row, plans.plans.get(index))).condition(where)
    b.do(f"ret i32 {_widened(b, found)}")


def _certain(b: Builder, where: Expr, row, plans: Plans, index: int, places, texts) -> None:
    scene = Scene(b, row, places, texts, FALSE)
    found = Possible(scene, late_slots(row, plans.plans.get(index))).condition(where, wanted=False)
    b.do(f"ret i32 {_widened(b, b.negated(found))}")


def _keep(b: Builder, where: Expr, row, plans: Plans, index: int, places, texts) -> None:
    scene = Scene(b, row, places, texts, b.compare("ne", "i32", "%returned", 0))
    if is_in_kernel(where, scene):
        b.do(f"ret i32 {_widened(b, Final(scene).condition(where))}")
        return
    can_be = Possible(scene, frozenset())  # nothing is yet to come, and some is not known
    otherwise = b.select(can_be.condition(where), "i32", ASK, DROP)
    b.do(f"ret i32 {b.select(can_be.condition(where, wanted=False), 'i32', otherwise, KEEP)}")


def _widened(b: Builder, value: str) -> str:
    if value in (TRUE, FALSE):
        return "1" if value == TRUE else "0"
    return b.add(f"zext i1 {value} to i32")

