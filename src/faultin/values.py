# SPDX-License-Identifier: Apache-2.0
"""Values: what decode gives to the sinks.

In: nothing, these are the nouns. Out: int, str, bytes, list and dict as Python has
them, and the few types below, which say how a value is to be shown. None is a NULL
pointer. Invariant: no str has lone surrogates, no int more than 64 bits, so that
every value can be written as JSON.
"""

from dataclasses import dataclass
from typing import Any

from faultin.stacks.frames import Stack


class Symbol(str):
    """A name or number in the notation of C: text shows it bare, JSON as a string."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Truncated:
    """The head of a value; `length` is that of the whole (bytes or elements), None if unknown."""

    value: Any
    length: int | None


@dataclass(frozen=True, slots=True)
class Missing:
    """No value; `reason` is fault, gone or unset."""

    reason: str


Value = int | str | bytes | list[Any] | dict[str, Any] | Truncated | Missing | Stack | None
