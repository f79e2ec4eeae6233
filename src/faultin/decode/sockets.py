# SPDX-License-Identifier: Apache-2.0
"""Sockets: addresses and control messages.

In: the memory of a sockaddr or of a control buffer. Out: a dict, or a list of
them. Memory too short for its family is shown as what is there.
"""

import socket
from struct import Struct
from typing import Any

from faultin.decode.structures import text_or_bytes
from faultin.syscalls.constants import constant_set
from faultin.values import Symbol

_CMSG = Struct("<Qii")
_SOL_SOCKET, _SCM_RIGHTS, _SCM_CREDENTIALS, _SCM_PIDFD = 1, 1, 2, 4
_AF_NETLINK, _AF_PACKET, _AF_VSOCK = 16, 17, 40


def _unix(data: bytes) -> dict[str, Any]:
    if not data:
        return {}
    if data[0] == 0:
        return {"abstract": text_or_bytes(data[1:])}
    return {"path": text_or_bytes(data.split(b"\0", 1)[0])}


def _inet(data: bytes) -> dict[str, Any] | None:
    if len(data) < 6:
        return None
    port = int.from_bytes(data[:2], "big")
    return {"ip": socket.inet_ntop(socket.AF_INET, data[2:6]), "port": port}


def _inet6(data: bytes) -> dict[str, Any] | None:
    if len(data) < 22:
        return None
    found: dict[str, Any] = {
        "ip": socket.inet_ntop(socket.AF_INET6, data[6:22]),
        "port": int.from_bytes(data[:2], "big"),
        "flowinfo": int.from_bytes(data[2:6], "big"),
    }
    if len(data) >= 26:
        found["scope_id"] = int.from_bytes(data[22:26], "little")
    return found


def _netlink(data: bytes) -> dict[str, Any] | None:
    if len(data) < 10:
        return None
    words = [int.from_bytes(data[at : at + 4], "little") for at in (2, 6)]
    return {"pid": words[0], "groups": words[1]}


def _vsock(data: bytes) -> dict[str, Any] | None:
    if len(data) < 10:
        return None
    words = [int.from_bytes(data[at : at + 4], "little") for at in (2, 6)]
    return {"port": words[0], "cid": words[1]}


_FAMILIES = {
    int(socket.AF_UNIX): _unix,
    int(socket.AF_INET): _inet,
    int(socket.AF_INET6): _inet6,
    _AF_NETLINK: _netlink,
    _AF_VSOCK: _vsock,
}


def decode_sockaddr(data: bytes) -> dict[str, Any]:
    """A socket address of the length that was given."""
    if len(data) < 2:
        return {"data": text_or_bytes(data)} if data else {}
    number = int.from_bytes(data[:2], "little")
    family = Symbol(constant_set("address_family").render(number))
    rest = data[2:]
    decode = _FAMILIES.get(number)
    fields = decode(rest) if decode else None
    if fields is None:
        fields = {"data": rest}
    return {"family": family, **fields}


def decode_control(data: bytes) -> list[dict[str, Any]]:
    """The control messages of a buffer; one that does not fit ends the list."""
    found, at = [], 0
    while at + _CMSG.size <= len(data):
        length, level, kind = _CMSG.unpack_from(data, at)
        if length < _CMSG.size:
            break
        payload = data[at + _CMSG.size : at + length]
        found.append(_message(length, level, kind, payload))
        at += (length + 7) & ~7
    return found


def _message(length: int, level: int, kind: int, payload: bytes) -> dict[str, Any]:
    name: Any = kind
    content: Any = text_or_bytes(payload)
    if level == _SOL_SOCKET:
        name = Symbol(constant_set("scm_type").render(kind))
        words = [
            int.from_bytes(payload[i : i + 4], "little", signed=True)
            for i in range(0, len(payload) - 3, 4)
        ]
        if kind in (_SCM_RIGHTS, _SCM_PIDFD):
            content = words
        elif kind == _SCM_CREDENTIALS and len(words) == 3:
            content = dict(zip(("pid", "uid", "gid"), words, strict=True))
    return {
        "cmsg_len": length,
        "cmsg_level": Symbol(constant_set("socket_level").render(level)),
        "cmsg_type": name,
        "cmsg_data": content,
    }
