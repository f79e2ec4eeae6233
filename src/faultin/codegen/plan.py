# SPDX-License-Identifier: Apache-2.0
"""Plan: what the BPF core does for each syscall, as the table says it.

In: the syscall table and the syscalls that are traced. Out: Plans, whose
operations decode reads again, and their bytes as bpf/wire.h lays them out.
A plan's index is the syscall's number, NUMBERS more for one of the 32-bit ABI, and for
a variant one beyond them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from struct import Struct

from faultin.probes.probe import PROBES_MAX, Probe
from faultin.syscalls.abi import NOT_X32
from faultin.syscalls.sizes import size_of
from faultin.syscalls.table import Argument, Direction, Syscall, Table, Term, Unit, When

NUMBERS = 512  # of syscalls; then those of the 32-bit ABI, then the plans of variants

ASKED, FLAGS = 14, 16  # offsets in a plan: the operations that a query looks at; its flags
_PLAN = Struct("<HBBHHHHHHBBHII")
PLAN_BYTES = _PLAN.size
_OP = Struct("<BBBBB3xHHHHI")
_VARIANT = Struct("<II")


class OpKind(IntEnum):
    MEMORY = 1
    STRING = 2
    STRINGS = 3
    IOVEC = 4
    MSGHDR = 5
    MMSGHDR = 6
    IOCTL = 7
    STACK = 8


class OpFlag(IntFlag):
    OUT = 1
    CAPPED = 2
    COUNTED = 4
    EXEC_PATH = 8
    EXEC_ARGV = 16
    EXEC_ENVP = 32
    NARROW = 64


class PlanFlag(IntFlag):
    TRACED = 1
    NORETURN = 2
    EXEC = 4
    IOCTL = 8
    OTHER_ABI = 16
    NOT_X32 = 32
    EARLY = 64
    REGISTERS = 128


_KINDS = {
    "path": OpKind.STRING,
    "string": OpKind.STRING,
    "strings": OpKind.STRINGS,
    "strings32": OpKind.STRINGS,
    "iovec": OpKind.IOVEC,
    "iovec32": OpKind.IOVEC,
    "msghdr": OpKind.MSGHDR,
    "mmsghdr": OpKind.MMSGHDR,
    "ioctl": OpKind.IOCTL,
}
_TERMS = {"const": 1, "arg": 2, "ret": 3, "deref": 4, "self": 5, "bits": 6, "pages": 7, "nodes": 8}
_OF_ARGUMENT = {"arg", "deref", "bits", "pages", "nodes"}
_NORETURN = {"exit", "exit_group"}
_EXEC = {"execve", "execveat"}
_EXEC_FLAGS = {
    "filename": OpFlag.EXEC_PATH,
    "argv": OpFlag.EXEC_ARGV,
    "envp": OpFlag.EXEC_ENVP,
}


@dataclass(frozen=True, slots=True)
class Op:
    """One capture: of what argument `position` points at."""

    kind: OpKind
    position: int
    flags: OpFlag
    terms: tuple[Term, ...]
    size: int

    @property
    def is_output(self) -> bool:
        return bool(self.flags & OpFlag.OUT)

    @property
    def capped(self) -> bool:
        return bool(self.flags & OpFlag.CAPPED)

    @property
    def narrow(self) -> bool:
        """Whether its pointers and lengths have 32 bits."""
        return bool(self.flags & OpFlag.NARROW)

    @property
    def looks_at(self) -> int:
        """Arguments that say where its memory is, and how much, a bit each."""
        lengths = [term.value for term in self.terms if term.kind in _OF_ARGUMENT]
        return sum(1 << position for position in {self.position, *lengths})

    @property
    def counted(self) -> bool:
        return bool(self.flags & OpFlag.COUNTED) or not self.terms

    def pack(self) -> bytes:
        terms = [(_TERMS[term.kind], term.value, term.plus) for term in self.terms]
        (kind, value, plus), (kind2, value2, plus2) = [*terms, (0, 0, 0), (0, 0, 0)][:2]
        return _OP.pack(
            self.kind, self.position, self.flags, kind, kind2, value, value2, plus, plus2, self.size
        )  # fmt: skip


# Of no argument: the stack, with the last of a plan's inputs.
_STACK = Op(OpKind.STACK, 6, OpFlag(0), (), 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is captured for a syscall or one of its variants; inputs come first."""

    syscall: Syscall
    arguments: tuple[Argument, ...]
    ops: tuple[Op, ...]
    first: int
    on_failure: int
    on_zero: int
    on_positive: int
    overwritten: int
    overwritten_on_failure: int

    @property
    def returns(self) -> bool:
        return self.syscall.name not in _NORETURN and not self.syscall.is_event

    @property
    def inputs(self) -> int:
        return sum(not op.is_output for op in self.ops)

    @property
    def stack(self) -> int | None:
        """The bit of the operation that copies the stack, if there is one."""
        return next((bit for bit, op in enumerate(self.ops) if op.kind is OpKind.STACK), None)


@dataclass(frozen=True, slots=True)
class Plans:
    """All plans by index, and which syscalls are traced.

    foreign: calls whose number is not the table's (another ABI's, or nobody's) are
    recorded too, as they are when everything is traced. events: by plan index.
    """

    plans: dict[int, Plan]
    traced: frozenset[int]
    images: dict[str, bytes]
    counts: dict[str, int]
    foreign: bool
    events: Mapping[int, Probe] = field(default_factory=dict)


def _ops_of(position: int, argument: Argument, extra: OpFlag) -> list[tuple[Op, Argument]]:
    """The capture of one argument at entry, and that at exit."""
    kind = _KINDS.get(argument.kind, OpKind.MEMORY)
    size = 0 if kind in (OpKind.STRING, OpKind.STRINGS, OpKind.IOCTL) else size_of(argument.kind)
    flags = extra
    if argument.kind == "bytes":
        flags |= OpFlag.CAPPED
    if argument.kind in ("strings32", "iovec32"):
        flags |= OpFlag.NARROW
    if argument.unit is not Unit.BYTES:
        flags |= OpFlag.COUNTED
    base = Op(kind, position, flags, argument.terms, size)
    out = Op(kind, position, flags | OpFlag.OUT, argument.terms, size)
    if kind is OpKind.IOCTL:
        return [(base, argument), (out, argument)]
    return {
        Direction.IN: [(base, argument)],
        Direction.OUT: [(out, argument)],
        Direction.INOUT: [(base, argument), (out, argument)],
        Direction.KEPT: [(base, argument), (out, argument)],
    }[argument.direction]


def _plan(
    syscall: Syscall, arguments: tuple[Argument, ...], first: int, only: frozenset[int] | None,
    stack: bool,
) -> Plan:  # fmt: skip
    """only: of its operations, those that are wanted; all, if None."""
    found: list[tuple[Op, Argument | None]] = []
    for position, argument in enumerate(arguments):
        if argument.is_pointer or argument.kind == "ioctl":
            extra = _EXEC_FLAGS.get(argument.name, OpFlag(0)) if syscall.name in _EXEC else OpFlag(0)
            found += _ops_of(position, argument, extra)
    found += [(_STACK, None)] if stack else []
    found.sort(key=lambda pair: pair[0].is_output)
    if only is not None:
        found = [pair for bit, pair in enumerate(found) if bit in only or pair[1] is None]
    failure = zero = positive = gone_on_success = gone_on_failure = 0
    for bit, (op, argument) in enumerate(found):
        if argument is None:
            continue
        if op.is_output:
            failure |= (argument.when in (When.FAILURE, When.ALWAYS)) << bit
            zero |= (argument.when in (When.SUCCESS, When.ALWAYS)) << bit
            positive |= (argument.when is not When.FAILURE) << bit
        else:
            lost = argument.direction is Direction.INOUT or op.kind is OpKind.IOCTL
            gone_on_success |= (lost and argument.when is not When.FAILURE) << bit
            gone_on_failure |= (lost and argument.when in (When.FAILURE, When.ALWAYS)) << bit
    ops = tuple(op for op, _ in found)
    return Plan(
        syscall, arguments, ops, first, failure, zero, positive, gone_on_success, gone_on_failure
    )


def plan(
    table: Table, traced: frozenset[int], only: Mapping[int, frozenset[int]] | None = None,
    stack: bool = False, events: Sequence[Probe] = (),
) -> Plans:  # fmt: skip
    """The plans of the traced syscalls; the others are in the image, but do nothing.

    only: by plan index, the operations that are wanted (bits of the plan without it).
    stack: with the stack of each call, wanted by `only` or not.
    events: user events that are traced too.
    """
    plans: dict[int, Plan] = {}
    rows, extra_rows, ops, variants = {}, [], [], []

    def add(index: int, syscall: Syscall, arguments: tuple[Argument, ...]) -> Plan:
        wanted = None if only is None else only.get(index, frozenset())
        made = _plan(syscall, arguments, len(ops), wanted, stack)
        ops.extend(made.ops)
        return made

    def add_call(index: int, syscall: Syscall, flags: PlanFlag) -> None:
        plans[index] = add(index, syscall, syscall.arguments)
        first = len(variants)
        found: list[tuple[int, int]] = []
        for variant in syscall.variants:
            other = 2 * NUMBERS + len(extra_rows)
            plans[other] = add(other, syscall, variant.arguments)
            extra_rows.append(_pack(plans[other], PlanFlag.TRACED, 0, 0, 0, 0))
            found += [(value, other) for value in variant.values]
        variants.extend(sorted(found))
        selector, mask = _selector(syscall)
        flags |= _flags(plans[index])
        rows[index] = _pack(plans[index], flags, selector, len(variants) - first, first, mask)

    narrow = table.narrow_numbers(traced)
    for number in sorted(traced):
        other = PlanFlag.OTHER_ABI if number in narrow else PlanFlag(0)
        not_x32 = PlanFlag.NOT_X32 if number in NOT_X32 else PlanFlag(0)
        add_call(number, table.by_number(number), PlanFlag.TRACED | other | not_x32)
    for number in sorted(narrow):
        add_call(NUMBERS + number, table.narrow.by_number(number), PlanFlag.TRACED)
        if number not in rows:
            rows[number] = _PLAN.pack(*[0] * 9, PlanFlag.OTHER_ABI, 0, 0, 0, 0)
    for name in _EXEC:  # the command begins with one, traced or not
        number = table.by_name(name).nr
        if number not in traced:
            flags = PlanFlag.EXEC | (PlanFlag.OTHER_ABI if number in narrow else 0)
            rows[number] = _PLAN.pack(*[0] * 9, flags, 0, 0, 0, 0)
    probes: dict[int, Probe] = {}
    for probe in events:
        index = 2 * NUMBERS + len(extra_rows)
        probes[index] = probe
        plans[index] = add(index, probe.call, probe.call.arguments)
        extra_rows.append(_pack(plans[index], PlanFlag.TRACED | PlanFlag.NORETURN, 0, 0, 0, 0))
    empty = bytes(_PLAN.size)
    numbers = range(2 * NUMBERS)
    images = {
        "plans": b"".join([*(rows.get(number, empty) for number in numbers), *extra_rows]),
        "ops": b"".join(op.pack() for op in ops) or bytes(_OP.size),
        "variants": b"".join(_VARIANT.pack(*variant) for variant in variants) or bytes(_VARIANT.size),
    }
    counts = {
        "plans": 2 * NUMBERS + len(extra_rows),
        "ops": max(1, len(ops)),
        "variants": max(1, len(variants)),
    }
    if any(probe.places for probe in probes.values()):
        images["probes"] = _probes(probes)
    return Plans(plans, traced, images, counts, traced == table.numbers, probes)


def _probes(probes: Mapping[int, Probe]) -> bytes:
    """The image of the places of events, in the order in which they are attached."""
    packed = [probe.pack(place, index) for index, probe in probes.items() for place in probe.places]
    return b"".join(packed).ljust(PROBES_MAX * len(packed[0]), b"\0")


def _flags(made: Plan) -> PlanFlag:
    flags = PlanFlag(0)
    if not made.returns:
        flags |= PlanFlag.NORETURN
    if made.syscall.name in _EXEC:
        flags |= PlanFlag.EXEC
    if any(op.kind is OpKind.IOCTL for op in made.ops):
        flags |= PlanFlag.IOCTL
    return flags


def _selector(syscall: Syscall) -> tuple[int, int]:
    """The argument that picks a variant, and its mask: one of each a syscall."""
    if not syscall.variants:
        return 0, 0
    return syscall.variants[0].selector, syscall.variants[0].mask


def _pack(made: Plan, flags: int, selector: int, count: int, first: int, mask: int) -> bytes:
    return _PLAN.pack(
        made.first, made.inputs, len(made.ops),
        made.on_failure, made.on_zero, made.on_positive,
        made.overwritten, made.overwritten_on_failure, 0,
        flags, selector, count, first, mask,
    )  # fmt: skip
