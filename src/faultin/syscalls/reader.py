# SPDX-License-Identifier: Apache-2.0
"""Reader: the text of a syscall table becomes rows.

In: the text of ARCH.tbl, in the grammar of docs/syscall-table.md. Out: Syscalls, in
the order of the text. A row that does not hold together is an error with its file
and line; none is skipped.
"""

import re
from dataclasses import replace
from functools import cache

from faultin.errors import FaultinError
from faultin.syscalls.constants import value_of
from faultin.syscalls.rows import Argument, Direction, Syscall, Term, Unit, Variant, When

MAX_ARGUMENTS = 6
MAX_TERMS = 2
_U32 = 0xFFFFFFFF

_ARGUMENT = re.compile(
    r"(\w+):"  # name
    r"([<>=~]?)(\w+(?:/8)?)"  # direction, kind
    r"(?:(\[)([^\[\]()]+)\]|(\()([^\[\]()]+)\))?"  # [count] or (bytes)
    r"(\+|!!?)?"  # when
)
_PLUS = re.compile(r"(.+)\+(\d+)")
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")
_CLOSING = frozenset("])+!")  # a word without any of these at its end has no length
_DIRECTIONS = {direction.value: direction for direction in Direction}
_WRITTEN = (Direction.OUT, Direction.INOUT, Direction.KEPT)
_UNITS = {None: Unit.ONE, "[": Unit.COUNT, "(": Unit.BYTES}
_WHENS = {when.value or None: when for when in When}
_OF_ARGUMENT = (("*", "deref"), ("bits:", "bits"), ("pages:", "pages"), ("nodes:", "nodes"))


def parse(text: str, source: str) -> list[Syscall]:
    """The rows of a table; `source` names it in errors, which are FaultinErrors."""
    rows: list[Syscall] = []
    variants: dict[int, list[Variant]] = {}
    taken: set[int] = set()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            if not line[0].isspace():
                rows.append(_row(words))
                taken.clear()
            elif not rows:
                raise ValueError("a variant needs a row above it")
            else:
                others = variants.setdefault(len(rows) - 1, [])
                others.append(_variant(words, rows[-1], others, taken))
        except (FaultinError, LookupError, ValueError) as error:
            raise FaultinError(f"{source}:{number}", str(error)) from None
    for index, found in variants.items():
        rows[index] = replace(rows[index], variants=tuple(found))
    return rows


def _row(words: list[str]) -> Syscall:
    if len(words) < 2 or not words[0].isdecimal():
        raise ValueError("a row begins with NR NAME")
    nr, name, *rest = words
    names = tuple([word.partition(":")[0] for word in rest])
    if len(names) > MAX_ARGUMENTS:
        raise ValueError(f"{name} has more than {MAX_ARGUMENTS} arguments")
    if len(set(names)) < len(names):
        raise ValueError(f"{name} has an argument twice")
    return Syscall(int(nr), name, tuple([_argument(word, names) for word in rest]))


def _variant(
    words: list[str], row: Syscall, others: list[Variant], taken: set[int]
) -> Variant:
    """A variant of `row`, which has the `others` already, for the values `taken`."""
    if len(words) < 3:
        raise ValueError("a variant is SELECTOR VALUES ARGUMENT...")
    selector, values, *rest = words
    position, mask = _selector(selector, row.arguments)
    kind = row.arguments[position].kind
    numbers = tuple([_value(word, kind) & _U32 for word in values.split("|")])
    if others and (others[0].selector, others[0].mask) != (position, mask):
        raise ValueError("the variants of a row share one selector and one mask")
    if any(number & ~mask for number in numbers):
        raise ValueError(f"{values} has bits that {selector} leaves out")
    _take(numbers, taken, values)
    return Variant(position, mask, numbers, _override(row.arguments, rest))


def _take(numbers: tuple[int, ...], taken: set[int], text: str) -> None:
    """Adds what a variant selects to what is `taken` in its row."""
    if len(set(numbers)) < len(numbers) or not taken.isdisjoint(numbers):
        raise ValueError(f"{text} selects something that this row has selected already")
    taken.update(numbers)


def _selector(text: str, base: tuple[Argument, ...]) -> tuple[int, int]:
    name, _, mask = text.partition("&")
    return _position(name, _names(base)), _number(mask) if mask else _U32


def _value(word: str, kind: str) -> int:
    return _number(word) if word[0].isdigit() else value_of(kind, word)


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise ValueError(f"{word!r} is not a number")
    return int(word, 0)


def _override(base: tuple[Argument, ...], words: list[str]) -> tuple[Argument, ...]:
    """The base row's arguments with these in their places."""
    names = _names(base)
    arguments = list(base)
    for word in words:
        new = _argument(word, names)
        arguments[_position(new.name, names)] = new
    return tuple(arguments)


def _names(arguments: tuple[Argument, ...]) -> tuple[str, ...]:
    return tuple([argument.name for argument in arguments])


def _position(name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise ValueError(f"there is no argument {name!r} in this row")
    return names.index(name)


def _argument(word: str, names: tuple[str, ...]) -> Argument:
    """One NAME:KIND; `names` are the row's, which a length may use."""
    return _with_length(word, names) if word[-1:] in _CLOSING else _plain(word)


def argument(word: str, names: tuple[str, ...]) -> Argument:
    """One NAME:KIND of a row whose arguments have these names; LookupError, ValueError or
    FaultinError for what does not hold together."""
    return _argument(word, names)


@cache
def _plain(word: str) -> Argument:
    return _with_length(word, ())


def _with_length(word: str, names: tuple[str, ...]) -> Argument:
    match = _ARGUMENT.fullmatch(word)
    if not match:
        raise ValueError(f"{word!r} is not NAME:KIND")
    name, direction, kind, counted, count, sized, size, when = match.groups()
    terms: tuple[Term, ...] = ()
    if count or size:
        terms = tuple([_term(text, names) for text in (count or size).split(",")])
    unit = _UNITS[counted or sized]
    argument = Argument(name, kind, _DIRECTIONS[direction], unit, terms, _WHENS[when])
    _check(argument)
    return argument


def _check(argument: Argument) -> None:
    name, terms = argument.name, argument.terms
    if terms and argument.direction is Direction.VALUE:
        raise ValueError(f"{name}: a plain value has no length; is < > = or ~ missing?")
    if len(terms) > MAX_TERMS:
        raise ValueError(f"{name}: a length has at most {MAX_TERMS} terms")
    if argument.when is not When.SUCCESS and argument.direction not in _WRITTEN:
        raise ValueError(f"{name}: only what the kernel writes has + ! or !!")
    if argument.direction is not Direction.OUT and any([term.kind == "ret" for term in terms]):
        raise ValueError(f"{name}: at entry there is no ret yet")


@cache
def _term(text: str, names: tuple[str, ...]) -> Term:
    sum_ = _PLUS.fullmatch(text)
    if sum_:
        return replace(_term(sum_[1], names), plus=int(sum_[2]))
    if text == "ret":
        return Term("ret", 0)
    if text.startswith("@") and text[1:].isdecimal():
        return Term("self", int(text[1:]))
    if text.isdecimal():
        return Term("const", int(text))
    for prefix, kind in _OF_ARGUMENT:
        if text.startswith(prefix):
            return Term(kind, _position(text.removeprefix(prefix), names))
    return Term("arg", _position(text, names))
