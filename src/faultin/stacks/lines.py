# SPDX-License-Identifier: Apache-2.0
"""Lines: file and line of an address, and the functions that were inlined there.

In: DWARF, as pyelftools reads it. Out: Places, the innermost function first. Only units and
functions that an address lies in are read, as debug information is large.
"""

import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from elftools.common.exceptions import DWARFError, ELFParseError
from elftools.dwarf.ranges import BaseAddressEntry

from faultin.stacks.symbols import demangled

_INLINED, _FUNCTION = "DW_TAG_inlined_subroutine", "DW_TAG_subprogram"
_OUTER = ("DW_TAG_namespace", "DW_TAG_module", "DW_TAG_structure_type", "DW_TAG_class_type")
_BROKEN = (DWARFError, ELFParseError, KeyError, IndexError, AssertionError, ValueError)


@dataclass(frozen=True, slots=True)
class Place:
    function: str | None
    file: str | None
    line: int | None
    inlined: bool


class _Unit:
    """A compilation unit: its line table, sorted."""

    def __init__(self, dwarf: Any, unit: Any) -> None:
        self.unit = unit
        self._program = dwarf.line_program_for_CU(unit)
        self._version = self._program["version"] if self._program else 0
        rows: list[tuple[int, int, int, bool]] = []
        for entry in self._program.get_entries() if self._program else []:
            if (state := entry.state) is not None:
                rows.append((state.address, state.file, state.line, state.end_sequence))
        rows.sort(key=lambda row: (row[0], not row[3]))
        self._rows = rows
        self._starts = [row[0] for row in rows]

    def line(self, address: int) -> tuple[str | None, int | None]:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or self._rows[index][3]:
            return None, None
        _, file, line, _ = self._rows[index]
        return self.file(file), line or None

    def file(self, number: int) -> str | None:
        """Its path, as the compiler was told it."""
        header = self._program.header
        files, folders = header["file_entry"], header["include_directory"]
        at = number if self._version >= 5 else number - 1
        if not 0 <= at < len(files):
            return None
        folder = files[at].dir_index - (self._version < 5)
        name = files[at].name.decode(errors="backslashreplace")
        if 0 <= folder < len(folders):
            name = os.path.join(folders[folder].decode(errors="backslashreplace"), name)
        return name


class Lines:
    """Of one file."""

    def __init__(self, dwarf: Any) -> None:
        self._dwarf = dwarf
        self._aranges = dwarf.get_aranges()
        self._ranges = dwarf.range_lists()
        self._units: dict[int, _Unit] = {}
        self._spans: list[tuple[int, int, int]] | None = None

    def places(self, address: int) -> list[Place]:
        try:
            unit = self._unit(address)
            return self._places(unit, address) if unit else []
        except _BROKEN:
            return []  # of a form that pyelftools does not know: names come from symbols

    def _unit(self, address: int) -> _Unit | None:
        offset = self._aranges.cu_offset_at_addr(address) if self._aranges else None
        if offset is None:
            offset = next((cu for start, end, cu in self._all() if start <= address < end), None)
        if offset is None:
            return None
        if offset not in self._units:
            self._units[offset] = _Unit(self._dwarf, self._dwarf.get_CU_at(offset))
        return self._units[offset]

    def _all(self) -> list[tuple[int, int, int]]:
        """What units cover that no table of addresses names, as clang writes none."""
        if self._spans is None:
            self._spans = [
                (start, end, unit.cu_offset)
                for unit in self._dwarf.iter_CUs()
                for start, end in self._covered(unit.get_top_DIE())
            ]
        return self._spans

    def _covered(self, die: Any) -> Iterator[tuple[int, int]]:
        low, high = die.attributes.get("DW_AT_low_pc"), die.attributes.get("DW_AT_high_pc")
        if low and high:
            yield low.value, high.value + (0 if high.form == "DW_FORM_addr" else low.value)
        elif (ranges := die.attributes.get("DW_AT_ranges")) and self._ranges:
            top = die.cu.get_top_DIE().attributes.get("DW_AT_low_pc")
            base = top.value if top else 0
            for entry in self._ranges.get_range_list_at_offset(ranges.value, cu=die.cu):
                if isinstance(entry, BaseAddressEntry):
                    base = entry.base_address
                    continue
                plus = 0 if entry.is_absolute else base
                yield entry.begin_offset + plus, entry.end_offset + plus

    def _holds(self, die: Any, address: int) -> bool:
        return any(start <= address < end for start, end in self._covered(die))

    def _chain(self, die: Any, address: int) -> list[Any]:
        """The function that holds an address and those inlined there, the outermost first."""
        for child in die.iter_children():
            if child.tag in _OUTER:
                if found := self._chain(child, address):
                    return found
            elif child.tag in (_FUNCTION, _INLINED) and self._holds(child, address):
                return [child, *self._chain(child, address)]
            elif child.tag == "DW_TAG_lexical_block" and self._holds(child, address):
                return self._chain(child, address)
        return []

    def _places(self, unit: _Unit, address: int) -> list[Place]:
        file, line = unit.line(address)
        places = []
        for die in reversed(self._chain(unit.unit.get_top_DIE(), address)):
            inlined = die.tag == _INLINED
            places.append(Place(_name(die), file, line, inlined))
            if inlined:
                call = die.attributes
                file = (
                    unit.file(call["DW_AT_call_file"].value) if "DW_AT_call_file" in call else None
                )
                line = call["DW_AT_call_line"].value if "DW_AT_call_line" in call else None
        return places or [Place(None, file, line, False)]


def _name(die: Any) -> str | None:
    """Its name, which may be where it was declared."""
    for _ in range(8):
        attributes = die.attributes
        for key in ("DW_AT_linkage_name", "DW_AT_MIPS_linkage_name"):
            if key in attributes:
                return demangled(attributes[key].value.decode(errors="backslashreplace"))
        origin = next(
            (k for k in ("DW_AT_abstract_origin", "DW_AT_specification") if k in attributes), None
        )
        if origin is None:
            name = attributes.get("DW_AT_name")
            return name.value.decode(errors="backslashreplace") if name else None
        die = die.get_DIE_from_attribute(origin)
    return None
