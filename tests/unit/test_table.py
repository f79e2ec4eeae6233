# SPDX-License-Identifier: Apache-2.0
"""The syscall table: its rows, the reader's errors, and the language of -e."""

import re
import time
from pathlib import Path

import pytest

from faultin.errors import FaultinError, UsageError
from faultin.syscalls.constants import set_names
from faultin.syscalls.reader import parse
from faultin.syscalls.sizes import size_of
from faultin.syscalls.table import (
    Argument, Direction, Syscall, Table, Term, Unit, When, load,
)  # fmt: skip

TABLE = load("x86_64")
NARROW = TABLE.narrow
ROWS = [*TABLE, *NARROW]
FOLDERS = [Path("/usr/include/x86_64-linux-gnu/asm"), Path("/usr/include/asm")]
HEADERS = [
    (folder / name, table)
    for folder in FOLDERS
    for name, table in (("unistd_64.h", TABLE), ("unistd_32.h", NARROW))
    if (folder / name).exists()
]
SCALARS = set(
    "int uint long ulong s8 u8 s16 u16 s32 u32 s64 u64 size off fd dirfd pid uid gid mode dev "
    "signal addr hex wait_status".split()
)
POINTED_AT = set("path string strings strings32 bytes iovec iovec_only msghdr mmsghdr sockaddr".split())
LISTS = set("dirents dirents_old fd_set bitset sigset siginfo".split())


def every_argument() -> list[tuple[str, Argument]]:
    found = []
    for row in ROWS:
        for arguments in (row.arguments, *(variant.arguments for variant in row.variants)):
            found += [(f"{row.name}.{argument.name}", argument) for argument in arguments]
    return found


def row(name: str) -> Syscall:
    return TABLE.by_name(name)


def argument(call: str, name: str) -> Argument:
    return row(call).arguments[row(call).index(name)]


def selected(call: str, value: int) -> dict[str, Argument]:
    """The arguments of the variant that a value of the selector picks."""
    for variant in row(call).variants:
        if value & variant.mask in variant.values:
            return {argument.name: argument for argument in variant.arguments}
    return {argument.name: argument for argument in row(call).arguments}


# The rows


def test_numbers_and_names_are_unique():
    assert len({row.nr for row in TABLE}) == len({row.name for row in TABLE}) == len(TABLE)


def test_every_number_of_7_3_is_there():
    """0 to 336, then 424 to 472: the two ranges of syscall_64.tbl, without gaps."""
    assert TABLE.numbers == frozenset({*range(0, 337), *range(424, 473)})


@pytest.mark.parametrize(("header", "table"), HEADERS, ids=lambda value: getattr(value, "name", ""))
def test_every_number_of_this_machines_header_is_there(header, table):
    declared = {
        name: int(number)
        for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())
    }
    assert {name: table.by_name(name).nr for name in declared} == declared


def test_numbers_of_the_narrow_table():
    """i386 shares the numbers above 402 with x86-64, where a row may say so."""
    shared = {row.name for row in NARROW if row.nr > 423} & {row.name for row in TABLE}
    assert {name: NARROW.by_name(name).nr for name in shared} == {name: row(name).nr for name in shared}
    assert NARROW.numbers == frozenset(
        {*range(473)} - {222, 223, 251, 285, 387, 388, 389, 390, 391, 392, 415, 453}
    )


def test_a_name_stands_for_its_kin():
    def names(expression):
        return {NARROW.by_number(nr).name for nr in TABLE.narrow_numbers(TABLE.resolve(expression))}

    assert names("stat") == {"stat", "stat64", "oldstat"}
    assert names("openat") == {"openat"}
    assert names("clock_gettime,mmap") == {"clock_gettime", "clock_gettime64", "mmap", "mmap2"}
    assert names("all") == {row.name for row in NARROW}


def test_every_call_of_i386_stands_for_one_or_is_its_own():
    """What no native name stands for is traced with `all` only; here is what that is."""
    reached = TABLE.narrow_numbers(frozenset(TABLE.numbers - {0}))
    left = {row.name for row in NARROW if row.nr not in reached} - {"read"}
    assert left == set(
        "bdflush break ftime gtty idle ipc lock mpx nice prof profil sgetmask socketcall ssetmask stty "
        "ulimit vm86 vm86old".split()
    )


def test_every_value_kind_is_a_scalar_or_a_set():
    known = SCALARS | {"ioctl"} | set_names()
    unknown = {a.kind for _, a in every_argument() if not a.is_pointer} - known
    assert not unknown


def test_every_pointed_at_kind_has_a_size():
    sets = set_names()
    for where, found in every_argument():
        base = found.kind.removesuffix("/8")
        if found.is_pointer and base not in SCALARS | POINTED_AT | LISTS | sets:
            assert size_of(found.kind) > 0, where


def test_only_sets_have_eight_bytes():
    assert {a.kind.removesuffix("/8") for _, a in every_argument() if "/" in a.kind} <= set_names()


def test_lengths_of_bytes_are_known():
    """A buffer without a length would be captured as one byte."""
    needed = ("bytes", "sigset", "bitset", "fd_set", "dirents", "dirents_old", "sockaddr")
    missing = {
        where for where, a in every_argument()
        if a.is_pointer and a.kind in needed and a.unit is not Unit.BYTES
    }  # fmt: skip
    assert not missing


def test_no_length_is_behind_a_plain_value():
    for call in ROWS:
        for found in call.arguments:
            for term in found.terms:
                if term.kind == "deref":
                    assert call.arguments[term.value].is_pointer, call.name


def test_a_variant_changes_something():
    for call in ROWS:
        for variant in call.variants:
            assert variant.arguments != call.arguments, (call.name, variant.values)


def test_rows_fit_the_core():
    """At most twelve captures a call (OPS_MAX of bpf/wire.h), and 32 bits of selector."""
    for call in ROWS:
        assert len(call.arguments) <= 6
        for variant in call.variants:
            assert all(0 <= value <= 0xFFFFFFFF for value in variant.values)
            assert variant.mask == call.variants[0].mask


def test_read():
    assert row("read").nr == 0
    assert argument("read", "buf") == Argument(
        "buf", "bytes", Direction.OUT, Unit.BYTES, (Term("ret", 0), Term("arg", 2))
    )


IN, OUT, INOUT = Direction.IN, Direction.OUT, Direction.INOUT


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("poll", Argument("ufds", "pollfd", Direction.KEPT, Unit.COUNT, (Term("arg", 1),))),
        ("select", Argument("inp", "fd_set", INOUT, Unit.BYTES, (Term("bits", 0),))),
        ("mincore", Argument("vec", "bytes", OUT, Unit.BYTES, (Term("pages", 1),))),
        ("mbind", Argument("nmask", "bitset", IN, Unit.BYTES, (Term("nodes", 4),))),
        ("nanosleep", Argument("rmtp", "timespec", OUT, when=When.FAILURE)),
        ("wait4", Argument("stat_addr", "wait_status", OUT, when=When.POSITIVE)),
        ("ppoll", Argument("tsp", "timespec", INOUT, when=When.ALWAYS)),
        ("msgsnd", Argument("msgp", "msgbuf", IN, Unit.BYTES, (Term("arg", 2, 8),))),
        (
            "open_by_handle_at",
            Argument("handle", "file_handle", IN, Unit.BYTES, (Term("self", 0, 8),)),
        ),
        ("accept", Argument("upeer_sockaddr", "sockaddr", OUT, Unit.BYTES, (Term("deref", 2),))),
        ("futex_requeue", Argument("waiters", "futex_waitv", IN, Unit.COUNT, (Term("const", 2),))),
    ],
)
def test_what_the_grammar_says(call, expected):
    assert argument(call, expected.name) == expected


def test_variants_follow_the_selector():
    assert selected("fcntl", 5)["arg"] == Argument("arg", "flock", Direction.INOUT)  # F_GETLK
    assert selected("fcntl", 1)["arg"].kind == "ulong"  # F_GETFD
    assert selected("ioctl", 0x5413)["arg"] == Argument("arg", "winsize", Direction.OUT)
    assert selected("ioctl", 0xC0045877)["arg"].kind == "int"  # FIFREEZE
    assert selected("ioctl", 0x80045430)["arg"].kind == "uint"  # TIOCGPTN


def test_selectors_have_masks():
    private_wait = selected("futex", 0 | 128)
    assert private_wait["utime"] == Argument("utime", "timespec", Direction.IN)
    assert selected("futex", 3 | 128)["utime"].kind == "uint"
    assert selected("futex", 1)["utime"].kind == "addr"
    quota = selected("quotactl", 0x800007 << 8 | 1)
    assert quota["addr"] == Argument("addr", "if_dqblk", Direction.OUT)
    assert selected("clone", 0x00100000 | 17)["parent_tidptr"].kind == "pid"
    assert selected("clone", 17)["parent_tidptr"].kind == "addr"


def test_aliases():
    def named(call: str, alias: str) -> str | None:
        position = row(call).alias(alias)
        return None if position is None else row(call).arguments[position].name

    assert named("openat", "path") == "filename"
    assert named("openat", "fd") == "dfd"
    assert (named("rename", "path"), named("rename", "path2")) == ("oldname", "newname")
    assert (named("read", "buf"), named("read", "size")) == ("buf", "count")
    assert named("readlink", "size") == "bufsiz"
    assert named("getsockopt", "size") == "optlen"
    assert named("epoll_ctl", "fd") == "fd"  # its own name, not the first descriptor
    assert named("mmap", "size") == "len"
    assert named("pipe", "fd") is None  # an output, not a descriptor that is passed
    assert named("getpid", "path") is None
    assert named("read", "filename") is None


# Reading it


def test_reading_is_fast():
    arguments = "fd:fd buf:>bytes(ret,count) count:size"
    text = "".join(f"{n} call{n}  {arguments} path{n}:<path\n" for n in range(400))
    best = min(_seconds(text) for _ in range(3))
    assert best < 0.1  # some 10 ms: this is to catch what is quadratic


def _seconds(text: str) -> float:
    start = time.perf_counter()
    parse(text, "t.tbl")
    return time.perf_counter() - start


def test_a_table_is_read_once():
    assert load("x86_64") is TABLE


def test_an_architecture_without_a_table():
    with pytest.raises(UsageError, match="architecture arm64: faultin has no table") as caught:
        load("aarch64")
    assert "x86_64" in caught.value.advice
    with pytest.raises(UsageError):
        load("../x86_64")


def test_comments_and_blank_lines_are_skipped():
    assert len(parse("# one\n\n  # two\n1 write  fd:fd\n", "t.tbl")) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("write  fd:fd", "t.tbl:1: a row begins with NR NAME"),
        ("1", "a row begins with NR NAME"),
        ("1 a  b", "'b' is not NAME:KIND"),
        ("1 a  b:<bytes(c]", "is not NAME:KIND"),
        ("1 a  b:?path", "is not NAME:KIND"),
        ("1 a  b:~pollfd(ret)", "at entry there is no ret yet"),
        ("1 a  b:<bytes()", "is not NAME:KIND"),
        ("1 a  b:int b:int", "a has an argument twice"),
        ("1 a  b:int c:int d:int e:int f:int g:int h:int", "more than 6 arguments"),
        ("1 a  b:<bytes(c,c,c) c:int", "at most 2 terms"),
        ("1 a  b:<bytes(count)", "no argument 'count' in this row"),
        ("1 a  b:<bytes(bits:count)", "no argument 'count' in this row"),
        ("1 a  b:<bytes(@x)", "no argument '@x' in this row"),
        ("1 a  b:bytes(4)", "a plain value has no length"),
        ("1 a  b:<bytes(ret)", "at entry there is no ret yet"),
        ("1 a  b:=bytes(ret)", "at entry there is no ret yet"),
        ("1 a  b:<path!", "only what the kernel writes"),
        ("1 a  b:int+", "only what the kernel writes"),
        ("  cmd 1  b:int", "a variant needs a row above it"),
        ("1 a  b:int\n  b 1", "t.tbl:2: a variant is SELECTOR VALUES ARGUMENT"),
        ("1 a  b:int\n  c 1  b:uint", "no argument 'c' in this row"),
        ("1 a  b:int\n  b 1  c:uint", "no argument 'c' in this row"),
        ("1 a  b:int\n  b 1x  b:uint", "'1x' is not a number"),
        ("1 a  b:int\n  b&x 1  b:uint", "'x' is not a number"),
        ("1 a  b:int\n  b 1  b:uint\n  b 1|2  b:long", "t.tbl:3: 1|2 selects something"),
        ("1 a  b:int\n  b 1|1  b:uint", "selects something"),
        ("1 a  b:int\n  b&3 4  b:uint", "4 has bits that b&3 leaves out"),
        ("1 a  b:int c:int\n  b 1  b:uint\n  c 1  b:long", "share one selector"),
        ("1 a  b:int\n  b&3 1  b:uint\n  b 2  b:long", "share one selector"),
        ("1 a  b:whence\n  b SEEK_NOWHERE  b:uint", "t.tbl:2: "),
        ("1 a  b:nosuchset\n  b X  b:uint", "t.tbl:2: "),
    ],
)
def test_a_bad_row_is_an_error_with_its_line(text, why):
    with pytest.raises(FaultinError) as caught:
        parse(text, "t.tbl")
    assert why in str(caught.value)
    assert str(caught.value).startswith("t.tbl:")


@pytest.mark.parametrize("text", ["1 a\n1 b", "1 a\n2 a"])
def test_a_syscall_twice_is_an_error(text):
    with pytest.raises(FaultinError, match="twice"):
        Table("t", parse(text, "t.tbl"))


# The language of -e


def names(expression: str) -> set[str]:
    return {TABLE.by_number(number).name for number in TABLE.resolve(expression)}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("openat", {"openat"}),
        ("read, write,", {"read", "write"}),
        ("/^openat/", {"openat", "openat2"}),
        ("/^openat/,!openat2", {"openat"}),
        ("!openat2,/^openat/", {"openat"}),
        ("/^pread(64)?$|^p{1}write64$/", {"pread64", "pwrite64"}),
        ("/^(pread64|p{1,2}write64)$/", {"pread64", "pwrite64"}),
        ("%ipc,!/^(mq_|sem|msg)/,!%memory", {"shmget", "shmctl"}),
    ],
)
def test_choosing(expression, expected):
    assert names(expression) == expected


def test_all_and_exclusion_from_all():
    assert TABLE.resolve("all") == TABLE.numbers
    assert TABLE.numbers - TABLE.resolve("!read,!write") == {0, 1}


def test_classes():
    assert {"openat", "rename", "execve", "statx", "getcwd", "mount"} <= names("%file")
    assert not {"read", "mmap", "getpid"} & names("%file")
    assert {"read", "mmap", "openat", "select", "poll", "socket", "pipe", "close"} <= names("%desc")
    assert not {"getpid", "rename", "nanosleep"} & names("%desc")
    assert {"connect", "recvmmsg", "sendto"} <= names("%network")
    assert {"fork", "clone3", "wait4", "exit_group"} <= names("%process")
    assert {"kill", "rt_sigaction", "tgkill"} <= names("%signal")
    assert {"mmap", "brk", "madvise"} <= names("%memory")


def test_classes_name_calls_that_exist():
    from faultin.syscalls.choice import _lists

    known = {row.name for row in TABLE}
    assert set().union(*_lists().values()) <= known


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("opnat", "-e opnat: there is no such system call; did you mean openat?"),
        ("read,wriet", "did you mean write?"),
        ("qqqqqqqq", "there is no such system call"),
        ("!opnat", "did you mean openat?"),
        ("%files", "there is no such class; there are %desc %file %ipc"),
        ("/(/", "not a regular expression"),
        ("/open", "a regular expression ends with /"),
        ("/openat/x", "a regular expression ends with /"),
        ("/^nosuch/", "that leaves no system call"),
        ("read,!read", "that leaves no system call"),
        ("!all", "that leaves no system call"),
        ("", "that leaves no system call"),
        (" , ", "that leaves no system call"),
    ],
)
def test_what_cannot_be_chosen(expression, message):
    with pytest.raises(UsageError) as caught:
        TABLE.resolve(expression)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.advice
