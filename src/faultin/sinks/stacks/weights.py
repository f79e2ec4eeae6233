# SPDX-License-Identifier: Apache-2.0
"""Weights: many stacks as one thing.

In: stacks and what each weighs. Out: Weights: paths of names, the outermost first, each
with a weight. What a walk could not reach is a name in a path, as half a stack must not
look like a whole one.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from faultin.stacks.frames import End, Frame, Stack

Path = tuple[str, ...]


def label(frame: Frame) -> str:
    """What a frame is called: its function, else its file in brackets."""
    if frame.function:
        return frame.function
    if frame.module is None:
        return "[unknown]"
    return frame.module if frame.module.startswith("[") else f"[{os.path.basename(frame.module)}]"


def folded_text(stack: Stack) -> str:
    """Its functions as one text, the outermost first, as folded lines have them."""
    return ";".join(name.replace(";", ":") for name in _names(stack)) or "[no stack]"


def _names(stack: Stack | None) -> list[str]:
    """What a walk did not reach is a name too."""
    frames: Iterable[Frame] = reversed(stack.frames) if stack else ()
    cut = (
        [] if stack and stack.end is End.END else [f"[{stack.end.value if stack else 'no stack'}]"]
    )
    return [*cut, *(label(frame) for frame in frames)]


def path_of(comm: str, stack: Stack | None, syscall: str) -> Path:
    """From the name of the thread to that of the call."""
    return comm, *_names(stack), syscall


@dataclass(slots=True)
class Weights:
    """unit: of the weights, "" or "ns"; skipped: calls whose weight was missing or below 0."""

    title: str
    unit: str
    paths: dict[Path, int] = field(default_factory=dict)
    skipped: int = 0

    def add(self, path: Path, weight: int | None) -> None:
        if weight is None or weight < 0:
            self.skipped += 1
        elif weight:
            self.paths[path] = self.paths.get(path, 0) + weight

    @property
    def total(self) -> int:
        return sum(self.paths.values())
