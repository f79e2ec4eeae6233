# SPDX-License-Identifier: Apache-2.0
"""Event: one that this program has registered, and how its values are passed.

In: values in the order of the fields. Out: a call of the slot's stub, whose arguments say
where they are (as --event NAME has it, probes/own.py), and a write to the kernel's user_events
if somebody listens there. Invariants: what nobody listens to is neither encoded nor read; a
program fails no sooner with a listener than without, so that values which do not fit are counted.
"""

import ctypes
import os
import warnings
from collections.abc import Callable
from operator import index
from threading import Lock
from typing import Any

from faultin.events import registry, stubs, user_events
from faultin.events.definition import TEXTS, Definition, Field, definition, limits
from faultin.events.memory import Held

_registered: dict[str, "Event"] = {}
_lock = Lock()


def register(name: str, fields: str = "") -> "Event":
    """The event of this name. fields: `id: u64, customer: string`; kinds are in
    docs/events.md. Again with the same fields, it is the same event; ValueError with others,
    or for what does not hold together."""
    wanted = definition(name, fields)
    with _lock:
        found = _registered.get(name)
        if found is None:
            found = _registered[name] = Event(wanted)
            registry.publish([str(event.definition) for event in _registered.values()])
    if found.definition != wanted:
        raise ValueError(f"{name} is registered already, as {found.definition}")
    return found


class Event:
    """`write(...)` writes it. retried: writes to user_events that met a page that was not
    present, and were made again; failed: writes that could not be made at all, there or because
    a value is none of its field's, of which the first is a RuntimeWarning."""

    __slots__ = ("definition", "write", "_kernel", "_refused")

    def __init__(self, wanted: Definition) -> None:
        self.definition = wanted
        self._kernel = user_events.opened(wanted)
        self._refused = 0
        self.write: Callable[..., None] = _writer(wanted, self._kernel, self._refuse)

    @property
    def enabled(self) -> bool:
        """Whether anybody listens: what is costly to find out need not be found out if not."""
        return bool(stubs.words()[self.definition.slot])

    @property
    def way(self) -> str:
        """Who can listen: `uprobe`, or `uprobe, user_events`."""
        return "uprobe, user_events" if self._kernel else "uprobe"

    @property
    def retried(self) -> int:
        return self._kernel.retried if self._kernel else 0

    @property
    def failed(self) -> int:
        return self._refused + (self._kernel.failed if self._kernel else 0)

    def _refuse(self, error: Exception) -> None:
        self._refused += 1
        if self._refused == 1:
            text = f"{self.definition.name}.write: {error}; such writes are left out, and counted"
            warnings.warn(text, RuntimeWarning, stacklevel=3)


_WRITE = """
def write({names}):
  __word = __words[__slot]
  if not __word: return
  try:
    {converted}
  except (TypeError, ValueError, BufferError) as __error:
    return __refuse(__error)
  if __word & __bit: __write([{names}])
  if __word & __traced:
    {held}
    __stub(__id, {passed})
"""


def _writer(
    wanted: Definition,
    kernel: "user_events.KernelEvent | None",
    refuse: Callable[[Exception], None],
) -> Callable[..., None]:
    """A function with the fields as its parameters, whose first step is to look whether anybody
    listens; values that do not fit go to `refuse`. Made of text, as those of dataclasses are: calls
    with *values and lists of steps cost more. Names of fields are checked to be plain ones, and
    none begins with `__`."""
    names = [field.name for field in wanted.fields]
    sized = [field.name for field in wanted.fields if field.kind == "bytes"]
    passed = [f"__{name}.address" if name in sized else name for name in names]
    text = _WRITE.format(
        names=", ".join(names),
        converted="; ".join(f"{name} = __to_{name}({name})" for name in names) or "pass",
        held="; ".join(f"__{name} = __held({name})" for name in sized) or "pass",
        passed=", ".join([*passed, *(f"__{name}.size" for name in sized)]),
    )
    types = [_type(field) for field in wanted.fields] + [ctypes.c_uint64] * len(sized)
    scope: dict[str, Any] = {
        "__words": stubs.words(), "__slot": wanted.slot, "__id": wanted.id,
        "__traced": stubs.TRACED, "__stub": stubs.stub(wanted.slot, types), "__held": Held,
        "__bit": kernel.mask if kernel else 0, "__write": kernel.write if kernel else None,
        "__refuse": refuse, **{f"__to_{f.name}": _converter(f) for f in wanted.fields},
    }  # fmt: skip
    exec(text, scope)
    write = scope["write"]
    write.__qualname__, write.__doc__ = f"{wanted.name}.write", f"Writes the event {wanted}."
    return write


def _converter(field: Field) -> Callable[[Any], Any]:
    """Makes of a value what is passed; TypeError, ValueError or BufferError for one that does not
    fit."""
    if field.kind in TEXTS:
        return _text
    if field.kind == "bytes":
        return lambda value: None if value is None else memoryview(value).cast("B")
    low, high = limits(field.kind)

    def number(value: Any) -> int:
        found = index(value)
        if not low <= found <= high:
            raise ValueError(f"{found} is no {field.kind}")
        return found

    return number


def _text(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return os.fsencode(value)


def _type(field: Field) -> type:
    if field.kind in TEXTS:
        return ctypes.c_char_p
    return ctypes.c_void_p if field.kind == "bytes" else ctypes.c_uint64
