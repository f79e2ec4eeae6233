# SPDX-License-Identifier: Apache-2.0
"""Fields: what a name in a query means in the calls of one plan.

In: a plan, and a path: ("path",), ("addr", "port"), ("ufds", 0, "fd"). Out: a Found,
with the type and the source; None where the plan has no such name; a Refused where it
has, but cannot be used so. Types come from the syscall table, and from nowhere else.
"""

from dataclasses import replace

from faultin.codegen.plan import OpKind, Plan
from faultin.drain.wire import Role
from faultin.query.members import (
    Found, Refused, no_member, sockaddr_member, structure_member, whole,
)  # fmt: skip
from faultin.query.sources import Common, Count, Fixed, Items, Memory, MemoryInt, Register, Total
from faultin.query.types import MAX_BYTES, Type
from faultin.syscalls.constants import constant_set, set_names
from faultin.syscalls.sizes import size_of
from faultin.syscalls.structs import structure, structure_names
from faultin.syscalls.table import Argument, Syscall, Unit

Path = tuple[str | int, ...]
ARGUMENTS = "args"  # args.pid is the argument, where pid is the process that calls

# name: (type, kind, bits of an integer that is narrower than its type)
COMMON: dict[str, tuple[Type, str, tuple[int, bool] | None]] = {
    "ts": (Type.S64, "", None),
    "pid": (Type.S64, "pid", (32, True)),
    "tid": (Type.S64, "pid", (32, True)),
    "ppid": (Type.S64, "pid", (32, True)),
    "comm": (Type.BYTES, "string", None),
    "exe": (Type.BYTES, "path", None),
    "uid": (Type.S64, "uid", (32, False)),
    "gid": (Type.S64, "gid", (32, False)),
    "cgroup": (Type.U64, "", None),
    "syscall": (Type.BYTES, "string", None),
    "ret": (Type.S64, "", None),
    "errno": (Type.S64, "errno", None),
    "latency": (Type.S64, "", None),
    "ustack": (Type.STACK, "", None),
}
LATE = frozenset(["ret", "errno", "latency"])  # known when the call has returned

_SIGNED = {"int": 32, "s32": 32, "fd": 32, "dirfd": 32, "pid": 32, "s8": 8, "s16": 16}
_SIGNED |= dict.fromkeys(["long", "s64", "off"], 64)
_UNSIGNED = {"uint": 32, "u32": 32, "uid": 32, "gid": 32, "mode": 32, "u8": 8, "u16": 16}
_UNSIGNED |= {"wait_status": 32} | dict.fromkeys(["ulong", "u64", "size", "addr", "hex", "dev"], 64)
_STRINGS = ("strings", "strings32")
_VECTORS = ("iovec", "iovec32")
_MESSAGES = ("msghdr", "mmsghdr")
_OPAQUE = ("bytes", "ioctl", "dirents", "dirents_old", "fd_set", "bitset", "sigset")


def common(name: str, plan: Plan | None) -> Found | None:
    """A field of every event; of a call that no table has (None), without its name."""
    if name not in COMMON:
        return None
    type_, kind, bits = COMMON[name]
    if name != "syscall":
        return Found(type_, Common(name), kind, bits)
    return Found(type_, Fixed(plan.syscall.name.encode()), kind) if plan else None


def argument(plan: Plan, path: Path) -> Found | Refused | None:
    """An argument of the plan or what it points at, by the kernel's name or an alias."""
    explicit = path[0] == ARGUMENTS and len(path) > 1 and isinstance(path[1], str)
    name, rest = (path[1], path[2:]) if explicit else (path[0], path[1:])
    call = replace(plan.syscall, arguments=plan.arguments)
    position = _position(call, str(name), explicit)
    if position is None:
        return None
    of = plan.arguments[position]
    op = next((bit for bit, op in enumerate(plan.ops) if op.position == position), None)
    if op is None:
        return _register(of, position, str(name), rest)
    if name == "addr" and of.kind == "msghdr":
        rest = ("msg_name", *rest)
    return _memory(plan, of, op, str(name), rest)


def argument_name(plan: Plan, name: str) -> str | None:
    """The kernel's name of the argument that `path`, `fd` or `args.pid` stands for, if it
    is the whole of one."""
    call = replace(plan.syscall, arguments=plan.arguments)
    plain = name.removeprefix(f"{ARGUMENTS}.")
    position = None if name in COMMON else _position(call, plain, plain != name)
    return None if position is None else plan.arguments[position].name


def names(call: Syscall) -> set[str]:
    """What a query can call the arguments of a call."""
    own = {argument.name for argument in call.arguments}
    return own | {alias for alias in _ALIASES if _position(call, alias, False) is not None}


_ALIASES = ("path", "path2", "fd", "buf", "size", "addr", "iov")


def _position(call: Syscall, name: str, explicit: bool) -> int | None:
    if explicit:
        return next((i for i, a in enumerate(call.arguments) if a.name == name), None)
    position = call.alias(name)
    if position is None and name == "addr":
        return next(iter(call.positions("sockaddr") or call.positions("msghdr")), None)
    if position is None and name == "iov":
        return next(iter(call.positions(*_VECTORS, *_MESSAGES)), None)
    return position


def integer(kind: str, in_memory: bool) -> tuple[int, bool] | None:
    """(bits, signed) of a kind of number; None for a kind that is none.

    An enum is C's int, unless its numbers are written in hexadecimal.
    """
    if kind in _SIGNED:
        return _SIGNED[kind], True
    if kind in _UNSIGNED:
        return _UNSIGNED[kind], False
    name = kind.removesuffix("/8")
    if name not in set_names():
        return None
    found = constant_set(name)
    bits = 8 * size_of(kind) if in_memory else found.bits
    return bits, bits == 32 and not found.is_flags and found.radix == 10


def _register(of: Argument, position: int, name: str, rest: Path) -> Found | Refused:
    layout = integer(of.kind, in_memory=False)
    if rest or layout is None:
        return Refused(f"{name} is an integer, and has no parts")
    return number(Register(position, *layout), of.kind, layout)


def number(source: Register | MemoryInt, kind: str, layout: tuple[int, bool]) -> Found:
    """A number of (bits, signed)."""
    return Found(Type.U64 if layout == (64, False) else Type.S64, source, kind, layout)


def _memory(plan: Plan, of: Argument, op: int, name: str, rest: Path) -> Found | Refused:
    """What is behind a pointer that operation `op` captures; the query calls it `name`."""
    if of.kind in ("path", "string"):
        return _no_parts(Found(Type.BYTES, Memory(op, text=True), of.kind), name, rest)
    if of.kind in _STRINGS:
        return _no_parts(Found(Type.LIST, Items(op), of.kind), name, rest)
    if of.kind in _OPAQUE:
        return _no_parts(Found(Type.BYTES, Memory(op, text=False), of.kind), name, rest)
    if of.kind in _VECTORS:
        return _vector(op, of.kind, name, rest)
    if of.kind in _MESSAGES:
        return _message(plan.ops[op].kind, op, name, rest)
    if of.kind == "sockaddr":
        return sockaddr_member(op, Role.DATA, name, rest)
    return _object(of, op, name, rest)


def _no_parts(found: Found, name: str, rest: Path) -> Found | Refused:
    if not rest:
        return found
    part = rest[0] if isinstance(rest[0], str) else f"[{rest[0]}]"
    return Refused(f"{name} is {found.type.value}, and has no part {part}", is_base=True)


def _vector(op: int, kind: str, name: str, rest: Path) -> Found | Refused:
    if rest == ("len",):
        return Found(Type.U64, Total(op))
    if not rest or rest == ("count",):
        advice = "" if rest else f"use {name}.len or {name}.count"
        return Found(Type.S64, Count(op), "" if rest else kind, advice=advice)
    return no_member(name, rest[0], ("len", "count"))


def _message(kind: OpKind, op: int, name: str, rest: Path) -> Found | Refused:
    """A msghdr: its own numbers, its address, its buffers. Of an array of them only the
    buffers, all together."""
    if rest[:1] == ("msg_iov",):
        return _vector(op, "iovec", f"{name}.msg_iov", rest[1:])
    if rest in (("len",), ("count",)) or (rest and kind is OpKind.MMSGHDR):
        return _vector(op, "mmsghdr", name, rest)
    if not rest:
        source = Memory(op, text=False, role=Role.HEADER)
        advice = f"use {name}.len or {name}.count"
        return Found(Type.BYTES, source, kind.name.lower(), advice=advice)
    if rest[0] == "msg_name":
        return sockaddr_member(op, Role.NAME, f"{name}.msg_name", rest[1:])
    return structure_member(structure("msghdr"), op, Role.HEADER, 0, name, rest)


def _object(of: Argument, op: int, name: str, rest: Path) -> Found | Refused:
    """A structure or a number, or one of an array of them."""
    size, offset = size_of(of.kind), 0
    if not rest and of.unit is not Unit.COUNT and of.kind in structure_names():
        return whole(Memory(op, text=False), structure(of.kind), name)
    if of.unit is Unit.COUNT:
        if not rest:
            advice = f"say which element, as {name}[0]"
            return Found(Type.BYTES, Memory(op, text=False), f"{of.kind}[]", advice=advice)
        if not isinstance(rest[0], int):
            return Refused(f"{name} is an array", f"say which element, as {name}[0].{rest[0]}")
        offset, name, rest = rest[0] * size, f"{name}[{rest[0]}]", rest[1:]
    if not 0 <= offset <= MAX_BYTES - size:
        return Refused(f"{name} is out of reach", f"a query looks at {MAX_BYTES} bytes")
    if of.kind in structure_names():
        return structure_member(structure(of.kind), op, Role.DATA, offset, name, rest)
    layout = integer(of.kind, in_memory=True)
    if rest or layout is None:
        return Refused(f"{name} is an integer, and has no parts")
    source = MemoryInt(op, Role.DATA, offset, layout[0] // 8, layout[1])
    return number(source, of.kind, layout)
