# SPDX-License-Identifier: Apache-2.0
"""Text values: values as strace's readers know them.

In: values of faultin.values. Out: text without any control character, whatever
the traced program passed: str.isprintable decides, so that C1 controls and
changes of direction are escaped too.
"""

import re
from typing import Any

from faultin.values import Missing, Symbol, Truncated

_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\v": "\\v", "\f": "\\f", '"': '\\"', "\\": "\\\\"}
_PLAIN = re.compile(r'[^"\\]*')


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def quote(text: str) -> str:
    """A string in double quotes, in C's escapes."""
    if text.isprintable() and _PLAIN.fullmatch(text):
        return f'"{text}"'
    return '"' + "".join([_escape(character) for character in text]) + '"'


def _quote_bytes(data: bytes) -> str:
    """Bytes that are not UTF-8: ASCII as it is, the rest as hexadecimal escapes."""
    return '"' + "".join([_escape(chr(b)) if b < 0x80 else f"\\x{b:02x}" for b in data]) + '"'


def text_of(value: Any) -> str:
    """A value as text."""
    if isinstance(value, Symbol):
        return str(value) if value.isprintable() else quote(value)
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "NULL"
    if isinstance(value, dict):
        return "{" + ", ".join([f"{k}={text_of(v)}" for k, v in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join([text_of(item) for item in value]) + "]"
    if isinstance(value, bytes):
        return _quote_bytes(value)
    if isinstance(value, Truncated):
        return text_of(value.value) + "..."
    if isinstance(value, Missing):
        return f"<{value.reason}>"
    return str(value)
