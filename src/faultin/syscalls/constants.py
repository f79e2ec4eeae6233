# SPDX-License-Identifier: Apache-2.0
"""Constants: the names of numbers, a set for each purpose.

In: constants.tbl beside this module, whose head explains its grammar. Out: frozen
ConstantSets that render numbers as names, and names as numbers for the table.
Invariant: a number is never lost, what has no name is rendered as a number. A set
is parsed when it is first asked for, as most traces need few of them.
"""

import re
from dataclasses import dataclass, field
from functools import cache

from faultin.syscalls.data import read_table

_MEMO_MAX = 4096  # a program can pass any number; do not remember them all
_HEADING = re.compile(r"^(?=(?:enum|flags) )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """The numbers under `mask`, by name; for a bit, the one number that is the mask."""

    mask: int
    names: dict[int, str]


@dataclass(frozen=True)
class ConstantSet:
    """One set. `bits` is the width of the C type, `radix` that of numbers without a name."""

    name: str
    is_flags: bool
    bits: int
    radix: int
    parts: tuple[Part, ...]
    values: dict[str, int]
    _memo: dict[int, str] = field(default_factory=dict, compare=False, repr=False)

    def render(self, value: int) -> str:
        """The names of `value`, of which only the low `bits` count."""
        value &= (1 << self.bits) - 1
        text = self._memo.get(value)
        if text is None:
            text = self._flags(value) if self.is_flags else self._enum(value)
            if len(self._memo) >= _MEMO_MAX:
                self._memo.clear()
            self._memo[value] = text
        return text

    def value_of(self, constant: str) -> int:
        """The number of a name; LookupError if the set does not have it."""
        try:
            return self.values[constant]
        except KeyError:
            raise LookupError(f"{self.name} has no constant {constant}") from None

    def _enum(self, value: int) -> str:
        name = self.parts[0].names.get(value)
        if name is not None:
            return name
        return self._number(value) if value >= 1 << 31 or self.radix != 10 else str(value)

    def _flags(self, value: int) -> str:
        found, rest = [], value
        for part in self.parts:
            name = part.names.get(rest & part.mask)
            if name is not None:
                found.append(name)
                rest &= ~part.mask
        if rest or not found:
            found.append(self._number(rest))
        return "|".join(found)

    def _number(self, value: int) -> str:
        if not value:
            return "0"
        return f"0{value:03o}" if self.radix == 8 else f"{value:#x}"


def value_of(set_name: str, constant: str) -> int:
    """The number of a name in a set; LookupError if there is none."""
    return constant_set(set_name).value_of(constant)


@cache
def constant_set(name: str) -> ConstantSet:
    """The set of that name; LookupError if there is none."""
    try:
        text = _texts()[name]
    except KeyError:
        raise LookupError(f"there is no set of constants {name}") from None
    return _parse(text)


def sets_with(constant: str) -> list[ConstantSet]:
    """The sets that have a name, in the order of the file; few are parsed for it."""
    found = [constant_set(name) for name, text in _texts().items() if f" {constant}=" in text]
    return [candidate for candidate in found if constant in candidate.values]


def set_names() -> frozenset[str]:
    """The names of all sets."""
    return frozenset(_texts())


@cache
def _texts() -> dict[str, str]:
    """The text of each set, by its name."""
    parts = _HEADING.split(read_table("constants.tbl"))
    return {part.split(None, 2)[1]: part for part in parts[1:]}


def _parse(text: str) -> ConstantSet:
    heading, *lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    kind, name, *options = heading.split()
    bits = 64 if "64" in options else 32
    is_flags = kind == "flags"
    radix = 8 if "octal" in options else 16 if is_flags or "hex" in options else 10
    values: dict[str, int] = {}
    parts: list[Part] = [] if is_flags else [Part((1 << bits) - 1, {})]
    for words in _joined(lines):
        mask = _field_mask(words)
        pairs = _pairs(words[2:] if mask else words, (1 << bits) - 1)
        values.update(pairs)
        if mask:
            parts.append(Part(mask, _first_names(pairs)))
        elif is_flags:
            parts += [Part(value or (1 << bits) - 1, {value: name}) for name, value in pairs]
        else:
            parts[0].names.update(_first_names(pairs, parts[0].names))
    return ConstantSet(name, is_flags, bits, radix, tuple(parts), values)


def _joined(lines: list[str]) -> list[list[str]]:
    """The words of each line, with those of the lines that continue it."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("    "):
            found[-1] += line.split()
        else:
            found.append(line.split())
    return found


def _field_mask(words: list[str]) -> int:
    """The mask of a line `field MASK NAME=VALUE...`, else 0."""
    return int(words[1], 0) if words and words[0] == "field" else 0


def _pairs(words: list[str], mask: int) -> list[tuple[str, int]]:
    found = []
    for word in words:
        name, _, number = word.partition("=")
        found.append((name, int(number, 0) & mask))
    return found


def _first_names(
    pairs: list[tuple[str, int]], known: dict[int, str] | None = None
) -> dict[int, str]:
    """By number; of several names of one number the first is the one that is shown."""
    found: dict[int, str] = {}
    for name, value in pairs:
        if value not in found and not (known and value in known):
            found[value] = name
    return found
