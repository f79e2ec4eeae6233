# SPDX-License-Identifier: Apache-2.0
"""Image: a policy as the native guard maps it (struct policy of native/guard/policy.h).

In: Guarding. Out: bytes, and the steps in the order in which the guard counts them.
"""

from struct import Struct

from faultin.codegen.plan import NUMBERS
from faultin.guard.code import code
from faultin.guard.policy import Action
from faultin.guard.rules import Guarding, Step

RULE_NONE = 0xFFFF
DECISION_OP = 0xFFFE
DECISION = Struct("<HBBi")  # struct decision
_HEAD = Struct("<IIIIiIIIIIQQ")
_CALL = Struct("<IHBB")
_STEP = Struct("<HBBiII")
_WATCHED, _DECIDED = 1, 2


class _Code:
    """The conditions of all steps, end to end. Word 0 is nobody's: a step without one."""

    def __init__(self, guarding: Guarding, native: bool) -> None:
        self._guarding, self._native = guarding, native
        self.words = [0]

    def add(self, number: int, step: Step) -> int | None:
        """Where the condition of a call's step is; None if the guard has to ask."""
        if step.query is None:
            return 0
        plan = self._guarding.plans.plans[number]
        if not self._native or plan.syscall.variants or step.query.where is None:
            return None
        found = code(step.query.where, step.query.sources[number], plan)
        if found is None:
            return None
        self.words += found
        return len(self.words) - len(found)


def _step(step: Step, at: int | None) -> bytes:
    return _STEP.pack(step.rule, step.action, at is None, step.errno, at or 0, step.resolve)


def _recorded(guarding: Guarding, steps: tuple[Step, ...]) -> bool:
    """Whether somebody may want to know what the inputs are."""
    default = guarding.policy.default
    return default is not Action.ALLOW or any(
        s.query or s.action is not Action.ALLOW for s in steps
    )


def _unsealed(guarding: Guarding) -> bytes:
    """A byte a plan (sealing.unsealed_bits)."""
    found = bytearray(max(guarding.performed.plans) + 1)
    for index, bits in guarding.unsealed.items():
        found[index] = bits
    return bytes(found)


def policy_image(
    guarding: Guarding, audits: bool, has_mseal: bool, secret: tuple[int, int], native: bool
) -> tuple[bytes, list[Step]]:
    """secret: what the call for the arena's descriptor is known by (filter.py); native:
    whether the guard decides all conditions that it can."""
    policy, conditions = guarding.policy, _Code(guarding, native)
    steps: list[Step] = []
    packed: list[bytes] = []
    calls = [bytes(_CALL.size)] * NUMBERS
    for number in guarding.stopped:
        calls[number] = _CALL.pack(0, 0, _WATCHED, 0)
    for number, found in sorted(guarding.steps.items()):
        recorded = _recorded(guarding, found)
        calls[number] = _CALL.pack(len(steps), len(found), _DECIDED, recorded)
        steps += found
        packed += [_step(step, conditions.add(number, step)) for step in found]
    words = b"".join(word.to_bytes(8, "little") for word in conditions.words)
    unsealed = b"" if policy.unsealed else _unsealed(guarding)
    head = _HEAD.pack(
        len(steps), len(conditions.words), audits, policy.default, policy.errno,
        int(policy.read_seconds * 1000),
        has_mseal, policy.io_uring, len(unsealed), 0, *secret,
    )  # fmt: skip
    return b"".join([head, *calls, *packed, words, unsealed]), steps
