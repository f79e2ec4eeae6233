# SPDX-License-Identifier: Apache-2.0
"""Records made by hand, as the BPF core makes them, become the events they stand for."""

import pytest

from faultin.codegen.plan import plan
from faultin.decode.calls import Decoder
from faultin.drain.wire import (
    HEAD, PIECE, PLAN_NONE, Assembler, How, Record, RecordFlag, RecordType, Role, records,
)  # fmt: skip
from faultin.syscalls.table import load
from faultin.values import Missing, Truncated

TABLE = load("x86_64")
PLANS = plan(TABLE, TABLE.numbers)


def piece(op, data=b"", address=0x1000, role=Role.DATA, how=How.ENTRY, index=0, want=None):
    head = PIECE.pack(address, op, role, how, index, 0, len(data) if want is None else want, len(data))
    return head + data + bytes(-len(data) % 8)


def record(name, arguments, *pieces, ret=0, flags=0, missed=0, gone=0, kind=RecordType.CALL, seq=1):
    nr = TABLE.by_name(name).nr
    registers = (*arguments, *[0] * (6 - len(arguments)))
    body = b"".join(pieces)
    return Record(kind, flags, nr, nr, 7, 7, 0, 5, ret, registers, b"test", seq, missed, gone, body)


def event(made):
    return Decoder(PLANS, 0).event(made)


def op_of(name, bit=0):
    return PLANS.plans[TABLE.by_name(name).nr].first + bit


def test_a_path_from_entry():
    made = record("openat", [0xFFFFFF9C, 0x1000, 0, 0], piece(op_of("openat"), b"/etc/hosts\0"), ret=3)
    found = event(made)
    assert found.args["filename"] == "/etc/hosts" and found.args["dfd"] == "AT_FDCWD"
    assert found.capture == {"filename": "entry"} and found.ret == 3 and found.errno is None


@pytest.mark.parametrize(
    "flags, gone, word",
    [(RecordFlag.SETTLED, 0, "fault"), (0, 1, "gone"), (RecordFlag.EXECED | RecordFlag.SETTLED, 1, "gone")],
)
def test_a_missing_path_says_why(flags, gone, word):
    absent = piece(op_of("openat"), how=How.MISSED)
    found = event(record("openat", [3, 0x1000], absent, ret=-2, flags=flags, missed=1, gone=gone))
    assert found.capture == {"filename": word} and found.args["filename"] == Missing(word)


def test_the_first_attempt_that_succeeds_counts():
    op = op_of("openat")
    pieces = [piece(op, how=How.MISSED), piece(op, b"a\0", how=How.EXIT), piece(op, b"b\0", how=How.DEFERRED)]
    found = event(record("openat", [3, 0x1000], *pieces))
    assert found.args["filename"] == "a" and found.capture["filename"] == "exit"


def test_null_and_unset_are_not_empty():
    found = event(record("read", [0, 0, 10], ret=-14))
    assert found.args["buf"] is None and found.capture["buf"] == "null"
    found = event(record("read", [0, 0x1000, 10], ret=-9))
    assert found.args["buf"] == Missing("unset") and found.capture["buf"] == "unset"
    found = event(record("read", [0, 0x1000, 10], piece(op_of("read"), how=How.EXIT), ret=0))
    assert found.args["buf"] == "" and found.capture["buf"] == "exit"


def test_a_buffer_in_several_pieces_is_one():
    op, page = op_of("write"), b"x" * 4096
    pieces = [piece(op, page, 0x1000, want=9000), piece(op, page, 0x2000, want=4904),
              piece(op, b"y" * 808, 0x3000)]  # fmt: skip
    found = event(record("write", [1, 0x1000, 9000], *pieces, ret=9000))
    assert found.args["buf"] == "x" * 8192 + "y" * 808
    found = event(record("write", [1, 0x1000, 9000], *pieces[:2], ret=9000))
    assert found.args["buf"] == Truncated("x" * 8192, 9000) and found.capture["buf"] == "truncated"


def test_an_empty_vector_and_an_ioctl_without_data():
    found = event(record("writev", [1, 0x1000, 0]))
    assert found.args["vec"] == [] and found.capture["vec"] == "entry"
    found = event(record("ioctl", [1, 0x7B01, 5], ret=-25))
    assert found.args["arg"] == "0x5" and found.capture == {}


def test_parts_are_put_together_and_a_lost_one_is_told():
    op = op_of("execve", 1)
    words = [piece(op, b"word%d\0" % i, role=Role.ITEM, index=i) for i in range(3)]
    end = piece(op, role=Role.END, index=3)
    arguments = [0x1000, 0x2000, 0]
    assembler = Assembler()
    part = record("execve", arguments, words[0], words[1], kind=RecordType.PART)
    assert assembler.whole(part) is None
    whole = assembler.whole(record("execve", arguments, words[2], end, flags=RecordFlag.SPILLED))
    assert event(whole).args["argv"] == ["word0", "word1", "word2"]
    lost = RecordFlag.SPILLED | RecordFlag.PART_LOST
    found = event(record("execve", arguments, words[2], end, flags=lost))
    assert found.capture["argv"] == "truncated" and found.capture["filename"] == "gone"


def test_parts_of_another_call_are_not_taken():
    assembler = Assembler()
    old = record("write", [1, 0x1000, 2], piece(op_of("write"), b"ab"), kind=RecordType.PART, seq=1)
    assembler.whole(old)
    new = record("write", [1, 0x1000, 2], piece(op_of("write"), b"cd"), flags=RecordFlag.SPILLED, seq=2)
    assert event(assembler.whole(new)).args["buf"] == "cd"


def test_parts_are_of_the_ring_buffer_of_their_record():
    """What notifies is read first: it does not end calls whose records are still to come."""
    op, call = op_of("write"), [1, 0x1000, 2]
    assembler = Assembler()
    assembler.whole(record("write", call, piece(op, b"ab"), kind=RecordType.PART, seq=1))
    assembler.whole(record("write", call, piece(op, b"cd"), kind=RecordType.PART, seq=2), True)
    spilled = RecordFlag.SPILLED
    later = assembler.whole(record("write", call, flags=spilled, seq=2), True)
    before = assembler.whole(record("write", call, flags=spilled, seq=1))
    assert [event(each).args["buf"] for each in (before, later)] == ["ab", "cd"]
    # What found the urgent one full follows in the other; the next call may be read before.
    assembler.whole(record("write", call, piece(op, b"ef"), kind=RecordType.PART, seq=3), True)
    assembler.whole(record("write", call, piece(op, b"gh"), kind=RecordType.PART, seq=4), True)
    assembler.whole(record("write", call, flags=spilled, seq=4), True)
    assert event(assembler.whole(record("write", call, flags=spilled, seq=3))).args["buf"] == "ef"


def test_parts_of_calls_that_are_not_wanted_do_not_pile_up():
    assembler, op = Assembler(), op_of("write")
    for seq in range(1000):
        made = record("write", [1, 0x1000, 2], piece(op, b"ab"), kind=RecordType.PART, seq=seq)
        assembler.whole(made)
    assert sum(map(len, assembler._ordinary.values())) == 1


def test_a_number_that_nobody_knows():
    made = record("read", [1, 2, 3], ret=-38)
    made.plan, made.nr = PLAN_NONE, 9999
    assert event(made).syscall == "syscall_0x270f" and event(made).errno == "ENOSYS"


def test_records_of_a_chunk():
    head = HEAD.pack(1, 0, 3, 3, 7, 7, 0, 5, 0, *[0] * 6, b"test", 1, 0, 0)
    entry = len(head).to_bytes(8, "little") + head
    assert [r.nr for r in records(entry * 3)] == [3, 3, 3]
