# SPDX-License-Identifier: Apache-2.0
"""Audit: what was decided, of which call, by which rule, and what came of it.

In: records with a decision. Out: lines, as JSON in a file or as text on stderr. Each has the
inputs as they were sealed, which is what the kernel has read.
"""

import sys
from dataclasses import dataclass
from typing import Protocol

from faultin.decode.calls import Decoder
from faultin.drain.wire import Record
from faultin.event import Event
from faultin.guard.image import DECISION, DECISION_OP, RULE_NONE
from faultin.guard.policy import Action
from faultin.guard.rules import Guarding
from faultin.sinks.json_values import to_json
from faultin.sinks.jsonl import event_object
from faultin.sinks.output import Output
from faultin.sinks.text import Style, Text

# enum why of native/guard/policy.h
WHY = ("rule", "default", "fault", "stalled", "size", "room", "door", "abi", "unsealed")


@dataclass(frozen=True, slots=True)
class Decision:
    """rule: its name, None where none decided; unsealed: arguments of which nothing is told."""

    action: Action
    rule: str | None
    why: str
    unsealed: list[str]


class Audit(Protocol):
    """Where decisions go."""

    def write(self, event: Event, decision: Decision) -> None: ...

    def flush(self) -> None: ...

    def close(self, decisions: int) -> None: ...


class JsonAudit:
    """One object a decision; the last line counts them."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, event: Event, decision: Decision) -> None:
        decided = {
            "action": decision.action.name.lower(), "rule": decision.rule, "why": decision.why,
        }  # fmt: skip
        outside = {"unsealed": decision.unsealed} if decision.unsealed else {}
        self._output.write(to_json({**decided, **event_object(event), **outside}) + b"\n")

    def flush(self) -> None:
        self._output.flush()

    def close(self, decisions: int) -> None:
        self._output.write(to_json({"summary": {"decisions": decisions}}) + b"\n")
        self._output.close()


class TextAudit:
    """A line on stderr for what was not simply let through."""

    def __init__(self) -> None:
        self._output = Output.open(None, sys.stderr.buffer)
        self._text = Text(self._output, Style(always_pid=True))

    def write(self, event: Event, decision: Decision) -> None:
        by = f"rule {decision.rule}" if decision.rule else decision.why
        self._output.write(f"faultin: {decision.action.name.lower()} ({by}): ".encode())
        self._text.write([event])
        self._output.flush()

    def flush(self) -> None:
        self._output.flush()

    def close(self, decisions: int) -> None:
        self._output.close()


class Auditor:
    """Records become decisions in an Audit."""

    def __init__(self, guarding: Guarding, decoder: Decoder, audit: Audit) -> None:
        self._rules = [rule.name for rule in guarding.policy.rules]
        self._guarding, self._decoder, self._audit = guarding, decoder, audit
        self.decisions = 0

    def take(self, record: Record) -> None:
        """A record of a call that was decided."""
        piece = next((p for p in reversed(record.pieces()) if p.op == DECISION_OP), None)
        if piece is None:
            return
        rule, action, why, _ = DECISION.unpack(piece.data)
        name = None if rule == RULE_NONE else self._rules[rule]
        self.decisions += 1
        decision = Decision(Action(action), name, WHY[why], self._unsealed(record))
        self._audit.write(self._decoder.event(record), decision)

    def _unsealed(self, record: Record) -> list[str]:
        """Arguments that were given, and that the call reads where the program can write."""
        bits = self._guarding.unsealed.get(record.plan, 0)
        if not bits:
            return []
        arguments = self._guarding.plans.plans[record.plan].arguments
        given = zip(arguments, record.arguments, strict=False)
        return [a.name for bit, (a, value) in enumerate(given) if bits >> bit & 1 and value]

    def flush(self) -> None:
        self._audit.flush()

    def close(self) -> None:
        self._audit.close(self.decisions)
