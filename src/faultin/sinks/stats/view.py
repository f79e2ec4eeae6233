# SPDX-License-Identifier: Apache-2.0
"""View: which rows are shown in which order, and how a number is written.

In: the user's choices. Out: text of numbers: exact, or for people (`human`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from faultin.aggregate.counters import Counter
from faultin.aggregate.functions import Shown
from faultin.aggregate.table import Row, Table

_TIMES = ((10**9, "s"), (10**6, "ms"), (10**3, "us"))
_AMOUNTS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


@dataclass(frozen=True, slots=True)
class View:
    """sort: a column (Table.rows), None for the first counter; top: most rows, 0 for all."""

    sort: str | None = None
    reverse: bool = False
    top: int = 0
    human: bool = False

    def rows(self, table: Table) -> list[Row]:
        return table.rows(self.sort, self.reverse, self.top or None)


def number_text(value: int | float | None, unit: str, human: bool) -> str:
    """Exact to the last digit (averages: to three places), or 1.23 ms, 4.5 M; - for none."""
    if value is None:
        return "-"
    if human:
        return _human(value, unit)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _human(value: int | float, unit: str) -> str:
    for size, name in _TIMES if unit == "ns" else _AMOUNTS:
        if abs(value) >= size:
            digits = ".3g" if abs(value) < 1000 * size else ".0f"
            return f"{value / size:{digits}} {name}"
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return f"{text} ns" if unit == "ns" else text


def numbers_of(counters: Sequence[Counter], row: Row) -> list[tuple[str, int | float | None, str]]:
    """(heading, number, unit) of every counter of a row that is numbers, not bars."""
    found = []
    for counter, result in zip(counters, row.results, strict=True):
        if counter.function.shown is not Shown.BARS:
            results = result if counter.function.shown is Shown.QUANTILES else [result]
            pairs = zip(counter.headings, results, strict=True)
            found += [(heading, number, counter.unit) for heading, number in pairs]
    return found


def more_line(keys: int, view: View) -> str:
    """What --top left out of so many keys; "" if nothing."""
    left = keys - view.top if view.top else 0
    return f"... and {left} more keys (--top 0 shows all)\n" if left > 0 else ""
