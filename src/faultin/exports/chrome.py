# SPDX-License-Identifier: Apache-2.0
"""Chrome: the JSON of the trace event format, as chrome://tracing, Perfetto and Speedscope
read it.

In: events. Out: bytes of one JSON object. Times are microseconds with three decimals since
`otherData.base_ns`, as a double holds no ns since 1970. A call is complete (X), one that did
not return begins (B), one of which only a side was seen is an instant (i), as is a user event.
"""

from typing import Any

from faultin.event import Event, EventKind, Summary
from faultin.sinks.json_values import to_json
from faultin.sinks.jsonl import event_object
from faultin.sinks.output import Output

_CALLS = (EventKind.CALL, EventKind.NORETURN, EventKind.EVENT)
_HEAD = ("ts", "pid", "tid", "latency")  # what the format has a place of its own for

_BEGIN = b'{"traceEvents":[\n'


class Chrome:
    """Writes calls; `about` is what the recording says of itself, `base` the ns of its earliest
    entry: calls come in the order of their returns, and no viewer takes times below 0."""

    def __init__(self, output: Output, about: dict[str, Any], base: int) -> None:
        self._output, self._about, self._base = output, about, base
        self._names: dict[tuple[int, int], str] = {}
        self._separator = _BEGIN

    def write(self, events: list[Event]) -> None:
        for event in events:
            if event.kind in _CALLS:
                self._name(event)
                self._add(self._call(event))

    def _name(self, event: Event) -> None:
        """The name of a task, whenever it is another."""
        key = event.pid, event.tid
        if self._names.get(key) == event.comm:
            return
        self._names[key] = event.comm
        names = ("process_name", "thread_name") if event.pid == event.tid else ("thread_name",)
        for name in names:
            self._add(
                {"ph": "M", "name": name, "pid": event.pid, "tid": event.tid,
                 "args": {"name": event.comm}}
            )  # fmt: skip

    def _call(self, event: Event) -> dict[str, Any]:
        is_event = event.kind is EventKind.EVENT
        found = {
            "ph": "X", "name": event.label, "cat": "event" if is_event else "syscall",
            "pid": event.pid, "tid": event.tid,
            "ts": (event.ts - self._base) / 1000,
        }  # fmt: skip
        if event.latency is not None:
            found["dur"] = event.latency / 1000
        elif event.ret is None and not is_event:
            found["ph"] = "B"
        else:
            found |= {"ph": "i", "s": "t"}
        whole = event_object(event)
        found["args"] = {name: value for name, value in whole.items() if name not in _HEAD}
        return found

    def _add(self, found: dict[str, Any]) -> None:
        self._output.write(self._separator + to_json(found))
        self._separator = b",\n"

    def flush(self) -> None:
        self._output.flush()

    def close(self, summary: Summary) -> None:
        if self._separator == _BEGIN:
            self._output.write(_BEGIN)
        other = {
            **self._about, "base_ns": str(self._base), "events": summary.events,
            "lost": summary.lost, "engine": summary.engine, "strategy": summary.strategy,
        }  # fmt: skip
        self._output.write(b'\n],"displayTimeUnit":"ns","otherData":' + to_json(other) + b"}\n")
        self._output.close()
