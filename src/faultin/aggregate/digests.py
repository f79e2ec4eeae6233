# SPDX-License-Identifier: Apache-2.0
"""Digests: 64 bits of a value, as the BPF core makes them.

In: values of a query, and the seed of the trace. Out: numbers that are those of
count_digest() and count_hash() in bpf/, so that `uniq` is one, whoever counted.
"""

import secrets
from collections.abc import Callable
from typing import Any

_U64 = (1 << 64) - 1


def new_seed() -> int:
    """Odd, and not to be guessed by who is traced."""
    return secrets.randbits(64) | 1


def digest(data: bytes, seed: int) -> int:
    """8 bytes at a time, the last filled up with zeros; it begins with the length."""
    found = len(data)
    for at in range(0, len(data), 8):
        found = (found ^ int.from_bytes(data[at : at + 8], "little")) * seed & _U64
        found ^= found >> 32
    return found


def finished(value: int, seed: int) -> int:
    """All bits depend on all (the end of MurmurHash3)."""
    value = (value ^ seed) & _U64
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & _U64
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & _U64
    return value ^ value >> 33


def hashing(seed: int) -> Callable[[Any], int]:
    """The 64-bit hash of an integer, of bytes, or of a Cut, whose length is all of it."""

    def hash64(value: Any) -> int:
        if isinstance(value, bytes):
            full = getattr(value, "length", len(value))
            return finished(digest(value, seed) + full, seed)
        return finished(int(value), seed)

    return hash64
