# SPDX-License-Identifier: Apache-2.0
"""Records made by hand, as the BPF core makes them, give the rows they stand for."""

from struct import pack

import pytest

from faultin.codegen.plan import plan
from faultin.drain.wire import PIECE, PLAN_NONE, How, Piece, Record, RecordFlag, RecordType, Role
from faultin.query.query import parse
from faultin.query.rows import Rows
from faultin.query.types import MISSING, Cut, CutList
from faultin.syscalls.table import load

TABLE = load("x86_64")
PLANS = plan(TABLE, TABLE.numbers)
AT = 0x1000


def nr(call):
    return TABLE.by_name(call).nr


def piece(data=b"", address=AT, op=0, role=Role.DATA, how=How.ENTRY, index=0, outer=0, want=None):
    """(op within the plan, its bytes)."""
    def packed(first):
        want_ = len(data) if want is None else want
        head = PIECE.pack(address, first + op, role, how, index, outer, want_, len(data))
        return head + data + bytes(-len(data) % 8)

    return packed


def values(call, names, arguments, *pieces, ret=0, flags=0, missed=0, kind=RecordType.CALL, **more):
    """The values of captures, in the order of their names."""
    query = parse(PLANS, TABLE, captures=names)
    number = nr(call) if isinstance(call, str) else call
    first = PLANS.plans[number].first if number in PLANS.plans else 0
    registers = (*arguments, *[0] * (6 - len(arguments)))
    body = b"".join(make(first) for make in pieces)
    record = Record(
        kind, flags, number, 0, 7, 8, 100, 5, ret, registers, b"make\0sh", 1, missed, 0, body
    )
    row = Rows(query, PLANS, offset=1000).row(record, **more)
    found = []
    for capture in query.captures:
        some = [row.value(value.slot) for value in capture.values]
        present = [value for value in some if value is not MISSING]
        assert len(present) <= 1
        found.append(present[0] if present else MISSING)
    return found[0] if len(found) == 1 else found


def test_registers_have_width_and_sign():
    names = "dfd,flags,args.mode"
    passed = [0xFFFFFF9C, 0, 0xFFFFFFFFFFFF, 0o644]
    assert values("openat", names, passed) == [-100, 0xFFFFFFFF, 0o644]
    assert values("lseek", "args.offset", [0, 2**64 - 1]) == -1
    assert values("read", "args.count", [0, 0, 2**64 - 1]) == 2**64 - 1
    assert values("sendto", "args.len", [0, 0, 2**64 - 1]) == -1  # signed in fadvise64
    assert values("kill", "args.pid,sig", [2**32 - 1, 2**32 + 9]) == [-1, 9]


def test_fields_of_every_event():
    names = "ts,pid,tid,comm,syscall,ret,errno,latency"
    call = [1100, 7, 8, b"make", b"openat", -2, 2, 5]
    assert values("openat", names, [], ret=-2) == call
    assert values("openat", names, [], ret=3)[5:] == [3, MISSING, 5]
    assert values("openat", names, [], ret=-4096)[5:7] == [-4096, MISSING]
    for kind in (RecordType.NORETURN, RecordType.BLOCKED):
        assert values("openat", names, [], ret=-2, kind=kind)[5:] == [MISSING] * 3
    assert values("openat", names, [], flags=RecordFlag.LATE)[5:] == [0, MISSING, MISSING]
    assert values(PLAN_NONE, "comm,syscall,path,ret", [], ret=1) == [b"make", MISSING, MISSING, 1]


def test_what_a_record_does_not_have_must_be_given():
    assert values("openat", "exe,uid", [], common={"exe": b"/bin/sh", "uid": 0}) == [b"/bin/sh", 0]
    with pytest.raises(LookupError, match="a record has no exe"):
        values("openat", "exe", [])


def test_a_string_is_the_first_that_was_read():
    missed = piece(how=How.MISSED)
    one, two = piece(b"/etc\0", how=How.EXIT), piece(b"/usr\0", how=How.DEFERRED)
    assert values("openat", "path", [0, AT], missed, one, two) == b"/etc"
    assert values("openat", "path", [0, AT], missed) is MISSING
    assert values("openat", "path", [0, 0]) is MISSING
    assert values("openat", "path", [0, AT], piece(b"\0")) == b""
    assert values("openat", "path", [0, AT], piece(b"x" * 4095 + b"\0")) == b"x" * 4095
    both = [piece(b"a\0"), piece(b"b\0", op=1)]
    assert values("rename", "path,path2", [AT, 9], *both) == [b"a", b"b"]


def test_pieces_that_were_read_from_elsewhere_count_too():
    query = parse(PLANS, TABLE, captures="path")
    made = PLANS.plans[nr("openat")]
    record = Record(
        RecordType.CALL, 0, nr("openat"), 0, 7, 7, 0, 0, 0, (0, AT, 0, 0, 0, 0), b"", 1, 1, 0, b""
    )
    found = Piece(AT, made.first, Role.DATA, How.REMOTE, 0, 0, 3, b"ab\0")
    row = Rows(query, PLANS).row(record, [found])
    assert row.value(query.captures[0].values[0].slot) == b"ab"


def test_a_buffer_knows_how_long_it_was():
    assert values("write", "buf", [1, AT, 3], piece(b"abc")) == b"abc"
    assert values("write", "buf", [1, AT, 9], piece(b"abc", want=9)) == Cut(b"abc", 9)
    assert values("write", "buf", [1, AT, 0], piece(b"")) == b""
    page = b"x" * 4096
    two = [piece(page, AT, want=5000), piece(b"y" * 904, AT + 4096)]
    assert values("write", "buf", [1, AT, 5000], *two) == Cut(page, 5000)
    assert values("write", "buf", [1, AT, 4096], piece(page)) == page
    absent = [piece(b"", AT, how=How.MISSED, want=5000), piece(b"y" * 904, AT + 4096)]
    assert values("write", "buf", [1, AT, 5000], *absent) is MISSING
    assert values("read", "buf", [0, AT, 10], ret=-9) is MISSING
    length = piece(b"", AT - 8, op=1, role=Role.LENGTH, how=How.MISSED)
    late = piece(b"abcd", op=1, how=How.DEFERRED)
    assert values("getsockopt", "buf", [3, 1, 2, AT, AT - 8], length, late) == b"abcd"


SOCKADDR_IN = pack("<H", 2) + pack(">H", 443) + b"\x7f\0\0\1" + bytes(8)
SOCKADDR_IN6 = pack("<H", 10) + pack(">HI", 80, 9) + bytes(15) + b"\1" + pack("<I", 3)
MAPPED = pack("<H", 10) + pack(">HI", 80, 0) + bytes(10) + b"\xff\xff\x0a\1\2\3" + bytes(4)
PARTS = "addr.family,addr.ip,addr.port,addr.path,addr.flowinfo,addr.scope_id,addr.pid,addr.groups"
NO = MISSING


@pytest.mark.parametrize(
    "data, found",
    [
        (SOCKADDR_IN, [2, b"\x7f\0\0\1", 443, NO, NO, NO, NO, NO]),
        (SOCKADDR_IN[:7], [2, NO, 443, NO, NO, NO, NO, NO]),
        (SOCKADDR_IN6, [10, bytes(15) + b"\1", 80, NO, 9, 3, NO, NO]),
        (SOCKADDR_IN6[:23], [10, NO, 80, NO, 9, NO, NO, NO]),
        (MAPPED, [10, b"\x0a\1\2\3", 80, NO, 0, 0, NO, NO]),
        (b"\1\0/run/x\0junk", [1, NO, NO, b"/run/x", NO, NO, NO, NO]),
        (b"\1\0/run/x", [1, NO, NO, b"/run/x", NO, NO, NO, NO]),
        (b"\1\0\0abstract", [1, NO, NO, NO, NO, NO, NO, NO]),
        (b"\1\0", [1, NO, NO, NO, NO, NO, NO, NO]),
        (pack("<HHII", 16, 0, 5, 6), [16, NO, NO, NO, NO, NO, 5, 6]),
        (b"\1", [NO] * 8),
        (b"", [NO] * 8),
    ],
)
def test_addresses(data, found):
    assert values("connect", PARTS, [3, AT, len(data)], piece(data)) == found


def test_structures():
    times = pack("<qq", -1, 5)
    assert values("nanosleep", "rqtp.tv_sec,rqtp.tv_nsec", [AT], piece(times)) == [-1, 5]
    assert values("nanosleep", "rqtp.tv_sec,rqtp.tv_nsec", [AT], piece(times[:9])) == [-1, MISSING]
    assert values("nanosleep", "rqtp.tv_sec", [AT], piece(how=How.MISSED)) is MISSING
    polls = pack("<ihhihh", 3, 1, 0, -4, 4, 0)
    names = "ufds[0].fd,ufds[1].fd,ufds[1].events,ufds[2].fd"
    assert values("poll", names, [AT, 2], piece(polls)) == [3, -4, 4, MISSING]
    after = piece(pack("<ihh", 9, 9, 9), op=1, how=How.EXIT)
    assert values("poll", "ufds[0].fd", [AT, 1], piece(polls[:8]), after) == 3
    assert values("poll", "ufds", [AT, 2], piece(polls)) == polls
    release = bytes(130) + b"6.1\0".ljust(65, b"?")
    assert values("uname", "name.release", [AT], piece(release, how=How.EXIT)) == b"6.1"
    assert values("uname", "name.release,name.version", [AT], piece(release)) == [b"6.1", b""]
    assert values("uname", "name.machine", [AT], piece(release)) is MISSING


def string(text, index, **more):
    return piece(text, AT + 100 * index, op=1, role=Role.ITEM, index=index, **more)


def end(index):
    return piece(b"", AT, op=1, role=Role.END, index=index)


def test_lists():
    call = ("execve", "argv", [AT, AT, AT])
    two = [string(b"ls\0", 0), string(b"-la\0", 1)]
    assert values(*call, *two, end(2)) == (b"ls", b"-la")
    assert values(*call, *two) == CutList([b"ls", b"-la"])
    assert type(values(*call, *two)) is CutList
    assert values(*call, end(0)) == ()
    assert values(*call) is MISSING
    late = [string(b"", 0, how=How.MISSED), string(b"-la\0", 1), end(2)]
    assert values(*call, *late) == (MISSING, b"-la")
    assert values(*call, *late, string(b"ls\0", 0, how=How.DEFERRED)) == (b"ls", b"-la")
    array = piece(b"", AT, op=1, role=Role.ARRAY, how=How.MISSED)
    assert values(*call, array) is MISSING
    assert type(values(*call, two[0], array)) is CutList
    assert type(values(*call, *two, end(2), flags=RecordFlag.PART_LOST)) is CutList


def block(data, address=AT, want=None):
    return piece(data, address, op=1, role=Role.BLOCK, how=How.EXEC, want=want)


def test_lists_that_exec_has_left():
    call = ("execve", "argv", [AT, AT, AT])
    assert values(*call, block(b"ls\0-la\0")) == (b"ls", b"-la")
    assert values(*call, block(b"ls\0\0")) == (b"ls", b"")
    assert values(*call, block(b"")) == ()
    long = b"a" * 4090 + b"\0bcdef\0"
    parts = [block(long[:4096], want=4097), block(long[4096:], AT + 4096)]
    assert values(*call, *parts) == (b"a" * 4090, b"bcdef")
    assert type(values(*call, parts[0])) is CutList
    path = piece(b"./script\0", op=0)
    script = block(b"/bin/sh\0./script\0x\0")
    assert values(*call, path, script, flags=RecordFlag.SCRIPT) == (MISSING, b"x")
    assert values(*call, path, script) == (b"/bin/sh", b"./script", b"x")


def vector(length, index, data=b"", **more):
    return piece(data, AT + 4096 * index, role=Role.ITEM, index=index, want=length, **more)


def test_vectors():
    call = ("writev", "iov.len,iov.count")
    two = [vector(5, 0, b"abcde"), vector(7, 1, how=How.MISSED)]
    assert values(*call, [1, AT, 2], *two) == [12, 2]
    long = [vector(9000, 0, b"x" * 4096), piece(b"x" * 4096, AT + 4096, role=Role.ITEM, want=4904)]
    assert values(*call, [1, AT, 1], *long) == [9000, 1]
    assert values(*call, [1, AT, 0]) == [0, 0]
    assert values(*call, [1, 0, 0]) == [MISSING, MISSING]
    assert values(*call, [1, AT, 2], missed=1) == [MISSING, MISSING]
    array = piece(role=Role.ARRAY, how=How.MISSED, index=1)
    assert values(*call, [1, AT, 2], two[0], array, missed=1) == [MISSING, MISSING]
    assert values(*call, [1, AT, 2], two[0], array, two[1]) == [12, 2]
    assert values(*call, [1, AT, 2], *two, flags=RecordFlag.PART_LOST) == [MISSING, MISSING]
    assert values("readv", "iov.len,iov.count", [1, AT, 2], ret=-9) == [MISSING, MISSING]


def test_messages():
    header = pack("<QIxxxxQQQQI4x", AT, 16, AT, 1, 0, 0, 0x40)
    pieces = [piece(header, role=Role.HEADER), piece(SOCKADDR_IN, role=Role.NAME), vector(6, 0)]
    names = "msg.msg_flags,addr.ip,addr.port,iov.len,iov.count"
    assert values("sendmsg", names, [3, AT], *pieces) == [0x40, b"\x7f\0\0\1", 443, 6, 1]
    assert values("sendmsg", names, [3, AT], pieces[0]) == [0x40, MISSING, MISSING, 0, 0]
    absent = piece(role=Role.HEADER, how=How.MISSED)
    assert values("sendmsg", names, [3, AT], absent, missed=1) == [MISSING] * 5
    second = piece(header, AT + 64, role=Role.HEADER, outer=1)
    many = [pieces[0], vector(6, 0), second, vector(7, 0, outer=1), vector(8, 1, outer=1)]
    assert values("sendmmsg", "iov.len,iov.count", [3, AT, 2], *many) == [21, 3]
    half = [*many[:2], piece(b"", AT + 64, role=Role.HEADER, outer=1, how=How.MISSED)]
    assert values("sendmmsg", "iov.len", [3, AT, 2], *half, missed=1) is MISSING
