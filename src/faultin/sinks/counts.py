# SPDX-License-Identifier: Apache-2.0
"""Counts: calls, errors and time by syscall, counted from events.

In: events. Out: a table after the last of them, and before it what another sink
writes of them, if there is one.
"""

from collections import defaultdict

from faultin.event import Event, EventKind, Summary
from faultin.sinks.call_table import CallCount, call_table
from faultin.sinks.output import Output


class Counts:
    """Counts all, and prints the table at the end; `also` gets every event first."""

    def __init__(self, output: Output, also=None) -> None:
        self._output, self._also = output, also
        self._calls: dict[str, int] = defaultdict(int)
        self._errors: dict[str, int] = defaultdict(int)
        self._time: dict[str, int] = defaultdict(int)

    def write(self, events: list[Event]) -> None:
        for event in events:
            if event.kind in (EventKind.CALL, EventKind.NORETURN, EventKind.EVENT):
                label = event.label
                self._calls[label] += 1
                self._errors[label] += event.errno is not None
                self._time[label] += event.latency or 0
        if self._also:
            self._also.write(events)

    def flush(self) -> None:
        if self._also:
            self._also.flush()

    def close(self, summary: Summary) -> None:
        self._output.write(self.table().encode())
        (self._also or self._output).close(*([summary] if self._also else []))

    def table(self) -> str:
        """The table as text, the most expensive syscall first."""
        return call_table([
            CallCount(name, calls, self._errors[name], self._time[name])
            for name, calls in self._calls.items()
        ])
