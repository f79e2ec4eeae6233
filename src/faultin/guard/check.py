# SPDX-License-Identifier: Apache-2.0
"""Check: what a policy covers, in words, without a command.

In: a Policy. Out: lines: for each rule its calls, what is decided by default, and what one
might take to be covered and is not.
"""

import re

from faultin.errno_names import errno_name
from faultin.guard.policy import Action, Policy
from faultin.guard.rules import Guarding, guarding
from faultin.guard.sealing import unsealed
from faultin.syscalls.table import Table

# Calls that do the same as others: who guards one of them mostly means them all.
_FAMILIES = (
    ("open", "openat", "openat2", "creat", "open_by_handle_at"),
    ("execve", "execveat"),
    ("connect", "sendto", "sendmsg"),
    ("unlink", "unlinkat", "rmdir"),
    ("rename", "renameat", "renameat2"),
    ("link", "linkat"),
    ("symlink", "symlinkat"),
    ("mkdir", "mkdirat"),
    ("chmod", "fchmodat", "fchmodat2"),
    ("chown", "lchown", "fchownat"),
    ("write", "writev", "pwrite64", "pwritev", "pwritev2"),
)


def check(policy: Policy, table: Table) -> str:
    """The report. What does not hold together is a UsageError."""
    found = guarding(policy, table, True)
    lines = [*_rules(found, table), _default(found, table), *_advice(found, table)]
    return "".join(f"{line}\n" for line in lines)


def _names(numbers: list[int], table: Table) -> str:
    names = sorted(table.by_number(number).name for number in numbers)
    return (
        ", ".join(names)
        if len(names) <= 12
        else f"{', '.join(names[:10])} and {len(names) - 10} more"
    )


def _verdict(action: Action, number: int) -> str:
    return f"deny with {errno_name(number)}" if action is Action.DENY else action.name.lower()


def _rules(found: Guarding, table: Table) -> list[str]:
    lines = []
    for position, rule in enumerate(found.policy.rules):
        calls = [n for n, steps in found.steps.items() if any(s.rule == position for s in steps)]
        when = f" where {rule.where}" if rule.where else ""
        verdict = _verdict(rule.action, rule.errno)
        lines.append(f"{position + 1}. {rule.name}: {verdict}: {_names(calls, table)}{when}")
    return lines


def _default(found: Guarding, table: Table) -> str:
    policy = found.policy
    verdict = _verdict(policy.default, policy.errno)
    return f"else: {verdict}: {_names(list(found.steps), table)}"


def _advice(found: Guarding, table: Table) -> list[str]:
    names = {table.by_number(number).name for number in found.steps}
    lines = []
    for family in _FAMILIES:
        missing = [name for name in family if name not in names]
        if missing and len(missing) < len(family):
            covered = [name for name in family if name in names]
            lines.append(f"not guarded: {', '.join(missing)}, though {', '.join(covered)} is")
    for number in sorted(found.steps):
        call = found.plans.plans[number].syscall
        # of the whole plan: what is not sealed is not captured
        if inputs := _unsealed(table, number):
            outcome = "not sealed" if found.policy.unsealed else "denied if given"
            lines.append(f"{outcome}: {call.name}: {', '.join(inputs)}")
    for rule in found.policy.rules:
        if re.search(r"\bcomm\b", rule.where):
            lines.append(f"{rule.name}: a program can choose its comm")
    return lines


def _unsealed(table: Table, number: int) -> list[str]:
    from faultin.codegen.plan import plan

    each = plan(table, frozenset([number])).plans
    found = [name for one in each.values() if one.syscall.nr == number for name in unsealed(one)]
    return list(dict.fromkeys(found))
