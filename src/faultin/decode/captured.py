# SPDX-License-Identifier: Apache-2.0
"""Captured: the pieces of one operation become one value, and the word for it.

In: the pieces that a record has for an operation. Out: (value, word), where the
word says how the value was obtained, or why there is none. Of several attempts
at the same memory the first that succeeded counts, as it is the closest to the
moment of the call.
"""

from collections import defaultdict
from typing import Any, Callable, NamedTuple

from faultin.codegen.plan import Op, OpKind
from faultin.decode.kinds import decode_control, memory_array_decoder, memory_decoder
from faultin.drain.wire import HOW_WORDS, PIECE_MAX, How, Piece, Role
from faultin.syscalls.sizes import size_of
from faultin.syscalls.table import Argument, Unit
from faultin.values import Missing, Truncated

Captured = tuple[Any, str]
_UNKNOWN = 0xFFFFFFFF
_ENAMETOOLONG = -36
_LENGTH = Role.LENGTH.value
_MISSED = How.MISSED.value  # plain, as it is compared for every piece


class Context(NamedTuple):
    """What of the call the pieces alone do not tell."""

    reason: str  # why pieces that are missing are missing: fault or gone
    ret: int
    script: str | None  # path of the script, when exec replaced argv's head


def _best(pieces: list[Piece]) -> Piece | None:
    """The first attempt that read something; else the last that did not."""
    for piece in pieces:
        if piece.how != _MISSED:
            return piece
    return pieces[-1] if pieces else None


def _worst_word(words: list[str]) -> str:
    """One word for an argument of many pieces: what is lost counts most, then the latest."""
    order = ["entry", "exit", "deferred", "remote", "exec", "truncated", "gone", "fault"]
    return max(words, key=order.index, default="entry")


def _span(pieces: list[Piece], context: Context) -> tuple[bytes | None, int, str]:
    """The bytes of one range, how many there are in all, and the word."""
    if len(pieces) == 1 and pieces[0].how != _MISSED:
        piece = pieces[0]
        return piece.data, piece.want, HOW_WORDS[piece.how]
    found: dict[int, Piece] = {}
    for piece in pieces:
        known = found.get(piece.address)
        if known is None or known.how == _MISSED:
            found[piece.address] = piece
    first = found[min(found)]
    if first.how == _MISSED:
        return None, first.want, context.reason
    data, address, how = [first.data], first.address, first.how
    while len(data[-1]) == PIECE_MAX:
        address += PIECE_MAX
        following = found.get(address)
        if following is None or following.how == _MISSED:
            break
        data.append(following.data)
        how = max(how, following.how)
    return b"".join(data), first.want, HOW_WORDS[how]


def unit_of(op: Op, argument: Argument) -> int:
    """In what the length of a range is told: bytes, or elements of an array."""
    return op.size if argument.unit is Unit.COUNT else 1


def _cut(value: Any, have: int, want: int, word: str) -> Captured:
    """Marks a value that is shorter than the memory it stands for."""
    if have >= want:
        return value, word
    return Truncated(value, None if want == _UNKNOWN else want), "truncated"


def _memory(op: Op, argument: Argument) -> Callable[[list[Piece], Context], Captured]:
    many = argument.unit is Unit.COUNT
    decode = memory_array_decoder(argument.kind) if many else memory_decoder(argument.kind)
    return _range(op, argument, decode)


def _range(
    op: Op, argument: Argument, decode: Callable[[bytes], Any]
) -> Callable[[list[Piece], Context], Captured]:
    size = unit_of(op, argument)

    def assemble(pieces: list[Piece], context: Context) -> Captured:
        if len(pieces) > 1 or pieces[0].role == _LENGTH:
            pieces = [piece for piece in pieces if piece.role != _LENGTH]
        data, want, word = _span(pieces, context) if pieces else (None, 0, "")
        if data is None:
            return Missing(context.reason), context.reason
        return _cut(decode(data), len(data) // size, want // size, word)

    return assemble


def _string(op: Op, argument: Argument) -> Callable[[list[Piece], Context], Captured]:
    decode = memory_decoder(argument.kind)

    def assemble(pieces: list[Piece], context: Context) -> Captured:
        piece = _best(pieces)
        if piece is None or piece.how == _MISSED:
            return Missing(context.reason), context.reason
        value, word = decode(piece.data), HOW_WORDS[piece.how]
        refused = context.ret == _ENAMETOOLONG  # of a path: it was longer than PATH_MAX
        if len(piece.data) == PIECE_MAX and (argument.kind != "path" or refused):
            return Truncated(value, None), "truncated"
        return value, word

    return assemble


def _by_index(pieces: list[Piece], role: Role) -> dict[int, list[Piece]]:
    found: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        if piece.role == role:
            found[piece.index].append(piece)
    return found


def _block_strings(data: bytes, script: str | None) -> list[Any]:
    """argv or envp as exec left it; for a script, with argv[0] gone for good."""
    decode = memory_decoder("string")
    values = [decode(part) for part in data.removesuffix(b"\0").split(b"\0")] if data else []
    if script is not None and script in values:
        values = [Missing("gone"), *values[values.index(script) + 1 :]]
    return values


def _strings(op: Op, argument: Argument) -> Callable[[list[Piece], Context], Captured]:
    decode = memory_decoder("string")
    is_argv = argument.name == "argv"

    def assemble(pieces: list[Piece], context: Context) -> Captured:
        block = [piece for piece in pieces if piece.role == Role.BLOCK]
        if block:
            data, want, word = _span(block, context)
            if data is None:
                return Missing(context.reason), context.reason
            values = _block_strings(data, context.script if is_argv else None)
            if any(isinstance(value, Missing) for value in values):
                word = "gone"
            return _cut(values, len(data), want, word)
        values, words = [], []
        items = _by_index(pieces, Role.ITEM)
        for index in range(len(items)):
            piece = _best(items.get(index, []))
            if piece is None or piece.how == _MISSED:
                values.append(Missing(context.reason))
                words.append(context.reason)
                continue
            if len(piece.data) == PIECE_MAX:
                values.append(Truncated(decode(piece.data), None))
                words.append("truncated")
                continue
            values.append(decode(piece.data))
            words.append(HOW_WORDS[piece.how])
        ends = [piece for piece in pieces if piece.role == Role.END]
        if ends:
            return values, _worst_word([*words, HOW_WORDS[ends[0].how]])
        if any(piece.role == Role.ARRAY for piece in pieces):
            if not values:
                return Missing(context.reason), context.reason
            return Truncated(values, None), context.reason
        return Truncated(values, None), "truncated"

    return assemble


def _iovec(pieces: list[Piece], context: Context, left: int | None) -> Captured:
    """An array of iovec; `left` bytes are what an output has, None for an input."""
    decode = memory_decoder("bytes")
    values: list[Any] = []
    words: list[str] = []
    items = _by_index(pieces, Role.ITEM)
    for index in sorted(items):
        data, want, word = _span(items[index], context)
        have = want if left is None else min(want, left)
        left = None if left is None else left - have
        if data is None:
            base: Any = Missing(context.reason)
        else:
            base, word = _cut(decode(data), len(data), have, word)
        values.append({"iov_base": base, "iov_len": want})
        words.append(word)
    known = {piece.index for piece in pieces if piece.role == Role.ITEM}
    absent = [p for p in pieces if p.role == Role.ARRAY and p.index not in known]
    if absent:
        if not values:
            return Missing(context.reason), context.reason
        return Truncated(values, None), context.reason
    return values, _worst_word(words)


def _vector(op: Op, argument: Argument) -> Callable[[list[Piece], Context], Captured]:
    def assemble(pieces: list[Piece], context: Context) -> Captured:
        return _iovec(pieces, context, max(context.ret, 0) if op.is_output else None)

    return assemble


def _message(pieces: list[Piece], context: Context, left: int | None) -> Captured:
    """One msghdr with all that it names, in the shape of the structure."""
    parts: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        parts[piece.role].append(piece)
    header = _best(parts[Role.HEADER])
    if header is None or header.how == _MISSED:
        return Missing(context.reason), context.reason
    value = memory_decoder("msghdr")(header.data)
    words = [HOW_WORDS[header.how]]

    def named(role: Role, decode: Callable[[bytes], Any]) -> Any:
        if not parts[role]:
            return None
        data, want, word = _span(parts[role], context)
        if data is None:
            words.append(context.reason)
            return Missing(context.reason)
        cut, word = _cut(decode(data), len(data), want, word)
        words.append(word)
        return cut

    value["msg_name"] = named(Role.NAME, memory_decoder("sockaddr"))
    vector, word = _iovec([*parts[Role.ITEM], *parts[Role.ARRAY]], context, left)
    value["msg_iov"] = vector
    words.append(word)
    value["msg_control"] = named(Role.CONTROL, decode_control)
    return value, _worst_word(words)


def _one_message(op: Op, argument: Argument) -> Callable[[list[Piece], Context], Captured]:
    def assemble(pieces: list[Piece], context: Context) -> Captured:
        return _message(pieces, context, max(context.ret, 0) if op.is_output else None)

    return assemble


def _messages(op: Op, argument: Argument) -> Callable[[list[Piece], Context], Captured]:
    length_at = size_of("msghdr")

    def assemble(pieces: list[Piece], context: Context) -> Captured:
        outer: dict[int, list[Piece]] = defaultdict(list)
        for piece in pieces:
            outer[piece.outer].append(piece)
        values, words = [], []
        for index in sorted(outer):
            header = _best([p for p in outer[index] if p.role == Role.HEADER])
            length = 0
            if header is not None and header.how != _MISSED:
                length = int.from_bytes(header.data[length_at : length_at + 4], "little")
            left = length if op.is_output else None
            value, word = _message(outer[index], context, left)
            values.append(value if isinstance(value, Missing) else {"msg_hdr": value, "msg_len": length})
            words.append(word)
        return values, _worst_word(words)

    return assemble


_ASSEMBLERS = {
    OpKind.MEMORY: _memory,
    OpKind.IOCTL: _memory,
    OpKind.STRING: _string,
    OpKind.STRINGS: _strings,
    OpKind.IOVEC: _vector,
    OpKind.MSGHDR: _one_message,
    OpKind.MMSGHDR: _messages,
}


def assembler(op: Op, argument: Argument) -> Callable[[list[Piece], Context], Captured]:
    """What turns the pieces of `op` into the value of `argument`."""
    return _ASSEMBLERS[op.kind](op, argument)


def memory_assembler(op: Op, argument: Argument) -> Callable[[list[Piece], Context], Captured]:
    """The same, but of what is one range of memory its bytes."""
    if op.kind in (OpKind.MEMORY, OpKind.IOCTL):
        return _range(op, argument, bytes)
    return assembler(op, argument)
