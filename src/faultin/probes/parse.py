# SPDX-License-Identifier: Apache-2.0
"""Parse: the text of an --event becomes a Probe.

In: `usdt:FILE:PROVIDER:NAME`, `uprobe:FILE:FUNCTION(ARG: KIND, ...)`, or the NAME of an event
that Python programs write (own.py). Out: a Probe, its places looked up in the program's file.
What does not hold together is a UsageError of one line. Kinds are those of the syscall table.
"""

import platform
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from faultin.errors import FaultinError, UsageError
from faultin.probes.elf import Binary, find_file
from faultin.probes.own import own
from faultin.probes.operands import kind_of, operands, words
from faultin.probes.probe import PARAMETERS, PROBES_MAX, REGISTER, Operand, Place, Probe
from faultin.syscalls.rows import EVENTS, Argument, Syscall
from faultin.syscalls.table import load

_FIELD = re.compile(r"\s*(\w+)\s*:\s*([\w/]+)\s*((?:\[[^\[\]]+\]|\([^()]+\))?)\s*")
_COMMA = re.compile(r",(?![^(\[]*[)\]])")
_LENGTH_MOST = 0xFFFF  # of an operation, bpf/wire.h
_MOST = 6  # arguments that a record has


def parse(texts: Iterable[str], pids: Collection[int] = ()) -> tuple[Probe, ...]:
    """The events of one trace. pids: the processes that it begins with, () if those are all."""
    probes: list[Probe] = []
    for text in texts:
        probe = _parse(" ".join(text.split()), EVENTS + len(probes), pids)
        if any(probe.call.name == other.call.name for other in probes):
            why = f"there is an event {probe.call.name} already"
            raise UsageError(f"--event {text}", why, "trace the two apart")
        probes.append(probe)
    places = sum(len(probe.places) for probe in probes)
    if places > PROBES_MAX:
        raise UsageError("--event", f"{places} places are too many", f"{PROBES_MAX} is the most")
    return tuple(probes)


def _parse(text: str, number: int, pids: Collection[int]) -> Probe:
    where, given = _split(text)
    if not where:
        raise UsageError(f"--event {text}", "it is not NAME(ARG: KIND, ...)", _FORMS)
    kind, *rest = where.split(":")
    try:
        if not rest:
            return own(where, given, number, pids)
        signature = None if given is None else arguments(given)
        if kind == "usdt":
            return _usdt(where, rest, signature, number)
        if kind == "uprobe":
            return _uprobe(where, rest, signature or (), number)
    except ValueError as error:
        raise UsageError(f"--event {text}", str(error)) from None
    raise UsageError(f"--event {text}", f"there is no kind of event {kind!r}", _FORMS)


_FORMS = "give NAME, usdt:FILE:PROVIDER:NAME or uprobe:FILE:FUNCTION(ARG: KIND, ...)"


def _split(text: str) -> tuple[str, str | None]:
    """(what is named, what the last parentheses have); a path may have some of its own."""
    depth = 0
    for at in range(len(text) - 1, -1, -1) if text.endswith(")") else ():
        depth += (text[at] == ")") - (text[at] == "(")
        if not depth:
            return text[:at].strip(), text[at + 1 : -1]
    return text, None


def arguments(text: str) -> tuple[Argument, ...]:
    """What `path: string, buf: bytes(n), n: size` says. ValueError for what is not so."""
    from faultin.syscalls.reader import argument

    found = [_field(field) for field in _COMMA.split(text) if field.strip()]
    names = tuple([name for name, _, _ in found])
    if len(set(names)) < len(names):
        raise ValueError("a name is there twice")
    if len(found) > _MOST:
        raise ValueError(f"{len(found)} arguments are too many: {_MOST} is the most")
    try:
        made = [argument(f"{name}:{_direction(kind)}{kind}{length}", names)
                for name, kind, length in found]  # fmt: skip
    except FaultinError as error:
        raise ValueError(str(error)) from None
    for each, (_, _, length) in zip(made, found, strict=True):
        if length and each.kind in ("string", "path"):
            raise ValueError(f"{each.name}: a {each.kind} has no length, it ends at its NUL")
        if any(max(term.value, term.plus) > _LENGTH_MOST for term in each.terms):
            raise ValueError(f"{each.name}: a length is {_LENGTH_MOST} at the most")
        if each.is_pointer and not length and each.kind in _SIZED:
            raise ValueError(f"{each.name}: {each.kind} needs its length, as in {each.kind}(n)")
    return tuple(made)


_VALUES = frozenset(
    "int s32 pid fd uint u32 uid gid dirfd mode wait_status long s64 off ulong u64 size addr hex "
    "dev s8 u8 s16 u16".split()
)
_SIZED = frozenset("bytes sockaddr sigset bitset fd_set dirents dirents_old iovec".split())
_BEHIND = frozenset("path string bytes iovec msghdr strings sockaddr sigset bitset fd_set".split())


def _field(text: str) -> tuple[str, str, str]:
    match = _FIELD.fullmatch(text)
    if not match:
        raise ValueError(f"{text.strip()!r} is not NAME: KIND")
    name, kind, length = match.groups()
    return name, kind, length.replace(" ", "")


def _direction(kind: str) -> str:
    """Whether the value is in the argument, or what that points at."""
    from faultin.syscalls.constants import set_names
    from faultin.syscalls.structs import structure_names

    if kind in _VALUES or kind in set_names():
        return ""
    if kind in _BEHIND or kind in structure_names():
        return "<"
    from difflib import get_close_matches

    near = get_close_matches(kind, [*_VALUES, *_BEHIND, *set_names(), *structure_names()], 1)
    advice = f"; did you mean {near[0]}?" if near else "; there are int, long, string, bytes(n) ..."
    raise ValueError(f"there is no kind {kind!r}{advice}")


def _opened(where: str, rest: list[str], words: int, form: str) -> tuple[Binary, list[str]]:
    """The file, and the last words; a file's name may have colons in it."""
    if len(rest) < words + 1 or not all(rest[-words:]):
        raise ValueError(f"it is not {form}")
    return Binary(find_file(":".join(rest[:-words]), where), where), rest[-words:]


def _usdt(where: str, rest: list[str], signature, number: int) -> Probe:
    binary, (provider, name) = _opened(where, rest, 2, "usdt:FILE:PROVIDER:NAME")
    try:
        notes = binary.probe(provider, name)
    finally:
        binary.close()
    count = min(len(words(note.arguments)) for note in notes)
    most = min(count, _MOST) if signature is None else len(signature)
    if most > count:
        raise ValueError(f"the probe has {count} arguments, and not {most}")
    found = [operands(note.arguments, most) for note in notes]
    if signature is None:
        kinds = [kind_of(places) for places in zip(*found, strict=True)]
        signature = tuple([Argument(f"arg{i}", kind) for i, kind in enumerate(kinds, 1)])
    places = [
        Place(binary.path, note.offset, note.semaphore, each) for note, each in zip(notes, found, strict=True)
    ]
    call = Syscall(number, f"{provider}:{name}", signature)
    return Probe(call, tuple(dict.fromkeys(places)))  # folded code has notes that are equal


def _uprobe(where: str, rest: list[str], signature, number: int) -> Probe:
    binary, (name,) = _opened(where, rest, 1, "uprobe:FILE:FUNCTION(ARG: KIND, ...)")
    try:
        offsets = binary.function(name)
    finally:
        binary.close()
    registers = tuple([Operand(REGISTER, base=base) for base in PARAMETERS[: len(signature)]])
    places = tuple([Place(binary.path, offset, 0, registers) for offset in offsets])
    return Probe(Syscall(number, shown_name(name, Path(binary.path).name), signature), places)


def shown_name(name: str, where: str) -> str:
    """The name of an event; with where it is, if a system call has that name."""
    is_taken = any(call.name == name for call in load(platform.machine()))
    return f"{where}:{name}" if is_taken else name
