# SPDX-License-Identifier: Apache-2.0
"""Columns hold what decode makes of memory, whatever is in it, of every kind of the table."""

import ctypes
import subprocess
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultin.codegen.plan import plan
from faultin.columnar import native
from faultin.columnar.kinds import Plain, Text, memory
from faultin.columnar.layout import ALWAYS, COMMON, EXACT, WORDS, Layout, value_name
from faultin.columnar.nested import Buffers, Message, Messages, Strings, nested
from faultin.decode.kinds import memory_array_decoder, memory_decoder, value_decoder
from faultin.drain.wire import HOW_WORDS
from faultin.query.fields import integer
from faultin.sinks.json_values import to_json
from faultin.syscalls.sizes import size_of
from faultin.syscalls.table import Argument, Unit, load
from faultin.values import Missing, Symbol, Truncated

TABLE = load("x86_64")
PLANS = plan(TABLE, TABLE.numbers)
LAYOUT = Layout(PLANS)


def pointers():
    """An argument of each kind of memory, once."""
    found: dict[tuple[str, bool], Argument] = {}
    for made in PLANS.plans.values():
        for argument in made.arguments:
            if argument.is_pointer and not nested(argument.kind):
                found.setdefault((argument.kind, argument.unit is Unit.COUNT), argument)
    return [found[key] for key in sorted(found)]


def decoded(argument: Argument, data: bytes):
    many = argument.unit is Unit.COUNT
    return (memory_array_decoder if many else memory_decoder)(argument.kind)(data)


def lengths(argument: Argument):
    """Whole ones, several, and any."""
    size = size_of(argument.kind)
    return st.sampled_from([size, size, 2 * size, 0]) | st.integers(0, 3 * size + 9)


def contents(size: int):
    zeros, any_bytes = st.just(bytes(size)), st.binary(min_size=size, max_size=size)
    text = st.text("abé/\0", min_size=size, max_size=size).map(
        lambda s: s.encode()[:size].ljust(size, b"x")
    )
    return any_bytes | zeros | text


@pytest.mark.parametrize("argument", pointers(), ids=lambda a: f"{a.kind}{a.unit.value}")
def test_memory_of_any_kind(argument):
    codec = memory(argument)
    if isinstance(codec, Text):
        return

    @settings(max_examples=25, deadline=None)
    @given(st.lists(lengths(argument).flatmap(contents), min_size=1, max_size=5))
    def check(values):
        array, odd = codec.array(pa.array(values, pa.binary()))
        array.validate(full=True)
        assert array.type == codec.type and len(array) == len(values)
        for row, (data, found) in enumerate(zip(values, array.to_pylist(), strict=True)):
            wanted = to_json(decoded(argument, data))
            if row in odd:
                assert to_json(odd[row]) == wanted
            else:
                shown = None if found is None else codec.shown(found)
                assert orjson.loads(to_json(shown)) == orjson.loads(wanted)

    check()


def test_whole_structures_are_made_at_once():
    """The fast way is the same as the slow one."""
    for argument in pointers():
        codec = memory(argument)
        if isinstance(codec, Plain | Text) or not codec.size:
            continue
        data = bytes(range(256)) * 20
        values = pa.array([data[i : i + codec.size] for i in range(4)], pa.binary())
        at_once, _ = codec.array(values)
        one_by_one, _ = codec._one_by_one(values)
        assert at_once.equals(one_by_one), argument.kind


def test_registers_of_any_kind():
    for index, slots in LAYOUT.slots.items():
        for slot in slots:
            if slot.is_register:
                bits, signed = integer(slot.argument.kind, False)
                for register in (0, 1, 0x7F, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1, (1 << 64) - 100):
                    value = register % (1 << bits)
                    value -= (value >> bits - 1 << bits) * signed
                    shown = slot.codec.shown(value)
                    assert shown == value_decoder(slot.argument.kind)(register), (index, slot)


def test_every_argument_of_every_call_has_a_column():
    names = [column.name for column in LAYOUT.columns]
    assert len(names) == len(set(names))
    for slots in LAYOUT.slots.values():
        for slot in slots:
            assert names[slot.value] == value_name(slot.argument)
    assert {name for name, _ in COMMON} >= set(ALWAYS) and EXACT not in names
    for how, word in HOW_WORDS.items():
        assert how == 0 or WORDS[how] == word


def test_arrays_of_pointers_and_messages():
    cases = [
        (Strings(), ["a", "é", Missing("gone")]),
        (
            Buffers(),
            [
                {"iov_base": "x", "iov_len": 1},
                {"iov_base": Truncated(b"\xff", 9), "iov_len": 9},
                {"iov_base": Missing("fault"), "iov_len": 3},
            ],
        ),
    ]
    address = {"family": Symbol("AF_INET"), "ip": "127.0.0.1", "port": 80}
    message = {
        "msg_name": address,
        "msg_namelen": 16,
        "msg_iov": cases[1][1],
        "msg_iovlen": 3,
        "msg_control": None,
        "msg_controllen": 0,
        "msg_flags": Symbol("MSG_PEEK|MSG_TRUNC"),
    }
    cases += [
        (Message(), message),
        (Messages(), [{"msg_hdr": message, "msg_len": 1}, Missing("gone")]),
    ]
    for kind, value in cases:
        array = pa.array([kind.plain(value), None], kind.type)
        assert to_json(kind.shown(array.to_pylist()[0])) == to_json(value)
    raw = Strings().as_bytes(["a", b"\xff", Missing("gone")])
    assert Strings().shown(raw) == ["a", b"\xff", None]


def test_structures_are_those_of_the_header(tmp_path):
    found = compiler_sizes(tmp_path)
    assert found == [
        native._LAYOUT.size,
        native._NUMBER.size,
        native._CAPTURE.size,
        native._LEFT.itemsize,
        ctypes.sizeof(native._Column),
    ]


def compiler_sizes(tmp_path):
    header = Path(__file__).parents[2] / "native" / "columns.h"
    names = ("layout", "number", "capture", "left", "column")
    sizes = ",".join(f"(int)sizeof(struct {name})" for name in names)
    source = tmp_path / "sizes.c"
    source.write_text(
        f'#include "{header}"\n#include <stdio.h>\nint main(void){{int s[]={{{sizes}}};'
        'for(int i=0;i<5;i++)printf("%d ",s[i]);}'
    )
    subprocess.run(["gcc", "-o", tmp_path / "sizes", source], check=True)
    ran = subprocess.run([tmp_path / "sizes"], capture_output=True, text=True, check=True)
    return [int(word) for word in ran.stdout.split()]
