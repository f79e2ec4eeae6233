# SPDX-License-Identifier: Apache-2.0
"""Values: what a value of a query is in a table engine.

In: columns. Out: numbers are Ibis numbers, bytes a Blob, lists a Strings. null is MISSING.
Bytes are compared as hexadecimal digits, two a byte, which every engine can, whatever they
are; text with text where that means the same.
"""

from dataclasses import dataclass
from typing import Any

import ibis

from faultin.lowering.dialect import hex_of_bytes, hex_of_text

Expr = Any  # of Ibis, which has no types to speak of
_CUT_UNKNOWN = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Blob:
    """text, raw: columns, of which at most one has a value; digits: of both, in place of
    them. length: of the whole, where more was passed than `digits` have, else null."""

    text: Expr | None = None
    raw: Expr | None = None
    digits: Expr | None = None
    length: Expr | None = None

    @property
    def hexed(self) -> Expr:
        if self.digits is not None:
            return self.digits
        found = []
        if self.text is not None:
            found.append(hex_of_text(self.text))
        if self.raw is not None:
            found.append(hex_of_bytes(self.raw))
        return found[0] if len(found) == 1 else ibis.coalesce(*found)

    @property
    def size(self) -> Expr:
        """Bytes that there are."""
        return (self.hexed.length() >> 1).cast("int64")

    @property
    def full(self) -> Expr:
        """Bytes that were passed."""
        return self.size if self.length is None else ibis.coalesce(self.length, self.size)

    @property
    def is_cut(self) -> Expr:
        return ibis.literal(False) if self.length is None else self.length.notnull()

    @property
    def is_missing(self) -> Expr:
        if self.digits is not None:
            return self.digits.isnull()
        parts = [part.isnull() for part in (self.text, self.raw) if part is not None]
        return parts[0] if len(parts) == 1 else parts[0] & parts[1]


@dataclass(frozen=True, slots=True)
class Strings:
    """A list of strings; texts, raws: as in Blob. cut: whether nobody has seen its end."""

    texts: Expr | None
    raws: Expr | None
    cut: Expr

    @property
    def is_missing(self) -> Expr:
        parts = [part.isnull() for part in (self.texts, self.raws) if part is not None]
        return parts[0] if len(parts) == 1 else parts[0] & parts[1]


@dataclass(frozen=True, slots=True)
class Presence:
    """A value of which a recording says only whether it is there."""

    is_missing: Expr
    name: str


def buffer(raw: Expr, length: Expr | None, most: int) -> Blob:
    """A buffer, of which a query sees the first `most` bytes; length: of the whole, if it was
    cut, -1 if nobody knows it."""
    digits = hex_of_bytes(raw)
    size = digits.length() >> 1
    whole = size if length is None else ibis.coalesce(length, size)
    whole = ibis.ifelse(whole < 0, _CUT_UNKNOWN, whole).cast("int64")
    seen = digits.substr(0, 2 * most)
    return Blob(
        digits=seen, length=ibis.ifelse(whole > (seen.length() >> 1), whole, ibis.null("int64"))
    )


def no_text() -> Blob:
    return Blob(text=ibis.null("string"))
