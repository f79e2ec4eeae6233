# SPDX-License-Identifier: Apache-2.0
"""Patches: values that Python has put together, for the columns of a batch.

In: of a row's arguments what decode gives (memory as bytes). Out: by column, rows and values;
and for what no column can hold as it is, JSON (`exact`).
"""

from collections import defaultdict
from typing import Any

from faultin.columnar.codec import Inexact
from faultin.columnar.kinds import Text
from faultin.columnar.layout import WORDS, Layout, Slot
from faultin.columnar.nested import Strings
from faultin.decode.calls import Arguments
from faultin.sinks.stacks.objects import stack_object
from faultin.sinks.stacks.weights import folded_text
from faultin.stacks.frames import Stack
from faultin.values import Missing, Symbol, Truncated, Value

_WORDS = {word: number for number, word in enumerate(WORDS)}
_UNKNOWN = -1


class Patches:
    """Those of one batch."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.columns: dict[int, dict[int, Any]] = defaultdict(dict)  # row to value
        self.exact: dict[int, dict[str, dict[str, Value]]] = {}

    def put(self, slot: Slot, row: int, arguments: Arguments) -> None:
        """One argument of a row, as decode has it."""
        args, capture, out = arguments
        name = slot.argument.name
        word = capture.get(name, "")
        if word and slot.word is not None:
            self.columns[slot.word][row] = _WORDS[word]
        self._value(slot, row, args[name], "args")
        if name in out:
            self._value(slot, row, out[name], "out")

    def put_stack(self, row: int, stack: Stack) -> None:
        """The stack of a row's call."""
        found, slot = stack_object(stack), self._layout.stack
        self.columns[slot.folded][row] = folded_text(stack)
        self.columns[slot.frames][row] = found["frames"]
        self.columns[slot.end][row], self.columns[slot.word][row] = found["end"], found["how"]

    def _value(self, slot: Slot, row: int, value: Any, part: str) -> None:
        is_out = part == "out"
        name = slot.argument.name
        if isinstance(value, Truncated):
            length = slot.out_length if is_out else slot.length
            known = _UNKNOWN if value.length is None else value.length
            assert length is not None
            self.columns[length][row] = known
            value = value.value
        if value is None or isinstance(value, Missing):
            if is_out:  # it was looked for: no column says that
                self.keep(row, part, name, None)
            return
        if isinstance(value, Symbol) and slot.hex is not None:
            self.columns[slot.hex][row] = int(value, 16)
            return
        try:
            column, found = self._held(slot, value, is_out)
            self.columns[column][row] = found
        except Inexact:
            self.keep(row, part, name, value)

    def _held(self, slot: Slot, value: Any, is_out: bool) -> tuple[int, Any]:
        """(the column that can hold a value, the value for it)."""
        column, in_bytes = (slot.out, slot.out_bytes) if is_out else (slot.value, slot.bytes)
        assert column is not None
        if slot.nested:
            return self._nested(slot, value, column, in_bytes)
        if isinstance(slot.codec, Text):
            if isinstance(value, bytes):
                assert in_bytes is not None
                return in_bytes, value
            if not isinstance(value, str):
                raise Inexact
            return column, value
        if value == []:  # an array without elements has no memory
            value = b""
        if not isinstance(value, bytes):
            raise Inexact
        return column, value

    def _nested(self, slot: Slot, value: Any, column: int, in_bytes: int | None) -> tuple[int, Any]:
        assert slot.nested
        if isinstance(slot.nested, Strings) and any(isinstance(each, bytes) for each in value):
            assert in_bytes is not None
            return in_bytes, slot.nested.as_bytes(value)
        return column, slot.nested.plain(value)

    def keep(self, row: int, part: str, name: str, value: Value) -> None:
        """A value as JSON has it, in the place of a column's."""
        self.exact.setdefault(row, {}).setdefault(part, {})[name] = value
