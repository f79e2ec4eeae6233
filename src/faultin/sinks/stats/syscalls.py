# SPDX-License-Identifier: Apache-2.0
"""Syscalls: what `faultin stats` counts when it is asked for nothing: `strace -c`.

In: a Table by syscall with these counters. Out: the table that `trace -c` has too, with
the slowest call of each.
"""

from collections.abc import Mapping

from faultin.aggregate.counters import counter
from faultin.aggregate.table import Table
from faultin.sinks.call_table import CallCount, call_table
from faultin.sinks.lost import lost_line
from faultin.sinks.stats.view import View, more_line

KEYS = ("syscall",)
COUNTERS = (
    counter("calls", "count"),
    counter("errors", "sum"),  # amount: 1 for an error, else 0
    counter("time", "sum", unit="ns"),
    counter("slowest", "max", unit="ns"),
)


def syscalls_text(table: Table, lost: Mapping[str, int], view: View) -> str:
    """The report. The order is that of the time spent, whatever the view says."""
    counts = [CallCount(row.key[0], *row.results) for row in table.rows()]
    lines = [lost_line(cause, count) for cause, count in lost.items()]
    return "".join([call_table(counts, view.top), more_line(len(counts), view), *lines])
