# SPDX-License-Identifier: Apache-2.0
"""Symbols: the names of functions, by their addresses.

In: a symbol table and its strings. Out: the Symbol at an address, demangled. Of several
names for one function the one that a programmer would use: fewest leading underscores,
global rather than weak rather than local, then the shortest.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from struct import iter_unpack
from typing import NamedTuple

_FUNCTIONS, _NO_TYPE = (2, 10), 0  # STT_FUNC, STT_GNU_IFUNC
_RANK = {1: 0, 2: 1, 0: 2}  # STB_GLOBAL, STB_WEAK, STB_LOCAL
_OLD_RUST = re.compile(r"17h[0-9a-f]{16}E")
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")


class Symbol(NamedTuple):
    start: int
    size: int
    name: str
    binding: int


@cache
def demangled(name: str) -> str:
    """Of C++ and Rust, without the hash that Rust appends; others as they are."""
    if not name.startswith(("_Z", "_R")):
        return name
    try:
        if name.startswith("_R") or _OLD_RUST.search(name):
            from rust_demangler import demangle as rust

            return _RUST_HASH.sub("", rust(name))
        import cxxfilt

        return cxxfilt.demangle(name)
    except Exception:  # each has its own for a name that it cannot read, and none is listed
        return name


def _preference(symbol: Symbol) -> tuple[int, int, int, str]:
    name = symbol.name
    return len(name) - len(name.lstrip("_")), _RANK.get(symbol.binding, 3), len(name), name


class Symbols:
    """Sorted by address, one for each."""

    def __init__(self, found: Iterable[Symbol]) -> None:
        best: dict[int, Symbol] = {}
        for symbol in found:
            known = best.get(symbol.start)
            if known is None or _preference(symbol) < _preference(known):
                best[symbol.start] = symbol
        self._symbols = [best[start] for start in sorted(best)]
        self._starts = [symbol.start for symbol in self._symbols]

    def __len__(self) -> int:
        return len(self._symbols)

    def more(self, others: Iterable[Symbol]) -> "Symbols":
        return Symbols([*self._symbols, *others])

    @staticmethod
    def read(table: bytes, strings: bytes, code: set[int]) -> list[Symbol]:
        """Those of a table that name functions; code: the sections that have any."""
        found = []
        for name, info, _, section, start, size in iter_unpack(
            "<IBBHQQ", table[: len(table) // 24 * 24]
        ):
            kind = info & 15
            if section in code and (kind in _FUNCTIONS or kind == _NO_TYPE):
                text = strings[name : strings.index(b"\0", name)].decode(errors="backslashreplace")
                if text and (kind != _NO_TYPE or not text.startswith((".", "$"))):
                    found.append(Symbol(start, size, text, info >> 4))
        return found

    def find(self, address: int) -> Symbol | None:
        """The function that holds an address; one without a size ends where the next begins."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        found = self._symbols[index]
        return found if not found.size or address < found.start + found.size else None
