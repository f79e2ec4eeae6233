# SPDX-License-Identifier: Apache-2.0
"""Query: all the expressions of one trace, and what they need.

In: the plans of a trace, and the texts of the command line. Out: a Query. Its
expressions share one row of slots; everything else about it follows from these.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from faultin.codegen.plan import Plans
from faultin.query.actions import Action, Capture, Key, parse_actions, parse_captures, parse_keys
from faultin.query.conditions import Conditions
from faultin.query.scope import Scope, Slot
from faultin.query.sources import Common, Source, op_of
from faultin.query.syntax import read
from faultin.query.tree import Expr, slots
from faultin.query.types import Type
from faultin.syscalls.table import Table


@dataclass(frozen=True, slots=True)
class Needs:
    """What of one plan's calls must be there: operations (indexes into plan.ops, bits of
    record.missed), and fields of every event."""

    ops: frozenset[int]
    common: frozenset[str]

    @property
    def bits(self) -> int:
        """The operations as a mask."""
        return sum(1 << op for op in self.ops)


@dataclass(frozen=True, slots=True)
class Query:
    """What a trace filters by, counts, counts by, and captures.

    sources: by plan index (PLAN_NONE for calls that no table has), one for each slot.
    """

    slots: tuple[Slot, ...]
    sources: dict[int, tuple[Source | None, ...]]
    where: Expr | None = None
    actions: tuple[Action, ...] = ()
    keys: tuple[Key, ...] = ()
    captures: tuple[Capture, ...] = ()

    def expressions(self) -> list[Expr]:
        """All of them."""
        amounts = [action.amount for action in self.actions if action.amount is not None]
        captured = [value for capture in self.captures for value in capture.values]
        where = [] if self.where is None else [self.where]
        return [*where, *amounts, *(key.value for key in self.keys), *captured]

    @property
    def stacks(self) -> bool:
        """Whether it looks at the stacks of calls."""
        return any(each.type is Type.STACK for each in self.expressions())

    def needs(self, plan: int, expressions: Iterable[Expr] | None = None) -> Needs:
        """What some expressions (all, if none are given) need in the calls of a plan."""
        wanted = self.expressions() if expressions is None else expressions
        row = self.sources[plan]
        used = [row[slot] for each in wanted for slot in slots(each)]
        ops = {op for source in used if (op := op_of(source)) is not None}
        common = {source.name for source in used if isinstance(source, Common)}
        return Needs(frozenset(ops), frozenset(common))


def parse_where(text: str, scope: Scope, part: str = "query") -> Expr:
    """A condition; QueryError if it is none."""
    found = read(text, part)
    return Conditions(scope, found).condition(found.root)


def parse(
    plans: Plans, table: Table, where: str = "", actions: str = "", keys: str = "",
    captures: str = "",
) -> Query:  # fmt: skip
    """The query of a trace; QueryError says which text is wrong, and where."""
    scope = Scope(plans, table)
    condition = parse_where(where, scope) if where else None
    found_actions = parse_actions(actions, scope) if actions else ()
    found_keys = parse_keys(keys, scope) if keys else ()
    found_captures = parse_captures(captures, scope) if captures else ()
    return Query(
        tuple(scope.slots), scope.sources(), condition, found_actions, found_keys, found_captures
    )
