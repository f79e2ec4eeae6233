# SPDX-License-Identifier: Apache-2.0
"""Call table: calls, errors and time by syscall, as `strace -c` has them.

In: what was counted of each syscall. Out: text, the most expensive syscall first.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallCount:
    """What one syscall did. time, slowest: ns; slowest is None where nobody kept it."""

    name: str
    calls: int
    errors: int
    time: int
    slowest: int | None = None


def call_table(counts: Sequence[CallCount], top: int = 0) -> str:
    """The table, with a column for the slowest call if that is known of any. top: most rows,
    0 for all; shares and the total are of all."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    counts = sorted(counts, key=lambda count: (-count.time, count.name))
    total = _total(counts)
    with_slowest = total.slowest is not None
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("% time", "seconds", "usecs/call", "calls", "errors"):
        table.add_column(heading, justify="right")
    if with_slowest:
        table.add_column("max usecs", justify="right")
    table.add_column("syscall")
    for count in counts[: top or None]:
        table.add_row(*_cells(count, total.time or 1, with_slowest))
    table.add_section()
    table.add_row("100.00", *_cells(total, 1, with_slowest)[1:])
    console = Console(width=100, color_system=None, file=io.StringIO())
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def _total(counts: Sequence[CallCount]) -> CallCount:
    slowest = [count.slowest for count in counts if count.slowest is not None]
    return CallCount(
        "total",
        sum(count.calls for count in counts),
        sum(count.errors for count in counts),
        sum(count.time for count in counts),
        max(slowest, default=None),
    )


def _cells(count: CallCount, total: int, with_slowest: bool) -> list[str]:
    slowest = "" if count.slowest is None else f"{count.slowest / 1e3:.0f}"
    return [
        f"{100 * count.time / total:.2f}", f"{count.time / 1e9:.6f}",
        f"{count.time / max(count.calls, 1) / 1e3:.0f}", str(count.calls), str(count.errors or ""),
        *([slowest] if with_slowest else []), count.name,
    ]  # fmt: skip
