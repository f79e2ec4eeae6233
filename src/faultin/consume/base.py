# SPDX-License-Identifier: Apache-2.0
"""The protocols of a consumer: what session gives the records to."""

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from faultin.drain.wire import Record
from faultin.event import Summary


class _Any(Protocol):
    @property
    def lost(self) -> Mapping[str, int]:
        """What it could not keep, by cause."""

    @property
    def done(self) -> bool:
        """Whether it wants no more."""

    def idle(self) -> None:
        """Nothing has come for a while."""

    def close(self, summary: Summary) -> None:
        """There are no more."""


class Consumer(_Any, Protocol):
    """Takes the records of a trace, whole, until close(). Its errors end the trace."""

    def take(self, records: Iterable[Record]) -> int:
        """How many calls were among them that were wanted."""


@runtime_checkable
class ChunkConsumer(_Any, Protocol):
    """Takes the chunks of the ring buffer as they are: parts and records, in order."""

    def take_chunk(self, chunk: bytes) -> int:
        """How many calls were among them that were wanted; 0 where that is not known yet."""
