# SPDX-License-Identifier: Apache-2.0
"""Metadata of CTF 2: JSON text sequences, by CTF2-SPEC-2.0 of the DIAMON workgroup.

In: a Trace. Out: the bytes of its file `metadata`.
"""

from typing import Any

import orjson

from faultin.exports.ctf.classes import Blob, Class, Integer, List, Member, Structure, Text
from faultin.exports.ctf.records import COMMON
from faultin.exports.ctf.trace import (
    CLOCK, CLOCK_ABOUT, EVENT_HEADER, PACKET_CONTEXT, PACKET_HEADER, Trace,
)  # fmt: skip

Json = dict[str, Any]
_SEPARATOR = b"\x1e"
_UUID = {"type": "static-length-blob", "length": 16, "roles": ["metadata-stream-uuid"]}
_VALUE = "value"  # the only member of a structure that an element needs to be in


def metadata2(trace: Trace) -> bytes:
    return b"".join(_SEPARATOR + orjson.dumps(each) + b"\n" for each in _fragments(trace))


def _fragments(trace: Trace) -> list[Json]:
    header = _with_roles(PACKET_HEADER)
    header["member-classes"].insert(1, {"name": "uuid", "field-class": _UUID})
    return [
        {"type": "preamble", "version": 2, "uuid": list(trace.uuid.bytes)},
        {
            "type": "clock-class", "id": CLOCK, "name": CLOCK, "frequency": 10**9,
            "origin": "unix-epoch", "offset-from-origin": {"seconds": 0, "cycles": 0},
            "description": CLOCK_ABOUT,
        },
        {
            "type": "trace-class", "uid": str(trace.uuid), "environment": trace.environment,
            "packet-header-field-class": header,
        },
        {
            "type": "data-stream-class", "id": 0, "default-clock-class-id": CLOCK,
            "packet-context-field-class": _with_roles(PACKET_CONTEXT),
            "event-record-header-field-class": _with_roles(EVENT_HEADER),
            "event-record-common-context-field-class": field_class(COMMON),
        },
        *(
            {
                "type": "event-record-class", "id": number, "data-stream-class-id": 0,
                "name": found.name,
                "specific-context-field-class": field_class(found.specific),
                "payload-field-class": field_class(found.payload),
            }
            for found, number in trace.classes.numbers.items()
        ),
    ]  # fmt: skip


def _with_roles(members: tuple[tuple[str, Class, str], ...]) -> Json:
    found = []
    for name, of, role in members:
        made = field_class(of)
        if role:
            made["roles"] = [role]
        found.append({"name": name, "field-class": made})
    return {"type": "structure", "member-classes": found}


def field_class(of: Class) -> Json:
    """Of a List or Blob: what stands behind its length."""
    match of:
        case Integer(bits, signed, base):
            sign = "signed" if signed else "unsigned"
            return {
                "type": f"fixed-length-{sign}-integer", "length": bits, "alignment": 8,
                "byte-order": "little-endian", "preferred-display-base": base,
            }  # fmt: skip
        case Text():
            return {"type": "null-terminated-string"}
        case Structure(members):
            found = [each for member in members for each in _members(member)]
            return {"type": "structure", "member-classes": found}
    raise TypeError(of)


def _members(member: Member) -> list[Json]:
    """A member, behind what says whether it is there, or how long it is."""
    if member.optional:
        selector = f"_{member.name}_present"
        inner = {
            "type": "optional", "field-class": field_class(in_structure(member.of)),
            "selector-field-location": {"path": [selector]}, "selector-field-ranges": [[1, 1]],
        }  # fmt: skip
        return [_member(selector, field_class(Integer(8, False))), _member(member.name, inner)]
    if isinstance(member.of, Blob | List):
        length = f"_{member.name}_length"
        where = {"length-field-location": {"path": [length]}}
        if isinstance(member.of, Blob):
            inner = {"type": "dynamic-length-blob", **where}
        else:
            element = in_structure(member.of.element, member.of.optional)
            inner = {
                "type": "dynamic-length-array", "element-field-class": field_class(element), **where
            }
        return [_member(length, field_class(Integer(32, False))), _member(member.name, inner)]
    return [_member(member.name, field_class(member.of))]


def _member(name: str, made: Json) -> Json:
    return {"name": name, "field-class": made}


def in_structure(of: Class, optional: bool = False) -> Class:
    """What needs a member before it, as the only one of a structure."""
    if optional or isinstance(of, Blob | List):
        return Structure((Member(_VALUE, of, optional),))
    return of
