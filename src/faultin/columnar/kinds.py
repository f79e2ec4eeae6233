# SPDX-License-Identifier: Apache-2.0
"""Kinds: which codec an argument has, by its kind in the syscall table.

In: an Argument. Out: a Codec of the memory that it points at, or of its register. Arguments
of the same name and type share a column.
"""

from functools import cache
from ipaddress import ip_address
from typing import Any

import orjson
import pyarrow as pa

from faultin.columnar import again
from faultin.columnar.codec import Codec, Converted, Many, number, text_of
from faultin.columnar.structures import struct
from faultin.decode.buffers import text_or_bytes
from faultin.decode.kinds import memory_array_decoder, memory_decoder, value_decoder
from faultin.query.networks import plain as plain_address
from faultin.sinks.json_values import to_json
from faultin.syscalls.constants import constant_set
from faultin.syscalls.sizes import size_of
from faultin.syscalls.structs import structure_names
from faultin.syscalls.table import Argument, Unit
from faultin.values import Value

_BYTES = ("bytes", "ioctl")
_JSON = ("siginfo", "lsm_ctx", "statmount", "ptrace_syscall_info")  # unions, shown as JSON
SOCKADDR = pa.struct([
    ("family", pa.uint16()), ("ip", pa.string()), ("port", pa.uint16()),
    ("flowinfo", pa.uint32()), ("scope_id", pa.uint32()), ("path", pa.string()),
    ("abstract", pa.binary()), ("pid", pa.uint32()), ("groups", pa.uint32()), ("data", pa.binary()),
    ("address", pa.binary()),
])  # fmt: skip
_ENTRY = pa.struct([
    ("d_ino", pa.uint64()), ("d_off", pa.uint64()), ("d_reclen", pa.uint16()),
    ("d_type", pa.string()), ("d_name", pa.string()),
])  # fmt: skip
_SIGNED_ENTRY = pa.struct(
    [pa.field("d_off", pa.int64()) if f.name == "d_off" else f for f in _ENTRY]
)


class Plain(Codec):
    """Bytes, as they are."""

    type = pa.binary()

    def array(self, memory: pa.BinaryArray) -> tuple[pa.Array, dict[int, Value]]:
        return memory, {}

    def plain(self, data: bytes) -> bytes:
        return data

    def shown(self, value: bytes) -> Value:
        return text_or_bytes(value)


class Text(Codec):
    """Text; what is not UTF-8 is in a column of its own (layout.py)."""

    type = pa.string()

    def plain(self, data: bytes) -> str:
        return text_of(data)

    def shown(self, value: str) -> Value:
        return value


def register(argument: Argument) -> Codec:
    """The codec of an argument that is no pointer."""
    return number(argument.kind, in_memory=False)


def memory(argument: Argument) -> Codec:
    """The codec of what an argument points at; LookupError for arrays of pointers."""
    return _memory(argument.kind, argument.unit is Unit.COUNT)


@cache
def _memory(kind: str, many: bool) -> Codec:
    if kind in ("path", "string"):
        return Text()
    if kind in _BYTES:
        return Plain()
    one = _one(kind)
    if not many:
        return one
    return Many(one, size_of(kind), memory_array_decoder(kind))


def _one(kind: str) -> Codec:
    decode = memory_decoder(kind)
    if kind in _JSON:
        return Json(kind)
    if kind == "sockaddr":
        return Converted(SOCKADDR, decode, address_to, address_back)
    if kind in ("dirents", "dirents_old"):
        entry = _SIGNED_ENTRY if kind == "dirents" else _ENTRY
        return Converted(pa.list_(entry), decode, texts_only, again.named)
    if kind in ("fd_set", "bitset"):
        return Converted(pa.list_(pa.uint32()), decode)
    if kind == "octets":
        return Converted(pa.list_(pa.uint8()), decode)
    if kind == "sigset":
        return Converted(pa.list_(pa.string()), decode, back=again.named)
    if kind in structure_names():
        return struct(kind)
    return number(kind, in_memory=True)


class Json(Converted):
    """What has another shape each time, as the JSON of docs/output.md."""

    def __init__(self, kind: str) -> None:
        super().__init__(pa.string(), memory_decoder(kind))

    def plain(self, data: bytes) -> str:
        return to_json(self.decoded(data)).decode()

    def shown(self, value: str) -> Value:
        return again.named(orjson.loads(value))


def texts_only(value: Any) -> Any:
    """The entries of a directory, if all their names are text: else they do not compare
    equal to what they were, and are Inexact."""
    return [
        entry if isinstance(entry["d_name"], str) else {**entry, "d_name": None} for entry in value
    ]


# Addresses

_NUMBERS = ("port", "flowinfo", "scope_id", "pid", "groups")


def address_to(value: Any) -> dict[str, Any]:
    """An address as decode has it, with its family as a number and its bytes as bytes;
    `address` is the IP address as queries compare it (query/networks.py)."""
    found: dict[str, Any] = {name: value.get(name) for name in (*_NUMBERS, "ip", "path")}
    if isinstance(found["path"], bytes):
        found["path"] = None
    found["family"] = _family(value["family"]) if "family" in value else None
    for name in ("abstract", "data"):
        data = value.get(name)
        found[name] = data.encode() if isinstance(data, str) else data
    ip = found["ip"]
    found["address"] = None if ip is None else plain_address(ip_address(ip).packed)
    return found


@cache
def _family(name: str) -> int:
    families = constant_set("address_family").values
    return families[name] if name in families else int(name, 0)


def address_back(value: dict[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name in (
        "family",
        "ip",
        "port",
        "flowinfo",
        "scope_id",
        "path",
        "abstract",
        "pid",
        "groups",
    ):
        if (each := value[name]) is not None:
            found[name] = each
    if value["family"] is not None:
        found["family"] = value_decoder("address_family")(value["family"])
    if "abstract" in found:
        found["abstract"] = text_or_bytes(value["abstract"])
    if value["data"] is not None:
        found["data"] = text_or_bytes(value["data"])
    return found
