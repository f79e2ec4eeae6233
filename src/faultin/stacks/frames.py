# SPDX-License-Identifier: Apache-2.0
"""Frames: what a walked stack is.

In: nothing, these are the nouns. Out: Stack, of Frames, the innermost first. The end of a
walk is part of it: a stack that does not say END is not whole, and says why.
"""

from dataclasses import dataclass
from enum import Enum

DEPTH_MAX = 127


class End(Enum):
    """Why a walk ended."""

    END = "end"  # the outermost function, by what its unwind table says
    BAD_POINTER = "bad_pointer"  # what should be an address leads nowhere
    DEPTH = "depth"  # there are more than DEPTH_MAX frames
    PAGE_GONE = "page_gone"  # a page of the stack could not be read
    COPY_END = "copy_end"  # the stack goes on behind what was copied
    LOST = "lost"  # part of the copy found the ring buffer full
    ABI = "abi"  # a 32-bit program, which nobody here can walk


# The same in words.
ENDS = {
    End.END: "the outermost function",
    End.BAD_POINTER: "the next address leads nowhere",
    End.DEPTH: f"more than {DEPTH_MAX} functions",
    End.PAGE_GONE: "a page of the stack could not be read",
    End.COPY_END: "the stack goes on behind the copy: --stack-bytes",
    End.LOST: "part of the copy was lost: --buffer",
    End.ABI: "a 32-bit program",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """A function that was running. module: the path of its file, or a name in brackets;
    at: the address in that file; offset: from the function's start on, None without a
    name; inlined: it has no frame of its own, but is part of the next one; build_id: of the
    file, in hexadecimal."""

    address: int
    module: str | None = None
    at: int | None = None
    function: str | None = None
    offset: int | None = None
    file: str | None = None
    line: int | None = None
    inlined: bool = False
    build_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """how: the word of its latest piece, as an argument has one."""

    frames: tuple[Frame, ...]
    end: End
    how: str
