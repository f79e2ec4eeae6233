# SPDX-License-Identifier: Apache-2.0
"""Text values: a value as strace's readers know it.

In: what decode gives (faultin.values). Out: one line. Invariant: nothing that the
traced program chose reaches the text but printable characters; quotes, backslashes,
control characters and all that could move, hide or reorder text is escaped.
"""

import re
from collections.abc import Callable
from typing import Any

from faultin.sinks.stacks.weights import folded_text
from faultin.stacks.frames import Stack
from faultin.values import Missing, Symbol, Truncated

_C_ESCAPES = {
    **{ord(char): f"\\{char}" for char in '"\\'},
    **dict(zip(b"\t\n\v\f\r", ("\\t", "\\n", "\\v", "\\f", "\\r"))),
}
_BARE = re.compile(r'[^"\\]*')


def text_of(value: Any) -> str:
    """The text of any value."""
    return _TEXTS[type(value)](value)


def bare_of(value: Any) -> str:
    """The text of a value that has a place of its own, such as a cell of a table: strings
    without quotes, unless they could be taken for something else there."""
    text = text_of(value)
    if not text.startswith('"') or not text.endswith('"'):
        return text
    bare = text[1:-1].replace('\\"', '"')
    is_plain = bare and bare[0] not in '<"' and bare != "NULL" and bare == bare.strip()
    return bare if is_plain else text


def _octal(code: int, following: int | None) -> str:
    """The shortest octal escape that a digit after it does not change."""
    is_digit = following is not None and 0x30 <= following <= 0x39
    return f"\\{code:03o}" if is_digit else f"\\{code:o}"


def _escaped(char: str, following: str) -> str:
    code = ord(char)
    if code in _C_ESCAPES:
        return _C_ESCAPES[code]
    if char.isprintable():
        return char
    if code < 0x80:
        return _octal(code, ord(following) if following else None)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _string(value: str) -> str:
    if value.isprintable() and _BARE.fullmatch(value):
        return f'"{value}"'
    followers = [*value[1:], ""]
    return '"' + "".join(map(_escaped, value, followers)) + '"'


def _bytes(value: bytes) -> str:
    found = []
    for index, code in enumerate(value):
        if code in _C_ESCAPES:
            found.append(_C_ESCAPES[code])
        elif 0x20 <= code < 0x7F:
            found.append(chr(code))
        else:
            following = value[index + 1] if index + 1 < len(value) else None
            found.append(_octal(code, following))
    return '"' + "".join(found) + '"'


def _list(value: list[Any]) -> str:
    return "[" + ", ".join(map(text_of, value)) + "]"


def _dict(value: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{name}={text_of(field)}" for name, field in value.items()) + "}"


def _truncated(value: Truncated) -> str:
    """The dots stand after the quote of a string, and before the bracket of a list."""
    text = text_of(value.value)
    if isinstance(value.value, list):
        return f"{text[:-1]}, ...]" if value.value else "[...]"
    return f"{text}..."


_TEXTS: dict[type, Callable[[Any], str]] = {
    str: _string,
    Symbol: str.__str__,
    int: int.__str__,
    bool: lambda value: str(int(value)),
    float: str,
    bytes: _bytes,
    list: _list,
    dict: _dict,
    Truncated: _truncated,
    Stack: lambda value: _string(folded_text(value)),
    Missing: lambda value: f"<{value.reason}>",
    type(None): lambda value: "NULL",
}
