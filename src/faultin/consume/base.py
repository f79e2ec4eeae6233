# SPDX-License-Identifier: Apache-2.0
"""The protocol of a consumer: what session gives the records to."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from faultin.drain.wire import Record
from faultin.event import Summary


class Consumer(Protocol):
    """Takes the records of a trace, whole, until close(). Its errors end the trace."""

    @property
    def lost(self) -> Mapping[str, int]:
        """What it could not keep, by cause."""

    @property
    def done(self) -> bool:
        """Whether it wants no more."""

    def take(self, records: Iterable[Record]) -> int:
        """How many calls were among them that were wanted."""

    def idle(self) -> None:
        """Nothing has come for a while."""

    def close(self, summary: Summary) -> None:
        """There are no more."""
