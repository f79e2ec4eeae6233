# SPDX-License-Identifier: Apache-2.0
"""ELF: what a program's file says of its functions and its USDT probes.

In: a path. Out: Binary, with offsets in the file, as uprobes are attached by these.
Whatever is wrong with the file is a UsageError of one line.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from struct import Struct

from faultin.errors import UsageError

_STAPSDT = Struct("<QQQ")  # addresses of the probe, of .stapsdt.base, of the semaphore
_LIBRARIES = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib")
_FUNCTIONS = ("STT_FUNC", "STT_GNU_IFUNC", "STT_LOOS")  # the last two are one number


@dataclass(frozen=True, slots=True)
class Note:
    """A USDT probe at one place: offsets in the file, and its arguments as the note has them."""

    provider: str
    name: str
    offset: int
    semaphore: int
    arguments: str


def find_file(name: str, what: str) -> str:
    """The file that a path, a command, or the name of a library stands for."""
    if "/" in name:
        found = name
    else:
        libraries = [f"{folder}/{name}" for folder in _LIBRARIES]
        found = shutil.which(name) or next(filter(os.path.isfile, libraries), "")
    if not found or not os.path.isfile(found):
        where = "there is no such file" if "/" in name else "no command or library has this name"
        raise UsageError(f"--event {what}", f"{name}: {where}", "give the path of the program")
    # Links are left to the kernel: /proc/PID/root leads into another mount namespace.
    return os.path.join(os.getcwd(), found)


def _plain(text: str) -> str:
    """A name out of a file, for one line of an error."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Binary:
    """An open ELF file; `what` is the event that asks for it, for errors."""

    def __init__(self, path: str, what: str) -> None:
        from elftools.elf.elffile import ELFFile

        self.path, self._what = path, what
        try:
            self._file = open(path, "rb")
        except OSError as error:
            raise self._wrong(error.strerror or str(error)) from None
        with self._closed_if_wrong():
            with self._readable():
                self._elf = ELFFile(self._file)
                machine, self._segments = self._elf["e_machine"], self._loads()
            if machine != "EM_X86_64":
                raise self._wrong(f"a program for {machine}", "events are for x86-64 programs")

    @contextmanager
    def _closed_if_wrong(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._file.close()
            raise

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """A damaged file makes pyelftools fail in many ways, of which few are its own errors."""
        try:
            yield
        except UsageError:
            raise
        except Exception as error:
            why = _plain(str(error)) or type(error).__name__
            raise self._wrong(f"no program or library, or a damaged one ({why})") from None

    def _wrong(self, why: str, advice: str = "") -> UsageError:
        return UsageError(f"--event {self._what}", f"{self.path}: {why}", advice)

    def _loads(self) -> list[tuple[int, int, int]]:
        """(address, size, offset) of what is mapped of the file."""
        segments = [s for s in self._elf.iter_segments() if s["p_type"] == "PT_LOAD"]
        return [(s["p_vaddr"], s["p_filesz"], s["p_offset"]) for s in segments]

    def offset(self, address: int) -> int:
        """Where in the file an address comes from."""
        for start, size, offset in self._segments:
            if start <= address < start + size:
                return address - start + offset
        raise self._wrong(f"{address:#x} is not in the file")

    def _functions(self) -> dict[str, set[int | None]]:
        """The addresses of each function: versions of one in a library, or static ones of
        several sources. None for one that is chosen at start."""
        from elftools.elf.sections import SymbolTableSection

        found: dict[str, set[int | None]] = {}
        for section in self._elf.iter_sections():
            if not isinstance(section, SymbolTableSection):
                continue
            for symbol in section.iter_symbols():
                kind = symbol["st_info"]["type"]
                if symbol["st_shndx"] != "SHN_UNDEF" and kind in _FUNCTIONS:
                    address = symbol["st_value"] if kind == "STT_FUNC" else None
                    found.setdefault(symbol.name, set()).add(address)
        return found

    def function(self, name: str) -> list[int]:
        """The offsets at which functions of this name begin."""
        with self._readable():
            functions = self._functions()
        if name not in functions:
            raise self._no_function(name, functions)
        if None in functions[name]:
            why = f"{name} is chosen when the program starts (an indirect function)"
            raise self._wrong(why, "name one of its implementations")
        return sorted(self.offset(address) for address in functions[name] if address is not None)

    def object(self, name: str) -> int:
        """The offset of a variable that other files may use."""
        with self._readable():
            (symbol,) = self._elf.get_section_by_name(".dynsym").get_symbol_by_name(name)
            return self.offset(symbol["st_value"])

    def _no_function(self, name: str, functions: Iterable[str]) -> UsageError:
        alike = [each for each in functions if each[:2] == name[:2]]  # of 100,000 and more
        near = get_close_matches(name, alike, 1)
        stripped = "" if functions else "; it is stripped of its symbols"
        advice = f"did you mean {_plain(near[0])}?" if near else "nm -D lists those of a library"
        return self._wrong(f"there is no function {name}{stripped}", advice)

    def notes(self) -> list[Note]:
        """All USDT probes."""
        with self._readable():
            return list(self._notes())

    def _notes(self) -> Iterator[Note]:
        section = self._elf.get_section_by_name(".note.stapsdt")
        if section is None:
            return
        based = self._elf.get_section_by_name(".stapsdt.base")
        for note in section.iter_notes():
            if note["n_name"] != "stapsdt":  # of one type only
                continue
            desc = note["n_descdata"]
            address, base, semaphore = _STAPSDT.unpack_from(desc)
            moved = based["sh_addr"] - base if based is not None and base else 0
            words = desc[_STAPSDT.size :].split(b"\0")
            provider, name, arguments = (word.decode(errors="replace") for word in words[:3])
            at = self.offset(semaphore + moved) if semaphore else 0
            yield Note(provider, name, self.offset(address + moved), at, arguments)

    def probe(self, provider: str, name: str) -> list[Note]:
        """The places of one USDT probe."""
        notes = self.notes()
        found = [note for note in notes if (note.provider, note.name) == (provider, name)]
        if found:
            return found
        known = {_plain(f"{note.provider}:{note.name}") for note in notes}
        if not known:
            raise self._wrong("it has no USDT probes", "uprobe:PATH:FUNCTION(...) needs none")
        near = get_close_matches(f"{provider}:{name}", known, 1)
        advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known)[:8])}"
        raise self._wrong(f"there is no probe {provider}:{name}", advice)

    def close(self) -> None:
        self._file.close()
