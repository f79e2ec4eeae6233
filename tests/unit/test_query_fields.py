# SPDX-License-Identifier: Apache-2.0
"""What names mean in the calls of a plan, by the syscall table; and what a query needs."""

import pytest

from faultin.codegen.plan import NUMBERS, plan
from faultin.drain.wire import PLAN_NONE, Role
from faultin.query.early import can_match, is_late, late_slots
from faultin.query.fields import COMMON, argument, common
from faultin.query.members import Found, Refused
from faultin.query.query import parse
from faultin.query.sources import (
    Address, Common, Count, Fixed, Items, Memory, MemoryInt, Register, Text, Total, op_of,
)  # fmt: skip
from faultin.query.types import MAX_BYTES, Type
from faultin.syscalls.table import load

TABLE = load("x86_64")
PLANS = plan(TABLE, TABLE.numbers)


def nr(call):
    return TABLE.by_name(call).nr


def found(call, *path):
    return argument(PLANS.plans[nr(call)], path)


@pytest.mark.parametrize(
    "call, path, type_, source",
    [
        ("read", ["fd"], "S64", Register(0, 32, True)),
        ("read", ["count"], "U64", Register(2, 64, False)),
        ("read", ["size"], "U64", Register(2, 64, False)),
        ("lseek", ["offset"], "S64", Register(1, 64, True)),
        ("lseek", ["whence"], "S64", Register(2, 32, True)),
        ("openat", ["flags"], "S64", Register(2, 32, False)),
        ("openat", ["fd"], "S64", Register(0, 32, True)),
        ("chown", ["user"], "S64", Register(1, 32, False)),
        ("mount", ["flags"], "U64", Register(3, 64, False)),
        ("kill", ["args", "pid"], "S64", Register(0, 32, True)),
        ("read", ["buf"], "BYTES", Memory(0, text=False)),
        ("openat", ["path"], "BYTES", Memory(0, text=True)),
        ("rename", ["path2"], "BYTES", Memory(1, text=True)),
        ("getcwd", ["buf"], "BYTES", Memory(0, text=True)),
        ("getdents64", ["dirent"], "BYTES", Memory(0, text=False)),
        ("ioctl", ["arg"], "BYTES", Memory(0, text=False)),
        ("execve", ["argv"], "LIST", Items(1)),
        ("execve", ["envp"], "LIST", Items(2)),
        ("writev", ["iov", "len"], "U64", Total(0)),
        ("writev", ["vec", "count"], "S64", Count(0)),
        ("sendmsg", ["iov", "len"], "U64", Total(0)),
        ("sendmsg", ["msg", "msg_iov", "count"], "S64", Count(0)),
        ("sendmmsg", ["iov", "len"], "U64", Total(0)),
        ("sendmsg", ["msg", "msg_flags"], "S64", MemoryInt(0, Role.HEADER, 48, 4, False)),
        ("sendmsg", ["addr", "ip"], "IP", Address(0, Role.NAME)),
        ("sendmsg", ["msg", "msg_name", "ip"], "IP", Address(0, Role.NAME)),
        ("connect", ["addr", "ip"], "IP", Address(0, Role.DATA)),
        ("connect", ["uservaddr", "port"], "S64",
         MemoryInt(0, Role.DATA, 2, 2, False, True, (2, 10))),
        ("connect", ["addr", "family"], "S64", MemoryInt(0, Role.DATA, 0, 2, False)),
        ("connect", ["addr", "path"], "BYTES", Text(0, Role.DATA, 2, 108, (1,))),
        ("nanosleep", ["rqtp", "tv_nsec"], "S64", MemoryInt(0, Role.DATA, 8, 8, True)),
        ("openat2", ["how", "flags"], "U64", MemoryInt(1, Role.DATA, 0, 8, False)),
        ("fcntl", ["arg"], "U64", Register(2, 64, False)),
        ("timer_settime", ["new_setting", "it_value", "tv_sec"], "S64",
         MemoryInt(0, Role.DATA, 16, 8, True)),
        ("poll", ["ufds", 1, "events"], "S64", MemoryInt(0, Role.DATA, 12, 2, False)),
        ("pipe", ["fildes", 1], "S64", MemoryInt(0, Role.DATA, 4, 4, True)),
        ("sendfile", ["offset"], "S64", MemoryInt(0, Role.DATA, 0, 8, True)),
        ("accept", ["upeer_addrlen"], "S64", MemoryInt(0, Role.DATA, 0, 4, True)),
        ("uname", ["name", "release"], "BYTES", Text(0, Role.DATA, 130, 65)),
        ("sysinfo", ["info", "loads", 2], "U64", MemoryInt(0, Role.DATA, 24, 8, False)),
    ],
)  # fmt: skip
def test_a_field(call, path, type_, source):
    got = found(call, *path)
    assert isinstance(got, Found) and got.type.name == type_ and got.source == source
    assert not got.advice


def test_an_input_is_what_was_passed_an_output_what_was_left():
    """poll reads and writes its array: of both operations the input counts."""
    for call, path, is_output in [("poll", ["ufds", 0, "fd"], False), ("read", ["buf"], True),
                                  ("write", ["buf"], False), ("sendfile", ["offset"], False),
                                  ("stat", ["statbuf", "st_size"], True)]:  # fmt: skip
        made, got = PLANS.plans[nr(call)], found(call, *path)
        assert made.ops[op_of(got.source)].is_output is is_output
        assert is_late(got.source, made) is is_output


def test_variants_have_their_own_arguments():
    plans = [p for i, p in PLANS.plans.items() if p.syscall.name == "fcntl" and i >= 2 * NUMBERS]
    types = {type(argument(p, ("arg",)).source).__name__ for p in plans}
    assert types == {"Register", "Memory", "MemoryInt"}
    locks = [p for p in plans if isinstance(argument(p, ("arg", "l_type")), Found)]
    assert len(locks) == 2


def test_every_argument_of_every_plan_means_something():
    """And what lies in memory lies in what a query looks at."""
    for made in PLANS.plans.values():
        for each in made.arguments:
            got = argument(made, ("args", each.name))
            assert isinstance(got, Found), (made.syscall.name, each.name, got)
            op = op_of(got.source)
            assert (op is None) is (not any(made.arguments[o.position] is each for o in made.ops))
            if isinstance(got.source, MemoryInt):
                assert got.source.offset + got.source.size <= MAX_BYTES
            if got.type is Type.U64:
                assert got.bits == (64, False) or isinstance(got.source, Total)


def test_what_is_whole_or_refused():
    assert found("connect", "addr").advice and found("writev", "iov").advice
    assert found("poll", "ufds").advice and found("sendmmsg", "mmsg").advice
    assert isinstance(found("poll", "ufds", 600, "fd"), Refused)
    assert isinstance(found("poll", "ufds", -1, "fd"), Refused)
    assert found("poll", "nothing") is None and found("openat", "path2") is None
    assert found("openat", "args", "path") is None  # no alias behind args.


def test_fields_of_every_event():
    made = PLANS.plans[nr("openat")]
    assert common("syscall", made).source == Fixed(b"openat") and common("syscall", None) is None
    for name in COMMON.keys() - {"syscall"}:
        assert common(name, None).source == Common(name)
    assert common("path", made) is None
    query = parse(PLANS, TABLE, "pid == 1 and args.pid == 2")
    assert query.sources[nr("kill")] == (Common("pid"), Register(0, 32, True))


def test_stacks_are_keys_and_captures():
    query = parse(PLANS, TABLE, keys="ustack", captures="comm,ustack")
    assert query.keys[0].value.type is Type.STACK
    assert query.captures[1].values == (query.keys[0].value,)
    assert query.sources[nr("read")][0] == Common("ustack")


# What a query needs


def some(traced, *texts, **more):
    return parse(plan(TABLE, TABLE.resolve(traced)), TABLE, *texts, **more)


def test_only_what_a_query_looks_at_is_needed():
    query = some("execve,read", 'path == "/bin/ls" and ret == 0', captures="comm,argv")
    execve, read = query.needs(nr("execve")), query.needs(nr("read"))
    assert execve.ops == {0, 1} and execve.bits == 3 and execve.common == {"ret", "comm"}
    assert read.ops == frozenset() and read.common == {"ret", "comm"}
    assert query.needs(nr("execve"), [query.where]).ops == {0}


def test_plans_of_the_other_abi_are_bound_too():
    query = some("openat", 'path == "/a"')
    number = TABLE.narrow.by_name("openat").nr
    assert query.sources.keys() == {nr("openat"), NUMBERS + number}
    assert query.sources[NUMBERS + number] == (Memory(0, text=True),)


def test_calls_that_no_table_has_have_the_common_fields_only():
    query = parse(PLANS, TABLE, 'ret == 0 and syscall == "read" and fd == 1')
    assert query.sources[PLAN_NONE] == (Common("ret"), None, None)
    assert PLAN_NONE not in some("read", "ret == 0").sources


def test_late_slots_are_results_and_outputs():
    where = 'ret < 0 or buf == "x" or fd == 1 or errno == 2 or latency > 1 or pid == 1'
    query = some("read,write", where)
    for call, late in (("read", {0, 1, 3, 4}), ("write", {0, 3, 4})):
        made = PLANS.plans[nr(call)]
        assert late_slots(query.sources[nr(call)], made) == late
    assert late_slots((Common("ret"), Common("pid"), None), None) == {0}


def test_calls_that_cannot_match_need_not_be_traced():
    query = some("read,write,openat", 'syscall == "read" and ret > 0 or path == "/a"')
    can = {p for p in query.sources if p < NUMBERS and can_match(query.where, query.sources[p])}
    assert can == {nr("read"), nr("openat")}
    inverse = some("read,openat", 'not path == "/a"')
    assert can_match(inverse.where, inverse.sources[nr("read")])


# Actions, keys and captures


def test_actions():
    query = some(
        "openat,read",
        actions="count(), sum(ret), avg(ret < 0), hist(latency), lhist(ret, -8, 100, 4), "
        "quantiles(latency, 0.5, 0.99), uniq(path), min(ret // 2), max(flags & O_ACCMODE)",
    )
    found = [(action.name, action.text, action.parameters) for action in query.actions]
    assert found == [
        ("count", "count()", ()),
        ("sum", "sum(ret)", ()),
        ("avg", "avg(ret < 0)", ()),
        ("hist", "hist(latency)", ()),
        ("lhist", "lhist(ret, -8, 100, 4)", (-8, 100, 4)),
        ("quantiles", "quantiles(latency, 0.5, 0.99)", (0.5, 0.99)),
        ("uniq", "uniq(path)", ()),
        ("min", "min(ret // 2)", ()),
        ("max", "max(flags & O_ACCMODE)", ()),
    ]
    types = [action.amount and action.amount.type.name for action in query.actions]
    assert types == [None, "S64", "BOOL", "S64", "S64", "S64", "BYTES", "S64", "S64"]


def test_keys_have_the_kind_by_which_they_are_shown():
    query = some("openat,connect", keys="comm,path,flags,errno,addr.ip,ret < 0,flags & 3, path[:5]")
    names = ["comm", "path", "flags", "errno", "addr.ip", "ret < 0", "flags & 3", "path[:5]"]
    assert [key.name for key in query.keys] == names
    kinds = {slot.name: slot.kind for slot in query.slots}
    assert kinds["flags"] == "open_flags" and kinds["errno"] == "errno" and kinds["addr.ip"] == "ip"
    assert len(query.slots) == 6


def test_captures_of_structures_and_of_names_with_several_types():
    query = some("connect,fcntl,ioctl", captures="addr,arg,ret < 0")
    address, arg, failed = query.captures
    assert query.slots[address.values[0].slot].kind == "sockaddr"
    assert len(arg.values) == 3 and failed.values[0].type is Type.BOOL
    present = [query.sources[nr("fcntl")][value.slot] for value in arg.values]
    assert sum(source is not None for source in present) == 1


def test_wholes_of_several_types_have_a_slot_each():
    """An array of iovec is its number, a structure its bytes: whichever of them came first."""
    query = some("writev,sendmsg", "missing(iov)")
    assert [slot.type for slot in query.slots] == [Type.S64, Type.BYTES]
    (writev, sendmsg) = (query.sources[nr(call)] for call in ("writev", "sendmsg"))
    assert writev == (Count(0), None) and isinstance(sendmsg[1], Memory) and sendmsg[0] is None
