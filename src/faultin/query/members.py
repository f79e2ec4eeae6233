# SPDX-License-Identifier: Apache-2.0
"""Members: the fields of structures and of socket addresses.

In: a structure of structs.tbl and where it lies, then the rest of a path. Out: a Found,
or a Refused that says which members there are.
"""

from dataclasses import dataclass
from typing import NamedTuple

from faultin.drain.wire import Role
from faultin.query.sources import Address, Memory, MemoryInt, Source, Text
from faultin.query.types import MAX_BYTES, Type
from faultin.syscalls.constants import constant_set, set_names
from faultin.syscalls.structs import Field, Structure, structure

_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16


@dataclass(frozen=True, slots=True)
class Found:
    """What a path is in one plan.

    kind: of the syscall table, how the value is shown; bits: (bits, signed) of a number
    in its place; advice: not empty for a whole structure or array, which can be
    captured, and of which an expression can only ask whether it is missing.
    """

    type: Type
    source: Source
    kind: str = ""
    bits: tuple[int, bool] | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a path cannot be used; is_base: what is before its last index can be."""

    why: str
    advice: str = ""
    is_base: bool = False
    near: tuple[str, ...] = ()  # names that there are in place of the last one


class _Member(NamedTuple):
    """A part of a sockaddr: of these families, at this offset."""

    families: tuple[int, ...]
    offset: int
    size: int
    big_endian: bool
    kind: str = ""


_SOCKADDR = {
    "family": _Member((), 0, 2, False, "address_family"),
    "port": _Member((_INET, _INET6), 2, 2, True),
    "flowinfo": _Member((_INET6,), 4, 4, True),
    "scope_id": _Member((_INET6,), 24, 4, False),
    "pid": _Member((_NETLINK,), 4, 4, False),
    "groups": _Member((_NETLINK,), 8, 4, False),
}
_SOCKADDR_PARTS = ("family", "ip", "port", "path", "flowinfo", "scope_id", "pid", "groups")


def sockaddr_member(op: int, role: Role, name: str, rest: tuple[str | int, ...]) -> Found | Refused:
    """A part of a socket address; it is missing where the family does not have it."""
    if not rest:
        all_of_it = Memory(op, text=False, role=role)
        return Found(Type.BYTES, all_of_it, "sockaddr", advice=f"say which part, as {name}.port")
    part = rest[0]
    if len(rest) > 1 or part not in _SOCKADDR_PARTS:
        return no_member(name, part, _SOCKADDR_PARTS)
    if part == "ip":
        return Found(Type.IP, Address(op, role), "ip")
    if part == "path":
        return Found(Type.BYTES, Text(op, role, 2, 108, (_UNIX,)), "path")
    families, offset, size, big_endian, kind = _SOCKADDR[str(part)]
    source = MemoryInt(op, role, offset, size, False, big_endian, families)
    return Found(Type.S64, source, kind, (8 * size, False))


def structure_member(
    of: Structure, op: int, role: Role, offset: int, name: str, rest: tuple[str | int, ...]
) -> Found | Refused:
    """A number or a text in a structure that begins at `offset`."""
    if not rest:
        return Refused(f"{name} is a structure", _which(of, name))
    known = {field.name: field for field in of.fields if not field.is_hidden}
    field = known.get(str(rest[0]))
    if field is None:
        return no_member(name, rest[0], tuple(known))
    return _field(field, op, role, offset + field.offset, f"{name}.{field.name}", rest[1:])


def whole(source: Source, of: Structure, name: str) -> Found:
    """All of a structure, which begins where its memory does."""
    return Found(Type.BYTES, source, of.name, advice=_which(of, name))


def _which(of: Structure, name: str) -> str:
    first = next(field.name for field in of.fields if not field.is_hidden)
    return f"say which field, as {name}.{first}"


def _field(
    field: Field, op: int, role: Role, offset: int, name: str, rest: tuple[str | int, ...]
) -> Found | Refused:
    if field.type == "char":
        if offset >= MAX_BYTES:
            return Refused(f"{name} is out of reach", f"a query looks at {MAX_BYTES} bytes")
        if rest:
            return Refused(f"{name} is text, and has no parts", is_base=True)
        room = min(field.size, MAX_BYTES - offset)
        return Found(Type.BYTES, Text(op, role, offset, room), "string")
    inner = structure(field.type[1:]) if field.type.startswith("@") else None
    size = inner.size if inner else int(field.type[1:]) // 8
    if field.is_array:
        index = rest[0] if rest else None
        if not isinstance(index, int) or index < 0 or (field.count and index >= field.count):
            many = f" of {field.count}" if field.count else ""
            return Refused(f"{name} is an array{many}", f"say which element, as {name}[0]")
        offset, name, rest = offset + index * size, f"{name}[{index}]", rest[1:]
    if inner:
        return structure_member(inner, op, role, offset, name, rest)
    if rest:
        return Refused(f"{name} is an integer, and has no parts")
    if offset + size > MAX_BYTES:
        return Refused(f"{name} is out of reach", f"a query looks at {MAX_BYTES} bytes")
    signed = field.type[0] == "s" and not _is_flags(field.kind)
    type_ = Type.U64 if size == 8 and not signed else Type.S64
    source = MemoryInt(op, role, offset, size, signed)
    return Found(type_, source, field.kind, (8 * size, signed))


def _is_flags(kind: str) -> bool:
    """As decode has it: flags are unsigned, whatever C says."""
    name = kind.removesuffix("/8")
    return name in set_names() and constant_set(name).is_flags


def no_member(name: str, part: str | int, known: tuple[str, ...]) -> Refused:
    """What to say of a part that is not there."""
    what = part if isinstance(part, str) else f"[{part}]"
    return Refused(f"{name} has no part {what}", f"it has {', '.join(known)}", near=known)
