# SPDX-License-Identifier: Apache-2.0
"""Objects: a stack as JSON has it.

In: a Stack. Out: its frames as dicts, the innermost first, without what is not known of
them.
"""

from typing import Any

from faultin.stacks.frames import Frame, Stack

_FIELDS = ("module", "at", "function", "offset", "file", "line", "build_id")


def frame_object(frame: Frame) -> dict[str, Any]:
    found = {"ip": frame.address}
    found |= {name: value for name in _FIELDS if (value := getattr(frame, name)) is not None}
    return {**found, "inlined": True} if frame.inlined else found


def stack_object(stack: Stack) -> dict[str, Any]:
    """All of it, where it is a value among others."""
    frames = [frame_object(frame) for frame in stack.frames]
    return {"frames": frames, "end": stack.end.value, "how": stack.how}
