# SPDX-License-Identifier: Apache-2.0
"""Patterns: what Match asks of bytes, as engines can be asked.

In: constants and globs. Out: conditions on a Blob, null where it is missing. A constant that
is text without a NUL is looked for in text columns as it is; UTF-8 makes that the same.
"""

import re
from functools import reduce
from operator import or_

from faultin.lowering.values import Blob, Expr
from faultin.query.globs import STAR, tokens
from faultin.query.tree import Matching

_ANY = (1 << 256) - 1


def text_of(constant: bytes) -> str | None:
    """The constant as text, if a text column can be asked for it."""
    try:
        found = constant.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in found else found


def match(how: Matching, blob: Blob, constants: tuple[bytes, ...]) -> Expr:
    """Whether any of the constants matches, by the bytes that there are."""
    return reduce(or_, [_one(how, blob, constant) for constant in constants])


def _one(how: Matching, blob: Blob, constant: bytes) -> Expr:
    if blob.text is None:
        return _in_digits(how, blob.hexed, constant)
    by_text = _in_text(how, blob.text, constant)
    if by_text is None:
        return _in_digits(how, blob.hexed, constant)
    if blob.raw is None:
        return by_text
    return by_text.fill_null(_in_digits(how, Blob(raw=blob.raw).hexed, constant))


def _in_text(how: Matching, text: Expr, constant: bytes) -> Expr | None:
    if how is Matching.GLOB:
        pattern = _text_pattern(constant)
        return None if pattern is None else text.re_search(pattern)
    wanted = text_of(constant)
    if wanted is None:
        return None
    match how:
        case Matching.CONTAINS:
            return text.contains(wanted)
        case Matching.PREFIX:
            return text.startswith(wanted)
        case Matching.SUFFIX:
            return text.endswith(wanted)
    raise TypeError(f"{how} is not of bytes")


def _in_digits(how: Matching, digits: Expr, constant: bytes) -> Expr:
    wanted = constant.hex().upper()
    match how:
        case Matching.CONTAINS:
            return digits.re_search(f"^(?:..)*{wanted}")
        case Matching.PREFIX:
            return digits.startswith(wanted)
        case Matching.SUFFIX:
            return digits.endswith(wanted)
        case Matching.GLOB:
            return digits.re_search(_digits_pattern(constant))
    raise TypeError(f"{how} is not of bytes")


def _digits_pattern(glob: bytes) -> str:
    return f"^{''.join('(?:..)*' if each is STAR else _digits(each) for each in tokens(glob))}\\z"


def _digits(members: int) -> str:
    if members == _ANY:
        return ".."
    found = [f"{byte:02X}" for byte in range(256) if members >> byte & 1]
    if not found:
        return "[^0-9A-F]"  # a set without members matches nothing
    return found[0] if len(found) == 1 else f"(?:{'|'.join(found)})"


def _text_pattern(glob: bytes) -> str | None:
    """None if a part matches one byte of several: in text that may be half a character."""
    parts: list[bytes | None] = []
    for each in tokens(glob):
        if each is STAR:
            parts.append(None)
        elif each.bit_count() != 1:
            return None
        elif parts and parts[-1] is not None:
            parts[-1] += bytes([each.bit_length() - 1])
        else:
            parts.append(bytes([each.bit_length() - 1]))
    texts = [None if part is None else text_of(part) for part in parts]
    if any(text is None and part is not None for text, part in zip(texts, parts, strict=True)):
        return None
    return f"(?s)^{''.join('.*' if text is None else re.escape(text) for text in texts)}\\z"
