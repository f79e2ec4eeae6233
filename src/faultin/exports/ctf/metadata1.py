# SPDX-License-Identifier: Apache-2.0
"""Metadata of CTF 1.8: TSDL.

In: a Trace. Out: the bytes of its file `metadata`. CTF 1.8 has no bytes but arrays of 8-bit
numbers, and nothing optional but sequences of no or one element. Names of fields begin with
an underscore, as LTTng's do, so that none is a word of TSDL; readers take it away.
"""

from collections.abc import Iterable

from faultin.exports.ctf.classes import Blob, Class, Integer, List, Member, Structure, Text
from faultin.exports.ctf.metadata2 import in_structure
from faultin.exports.ctf.records import COMMON
from faultin.exports.ctf.trace import (
    CLOCK, CLOCK_ABOUT, EVENT_HEADER, PACKET_CONTEXT, PACKET_HEADER, Trace,
)  # fmt: skip

_TIMES = ("timestamp_begin", "timestamp_end", "timestamp")
_BYTE = "integer { size = 8; align = 8; signed = false; base = 16; }"


def metadata1(trace: Trace) -> bytes:
    return "\n".join(_blocks(trace)).encode()


def _blocks(trace: Trace) -> Iterable[str]:
    yield "/* CTF 1.8 */"
    yield (
        f'trace {{ major = 1; minor = 8; uuid = "{trace.uuid}"; byte_order = le;\n'
        "packet.header := struct {\n"
        f"{_packet_header()}}} align(8); }};"
    )
    yield "env {\n" + "".join(_environment(trace.environment)) + "};"
    yield (
        f'clock {{ name = "{CLOCK}"; description = "{CLOCK_ABOUT}"; freq = 1000000000; '
        "offset_s = 0; offset = 0; absolute = true; };"
    )
    yield (
        "stream { id = 0;\n"
        f"event.header := struct {{\n{_plain(EVENT_HEADER)}}} align(8);\n"
        f"packet.context := struct {{\n{_plain(PACKET_CONTEXT)}}} align(8);\n"
        f"event.context := {_type(COMMON)};\n}};"
    )
    for found, number in trace.classes.numbers.items():
        yield (
            f'event {{ name = "{found.name}"; id = {number}; stream_id = 0;\n'
            f"context := {_type(found.specific)};\nfields := {_type(found.payload)};\n}};"
        )
    yield ""


def _environment(values: dict[str, str | int]) -> Iterable[str]:
    for name, value in values.items():
        shown = value if isinstance(value, int) else f'"{_quoted(value)}"'
        yield f"\t{name} = {shown};\n"


def _quoted(text: str) -> str:
    return "".join(c if c.isprintable() and c not in '"\\' else _octal(c) for c in text)


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in char.encode())


def _packet_header() -> str:
    magic, *others = PACKET_HEADER
    return f"{_plain((magic,))}\t{_BYTE} uuid[16];\n{_plain(tuple(others))}"


def _plain(members: tuple[tuple[str, Class, str], ...]) -> str:
    """What a trace is read by: without underscores."""
    return "".join(
        f"\t{_integer(of, name in _TIMES)} {name};\n"
        for name, of, _ in members
        if isinstance(of, Integer)
    )


def _integer(of: Integer, is_time: bool = False) -> str:
    clock = f" map = clock.{CLOCK}.value;" if is_time else ""
    sign = "true" if of.signed else "false"
    return f"integer {{ size = {of.bits}; align = 8; signed = {sign}; base = {of.base};{clock} }}"


def _type(of: Class) -> str:
    match of:
        case Integer():
            return _integer(of)
        case Text():
            return "string { encoding = UTF8; }"
        case Structure(members):
            return "struct {\n" + "".join(map(_member, members)) + "} align(8)"
    raise TypeError(of)


def _member(member: Member) -> str:
    name = member.name
    if member.optional:
        present = f"__{name}_present"
        inner = _type(in_structure(member.of))
        return f"\t{_integer(Integer(8, False))} {present};\n\t{inner} _{name}[{present}];\n"
    if isinstance(member.of, Blob | List):
        length = f"__{name}_length"
        if isinstance(member.of, Blob):
            inner = _BYTE
        else:
            inner = _type(in_structure(member.of.element, member.of.optional))
        return f"\t{_integer(Integer(32, False))} {length};\n\t{inner} _{name}[{length}];\n"
    return f"\t{_type(member.of)} _{name};\n"
