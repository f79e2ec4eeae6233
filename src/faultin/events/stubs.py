# SPDX-License-Identifier: Apache-2.0
"""Stubs: the native functions that faultin has its probes on, and the words beside them.

In: the number of a slot. Out: its function, for ctypes, and all words as a memoryview: the low
half of one is not 0 while a tracer listens (native/events/stubs.c).
"""

import ctypes
from functools import cache
from pathlib import Path

from faultin.events.definition import SLOTS

LIBRARY = Path(__file__).parents[1] / "_built" / "libevents.so"
WORDS = "faultin_event_words"
TRACED = 0xFFFF


def stub_name(slot: int) -> str:
    return f"faultin_event_{slot}"


@cache
def _library() -> ctypes.CDLL:
    """Calls let other threads run: a page that has to come may take its time."""
    return ctypes.CDLL(str(LIBRARY))


@cache
def words() -> memoryview:
    """A u32 for each slot."""
    return memoryview((ctypes.c_uint32 * SLOTS).in_dll(_library(), WORDS)).cast("B").cast("I")


def address(slot: int) -> int:
    """Of a slot's word."""
    return ctypes.addressof((ctypes.c_uint32 * SLOTS).in_dll(_library(), WORDS)) + 4 * slot


def stub(slot: int, types: list[type]) -> ctypes._CFuncPtr:  # ty: ignore
    """A function of its own for each event, as ctypes keeps the types of arguments with it."""
    return ctypes.CFUNCTYPE(None, ctypes.c_uint64, *types)((stub_name(slot), _library()))
