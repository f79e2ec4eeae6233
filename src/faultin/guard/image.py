# SPDX-License-Identifier: Apache-2.0
"""Image: a policy as the native guard maps it (struct policy of native/guard/policy.h).

In: Guarding. Out: bytes, and the steps in the order in which the guard counts them.
"""

from struct import Struct

from faultin.codegen.plan import NUMBERS
from faultin.guard.policy import Action
from faultin.guard.rules import Guarding, Step

RULE_NONE = 0xFFFF
DECISION_OP = 0xFFFE
DECISION = Struct("<HBBi")  # struct decision
_HEAD = Struct("<IIIIiIIIQQ")
_CALL = Struct("<IHBB")
_STEP = Struct("<HBBiII")
_WATCHED, _DECIDED = 1, 2


def _step(step: Step) -> bytes:
    asks = step.query is not None
    return _STEP.pack(step.rule, step.action, asks, step.errno, 0, step.resolve)


def _recorded(guarding: Guarding, steps: tuple[Step, ...]) -> bool:
    """Whether somebody may want to know what the inputs are."""
    default = guarding.policy.default
    return default is not Action.ALLOW or any(s.query or s.action is not Action.ALLOW for s in steps)


def policy_image(
    guarding: Guarding, audits: bool, has_mseal: bool, secret: tuple[int, int]
) -> tuple[bytes, list[Step]]:
    """secret: what the call for the arena's descriptor is known by (filter.py)."""
    policy = guarding.policy
    steps: list[Step] = []
    calls = [bytes(_CALL.size)] * NUMBERS
    for number in guarding.stopped:
        calls[number] = _CALL.pack(0, 0, _WATCHED, 0)
    for number, found in sorted(guarding.steps.items()):
        recorded = _recorded(guarding, found)
        calls[number] = _CALL.pack(len(steps), len(found), _DECIDED, recorded)
        steps += found
    head = _HEAD.pack(
        len(steps), 0, audits, policy.default, policy.errno, int(policy.read_seconds * 1000),
        has_mseal, policy.io_uring, *secret,
    )  # fmt: skip
    return b"".join([head, *calls, *map(_step, steps)]), steps
