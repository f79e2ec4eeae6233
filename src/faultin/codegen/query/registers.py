# SPDX-License-Identifier: Apache-2.0
"""Registers: what a query says of a call before anything of it is looked up.

In: a Query, and the plans it is bound to. Out: the IR of faultin_admits(), and of which plans
it may rule calls out. It looks at the six arguments and at nothing else, so that it says the
same as the call begins and when it returns: no state is needed to remember it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from faultin.codegen.plan import FLAGS, NUMBERS, PLAN_BYTES, PlanFlag, Plans
from faultin.codegen.query.builder import FALSE, TRUE, Builder
from faultin.codegen.query.conditions import Possible
from faultin.codegen.query.linked import ADMITS
from faultin.codegen.query.memory import Places
from faultin.codegen.query.texts import Texts
from faultin.codegen.query.values import Number, Scene
from faultin.query.sources import Fixed, Register, Source
from faultin.query.tree import Expr, slots

# The registers are new ones after an exec; a number of two calls is told apart by the task.
_UNSTEADY = PlanFlag.EXEC | PlanFlag.OTHER_ABI
_STEADY = (Register, Fixed, type(None))


class _Registers(Scene):
    """Of which only the arguments are there."""

    __slots__ = ()

    def _field(self, slot: int) -> Number:
        match self.row[slot]:
            case Register(position, bits, signed):
                return Number(self._narrowed(8 * position, bits, signed, "%args"), TRUE)
        return Number("0", FALSE)


@dataclass(frozen=True, slots=True)
class Admitting:
    """The IR of faultin_admits(), and the plans that it is to be asked for."""

    ir: str
    plans: frozenset[int]


def admitting(where: Expr, sources: Mapping[int, tuple[Source | None, ...]], plans: Plans) -> Admitting:
    """Calls of plans that are alike share code; of the others, none is ruled out."""
    used = sorted(slots(where))
    groups: dict[tuple, list[int]] = {}
    for index, row in sources.items():
        if _is_steady(plans, index) and any(isinstance(row[slot], Register) for slot in used):
            groups.setdefault(tuple(row[slot] for slot in used), []).append(index)
    b = Builder(ADMITS)
    labels = {alike: b.name("plan") for alike in groups}
    targets = [f"i32 {index}, label %{labels[a]}" for a, found in groups.items() for index in found]
    b.do(f"switch i32 %nr, label %others [{' '.join(targets)}]")
    asked = [index for alike, found in groups.items() if _writes(b, labels[alike], where, sources[found[0]])
             for index in found]  # fmt: skip
    b.start("others")
    b.do("ret i32 1")
    return Admitting(b.text(), frozenset(asked))


def _writes(b: Builder, label: str, where: Expr, row: tuple[Source | None, ...]) -> bool:
    """The code of one group. Returns whether it can rule a call out."""
    b.start(label)
    unknown = frozenset(slot for slot, source in enumerate(row) if not isinstance(source, _STEADY))
    found = Possible(_Registers(b, row, Places(), Texts(), FALSE), unknown).condition(where)
    b.do(f"ret i32 {'1' if found == TRUE else '0' if found == FALSE else b.add(f'zext i1 {found} to i32')}")
    return found != TRUE


def _is_steady(plans: Plans, index: int) -> bool:
    """Whether the number is enough to know the plan by, and the registers stay."""
    if index >= NUMBERS or plans.plans[index].syscall.variants:
        return False
    return not plans.images["plans"][index * PLAN_BYTES + FLAGS] & _UNSTEADY
