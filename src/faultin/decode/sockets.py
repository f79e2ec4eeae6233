# SPDX-License-Identifier: Apache-2.0
"""Sockets: addresses, and the control messages of sendmsg and recvmsg.

In: the bytes of a sockaddr, or of msg_control. Out: dicts in the shape of
docs/output.md. A short address has the fields that are there.
"""

from collections.abc import Callable
from struct import Struct, unpack

from faultin.decode.buffers import string, text_or_bytes
from faultin.decode.scalars import value_decoder
from faultin.values import Value

_FAMILY_SIZE = 2
_CMSG = Struct("<Qii")
_UCRED = Struct("<iII")
_TIME = Struct("<qq")
_DESCRIPTOR = Struct("<i")


def _inet(data: bytes) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if len(data) >= 8:
        found["ip"] = ".".join(map(str, data[4:8]))
    if len(data) >= 4:
        found["port"] = int.from_bytes(data[2:4], "big")
    return found


def _inet6_text(data: bytes) -> str:
    """In the C library's notation; imported here, as few traces need it."""
    from socket import AF_INET6, inet_ntop

    return inet_ntop(AF_INET6, data)


def _inet6(data: bytes) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if len(data) >= 24:
        found["ip"] = _inet6_text(data[8:24])
    if len(data) >= 4:
        found["port"] = int.from_bytes(data[2:4], "big")
    if len(data) >= 8:
        found["flowinfo"] = int.from_bytes(data[4:8], "big")
    if len(data) >= 28:
        found["scope_id"] = int.from_bytes(data[24:28], "little")
    return found


def _unix(data: bytes) -> dict[str, Value]:
    name = data[_FAMILY_SIZE:]
    if not name:
        return {}
    if name[0]:
        return {"path": string(name)}
    return {"abstract": text_or_bytes(name[1:])}


def _netlink(data: bytes) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if len(data) >= 8:
        found["pid"] = int.from_bytes(data[4:8], "little")
    if len(data) >= 12:
        found["groups"] = int.from_bytes(data[8:12], "little")
    return found


_FAMILIES: dict[int, Callable[[bytes], dict[str, Value]]] = {
    1: _unix,
    2: _inet,
    10: _inet6,
    16: _netlink,
}


def sockaddr(data: bytes) -> Value:
    """An address; of a family that is not decoded, what follows the family as `data`."""
    if len(data) < _FAMILY_SIZE:
        return {"data": text_or_bytes(data)} if data else {}
    family = int.from_bytes(data[:_FAMILY_SIZE], "little")
    found: dict[str, Value] = {"family": value_decoder("address_family")(family)}
    if family in _FAMILIES:
        found.update(_FAMILIES[family](data))
    else:
        found["data"] = text_or_bytes(data[_FAMILY_SIZE:])
    return found


def _descriptors(data: bytes) -> Value:
    return list(unpack(f"<{len(data) // 4}i", data[: len(data) // 4 * 4]))


def _descriptor(data: bytes) -> Value:
    if len(data) < _DESCRIPTOR.size:
        return text_or_bytes(data)
    return _DESCRIPTOR.unpack_from(data)[0]


def _credentials(data: bytes) -> Value:
    if len(data) < _UCRED.size:
        return text_or_bytes(data)
    return dict(zip(("pid", "uid", "gid"), _UCRED.unpack_from(data)))


def _time(unit: str) -> Callable[[bytes], Value]:
    def decode(data: bytes) -> Value:
        if len(data) < _TIME.size:
            return text_or_bytes(data)
        return dict(zip(("tv_sec", unit), _TIME.unpack_from(data)))

    return decode


# by level, the set of constants that has the types
_TYPES = {
    0: "ip_option",
    1: "scm_type",
    6: "tcp_option",
    17: "udp_option",
    41: "ipv6_option",
    263: "packet_option",
    270: "netlink_option",
    282: "tls_type",
}
# by level and type
_CONTENTS: dict[tuple[int, int], Callable[[bytes], Value]] = {
    (1, 1): _descriptors,
    (1, 2): _credentials,
    (1, 4): _descriptor,
    (1, 29): _time("tv_usec"),
    (1, 35): _time("tv_nsec"),
}


def decode_control(data: bytes) -> Value:
    """The control messages; reading ends where no further header fits."""
    found: list[Value] = []
    level_name = value_decoder("socket_level")
    at = 0
    while at + _CMSG.size <= len(data):
        length, level, code = _CMSG.unpack_from(data, at)
        if length < _CMSG.size:
            break
        content = data[at + _CMSG.size : at + length]
        type_name = value_decoder(_TYPES.get(level, "int"))
        message: dict[str, Value] = {
            "cmsg_len": length,
            "cmsg_level": level_name(level),
            "cmsg_type": type_name(code),
            "cmsg_data": _CONTENTS.get((level, code), text_or_bytes)(content),
        }
        found.append(message)
        at += length + 7 & ~7
    return found
