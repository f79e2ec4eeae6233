# SPDX-License-Identifier: Apache-2.0
"""Charts: bins become the cells of a grid, as SVG.

In: numbers by row and bin, and names of rows. Out: rectangles with a level of colour, and
text for whoever points at one. Invariant: no text is made into SVG here but through the
template, which escapes it.
"""

from dataclasses import dataclass
from math import log

from faultin.report.facts import BINS, Row, Top
from faultin.sinks.stats.view import number_text
from faultin.sinks.text_values import bare_of

LEVELS = 8
CELL, HEIGHT, LABEL = 4, 16, 200  # pixels


@dataclass(frozen=True, slots=True)
class Cell:
    x: int
    width: int
    y: int
    level: int
    bad: bool
    title: str


@dataclass(frozen=True, slots=True)
class Grid:
    """height: of all rows. labels: (y, text), the text whole. left_out: rows without room."""

    cells: list[Cell]
    labels: list[tuple[int, str]]
    ticks: list[tuple[int, str]]
    height: int
    left_out: int = 0

    @property
    def width(self) -> int:
        return LABEL + CELL * BINS


def duration(ns: int | None) -> str:
    return number_text(ns, "ns", human=True)


def _level(n: int, most: int) -> int:
    """From 1 to LEVELS, by logarithm: one call among a million has to be seen."""
    return 1 if most <= 1 else 1 + round((LEVELS - 1) * log(n) / log(most))


def timeline(top: Top, totals: Row) -> Grid:
    """A row for each name. A bin in which a call failed is marked."""
    span = totals["last"] - totals["first"]
    most = max((n for row in top.rows for n, _ in row["bins"].values()), default=1)
    cells, labels = [], []
    for number, row in enumerate(top.rows):
        y = number * HEIGHT
        labels.append((y, f"{bare_of(row['name'])}  {number_text(row['total'], '', True)}"))
        for bin_, (n, failed) in row["bins"].items():
            at = duration(span * bin_ // BINS)
            title = f"{bare_of(row['name'])}, after {at}: {n} calls, {failed} failed"
            cells.append(Cell(_x(bin_), CELL, y, _level(n, most), failed > 0, title))
    return Grid(cells, labels, _ticks(span), len(top.rows) * HEIGHT, top.left_out)


def heat_map(latencies: list[Row], totals: Row) -> Grid:
    """A row for each power of two of ns, the slowest above."""
    span = totals["last"] - totals["first"]
    powers = [row["power"] for row in latencies] or [0]
    least, most_power = min(powers), max(powers)
    most = max((row["n"] for row in latencies), default=1)
    cells = []
    for row in latencies:
        between = f"{duration(1 << row['power'])} to {duration(2 << row['power'])}"
        title = f"after {duration(span * row['bin'] // BINS)}: {row['n']} calls of {between}"
        y = (most_power - row["power"]) * HEIGHT
        cells.append(Cell(_x(row["bin"]), CELL, y, _level(row["n"], most), False, title))
    labels = [
        ((most_power - power) * HEIGHT, f"from {duration(1 << power)}")
        for power in range(least, most_power + 1)
    ]
    return Grid(cells, labels, _ticks(span), (most_power - least + 1) * HEIGHT)


def _x(bin_: int) -> int:
    return LABEL + CELL * min(bin_, BINS - 1)


def _ticks(span: int) -> list[tuple[int, str]]:
    """The time at each fifth, from the first call."""
    return [(LABEL + CELL * BINS * i // 5, duration(span * i // 5)) for i in range(5)]
