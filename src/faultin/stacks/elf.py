# SPDX-License-Identifier: Apache-2.0
"""Elf: what a file says of its code: unwind table, symbols, debug information.

In: a Region, or the bytes of a file. Out: an Elf, opened once for all that map it. A file
that is no more the one that was mapped is not opened: wrong names are worse than none.
"""

import ctypes
import lzma
import os
from functools import cached_property
from io import BytesIO
from typing import BinaryIO

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection

from faultin.stacks.cfi import Frames, Row
from faultin.stacks.lines import Lines, Place
from faultin.stacks.spaces import Region, current
from faultin.stacks.symbols import Symbol, Symbols

VDSO = "[vdso]"
_DEBUG_FILES = "/usr/lib/debug/.build-id"
_EXECUTABLE = 1  # PF_X


class Elf:
    """An ELF file; addresses are those that it was linked for."""

    def __init__(self, stream: BinaryIO) -> None:
        self._file = ELFFile(stream)
        self.is_foreign = self._file.elfclass != 64 or self._file["e_machine"] != "EM_X86_64"
        self._segments = [
            (segment["p_offset"], segment["p_filesz"], segment["p_vaddr"])
            for segment in self._file.iter_segments("PT_LOAD")
            if segment["p_flags"] & _EXECUTABLE
        ]
        self._rows: dict[int, Row | None] = {}

    @cached_property
    def build_id(self) -> bytes:
        for section in self._file.iter_sections("SHT_NOTE"):
            assert isinstance(section, NoteSection)
            for note in section.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return bytes.fromhex(note["n_desc"])
        return b""

    def address_of(self, offset: int) -> int | None:
        """The address of what is at an offset in the file."""
        for start, size, address in self._segments:
            if start & ~0xFFF <= offset < start + size:
                return offset - start + address
        return None

    def _section(self, name: str) -> tuple[bytes, int]:
        section = self._file.get_section_by_name(name)
        if section is None or section["sh_type"] == "SHT_NOBITS":
            return b"", 0
        return section.data(), section["sh_addr"]

    @cached_property
    def _tables(self) -> list[Frames]:
        index, index_base = self._section(".eh_frame_hdr")
        found = []
        data, base = self._section(".eh_frame")
        if data:
            found.append(Frames(data, base, index, index_base))
        data, _ = self._section(".debug_frame")
        if data:
            found.append(Frames(data, 0, is_debug=True))
        return found

    def row(self, address: int) -> Row | None:
        """How the caller of what runs there is found."""
        if address not in self._rows:
            rows = (table.row(address) for table in self._tables)
            self._rows[address] = next((row for row in rows if row is not None), None)
        return self._rows[address]

    @cached_property
    def _debug(self) -> "Elf | None":
        """Another file with what was stripped from this one."""
        name = self.build_id.hex()
        if len(name) < 4:
            return None
        try:
            return Elf(open(f"{_DEBUG_FILES}/{name[:2]}/{name[2:]}.debug", "rb"))
        except (OSError, ELFError):
            return None

    @cached_property
    def _symbols(self) -> Symbols:
        symbols = Symbols(self._read_symbols(".symtab", ".strtab"))
        if not symbols and (packed := self._section(".gnu_debugdata")[0]):
            try:
                inside = Elf(BytesIO(lzma.decompress(packed)))
                symbols = Symbols(inside._read_symbols(".symtab", ".strtab"))
            except (lzma.LZMAError, ELFError):
                pass  # that section is broken; .dynsym is not
        if not symbols and self._debug:
            symbols = self._debug._symbols
        return symbols.more(self._read_symbols(".dynsym", ".dynstr"))

    def _read_symbols(self, table: str, strings: str) -> list[Symbol]:
        code = {
            index
            for index, section in enumerate(self._file.iter_sections())
            if section["sh_flags"] & 4
        }
        return Symbols.read(self._section(table)[0], self._section(strings)[0], code)

    def symbol(self, address: int) -> Symbol | None:
        return self._symbols.find(address)

    @cached_property
    def _lines(self) -> Lines | None:
        if self._file.has_dwarf_info() and self._file.get_section_by_name(".debug_info"):
            return Lines(self._file.get_dwarf_info(follow_links=False))
        return self._debug._lines if self._debug else None

    def places(self, address: int) -> list[Place]:
        """The functions there, inlined ones first, with their files and lines; empty
        without debug information."""
        return self._lines.places(address) if self._lines else []


def _vdso() -> BinaryIO | None:
    """That of this process: the kernel maps the same into all of 64 bits."""
    for region in current(os.getpid()) or []:
        if region.path == VDSO:
            return BytesIO(ctypes.string_at(region.start, region.end - region.start))
    return None


def _is_same(stream: BinaryIO, region: Region) -> bool:
    if region.build_id or not region.inode:
        return True  # compared once it is read
    return os.fstat(stream.fileno()).st_ino == region.inode


def _streams(region: Region):
    """The file, as its process sees it, and as we do; what was deleted, while it is mapped."""
    path = region.path.removesuffix(" (deleted)")
    mapped = f"/proc/{region.pid}/map_files/{region.start:x}-{region.end:x}"
    for name in (f"/proc/{region.pid}/root{path}", path, mapped):
        try:
            yield open(name, "rb")
        except OSError:
            continue


class Files:
    """All that were opened."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, bytes, int], Elf | None] = {}

    def of(self, region: Region) -> Elf | None:
        """The file of a region; None for what is no file, or not to be had any more."""
        key = region.path, region.build_id, region.inode
        if key not in self._found:
            self._found[key] = self._open(region)
        return self._found[key]

    def _open(self, region: Region) -> Elf | None:
        if region.path == VDSO:
            stream = _vdso()
            return Elf(stream) if stream else None
        if not region.path.startswith("/") or region.path.startswith("//"):
            return None
        for stream in _streams(region):
            try:
                if _is_same(stream, region):
                    elf = Elf(stream)
                    if not region.build_id or elf.build_id == region.build_id:
                        return elf
            except (ELFError, OSError):
                pass
            stream.close()
        return None
