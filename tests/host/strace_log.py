# SPDX-License-Identifier: Apache-2.0
"""What strace wrote, as calls: `strace -ff -xx -v -o PREFIX`, one file a task.

-xx writes every byte of a string as \\xNN, so that neither quotes nor brackets nor
commas can come from the traced program's data. -ff keeps each task's lines whole.
"""

import errno
import re
from pathlib import Path

from calls import Call, Tasks

OPTIONS = ["-f", "-ff", "-qq", "-v", "-xx", "-s", "4096"]

# greedy, as the last "= " is that of the return value; what follows it is for people
_LINE = re.compile(r"(\w+)\((.*)\)\s+= (\?|-?\w+)(?: (E[A-Z0-9_]+))?(?: [(\[].*)?")
# strace has let go of a task in its last call: the program had ended under it
_DETACHED = re.compile(r"(\w+)\((.*) <detached \.\.\.>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_PAIRS = {"[": 1, "{": 1, "(": 1, "]": -1, "}": -1, ")": -1}


def split(text: str) -> list[str]:
    """The arguments: what commas part that are in no bracket."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += _PAIRS.get(char, 0)
        if char == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()] if text else []


def _list(text: str) -> list | None:
    items = [value(item) for item in split(text[1:-1])]
    return items if all(isinstance(item, bytes) for item in items) else None


def value(text: str) -> bytes | list | int | None:
    """A whole string, a list of them, or a decimal number; None for all else."""
    if text.startswith("[") and text.endswith("]"):
        return _list(text)
    found = _STRING.fullmatch(text)
    if found and not found[2]:
        return bytes.fromhex(found[1].replace("\\x", ""))
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d*)", text) else None


def _number(text: str) -> int:
    is_octal = re.fullmatch(r"0[0-7]+", text)  # umask
    return int(text, 8 if is_octal else 0)


def _returned(text: str, error: str | None) -> int | None:
    if error is None:
        return None if text == "?" else _number(text)
    return -getattr(errno, error, 0) or None  # None: ERESTARTSYS and its like


def call(line: str) -> Call | None:
    """The call of a line; None for signals and exits."""
    if line.startswith(("---", "+++")):
        return None
    if left := _DETACHED.fullmatch(line):
        return Call(left[1], tuple([value(part) for part in split(left[2])]), None, None)
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"no line of strace: {line[:200]!r}")
    name, arguments, returned, error = found.groups()
    values = [value(part) for part in split(arguments)]
    return Call(name, tuple(values), _returned(returned, error), error)


def read(prefix: Path) -> Tasks:
    """The calls of every task."""
    logs = prefix.parent.glob(prefix.name + ".*")
    return {int(log.suffix[1:]): _calls(log) for log in logs}


def _calls(log: Path) -> list[Call]:
    found = map(call, log.read_text().splitlines())
    return [one for one in found if one is not None]
