# SPDX-License-Identifier: Apache-2.0
"""Judge: which calls the query wants, where the kernel could not say.

In: whole records. Out: those that are wanted, each with its row of the query's values if
it is asked for. A record that the kernel has judged is wanted, and not judged again.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from faultin.codegen.plan import Plans
from faultin.consume.callers import Caller
from faultin.drain.wire import Piece, Record, RecordType
from faultin.query.evaluate import compiled
from faultin.query.query import Query
from faultin.query.rows import RecordRow, Rows

if TYPE_CHECKING:
    from faultin.consume.stacking import Stacking

_CALLS = (RecordType.CALL.value, RecordType.NORETURN.value, RecordType.BLOCKED.value)
Complete = Callable[[Record], list[Piece]]


class Judge:
    """Holds the query of one trace. `complete` gives all pieces of a record, those that
    have to be read from here included; `offset` is of CLOCK_MONOTONIC; stacking: of a query
    that looks at stacks."""

    def __init__(
        self, query: Query, plans: Plans, offset: int, complete: Complete,
        stacking: "Stacking | None" = None,
    ) -> None:  # fmt: skip
        self._rows = Rows(query, plans, offset)
        self._holds = None if query.where is None else compiled(query.where)
        self._complete, self._stacking = complete, stacking

    def row(self, record: Record) -> RecordRow:
        """The values of the query's slots."""
        pieces = self._complete(record)
        return self._rows.row(record, pieces, Caller(record, pieces, self._stacking))

    def wants(self, record: Record) -> bool:
        """Whether a call is wanted; everything else is."""
        if self._holds is None or record.judged or record.type not in _CALLS:
            return True
        return bool(self._holds(self.row(record)))

    def wanted(self, records: Iterable[Record]) -> Iterator[Record]:
        return (record for record in records if self.wants(record))

    def rows(self, records: Iterable[Record]) -> Iterator[tuple[Record, RecordRow]]:
        """The rows of calls that have ended and are wanted."""
        for record in self._stacking.begun(records) if self._stacking else records:
            if record.type in _CALLS[:2]:
                row = self.row(record)
                if self._holds is None or record.judged or self._holds(row):
                    yield record, row
