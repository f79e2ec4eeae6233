# SPDX-License-Identifier: Apache-2.0
"""Counters: a function with its parameters, by the name that its column has.

In: what a query's action says: name, function, parameters, whether its amount is signed.
Out: a Counter, checked. Invariant: a Counter that exists can count.
"""

from dataclasses import dataclass
from typing import Any

from faultin.aggregate.functions import (
    FUNCTIONS, Cells, Contribution, Function, Params, Shown, merge,
)  # fmt: skip
from faultin.errors import UsageError


@dataclass(frozen=True, slots=True)
class Counter:
    """One column of a table. unit: "ns" for times, "" for what has none."""

    name: str
    function: Function
    params: Params = ()
    signed: bool = True
    unit: str = ""

    def contribute(self, amount: int) -> Contribution:
        """What an amount does to cells: the amount itself, or for `uniq` its hash."""
        return self.function.contribute(amount, self.signed, self.params)

    def update(self, cells: Cells, amount: int) -> None:
        merge(cells, self.function.operation, self.contribute(amount))

    def merge(self, cells: Cells, other: Cells) -> None:
        """Takes the cells of another state of this counter in, such as a CPU's."""
        merge(cells, self.function.operation, tuple(other.items()))

    def result(self, cells: Cells) -> Any:
        return self.function.result(cells, self.signed, self.params)

    @property
    def headings(self) -> tuple[str, ...]:
        """The names of its columns of numbers: quantiles have one each, bars none."""
        match self.function.shown:
            case Shown.NUMBER:
                return (self.name,)
            case Shown.QUANTILES:
                return tuple(f"{self.name} {percentile(part)}" for part in self.params)
            case Shown.BARS:
                return ()


def percentile(fraction: float) -> str:
    """0.5 -> p50, 0.999 -> p99.9."""
    return f"p{fraction * 100:.10g}"


def counter(
    name: str, function: str, params: Params = (), *, signed: bool = True, unit: str = ""
) -> Counter:
    """UsageError for a function that there is not, and for parameters that do not fit."""
    if function not in FUNCTIONS:
        raise UsageError(f"{function}()", "nothing counts like that", f"there are {_known()}")
    record = FUNCTIONS[function]
    return Counter(name, record, record.check(function, params), signed, unit)


def _known() -> str:
    return ", ".join(FUNCTIONS)
