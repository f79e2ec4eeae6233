# SPDX-License-Identifier: Apache-2.0
"""Report: the final table, in the format that was asked for, to an Output.

In: a Table and a Summary. Out: bytes. What was lost is in the report itself; with CSV,
which has no place for it, the caller tells it (lost.py).
"""

from dataclasses import dataclass

from faultin.aggregate.table import Table
from faultin.event import Summary
from faultin.sinks.lost import collision_line
from faultin.sinks.output import Output
from faultin.sinks.stats.files import table_csv, table_json
from faultin.sinks.stats.syscalls import COUNTERS, syscalls_text
from faultin.sinks.stats.text import table_text
from faultin.sinks.stats.view import View

FORMATS = ("text", "json", "csv")


@dataclass(frozen=True, slots=True)
class Report:
    """Where the table goes, and as what (FORMATS)."""

    output: Output
    format: str
    view: View

    def write(self, table: Table, summary: Summary) -> None:
        """Writes all and closes the output."""
        self.output.write(self._bytes(table, summary))
        self.output.close()

    def _bytes(self, table: Table, summary: Summary) -> bytes:
        match self.format:
            case "json":
                return table_json(table, summary, self.view)
            case "csv":
                return table_csv(table, self.view).encode()
        is_default = table.counters == COUNTERS
        text = syscalls_text if is_default else table_text
        lines = text(table, summary.lost, self.view)
        return (lines + collision_line(summary.kernel.get("collisions", 0))).encode()
