# SPDX-License-Identifier: Apache-2.0
"""Calls: a record becomes an event.

In: Record, and the Plans that captured it. Out: Event. One decoder is made for
each plan when the first of its records comes, so that per event only what
differs is looked at.
"""

from dataclasses import replace
from typing import Any, Callable

from faultin.codegen.plan import Op, OpKind, Plan, Plans
from faultin.decode.captured import Context, assembler, memory_assembler
from faultin.decode.kinds import value_decoder
from faultin.decode.signals import siginfo_event
from faultin.drain.wire import PLAN_NONE, Piece, Record, RecordFlag, RecordType
from faultin.errno_names import errno_name
from faultin.event import Event, EventKind
from faultin.syscalls.abi import X32_BIT
from faultin.syscalls.table import Argument
from faultin.values import Missing, Truncated

_KINDS = {
    RecordType.CALL.value: EventKind.CALL,
    RecordType.NORETURN.value: EventKind.NORETURN,
    RecordType.BLOCKED.value: EventKind.BLOCKED,
}
# As plain numbers, for what is looked at in every record: an enum is slow there.
_CALL, _SIGNAL, _EXIT = RecordType.CALL.value, RecordType.SIGNAL.value, RecordType.EXIT.value
_NORETURN = RecordType.NORETURN.value
_SETTLED, _SCRIPT = RecordFlag.SETTLED.value, RecordFlag.SCRIPT.value
_LATE, _COMPAT = RecordFlag.LATE.value, RecordFlag.COMPAT.value
_PART_LOST = RecordFlag.PART_LOST.value
_MANY = (OpKind.STRINGS, OpKind.IOVEC, OpKind.MMSGHDR)
_ERRNO_MAX, _EFAULT = 4095, -14
Fill = Callable[[list[Record]], list[list[Piece]]]
Arguments = tuple[dict[str, Any], dict[str, str], dict[str, Any]]  # args, capture, out
Assemble = Callable[[Op, Argument], Callable[[list[Piece], Context], tuple[Any, str]]]


def is_incomplete(record: Record) -> bool:
    """Whether something of it may still be read from here."""
    found_blocked = record.flags & _LATE and record.type != _CALL
    return bool(found_blocked or record.missed & ~record.gone and not record.flags & _SETTLED)


def _nothing(op: Op, record: Record, bit: int, context: Context) -> tuple[Any, str]:
    """What an operation without a piece means."""
    if record.missed >> bit & 1:
        return Missing(context.reason), context.reason
    if record.flags & _PART_LOST:
        return Missing("gone"), "gone"
    if op.kind is OpKind.IOCTL and not record.arguments[1] >> 30 & 3:
        return value_decoder("hex")(record.arguments[op.position]), ""  # carries no data
    if op.is_output or op.kind is OpKind.IOCTL:
        return Missing("unset"), "unset"
    return [], "entry"  # an array of no elements


def _taken(plan: Plan, op: Op) -> Argument:
    """What is assembled. System calls refuse a path that is too long, nobody does for an event."""
    argument = plan.arguments[op.position]
    is_text = plan.syscall.is_event and argument.kind == "path"
    return replace(argument, kind="string") if is_text else argument


class PlanDecoder:
    """Decodes the arguments of one plan's records."""

    def __init__(self, plan: Plan, assemble: Assemble = assembler) -> None:
        self.plan = plan
        self.name = plan.syscall.name
        self.fds = tuple(a.name for a in plan.arguments if a.kind in ("fd", "dirfd") and not a.is_pointer)
        self._registers = [
            (argument.name, index, value_decoder(argument.kind))
            for index, argument in enumerate(plan.arguments)
            if not argument.is_pointer and not any(op.position == index for op in plan.ops)
        ]
        self._ops = [
            (bit, plan.first + bit, op, plan.arguments[op.position], assemble(op, _taken(plan, op)))
            for bit, op in enumerate(plan.ops)
            if op.kind is not OpKind.STACK
        ]
        captured = {op.position for op in plan.ops}
        self._names = [  # of a plan that was cut down to what a query needs, what is there
            argument.name for index, argument in enumerate(plan.arguments)
            if index in captured or not argument.is_pointer
        ]  # fmt: skip

    def arguments(self, record: Record, pieces: list[Piece], context: Context) -> Arguments:
        """(args, capture, out) of a call."""
        registers = record.arguments
        values: dict[str, Any] = {name: decode(registers[i]) for name, i, decode in self._registers}
        capture: dict[str, str] = {}
        if record.ret and self.plan.syscall.is_event:
            for name in [name for name, i, _ in self._registers if record.ret >> i & 1]:
                values[name], capture[name] = Missing(context.reason), context.reason
        if not self._ops:
            return values, capture, {}
        out: dict[str, Any] = {}
        grouped: dict[int, list[Piece]] = {}
        for piece in pieces:
            grouped.setdefault(piece.op, []).append(piece)
        for bit, number, op, argument, assemble in self._ops:
            name = argument.name
            found = grouped.get(number)
            if not registers[op.position] and not record.missed >> bit & 1:
                values[name], capture[name] = None, "null"
                continue
            if found is None:
                if name not in capture:
                    value, word = _nothing(op, record, bit, context)
                    values[name] = value
                    if word:
                        capture[name] = word
                continue
            reason = context._replace(reason="gone") if record.gone >> bit & 1 else context
            value, word = assemble(found, reason)
            if record.flags & _PART_LOST and op.kind in _MANY and isinstance(value, list):
                value, word = Truncated(value, None), "truncated"
            if capture.get(name, "unset") == "unset":
                values[name], capture[name] = value, word
            else:
                out[name] = value
        # What the plan does not capture is left out.
        return {name: values[name] for name in self._names if name in values}, capture, out


def foreign_name(record: Record) -> str:
    """As strace has it: syscall_0x... for a number that nobody knows."""
    if not record.flags & _COMPAT:
        return f"syscall_{record.nr:#x}"
    return f"{_abi(record)}_syscall_{record.nr & ~X32_BIT}"


def _abi(record: Record) -> str:
    """By which other way than the native one the kernel was entered."""
    return "x32" if record.nr & X32_BIT else "i386"


class Decoder:
    """Decodes the records of one trace; `offset` turns CLOCK_MONOTONIC into ns since the epoch."""

    def __init__(
        self, plans: Plans, offset: int, fill: Fill | None = None, assemble: Assemble = assembler
    ) -> None:
        self._plans, self._assemble = plans, assemble
        self._offset = offset
        self._decoders: dict[int, PlanDecoder] = {}
        self._errnos: dict[int, str | None] = {}
        self._comms: dict[bytes, str] = {}
        self._fill = fill

    def _comm(self, raw: bytes) -> str:
        name = self._comms.get(raw)
        if name is None:
            name = raw.split(b"\0", 1)[0].decode(errors="backslashreplace")
            self._comms[raw] = name
        return name

    def _decoder(self, index: int) -> PlanDecoder:
        decoder = self._decoders[index] = PlanDecoder(
            self._plans.plans[index], self._assemble
        )
        return decoder

    def with_memory(self) -> "Decoder":
        """A decoder of the same trace that leaves ranges of memory as bytes."""
        return Decoder(self._plans, self._offset, self._fill, memory_assembler)

    def complete(self, record: Record) -> list[Piece]:
        """All pieces of a record, those that have to be read from here included: once."""
        pieces = record.pieces() if record.body else []
        if record.ret and record.type == _NORETURN:
            pieces = self._without_unread(record, pieces)
        if is_incomplete(record) and self._fill:
            if record.more is None:
                (record.more,) = self._fill([record])
            pieces += record.more
        return pieces

    def _without_unread(self, record: Record, pieces: list[Piece]) -> list[Piece]:
        """What a user event has besides what depends on arguments that could not be read."""
        plan = self.plan(record)
        if plan is None or not plan.syscall.is_event:
            return pieces
        lost = {plan.first + bit for bit, op in enumerate(plan.ops) if op.looks_at & record.ret}
        record.missed |= sum(1 << number - plan.first for number in lost)
        return [piece for piece in pieces if piece.op not in lost]

    def plan(self, record: Record) -> Plan | None:
        """By which a call was captured; None if no table has it."""
        return self._plans.plans.get(record.plan)

    def event(self, record: Record) -> Event:
        """The event of a whole record (Assembler.whole)."""
        if record.type == _SIGNAL:
            return siginfo_event(record, record.ts + self._offset, self._comm(record.comm))
        if record.type == _EXIT:
            ts, comm = record.ts + self._offset, self._comm(record.comm)
            killer = value_decoder("signal")(record.ret & 0x7F) if record.ret & 0x7F else ""
            return Event(
                EventKind.EXIT, ts, record.pid, record.tid, comm, "exit", ret=record.ret, note=killer
            )
        if record.plan == PLAN_NONE:
            return self._foreign(record)
        return self._call(record)

    def _foreign(self, record: Record) -> Event:
        """A call that the table has no row for: its number, and its registers as they were."""
        args = {f"arg{i}": value_decoder("hex")(x) for i, x in enumerate(record.arguments, 1)}
        event = Event(
            _KINDS[record.type], record.ts + self._offset, record.pid, record.tid,
            self._comm(record.comm), foreign_name(record), args,
        )  # fmt: skip
        self._returned(event, record)
        return event

    def _returned(self, event: Event, record: Record) -> None:
        """What is known of a call once it has returned."""
        if record.type == _CALL:
            event.ret = record.ret
            event.latency = None if record.flags & _LATE else record.latency
            if -_ERRNO_MAX <= record.ret < 0:
                event.errno = self._errno(record.ret)

    def arguments(self, record: Record) -> Arguments:
        """(args, capture, out) of a call that the table has."""
        decoder = self._decoders.get(record.plan) or self._decoder(record.plan)
        pieces = self.complete(record)
        return decoder.arguments(record, pieces, self._context(record, decoder, pieces))

    def _call(self, record: Record) -> Event:
        args, capture, out = self.arguments(record)
        decoder = self._decoders[record.plan]
        kind = _KINDS[record.type]
        if decoder.plan.syscall.is_event and kind is not EventKind.BLOCKED:
            kind = EventKind.EVENT
        event = Event(
            kind, record.ts + self._offset, record.pid, record.tid, self._comm(record.comm),
            decoder.name, args, capture=capture, out=out, fds=decoder.fds,
        )  # fmt: skip
        self._returned(event, record)
        if record.flags & _COMPAT:
            event.abi = _abi(record)
        return event

    def _errno(self, ret: int) -> str | None:
        if ret not in self._errnos:
            self._errnos[ret] = errno_name(-ret)
        return self._errnos[ret]

    def _context(self, record: Record, decoder: PlanDecoder, pieces: list[Piece]) -> Context:
        """What the pieces do not tell."""
        reason = "fault"
        if is_incomplete(record):
            if record.ret != _EFAULT:  # nobody knows: it may have been unmapped since
                reason = "gone"
        elif record.type not in (_CALL, _NORETURN if decoder.plan.syscall.is_event else _CALL):
            reason = "gone"  # ended while its memory was being read, or it still is
        ret = record.ret if record.type == _CALL else 0
        if not record.flags & _SCRIPT:
            return Context(reason, ret, None)
        path = next((p for p in pieces if p.op == decoder.plan.first and p.data), None)
        return Context(reason, ret, path.data.rstrip(b"\0").decode(errors="replace") if path else None)
