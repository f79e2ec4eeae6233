# SPDX-License-Identifier: Apache-2.0
"""Again: values that were kept as JSON, or as names, are what decode made of them.

In: what JSON has. Out: values. Invariant: only what decode takes from tables of names becomes
a Symbol, which text shows as it is; what a program chose never does, and nothing does that is
not made of letters, digits and the signs of C.
"""

import re
from base64 import b64decode
from typing import Any

from faultin.values import Symbol, Truncated, Value

# of siginfo, control messages and the other unions, the fields that hold text or contents
_TEXTS = frozenset((
    "cmsg_data", "ctx", "d_name", "mnt_opts", "fs_type", "mnt_root", "mnt_point", "fs_subtype",
    "sb_source",
))  # fmt: skip
_SYMBOL = re.compile(r"[\w|+~<>./ -]+", re.A)


def plain(value: Any) -> Value:
    """Of text, contents, and structures of any kind."""
    return _again(value, lambda text, name: text)


def named(value: Any) -> Value:
    """Of unions, control messages, directory entries and sets of signals."""
    return _again(value, _symbol)


def _symbol(text: str, name: str) -> Value:
    return text if name in _TEXTS or not _SYMBOL.fullmatch(text) else Symbol(text)


def _again(value: Any, text: Any, name: str = "") -> Value:
    match value:
        case str():
            return text(value, name)
        case list():
            return [_again(each, text, name) for each in value]
        case {"b64": data} if len(value) == 1:
            return b64decode(data)
        case {"value": head, "length": length} if len(value) == 2:
            return Truncated(_again(head, text, name), length)
        case dict():
            return {key: _again(each, text, key) for key, each in value.items()}
    return value
