# SPDX-License-Identifier: Apache-2.0
"""Counts: calls, errors and time by syscall, as `strace -c` has them.

In: events. Out: a table after the last of them, and before it what another sink
writes of them, if there is one.
"""

from collections import defaultdict

from faultin.event import Event, EventKind, Summary
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
            if event.kind in (EventKind.CALL, EventKind.NORETURN):
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
        from rich import box
        from rich.console import Console
        from rich.table import Table

        total = sum(self._time.values()) or 1
        table = Table(box=box.SIMPLE_HEAD)
        for heading in ("% time", "seconds", "usecs/call", "calls", "errors"):
            table.add_column(heading, justify="right")
        table.add_column("syscall")
        for name in sorted(self._calls, key=lambda n: (-self._time[n], n)):
            calls, spent = self._calls[name], self._time[name]
            errors = str(self._errors[name] or "")
            table.add_row(
                f"{100 * spent / total:.2f}", f"{spent / 1e9:.6f}", f"{spent / calls / 1e3:.0f}",
                str(calls), errors, name,
            )  # fmt: skip
        table.add_section()
        calls, errors = sum(self._calls.values()), sum(self._errors.values())
        spent = sum(self._time.values())
        table.add_row(
            "100.00", f"{spent / 1e9:.6f}", f"{spent / max(calls, 1) / 1e3:.0f}", str(calls),
            str(errors or ""), "total",
        )  # fmt: skip
        console = Console(width=100, color_system=None)
        with console.capture() as captured:
            console.print(table)
        return captured.get()
