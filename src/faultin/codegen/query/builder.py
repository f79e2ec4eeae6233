# SPDX-License-Identifier: Apache-2.0
"""Builder: text of LLVM IR, an instruction at a time.

In: operations on names of values. Out: the body of one function. Constants are written as
they are, and folded where that is easy, so that what a plan lacks costs nothing.
"""

TRUE, FALSE = "true", "false"


class Builder:
    """A function that is being written."""

    def __init__(self, head: str) -> None:
        self._head = head
        self._lines: list[str] = []
        self._count = 0
        self.block = "entry"
        self._lines.append("entry:")

    def name(self, prefix: str = "v") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def add(self, text: str) -> str:
        """An instruction with a value."""
        value = f"%{self.name()}"
        self._lines.append(f"  {value} = {text}")
        return value

    def do(self, text: str) -> None:
        """An instruction without one."""
        self._lines.append(f"  {text}")

    def start(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self.block = label

    def go(self, label: str) -> None:
        self.do(f"br label %{label}")

    def branch(self, condition: str, then: str, otherwise: str) -> None:
        self.do(f"br i1 {condition}, label %{then}, label %{otherwise}")

    # Memory

    def address(self, base: str, offset: int | str) -> str:
        return self.add(f"getelementptr i8, ptr {base}, i64 {offset}") if offset != 0 else base

    def load(self, type_: str, base: str, offset: int) -> str:
        return self.add(f"load {type_}, ptr {self.address(base, offset)}, align 1")

    def store(self, type_: str, value: str | int, base: str, offset: int) -> None:
        self.do(f"store {type_} {value}, ptr {self.address(base, offset)}, align 8")

    # Bits of truth, folded

    def both(self, left: str, right: str) -> str:
        if FALSE in (left, right):
            return FALSE
        if TRUE in (left, right):
            return right if left == TRUE else left
        return left if left == right else self.add(f"and i1 {left}, {right}")

    def either(self, left: str, right: str) -> str:
        if TRUE in (left, right):
            return TRUE
        if FALSE in (left, right):
            return right if left == FALSE else left
        return left if left == right else self.add(f"or i1 {left}, {right}")

    def negated(self, value: str) -> str:
        if value in (TRUE, FALSE):
            return FALSE if value == TRUE else TRUE
        return self.add(f"xor i1 {value}, true")

    def compare(self, relation: str, type_: str, left: str | int, right: str | int) -> str:
        return self.add(f"icmp {relation} {type_} {left}, {right}")

    def select(self, condition: str, type_: str, then: str | int, otherwise: str | int) -> str:
        if condition in (TRUE, FALSE) or then == otherwise:
            return str(otherwise if condition == FALSE else then)
        return self.add(f"select i1 {condition}, {type_} {then}, {type_} {otherwise}")

    def call(self, type_: str, function: str, *arguments: str) -> str:
        return self.add(f"call {type_} @{function}({', '.join(arguments)})")

    def text(self) -> str:
        return f"{self._head} {{\n" + "\n".join(self._lines) + "\n}\n"
