# SPDX-License-Identifier: Apache-2.0
"""Rules: a policy against the syscall table.

In: a Policy. Out: Guarding: which calls are stopped, what is captured of them, and for
each the steps by which it is decided, in the policy's order. A condition is typed against
the calls of its own rule; it may look at sealed memory, registers, and who calls.
"""

from dataclasses import dataclass, replace

from faultin.codegen.plan import Plans, plan
from faultin.errors import QueryError, UsageError
from faultin.guard.policy import Action, Policy, Rule
from faultin.guard.sealing import performed, sealed, unsealed, unsealed_bits
from faultin.query.fields import LATE
from faultin.query.query import Query, parse_where
from faultin.query.scope import Scope
from faultin.query.sources import Common, op_of
from faultin.query.tree import slots
from faultin.syscalls.table import Table

# Calls that could get around the guard, or whose children could (native/guard/doors.c).
DOORS = (
    "ptrace", "pidfd_getfd", "process_vm_writev", "io_setup", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "prctl", "seccomp", "clone", "clone3",
)  # fmt: skip
# ... where the kernel has no mseal.
MOVING = ("mmap", "munmap", "mprotect", "pkey_mprotect", "remap_file_pages", "mremap", "shmat")
_OPENS = frozenset(["open", "creat", "openat", "openat2"])
_BECOMES = {"sendmmsg": "sendmsg"}  # native/guard/messages.c


@dataclass(frozen=True, slots=True)
class Step:
    """A rule as one call sees it; `query` is its condition, None for every call."""

    rule: int
    action: Action
    errno: int
    resolve: int
    query: Query | None


@dataclass(frozen=True, slots=True)
class Guarding:
    """A policy that can be carried out. plans: what is captured, for rules and the audit;
    performed: what the guard seals, which is more; unsealed: by plan, arguments (bits) through
    which a decided call reads memory that is not; steps: by the number of the call, those that are
    decided; stopped: these, and those that are only watched."""

    policy: Policy
    plans: Plans
    performed: Plans
    unsealed: dict[int, int]
    steps: dict[int, tuple[Step, ...]]
    stopped: frozenset[int]

    @property
    def asks(self) -> bool:
        """Whether some rule has a condition."""
        return any(step.query for steps in self.steps.values() for step in steps)


def guarding(policy: Policy, table: Table, has_mseal: bool) -> Guarding:
    """UsageError, or QueryError with the place in a condition, if it does not hold together."""
    chosen = [_numbers(table, rule.calls, f"{rule.place}: calls") for rule in policy.rules]
    beside = (
        _numbers(table, policy.guard, f"{policy.source}: guard") if policy.guard else frozenset()
    )
    decided = frozenset().union(beside, *chosen)
    watched = [table.by_name(name).nr for name in (*DOORS, *(() if has_mseal else MOVING))]
    stopped = decided | frozenset(watched)
    for name, other in _BECOMES.items():
        if table.by_name(other).nr in decided:
            stopped |= {table.by_name(name).nr}
    whole = plan(table, stopped)
    plans = plan(table, stopped, {index: sealed(each) for index, each in whole.plans.items()})
    inside = plan(table, stopped, {index: performed(each) for index, each in whole.plans.items()})
    plans = _numbered(plans, inside)
    outside = {
        index: unsealed_bits(each)
        for index, each in whole.plans.items()
        if each.syscall.nr in decided and not _is_narrow(index, each.syscall.nr, whole)
    }
    steps: dict[int, list[Step]] = {number: [] for number in decided}
    for position, (rule, numbers) in enumerate(zip(policy.rules, chosen, strict=True)):
        _check_resolve(rule, table, numbers)
        query = _condition(rule, table, numbers, whole, plans) if rule.where else None
        step = Step(position, rule.action, rule.errno, rule.resolve, query)
        for number in numbers:
            steps[number].append(step)
    decisions = {number: tuple(found) for number, found in steps.items()}
    return Guarding(policy, plans, replace(inside, foreign=True), outside, decisions, stopped)


def _numbered(plans: Plans, performed: Plans) -> Plans:
    """The operations as the guard numbers them, which performs more: all of these behind those
    that are captured, in each plan. What comes another way is stopped too, and denied."""
    numbered = {
        index: replace(each, first=performed.plans[index].first)
        for index, each in plans.plans.items()
    }
    return replace(plans, plans=numbered, foreign=True)


def _numbers(table: Table, expression: str, place: str) -> frozenset[int]:
    try:
        found = table.resolve(expression)
    except UsageError as error:
        raise UsageError(
            place, f"{error.what.removeprefix('-e ')}: {error.why}", error.advice
        ) from None
    for name, other in _BECOMES.items():
        if (number := table.by_name(name).nr) in found:
            found = found - {number} | {table.by_name(other).nr}
    return found


def _check_resolve(rule: Rule, table: Table, numbers: frozenset[int]) -> None:
    others = [name for n in sorted(numbers) if (name := table.by_number(n).name) not in _OPENS]
    if rule.resolve and others:
        why = f"{others[0]} opens nothing by a path"
        raise UsageError(f"{rule.place}: resolve", why, f"it is for {', '.join(sorted(_OPENS))}")


def _of(plans: Plans, numbers: frozenset[int]) -> Plans:
    """The plans of some calls, native ones, under their own indexes."""
    found = {
        index: each for index, each in plans.plans.items()
        if each.syscall.nr in numbers and not _is_narrow(index, each.syscall.nr, plans)
    }  # fmt: skip
    return replace(plans, plans=found, traced=numbers, foreign=False)


def _is_narrow(index: int, number: int, plans: Plans) -> bool:
    native = plans.plans.get(number)
    return native is None or native.syscall is not plans.plans[index].syscall


def _condition(
    rule: Rule, table: Table, numbers: frozenset[int], whole: Plans, plans: Plans
) -> Query:
    part = f"{rule.place}: where"
    _check(rule.where, _of(whole, numbers), table, part)
    scope = Scope(_of(plans, numbers), table)
    condition = parse_where(rule.where, scope, part)
    return Query(tuple(scope.slots), scope.sources(), condition)


def _check(text: str, plans: Plans, table: Table, part: str) -> None:
    """Refuses what is not known, or not certain, before the call."""
    scope = Scope(plans, table)
    used = set(slots(parse_where(text, scope, part)))
    for index, row in scope.sources().items():
        each = plans.plans[index]
        for slot in used:
            source = row[slot]
            if isinstance(source, Common) and source.name in LATE:
                _refuse(text, scope.slots[slot].name, part, "is not known before the call")
            op = op_of(source)
            if op is not None and op not in sealed(each):
                why = f"of {each.syscall.name} is written by the call, and cannot be sealed"
                if each.arguments[each.ops[op].position].name in unsealed(each):
                    why = f"of {each.syscall.name} cannot be sealed: the call needs it where it is"
                _refuse(text, scope.slots[slot].name, part, why)


def _refuse(text: str, name: str, part: str, why: str) -> None:
    at = max(0, text.find(name.split(".")[0].split("[")[0]))
    advice = "a rule decides by what the call is given, when it is made"
    raise QueryError(text, at, f"{name} {why}", advice, part)
