# SPDX-License-Identifier: Apache-2.0
"""Probe: a user event, its places in a program, and where its arguments are there.

In: nothing, these are the nouns. Out: Probe, whose `call` is a row of the same kind as a
system call's, so that plans, queries and decode need not know of events; and the bytes of
`struct probe` (bpf/events.bpf.h).
"""

from dataclasses import dataclass
from struct import Struct

from faultin.syscalls.rows import Syscall

PROBES_MAX = 256  # places; of bpf/events.bpf.h
_NO_INDEX = 0xFFFF
_OPERAND = Struct("<BBBBHHq")
_PROBE = Struct("<QII")

# Offsets in struct pt_regs of x86-64, and the bytes of each name (arch/x86/include/asm/ptrace.h).
_ORDER = "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp".split()
_AT = {name: 8 * index for index, name in enumerate(_ORDER)}
REGISTERS: dict[str, int] = {}
for _name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip"):
    _low = f"{_name[0]}l" if _name[1] == "x" else f"{_name}l"
    for _alias in (f"r{_name}", f"e{_name}", _name, _low):
        REGISTERS[_alias] = _AT[_name]
for _number in range(8, 16):
    for _suffix in ("", "d", "w", "b"):
        REGISTERS[f"r{_number}{_suffix}"] = _AT[f"r{_number}"]
PARAMETERS = tuple(REGISTERS[name] for name in ("rdi", "rsi", "rdx", "rcx", "r8", "r9"))

CONST, REGISTER, MEMORY = 1, 2, 3  # enum operand_kind


@dataclass(frozen=True, slots=True)
class Operand:
    """Where a value of `size` bytes is: `base` and `index` are offsets in struct pt_regs."""

    kind: int = 0
    size: int = 8
    signed: bool = False
    base: int = 0
    offset: int = 0
    index: int | None = None
    shift: int = 0

    def pack(self) -> bytes:
        index = _NO_INDEX if self.index is None else self.index
        return _OPERAND.pack(
            self.kind, self.size, self.signed, self.shift, self.base, index, self.offset
        )


@dataclass(frozen=True, slots=True)
class Place:
    """An instruction in a file: offsets in it of the instruction and of its semaphore (0 for
    none), and the operands of the arguments."""

    path: str
    offset: int
    semaphore: int
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """An event. id: of one that shares its places with others, which `named` has there."""

    call: Syscall
    places: tuple[Place, ...]
    id: int = 0
    named: Operand = Operand()

    def pack(self, place: Place, plan: int) -> bytes:
        """struct probe."""
        operands = [*place.operands, *[Operand()] * 6][:6]
        parts = [operand.pack() for operand in [*operands, self.named]]
        return _PROBE.pack(self.id, self.call.nr, plan) + b"".join(parts)
