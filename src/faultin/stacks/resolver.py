# SPDX-License-Identifier: Apache-2.0
"""Resolver: the stack of a record.

In: a record and its pieces. Out: its Stack, with names. It owns what is known of mappings
and files. What was found out of an address in a file is kept, so that a stack whose
functions were seen before costs its walk.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from struct import Struct

from faultin.drain.wire import HOW_WORDS, Piece, Record, RecordFlag, Role
from faultin.kernel.perf import Watch, threads
from faultin.stacks.cfi import RA, RBP, RBX, RSP, Row
from faultin.stacks.elf import Elf, Files
from faultin.stacks.frames import End, Frame, Stack
from faultin.stacks.perf_map import PerfMap, owners
from faultin.stacks.spaces import Region, Space, Spaces
from faultin.stacks.symbols import demangled
from faultin.stacks.unwind import Memory, Registers, Unknown, walk

_REGISTERS = Struct("<8Q")  # struct registers of bpf/wire.h
_NUMBERS = (RA, RSP, RBP, RBX, 12, 13, 14, 15)
_COMPAT, _PART_LOST = RecordFlag.COMPAT.value, RecordFlag.PART_LOST.value
_ALIKE = 8  # walks from the same registers that are kept
_WALKS = 4096  # ... in all, of one program
Walked = tuple[tuple[Frame, ...], End]
_JIT = ("//anon", "[anon", "/memfd:", "/dev/zero", "[heap]", "[stack]")


class Resolver:
    """Of one trace. lines: whether files, lines and inlined functions are looked for, which
    takes seconds for large debug information. tell: is given what the user should know.
    user: that the command runs as, None for who we are."""

    def __init__(
        self, lines: bool = False, tell: Callable[[str], None] = lambda notice: None,
        user: int | None = None,
    ) -> None:  # fmt: skip
        self._lines = lines
        self._users = {os.geteuid() if user is None else user}
        self._files = Files()
        self._frames: dict[tuple[Elf, int, bool], tuple[Frame, ...]] = {}
        self._watch: Watch | None = Watch()
        self._spaces = Spaces(told=True)
        self._tell = tell

    def follow(self, pid: int) -> None:
        """A process is going to be traced, and those that it forks."""
        try:
            for tid in threads(pid):
                if self._watch:
                    self._watch.add(tid)
        except OSError as error:
            self._do_without(error)
        self._spaces.look(pid)

    def _do_without(self, error: OSError) -> None:
        if self._watch:
            self._watch.close()
        self._watch, self._spaces = None, Spaces(told=False)
        self._tell(
            f"the kernel does not tell what is mapped (perf_event_open: {error.strerror}): mappings "
            "are read from /proc, too late for processes that end at once; run faultin as root for "
            "all names"
        )

    @property
    def lost(self) -> dict[str, int]:
        return {"mappings": self._watch.lost} if self._watch and self._watch.lost else {}

    def begin(self) -> None:
        """Records have come, and are about to be resolved: what was mapped before is known."""
        self._spaces.begin()
        if self._watch:
            self._spaces.apply(self._watch.changes())

    def close(self) -> None:
        if self._watch:
            self._watch.close()

    def stack(self, record: Record, pieces: list[Piece], op: int) -> Stack:
        """op: the operation that has copied it."""
        found = next((piece.data for piece in pieces if piece.role == Role.REGISTERS), None)
        if found is None:  # in a part that was lost, or nobody has seen the call begin
            return Stack((), End.LOST, "gone")
        memory = Memory([piece for piece in pieces if piece.op == op])
        how = HOW_WORDS[memory.how] if memory.how else "gone"
        space = self._spaces.space(record.pid, record.ts)
        if record.flags & _COMPAT:
            ip = _REGISTERS.unpack(found)[0]
            return Stack(self._named(space, record.pid, ip, True), End.ABI, how)
        frames, end = self._walked(space, record.pid, found, memory)
        if record.flags & _PART_LOST and end is not End.END:
            end = End.LOST
        return Stack(frames, end, how)

    def _walked(self, space: Space, pid: int, found: bytes, memory: Memory) -> Walked:
        """The same values of what a walk looks at, registers and words, give the same walk: a
        loop walks its stack once."""
        values = _REGISTERS.unpack(found)
        known = space.walks.setdefault(values[:2], [])
        block = memory.block
        words = memoryview(block[: len(block) & ~7]).cast("Q")
        for size, take, expected, own, result in known:
            if (
                size <= len(words)
                and take(words) == expected
                and all(values[i] == x for i, x in own)
            ):
                return result
        registers = Registers(dict(zip(_NUMBERS, values, strict=True)))
        addresses, end = walk(registers, memory, lambda address: self._find(space, pid, address))
        named = [self._named(space, pid, address, exact) for address, exact in addresses]
        result = tuple(chain.from_iterable(named)), end
        at = memory.words
        is_certain = memory.is_whole and all(
            frames[-1].function or frames[-1].at for frames in named
        )
        if is_certain and len(at) > 1 and not any(offset % 8 for offset in at):
            indexes = [offset // 8 for offset in at]
            take = itemgetter(*indexes)
            own = [(i, values[i]) for i in range(2, 8) if _NUMBERS[i] in registers.used]
            known.insert(0, (max(indexes) + 1, take, take(words), own, result))
            del known[_ALIKE:]
        if len(space.walks) > _WALKS:
            space.walks.clear()
        return result

    def _find(self, space: Space, pid: int, address: int) -> Row | Unknown:
        row = space.rows.get(address)
        if row is None:
            row = space.rows[address] = self._looked_up(space, pid, address)
        return row

    def _looked_up(self, space: Space, pid: int, address: int) -> Row | Unknown:
        region = space.find(address)
        if region is None:
            return Unknown.NOTHING
        elf = self._files.of(region)
        if elf is None:
            name = self._made_name(space, region, pid, address)
            return Unknown.PYTHON if name and name[1].startswith("py::") else Unknown.CODE
        if elf.is_foreign:
            return Unknown.FOREIGN
        at = elf.address_of(address - region.start + region.offset)
        return (None if at is None else elf.row(at)) or Unknown.CODE

    def _named(self, space: Space, pid: int, address: int, exact: bool) -> tuple[Frame, ...]:
        """The frame of an address, behind those that were inlined there."""
        key = address, exact
        if key in space.frames:
            return space.frames[key]
        region = space.find(address if exact else address - 1)
        if region is None:
            return (Frame(address),)
        elf = self._files.of(region)
        at = elf.address_of(address - region.start + region.offset) if elf else None
        if elf is None or at is None:
            return (self._jit(space, region, pid, address),)  # what it is called may change
        known = elf, at, exact
        if known not in self._frames:
            self._frames[known] = _frames(elf, region.path, at, exact, self._lines)
        frames = space.frames[key] = tuple(
            replace(frame, address=address) for frame in self._frames[known]
        )
        return frames

    def _jit(self, space: Space, region: Region, pid: int, address: int) -> Frame:
        """A frame of code that no file has."""
        found = self._made_name(space, region, pid, address - 1)
        if found is None:
            return Frame(address, region.path)
        return Frame(address, region.path, None, demangled(found[1]), address - found[0])

    def _made_name(
        self, space: Space, region: Region, pid: int, address: int
    ) -> tuple[int, str] | None:
        """(start, name) of code that no file has, if its process has told of it."""
        if not region.path.startswith(_JIT):
            return None
        if space.perf_map is None:
            space.perf_map = PerfMap(
                f"/tmp/perf-{pid}.map", lambda: owners(pid, self._users), self._tell
            )
        return space.perf_map.find(address)


def _frames(elf: Elf, module: str, at: int, exact: bool, lines: bool) -> tuple[Frame, ...]:
    looked_at = at if exact else at - 1
    symbol = elf.symbol(looked_at)
    name = demangled(symbol.name) if symbol else None
    offset = at - symbol.start if symbol else None
    build_id = elf.build_id.hex() or None
    found = []
    for place in elf.places(looked_at) if lines else ():
        function = place.function if place.inlined else name or place.function
        found.append(
            Frame(
                0, module, at, function, None if place.inlined else offset,
                place.file, place.line, place.inlined, build_id,
            )  # fmt: skip
        )
    return tuple(found) or (Frame(0, module, at, name, offset, build_id=build_id),)
