# SPDX-License-Identifier: Apache-2.0
"""Nested: arrays of pointers, and messages: lists of texts, of buffers, structs of these.

In: what decode gives. Out: what pa.array() takes, and back. What the types cannot say (a
string in argv that was cut, a message's name that is) is Inexact.
"""

from abc import ABC, abstractmethod
from typing import Any

import orjson
import pyarrow as pa

from faultin.columnar import again
from faultin.columnar.codec import Inexact
from faultin.columnar.kinds import SOCKADDR, address_back, address_to
from faultin.decode.buffers import text_or_bytes
from faultin.decode.kinds import value_decoder
from faultin.sinks.json_values import to_json
from faultin.syscalls.constants import constant_set
from faultin.values import Missing, Truncated, Value

BUFFER = pa.struct([
    ("iov_base", pa.binary()), ("iov_base_length", pa.int64()), ("iov_len", pa.uint64()),
])  # fmt: skip
STRINGS, STRINGS_BYTES = pa.list_(pa.string()), pa.list_(pa.binary())
BUFFERS = pa.list_(BUFFER)
MESSAGE = pa.struct([
    ("msg_name", SOCKADDR), ("msg_namelen", pa.int32()), ("msg_iov", BUFFERS),
    ("msg_iovlen", pa.uint64()), ("msg_control", pa.string()), ("msg_controllen", pa.uint64()),
    ("msg_flags", pa.uint32()),
])  # fmt: skip
MESSAGES = pa.list_(pa.struct([("msg_hdr", MESSAGE), ("msg_len", pa.uint32())]))


class Nested(ABC):
    """A kind of these. `plain` raises Inexact; `shown` is of what to_pylist() gives."""

    type: pa.DataType

    @abstractmethod
    def plain(self, value: Any) -> Any: ...

    @abstractmethod
    def shown(self, value: Any) -> Value: ...


class Strings(Nested):
    """argv, envp."""

    type = STRINGS

    def plain(self, value: list[Any]) -> list[str | None]:
        return [_string(each) for each in value]

    def as_bytes(self, value: list[Any]) -> list[bytes | None]:
        """Where one is not UTF-8 all are bytes."""
        return [each if isinstance(each, bytes) else _encoded(_string(each)) for each in value]

    def shown(self, value: list[str | bytes | None]) -> Value:
        return [text_or_bytes(each) if isinstance(each, bytes) else each for each in value]


def _encoded(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _string(value: Any) -> str | None:
    if isinstance(value, Missing):
        return None
    if not isinstance(value, str):
        raise Inexact
    return value


class Buffers(Nested):
    """An array of iovec, with what each holds."""

    type = BUFFERS

    def plain(self, value: list[Any]) -> list[dict[str, Any]]:
        return [_buffer(each) for each in value]

    def shown(self, value: list[dict[str, Any]]) -> Value:
        return [_shown_buffer(each) for each in value]


def _buffer(value: dict[str, Any]) -> dict[str, Any]:
    base, length = value["iov_base"], None
    if isinstance(base, Truncated):
        base, length = base.value, -1 if base.length is None else base.length
    if isinstance(base, Missing):
        base = None
    data = base.encode() if isinstance(base, str) else base
    return {"iov_base": data, "iov_base_length": length, "iov_len": value["iov_len"]}


def _shown_buffer(value: dict[str, Any]) -> dict[str, Value]:
    base: Value = None if value["iov_base"] is None else text_or_bytes(value["iov_base"])
    length = value["iov_base_length"]
    if length is not None:
        base = Truncated(base, None if length < 0 else length)
    return {"iov_base": base, "iov_len": value["iov_len"]}


class Message(Nested):
    """A msghdr. Inexact if a part of it was cut: its type has no place for a length."""

    type = MESSAGE

    def plain(self, value: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {name: value.get(name) for name in _NUMBERS}
        if "msg_flags" in value:
            found["msg_flags"] = _flags(value["msg_flags"])
        found["msg_name"] = _part(value.get("msg_name"), address_to)
        found["msg_iov"] = _part(value.get("msg_iov"), Buffers().plain)
        found["msg_control"] = _part(value.get("msg_control"), lambda v: to_json(v).decode())
        if to_json(self.shown(found)) != to_json(value):
            raise Inexact
        return found

    def shown(self, value: dict[str, Any]) -> Value:
        found: dict[str, Value] = {
            "msg_name": _part(value["msg_name"], address_back),
            "msg_namelen": value["msg_namelen"],
            "msg_iov": _part(value["msg_iov"], Buffers().shown),
            "msg_iovlen": value["msg_iovlen"],
            "msg_control": _part(value["msg_control"], _control),
            "msg_controllen": value["msg_controllen"],
            "msg_flags": _part(value["msg_flags"], value_decoder("msg_flags")),
        }
        return found


_NUMBERS = ("msg_namelen", "msg_iovlen", "msg_controllen", "msg_flags")


def _control(text: str) -> Value:
    return again.named(orjson.loads(text))


def _part(value: Any, made: Any) -> Any:
    if isinstance(value, Truncated):
        raise Inexact
    return None if value is None or isinstance(value, Missing) else made(value)


def _flags(text: str) -> int:
    """The number that is shown as these names."""
    known = constant_set("msg_flags").values
    try:
        return sum(known[each] if each in known else int(each, 0) for each in text.split("|"))
    except ValueError:
        raise Inexact from None


class Messages(Nested):
    """An array of mmsghdr."""

    type = MESSAGES

    def plain(self, value: list[Any]) -> list[Any]:
        return [
            None if isinstance(each, Missing) else
            {"msg_hdr": Message().plain(each["msg_hdr"]), "msg_len": each["msg_len"]}
            for each in value
        ]  # fmt: skip

    def shown(self, value: list[Any]) -> Value:
        return [
            each and {"msg_hdr": Message().shown(each["msg_hdr"]), "msg_len": each["msg_len"]}
            for each in value
        ]


def nested(kind: str) -> Nested | None:
    """Of a kind that is an array of pointers or a message; None for any other."""
    made = _KINDS.get(kind)
    return made() if made else None


_KINDS: dict[str, type[Nested]] = {
    "strings": Strings, "strings32": Strings, "iovec": Buffers, "iovec32": Buffers,
    "msghdr": Message, "mmsghdr": Messages,
}  # fmt: skip
