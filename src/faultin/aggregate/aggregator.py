# SPDX-License-Identifier: Apache-2.0
"""Aggregator: counts in this process what no kernel has counted.

In: keys and amounts, call by call. Out: a Table, into which cells of a kernel can be
merged. Invariant: at most `max_keys` keys; what comes for others is counted in `lost`.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

from faultin.aggregate.counters import Counter
from faultin.aggregate.functions import Amount
from faultin.aggregate.table import Key, Table
from faultin.values import Missing, Truncated

MAP_FULL = "map_full"  # the cause in `lost`: calls whose key found no place


class Aggregator:
    """Adds up. Cells of `uniq` made here and elsewhere merge only if hash64 is the same."""

    def __init__(
        self,
        keys: Sequence[str],
        counters: Sequence[Counter],
        max_keys: int,
        hash64: Callable[[Any], int] | None = None,
    ) -> None:
        self.table = Table(keys, counters)
        self.lost: dict[str, int] = {}
        self._max_keys, self._hash = max_keys, hash64 or seeded(b"")
        self._any = [c.function.amount is Amount.ANY for c in self.table.counters]
        self._none = [c.function.amount is Amount.NONE for c in self.table.counters]

    def add(self, key: Key, amounts: Sequence[Any]) -> bool:
        """One call, if there is a place for its key: an amount for each counter, Missing if it is not known. A counter
        that takes none ignores what stands there; of `uniq` it is any scalar value."""
        if key not in self.table and len(self.table) >= self._max_keys:
            self.lost[MAP_FULL] = self.lost.get(MAP_FULL, 0) + 1
            return False
        states = self.table.cells(key)
        for index, (counter, amount) in enumerate(zip(self.table.counters, amounts, strict=True)):
            if self._none[index]:
                counter.update(states[index], 0)
            elif not isinstance(amount, Missing):
                number = self._hash(amount) if self._any[index] else amount
                counter.update(states[index], number)
        return True


def seeded(seed: bytes) -> Callable[[Any], int]:
    """A 64-bit hash of scalar values; text and the same bytes are one value."""

    def hash64(value: Any) -> int:
        digest = blake2b(_tagged(value), digest_size=8, key=seed).digest()
        return int.from_bytes(digest, "little")

    return hash64


def _tagged(value: Any) -> bytes:
    """Bytes that differ whenever values do."""
    match value:
        case None:
            return b"n"
        case int():
            return b"i" + value.to_bytes(9, "little", signed=True)
        case str():
            return b"s" + value.encode()
        case bytes():
            return b"s" + value
        case Truncated():
            return b"t" + str(value.length).encode() + b":" + _tagged(value.value)
    raise TypeError(f"{type(value).__name__} is no scalar value")
