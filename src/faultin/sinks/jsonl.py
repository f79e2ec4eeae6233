# SPDX-License-Identifier: Apache-2.0
"""JSON Lines: one object an event, the summary last.

In: events. Out: bytes. The keys are the contract of docs/output.md; unfinished
calls that are shown while they block have their line when they end.
"""

from faultin.event import Event, EventKind, Summary
from faultin.sinks.json_values import to_json
from faultin.sinks.output import Output
from faultin.sinks.stacks.objects import frame_object

_CALLS = (EventKind.CALL, EventKind.NORETURN, EventKind.EVENT)


def event_object(event: Event) -> dict:
    """The JSON object of a call."""
    found = {
        "ts": event.ts,
        "pid": event.pid,
        "tid": event.tid,
        "comm": event.comm,
        "syscall": event.syscall,
        "args": event.args,
        "ret": event.ret,
        "errno": event.errno,
        "latency": event.latency,
        "capture": event.capture,
    }
    if event.kind is EventKind.EVENT:
        found["event"] = True
    if event.out:
        found["out"] = event.out
    if event.abi:
        found["abi"] = event.abi
    if event.stack:
        found["stack"] = [frame_object(frame) for frame in event.stack.frames]
        found["stack_end"], found["stack_how"] = event.stack.end.value, event.stack.how
    return found


class JsonLines:
    """Writes calls as they end; signals and exits of tasks are not calls."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, events: list[Event]) -> None:
        lines = [to_json(event_object(event)) for event in events if event.kind in _CALLS]
        if lines:
            lines.append(b"")
            self._output.write(b"\n".join(lines))

    def flush(self) -> None:
        self._output.flush()

    def close(self, summary: Summary) -> None:
        found = {
            "events": summary.events,
            "lost": summary.lost,
            "engine": summary.engine,
            "strategy": summary.strategy,
            **({"fell_back": summary.fell_back} if summary.fell_back else {}),
        }
        self._output.write(to_json({"summary": found}) + b"\n")
        self._output.close()


class Discard:
    """Takes events and does nothing: what decoding alone costs (bench/)."""

    def write(self, events: list[Event]) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    def close(self, summary: Summary) -> None:
        """Nothing."""
