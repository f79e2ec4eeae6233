# SPDX-License-Identifier: Apache-2.0
"""Stacking: the stack of each call.

In: whole records. Out: their stacks. Mappings are looked at once for all records that come
together, before the first of them.
"""

from collections.abc import Iterable, Iterator, Mapping

from faultin.codegen.plan import Plans
from faultin.drain.wire import Piece, Record
from faultin.stacks.frames import Stack
from faultin.stacks.resolver import Resolver


class Stacking:
    """Of one trace."""

    def __init__(self, resolver: Resolver, plans: Plans) -> None:
        self._resolver = resolver
        self._ops = {
            index: plan.first + plan.stack
            for index, plan in plans.plans.items()
            if plan.stack is not None
        }

    @property
    def lost(self) -> Mapping[str, int]:
        return self._resolver.lost

    def begin(self) -> None:
        """Records have come: what was mapped before them is known from now on."""
        self._resolver.begin()

    def begun(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same, and the records as they are."""
        self.begin()
        yield from records

    def stack(self, record: Record, pieces: list[Piece]) -> Stack | None:
        """None of a call that no table knows, as nothing of it is captured. pieces: all of
        the record's, those that are read from here included (Decoder.complete)."""
        op = self._ops.get(record.plan)
        return None if op is None else self._resolver.stack(record, pieces, op)

    def close(self) -> None:
        self._resolver.close()
