# SPDX-License-Identifier: Apache-2.0
"""Fields: a notification as a line of text, as variables of an environment, as bytes.

In: a notification. Out: its fields in the form that a program outside takes. Invariant:
a field without a value is never given as an empty one.
"""

import os
import re
import time
from typing import Any

from faultin.actions.base import Notification
from faultin.sinks.json_values import to_json
from faultin.sinks.text_values import bare_of, text_of
from faultin.stacks.frames import Stack
from faultin.values import Missing, Truncated

PREFIX = "FAULTIN_"
# include/uapi/linux/binfmts.h: MAX_ARG_STRLEN, of NAME=VALUE and its NUL
_LONGEST = 32 * os.sysconf("SC_PAGE_SIZE")
_ALL = 1 << 20  # of all variables: the kernel takes a quarter of the stack, mostly 2 MiB


def text_line(notification: Notification) -> str:
    """01:43:53.118511 cat[4242] openat path="/etc/shadow" uid=0; one line, printable."""
    rest = dict(notification)
    words = []
    if "ts" in rest:
        seconds, part = divmod(rest.pop("ts"), 10**9)
        clock = time.strftime("%H:%M:%S", time.localtime(seconds))
        words.append(f"{clock}.{part // 1000:06}")
    if rest.get("tid") == rest.get("pid"):
        rest.pop("tid", None)
    if "comm" in rest and "pid" in rest:
        words.append(f"{bare_of(rest.pop('comm'))}[{rest.pop('pid')}]")
    if "syscall" in rest:
        words.append(bare_of(rest.pop("syscall")))
    return " ".join([*words, *(f"{name}={text_of(value)}" for name, value in rest.items())])


def variable(name: str) -> str:
    """Of a field: addr.port -> FAULTIN_ADDR_PORT."""
    return PREFIX + re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")


def field_bytes(value: Any) -> bytes | None:
    """What a program is given: text and bytes as they are, lists, structures and stacks as JSON,
    the head of what is truncated; None where there is no value."""
    match value:
        case None | Missing():
            return None
        case Truncated():
            return field_bytes(value.value)
        case bytes():
            return value
        case str():
            return value.encode()
        case list() | dict() | Stack():
            return to_json(value)
        case int():
            return b"%d" % value
    raise TypeError(f"{type(value).__name__} is no value")


def missing_fields(notification: Notification) -> list[str]:
    """VARIABLE=why of each field without a value; `null` is a NULL pointer."""
    return [
        f"{variable(name)}={value.reason if isinstance(value, Missing) else 'null'}"
        for name, value in notification.items()
        if value is None or isinstance(value, Missing)
    ]


def environment(notification: Notification) -> dict[bytes, bytes]:
    """FAULTIN_<NAME> of each field that has a value.

    A variable ends at the first NUL, and is cut where the kernel would refuse it; those,
    and values that were captured in part, are named in FAULTIN_TRUNCATED. The short ones
    are served first. FAULTIN_MISSING names those without a value, and why.
    """
    found: dict[bytes, bytes] = {}
    cut, left = [], _ALL
    values = {variable(name): value for name, value in notification.items()}
    given = {name: field_bytes(value) for name, value in values.items()}
    texts = {name: text for name, text in given.items() if text is not None}
    for name in sorted(texts, key=lambda name: len(texts[name])):
        room = min(_LONGEST, left) - len(name) - 2  # = and NUL
        text = _fitting(texts[name], room, isinstance(values[name], bytes))
        left -= len(name) + 2 + len(text)
        found[name.encode()] = text
        if len(text) < len(texts[name]) or isinstance(values[name], Truncated):
            cut.append(name)
    lists = {"TRUNCATED": sorted(cut), "MISSING": missing_fields(notification)}
    return found | {
        (PREFIX + name).encode(): " ".join(words).encode() for name, words in lists.items() if words
    }


def _fitting(text: bytes, room: int, is_binary: bool) -> bytes:
    """The head that an environment can hold; no half of a character, if it has any."""
    head = text.partition(b"\0")[0]
    if len(head) <= room:
        return head
    head = head[: max(room, 0)]
    return head if is_binary else head.decode("utf-8", "ignore").encode()
