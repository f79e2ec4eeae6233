# SPDX-License-Identifier: Apache-2.0
"""Scope: the names that the expressions of one query share.

In: the plans of a trace, then paths. Out: Leaf, what a path is in each plan; Field,
once an expression has decided which type it needs. Expressions of one scope share its
slots; `sources` says where they come from. A path gets one slot for each type, and its
type is U64 if some plan has unsigned 64 bits there and none a signed number, else S64.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from faultin.codegen.plan import Plan, Plans, plan
from faultin.drain.wire import PLAN_NONE
from faultin.query.fields import COMMON, Path, argument, common, names
from faultin.query.members import Found, Refused
from faultin.query.sources import Source
from faultin.query.tree import Field
from faultin.query.types import Type
from faultin.syscalls.table import Table


@dataclass(frozen=True, slots=True)
class Slot:
    """One value of a row; `kind` (of the table) is how it is shown, "" if plans differ."""

    name: str
    type: Type
    kind: str
    bits: tuple[int, bool] | None  # (bits, signed) of a number; of the widest, if plans differ


@dataclass(frozen=True, slots=True)
class Leaf:
    """A path: its Founds by plan, for each type that it has (S64 for all integers), and
    those of whole structures. `refused` says why the rest cannot be used."""

    name: str
    choices: dict[Type, dict[int, Found]]
    wholes: dict[int, Found]
    refused: Refused | None

    @property
    def kinds(self) -> set[str]:
        return {found.kind for choice in self.choices.values() for found in choice.values()}

    @property
    def exists(self) -> bool:
        return bool(self.choices or self.wholes)


def spelled(path: Path) -> str:
    """As the query has it: ufds[0].fd."""
    parts = [f".{part}" if isinstance(part, str) else f"[{part}]" for part in path]
    return "".join(parts).removeprefix(".")


@dataclass
class Scope:
    """Resolves paths against the plans of one trace. `table` is for advice only."""

    plans: Plans
    table: Table
    slots: list[Slot] = field(default_factory=list)
    _columns: list[dict[int, Source]] = field(default_factory=list)
    _leaves: dict[Path, Leaf] = field(default_factory=dict)
    _taken: dict[tuple[str, Type, bool], Field] = field(default_factory=dict)

    def look_up(self, path: Path) -> Leaf:
        """What a path is in each plan; it may exist in none."""
        if path not in self._leaves:
            self._leaves[path] = self._resolve(path)
        return self._leaves[path]

    def take(self, leaf: Leaf, type_: Type) -> Field:
        """The slot of a leaf as one of its types; S64 for any integer."""
        return self._slot((leaf.name, type_, False), leaf.choices[type_])

    def take_wholes(self, leaf: Leaf) -> list[Field]:
        """The slots of whole structures (bytes) and arrays (how many), one for each type."""
        wholes: dict[Type, dict[int, Found]] = {}
        for index, found in leaf.wholes.items():
            wholes.setdefault(found.type, {})[index] = found
        return [self._slot((leaf.name, type_, True), wholes[type_]) for type_ in wholes]

    def sources(self) -> dict[int, tuple[Source | None, ...]]:
        """For each plan, where each slot comes from."""
        indexes = self._indexes()
        return {index: tuple([c.get(index) for c in self._columns]) for index in indexes}

    def _indexes(self) -> list[int]:
        return [*self.plans.plans, *([PLAN_NONE] if self.plans.foreign else [])]

    def _resolve(self, path: Path) -> Leaf:
        leaf = Leaf(spelled(path), {}, {}, None)
        refused = None
        for index in self._indexes():
            found = _in_plan(self.plans.plans.get(index), path)
            if isinstance(found, Refused):
                refused = refused or found
            elif found and found.advice:
                leaf.wholes[index] = found
            elif found:
                type_ = Type.S64 if found.type.is_int else found.type
                leaf.choices.setdefault(type_, {})[index] = found
        return Leaf(leaf.name, leaf.choices, leaf.wholes, refused)

    def _slot(self, key: tuple[str, Type, bool], founds: dict[int, Found]) -> Field:
        if key not in self._taken:
            name, type_ = key[0], _merged(founds.values())
            kinds = {found.kind for found in founds.values()}
            self._taken[key] = Field(type_, len(self.slots), name)
            self._columns.append({index: found.source for index, found in founds.items()})
            self.slots.append(Slot(name, type_, _only(kinds) or "", _widest(founds.values())))
        return self._taken[key]

    # Advice

    def traced_names(self) -> set[str]:
        """All that a query of this trace can name."""
        found = set(COMMON)
        for each in self.plans.plans.values():
            found |= names(replace(each.syscall, arguments=each.arguments))
        return found

    def elsewhere(self, path: Path) -> list[str]:
        """The calls that are not traced and have this path, each once."""
        others = plan(self.table, self.table.numbers - self.plans.traced).plans.values()
        found = [p.syscall.name for p in others if isinstance(argument(p, path), Found)]
        return list(dict.fromkeys(found))


def _in_plan(plan: Plan | None, path: Path) -> Found | Refused | None:
    """Common fields come first: `pid` is who calls, args.pid what was passed."""
    found = common(str(path[0]), plan)
    if found and len(path) == 1:
        return found
    if found or (path[0] in COMMON):
        part = path[1] if len(path) > 1 else ""
        return Refused(f"{path[0]} has no part {part}", is_base=isinstance(part, int))
    return argument(plan, path) if plan else None


def _merged(founds: Iterable[Found]) -> Type:
    """Of one type, or of integers."""
    types = {found.type for found in founds}
    if Type.U64 not in types:
        (type_,) = types
        return type_
    signed = any(found.type is Type.S64 and (not found.bits or found.bits[1]) for found in founds)
    return Type.S64 if signed else Type.U64


def _widest(founds: Iterable[Found]) -> tuple[int, bool] | None:
    """None if one has no width, or they differ in their signs."""
    layouts = [found.bits or (0, False) for found in founds]
    if (0, False) in layouts or len({signed for _, signed in layouts}) > 1:
        return None
    return max(layouts)


def _only(values: set[Any]) -> Any:
    """The one value that all plans have; None if they differ."""
    return next(iter(values)) if len(values) == 1 else None
