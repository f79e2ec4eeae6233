# SPDX-License-Identifier: Apache-2.0
"""Globs: the patterns of glob(path, "/etc/*.conf").

In: a pattern. Out: its tokens for back ends without a regular expression engine, and a
matcher for the plain one. Both mean what fnmatch.fnmatchcase means: * and ? match any
byte, / too; a [ without its ] is itself.
"""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase, translate
from functools import cache

STAR = None
Token = int | None  # the bytes that match, a bit for each of the 256; STAR: any number of any
_ANY = (1 << 256) - 1


def tokens(pattern: bytes) -> tuple[Token, ...]:
    """What must match in turn; never STAR twice in a row."""
    found: list[Token] = []
    at = 0
    while at < len(pattern):
        end = _end(pattern, at)
        part = pattern[at:end]
        if part == b"*":
            if found[-1:] != [STAR]:
                found.append(STAR)
        else:
            found.append(_ANY if part == b"?" else _members(part))
        at = end
    return tuple(found)


def _end(pattern: bytes, at: int) -> int:
    """Where the part that begins at `at` ends: behind the ] of a set, else one further."""
    if pattern[at : at + 1] != b"[":
        return at + 1
    first = at + 2 if pattern[at + 1 : at + 2] == b"!" else at + 1
    close = pattern.find(b"]", first + 1)  # a ] that comes first is a member
    return at + 1 if close < 0 else close + 1


@cache
def _members(part: bytes) -> int:
    """The bytes that one part of a pattern, not *, matches."""
    return sum(1 << byte for byte in range(256) if fnmatchcase(bytes([byte]), part))


@cache
def matcher(pattern: bytes) -> Callable[[bytes], object]:
    """Something that is true for what matches as a whole."""
    return re.compile(translate(pattern.decode("latin-1")).encode("latin-1")).match
