# SPDX-License-Identifier: Apache-2.0
"""The unwind table says what pyelftools says; walks, mappings and outputs of many stacks."""

import json
import os
import shutil
import struct
from pathlib import Path

import pytest
from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from faultin.drain.wire import How, Piece
from faultin.kernel.perf import Execed, Forked, Mapped
from faultin.sinks.stacks.flame import flame
from faultin.sinks.stacks.folded import folded
from faultin.sinks.stacks.speedscope import speedscope
from faultin.sinks.stacks.weights import Weights, path_of
from faultin.stacks import cfi
from faultin.stacks.elf import Elf
from faultin.stacks.expressions import evaluate
from faultin.stacks.frames import End, Frame, Stack
from faultin.stacks.perf_map import PerfMap, owners
from faultin.stacks.spaces import Spaces
from faultin.stacks.symbols import demangled
from faultin.stacks.unwind import Memory, Registers, Unknown, walk

KINDS = {"OFFSET": cfi.OFFSET, "UNDEFINED": cfi.UNDEFINED, "SAME_VALUE": cfi.SAME,
         "REGISTER": cfi.REGISTER, "EXPRESSION": cfi.EXPRESSION, "VAL_EXPRESSION": cfi.VALUE_EXPRESSION}  # fmt: skip


def expected(line: dict) -> tuple:
    cfa = line["cfa"]
    rules = {
        number: (KINDS[rule.type], bytes(rule.arg) if isinstance(rule.arg, list) else rule.arg or 0)
        for number, rule in line.items() if isinstance(number, int)
    }  # fmt: skip
    return bytes(cfa.expr) if cfa.expr is not None else (cfa.reg, cfa.offset), rules


@pytest.mark.parametrize("name", ["libc.so.6", "gcc"])
def test_rows_are_those_of_pyelftools(name):
    """Of every row of some 400 functions of each."""
    path = shutil.which(name) or next(Path("/lib").glob(f"*-linux-gnu/{name}"))
    with open(path, "rb") as stream:
        ours, compared = Elf(stream), 0
        entries = [
            e for e in ELFFile(stream).get_dwarf_info().EH_CFI_entries() if isinstance(e, FDE)
        ]
        for entry in entries[:: max(1, len(entries) // 400)]:
            for line in entry.get_decoded().table:
                row = ours.row(line["pc"])
                if line["pc"] == entry["initial_location"] + entry["address_range"]:
                    continue
                assert row is not None
                assert (row.cfa, row.rules) == expected(line), hex(line["pc"])
                compared += 1
    assert compared > 400


def piece(address: int, data: bytes, how: How = How.ENTRY) -> Piece:
    return Piece(address, 0, 0, how, 0, 0, len(data), data)


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def registers(**values: int) -> Registers:
    return Registers({cfi.RA: values["ip"], cfi.RSP: values["sp"], cfi.RBP: values.get("bp", 0)})


def code(address: int) -> Unknown:
    return Unknown.CODE if 0x400 <= address < 0x500 else Unknown.NOTHING


def test_a_chain_of_frame_pointers():
    memory = Memory([piece(0x1000, words(0, 0x1020, 0x410, 0, 0, 0x420))])
    found, end = walk(registers(ip=0x400, sp=0x1000, bp=0x1008), memory, code)
    assert found == [(0x400, True), (0x410, False), (0x420, False)] and end is End.END


def test_why_a_walk_ends():
    start = dict(ip=0x400, sp=0x1000, bp=0x1008)
    absent = Memory([piece(0x1000, words(0, 0x2000, 0x410)), piece(0x2000, b"", How.MISSED)])
    assert walk(registers(**start), absent, code)[1] is End.PAGE_GONE
    short = Memory([piece(0x1000, words(0, 0x2000, 0x410))])
    assert walk(registers(**start), short, code)[1] is End.COPY_END
    wild = Memory([piece(0x1000, words(0, 0x2000, 0x999))])
    assert walk(registers(**start), wild, code)[1] is End.BAD_POINTER
    endless = Memory(
        [piece(0x1000, words(*[n for i in range(256) for n in (0x1000 + 16 * (i + 1), 0x410)]))]
    )
    found, end = walk(registers(ip=0x400, sp=0x1000, bp=0x1000), endless, code)
    assert len(found) == 127 and end is End.DEPTH


def test_what_a_walk_depended_on():
    regs = registers(ip=0x400, sp=0x1000, bp=0x1000)
    regs[12] = 5
    regs.own.add(12)
    walk(regs, Memory([piece(0x1000, words(0, 0x410))]), code)
    assert cfi.RBP in regs.used and 12 not in regs.used


def test_the_first_copy_of_a_page_counts():
    memory = Memory(
        [
            piece(0x1000, b"", How.MISSED),
            piece(0x1000, words(7), How.DEFERRED),
            piece(0x1000, words(8), How.REMOTE),
        ]
    )
    assert memory.word(0x1000) == 7 and memory.how == How.DEFERRED


def test_expressions():
    plt = bytes([0x77, 8, 0x80, 0, 0x3F, 0x1A, 0x3B, 0x2A, 0x33, 0x24, 0x22])  # of every .plt
    assert evaluate(plt, {7: 0x1000, 16: 0x40B}, lambda at: None) == 0x1010
    assert evaluate(plt, {7: 0x1000, 16: 0x402}, lambda at: None) == 0x1008
    assert evaluate(b"\x77\x08\x06", {7: 0}, {8: 99}.get) == 99
    assert evaluate(b"\xff", {}, lambda at: None) is None


def test_names():
    assert (
        demangled("_ZNSt6vectorIiSaIiEE4sizeEv") == "std::vector<int, std::allocator<int> >::size()"
    )
    assert demangled("_RNvC6_123foo3bar") == "123foo::bar"
    assert demangled("_ZN4core3fmt5write17h0123456789abcdefE") == "core::fmt::write"
    assert demangled("_Znonsense") == "_Znonsense"


def test_spaces_by_time():
    spaces = Spaces(told=True)
    old = Mapped(1, 5, 0x1000, 0x1000, 0, b"/old")
    new = Mapped(11, 5, 0x1000, 0x1000, 0, b"/new")
    over = Mapped(12, 6, 0x1800, 0x100, 0, b"/over")
    spaces.apply([old, Forked(2, 6, 5), Execed(10, 5), new, over])
    assert spaces.space(5, 3).find(0x1800).path == "/old"
    assert spaces.space(5, 12).find(0x1800).path == "/new"
    child = spaces.space(6, 20)
    assert [child.find(at).path for at in (0x1000, 0x1800, 0x1900)] == ["/old", "/over", "/old"]
    assert child.find(0x1900).offset == 0x900 and child.find(0x2000) is None


def perf_map(path, owners=None, told=lambda notice: None):
    return PerfMap(str(path), lambda: owners or {path.stat().st_uid}, told)


def test_a_perf_map_that_grows(tmp_path):
    path = tmp_path / "perf-7.map"
    path.write_text("1000 10 py::main:/a b.py\n")
    names = perf_map(path)
    assert names.find(0x1008) == (0x1000, "py::main:/a b.py") and names.find(0x2000) is None
    path.write_text(path.read_text() + "2000 8 later\n")
    assert names.find(0x2001) == (0x2000, "later")
    with path.open("a") as file:
        file.write("3000 8 third\n40")  # its program is still writing
    assert names.find(0x3001) == (0x3000, "third")


def test_only_who_runs_a_process_names_its_code(tmp_path):
    path, told = tmp_path / "perf-7.map", []
    path.write_text("1000 10 name\n")
    uid = path.stat().st_uid
    assert perf_map(path, {uid + 1}, told.append).find(0x1008) is None
    assert len(told) == 1 and f"belongs to user {uid}" in told[0]
    assert perf_map(path, {uid}).find(0x1008) == (0x1000, "name")
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(path)
    os.mkfifo(pipe)
    assert (
        perf_map(link).find(0x1008) is None
        and perf_map(pipe, {uid}, told.append).find(0x1008) is None
    )
    assert "no plain file" in told[1]
    assert owners(os.getpid(), {77}) == {0, os.geteuid()}
    assert owners(2**22 + 1, {77}) == {0, 77}


HOSTILE = "</script><script>alert(1)</script>;\x1b[2J\n"


def weights() -> Weights:
    made = Weights(HOSTILE, "ns")
    whole = Stack((Frame(1, "/b", 1, "inner", 0), Frame(2, "/lib/b.so", 2)), End.END, "entry")
    short = Stack((Frame(1, "/b", 1, HOSTILE, 0),), End.PAGE_GONE, "entry")
    for stack, weight in ((whole, 3), (whole, 4), (short, 5), (short, -1), (whole, None)):
        made.add(path_of("comm", stack, "read"), weight)
    return made


def test_outputs_of_many_stacks():
    made = weights()
    assert made.skipped == 2 and made.total == 12
    lines = folded(made).decode().splitlines()
    assert lines[0] == "comm;[b.so];inner;read 7" and len(lines) == 2
    assert (
        lines[1].startswith("comm;[page_gone];")
        and "\x1b" not in lines[1]
        and lines[1].count(";") == 3
    )
    profile = json.loads(speedscope(made))["profiles"][0]
    assert sum(profile["weights"]) == profile["endValue"] == 12 and profile["unit"] == "nanoseconds"


def test_a_name_cannot_leave_the_page():
    page = flame(weights()).decode()
    assert page.count("</script>") == 2 and "alert(1)</script>" not in page
    data = page.split('type="application/json">')[1].split("</script>")[0]
    assert json.loads(data)["root"]["v"] == 12
