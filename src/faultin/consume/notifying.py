# SPDX-License-Identifier: Apache-2.0
"""Notifying: each call that a query wants becomes a notification, as far as the rules allow.

In: whole records. Out: notifications, in the hands of the actions. Without captures a
notification has all arguments of the call, as a trace has them.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from faultin.actions.fan import Fan, report_lines
from faultin.actions.rates import Gate
from faultin.consume.counting import keyer, shower, shown
from faultin.consume.judge import Judge
from faultin.decode.calls import Decoder
from faultin.drain.wire import Record
from faultin.event import Event, Summary
from faultin.query.actions import Capture
from faultin.query.fields import argument_name
from faultin.query.query import Query
from faultin.query.types import MISSING

if TYPE_CHECKING:
    from faultin.consume.stacking import Stacking

_OF_MESSAGE = {"addr": "msg_name", "iov": "msg_iov"}  # what a name stands for in a msghdr

Tell = Callable[[str], None]


class Notifying:
    """The consumer of `faultin watch`. `tell` is given what went wrong, at the end."""

    def __init__(
        self, query: Query, judge: Judge, decoder: Decoder, gate: Gate, fan: Fan, grace: float,
        tell: Tell, stacking: "Stacking | None" = None,
    ) -> None:  # fmt: skip
        self._stacking = stacking
        self._judge, self._decoder = judge, decoder
        self._gate, self._fan, self._grace, self._tell = gate, fan, grace, tell
        self._captures = [(capture.name, _captured(capture)) for capture in query.captures]
        self._keys = [keyer(key.value) for key in query.keys]

    @property
    def lost(self) -> Mapping[str, int]:
        return self._stacking.lost if self._stacking else {}

    def take(self, records: Iterable[Record]) -> int:
        count = 0
        for record, row in self._judge.rows(records):
            count += 1
            key = tuple([str(key(row)) for key in self._keys]) if self._keys else None
            suppressed = self._gate.admit(key)
            if suppressed is not None:
                self._fan.submit(self._notification(record, row, suppressed))
        return count

    def _notification(self, record: Record, row: Any, suppressed: int) -> dict[str, Any]:
        event = self._decoder.event(record)
        found: dict[str, Any] = {
            "ts": event.ts, "pid": event.pid, "tid": event.tid, "comm": event.comm,
            "syscall": event.label,
        }  # fmt: skip
        if self._captures:
            found |= {name: self._value(name, capture, event, record, row) for name, capture in self._captures}
        else:
            found |= _arguments(event)
        if suppressed:
            found["suppressed"] = suppressed
        return found

    def _value(self, name: str, capture: Callable[[Any], Any], event: Event, record: Record, row: Any) -> Any:
        """Of an argument all that a trace shows, which may be more than a query looks at."""
        plan = self._decoder.plan(record)
        argument = argument_name(plan, name) if plan else None
        if argument not in event.args:
            return capture(row)
        value = event.args[argument]
        return value.get(_OF_MESSAGE[name], value) if name in _OF_MESSAGE and isinstance(value, dict) else value

    def idle(self) -> None:
        """What is submitted is on its way already."""

    @property
    def done(self) -> bool:
        return self._gate.finished

    def close(self, summary: Summary) -> None:
        if self._stacking:
            self._stacking.close()
        reports = self._fan.close(time.monotonic() + self._grace)
        for line in report_lines(reports):
            self._tell(line.removeprefix("faultin: ").rstrip("\n"))
        held = self._gate.held
        causes = [f"{getattr(held, f.name)} by --{f.name.replace('_', '-')}" for f in fields(held)
                  if f.name != "evicted" and getattr(held, f.name)]  # fmt: skip
        if causes:
            self._tell(f"matches that did not notify: {', '.join(causes)}")
        if held.evicted:
            self._tell(f"{held.evicted} keys of --for-each were forgotten too early: too many of them")


def _arguments(event: Event) -> dict[str, Any]:
    result = {} if event.ret is None else {"ret": event.ret}
    return {**event.args, **result, **({"errno": event.errno} if event.errno else {})}


def _captured(capture: Capture) -> Callable[[Any], Any]:
    """The one of its values that is there."""
    showers = [shower(value) for value in capture.values]

    def value(row: Any) -> Any:
        found = [show(row) for show in showers]
        return next((one for one in found if one != shown(MISSING, capture.values[0].type)), found[0])

    return value
