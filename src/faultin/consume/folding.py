# SPDX-License-Identifier: Apache-2.0
"""Folding: the stacks of the calls that a query wants are added up.

In: whole records. Out: Weights, in the hands of whoever writes them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from faultin.consume.judge import Judge
from faultin.consume.stacking import Stacking
from faultin.decode.calls import Decoder
from faultin.drain.wire import Record
from faultin.event import Summary
from faultin.query.evaluate import compiled
from faultin.query.tree import Expr
from faultin.query.types import MISSING
from faultin.sinks.stacks.weights import Weights, path_of

Write = Callable[[Weights, Summary], None]


class Folding:
    """The consumer of `faultin stacks`. amount: what a call weighs, None for 1."""

    done = False

    def __init__(
        self, judge: Judge, stacking: Stacking, decoder: Decoder, amount: Expr | None,
        weights: Weights, write: Write,
    ) -> None:  # fmt: skip
        self._judge, self._stacking, self._decoder = judge, stacking, decoder
        self._amount: Callable[[Any], Any] = (lambda row: 1) if amount is None else compiled(amount)
        self._weights, self._write = weights, write

    @property
    def lost(self) -> Mapping[str, int]:
        return self._stacking.lost

    def take(self, records: Iterable[Record]) -> int:
        count = 0
        for record, row in self._judge.rows(self._stacking.begun(records)):
            event = self._decoder.event(record)
            weight = self._amount(row)
            path = path_of(
                event.comm,
                self._stacking.stack(record, self._decoder.complete(record)),
                event.label,
            )
            self._weights.add(path, None if weight is MISSING else int(weight))
            count += 1
        return count

    def idle(self) -> None:
        """It is written at the end."""

    def close(self, summary: Summary) -> None:
        self._stacking.close()
        self._write(self._weights, summary)
