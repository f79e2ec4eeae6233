# SPDX-License-Identifier: Apache-2.0
"""What registers and memory become, for every kind that the table has."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultin.decode.kinds import (
    decode_control,
    memory_array_decoder,
    memory_decoder,
    value_decoder,
)
from faultin.sinks.json_values import to_json
from faultin.sinks.text_values import text_of
from faultin.syscalls.constants import set_names
from faultin.syscalls.sizes import _SIZES, size_of
from faultin.syscalls.structs import structure, structure_names
from faultin.syscalls.table import load

U64 = (1 << 64) - 1
ROWS = [
    arguments
    for row in load("x86_64")
    for arguments in (row.arguments, *(variant.arguments for variant in row.variants))
]
VALUE_KINDS = sorted({a.kind for row in ROWS for a in row if not a.is_pointer})
ASSEMBLED = {"strings", "msghdr", "mmsghdr", "iovec"}  # of pieces, by captured.py
POINTED = {a.kind for row in ROWS for a in row if a.is_pointer} - ASSEMBLED
MEMORY_KINDS = sorted(POINTED | set(_SIZES) | structure_names() | {"ioctl"})


def is_presentable(value) -> bool:
    to_json(value)
    return text_of(value).isprintable()


@pytest.mark.parametrize(
    ("kind", "register", "text"),
    [
        ("int", 0xFFFFFFFF, "-1"),
        ("int", 0xDEAD00000005, "5"),
        ("uint", U64, "4294967295"),
        ("fd", U64, "-1"),
        ("dirfd", 0xFFFFFF9C, "AT_FDCWD"),
        ("dirfd", -100 & U64, "AT_FDCWD"),
        ("dirfd", 3, "3"),
        ("off", U64, "-1"),
        ("size", U64, "18446744073709551615"),
        ("uid", 0xFFFFFFFF, "-1"),
        ("uid", 0xFFFFFFFE, "4294967294"),
        ("s8", 0xFF, "-1"),
        ("u16", 0x12345, "9029"),
        ("mode", 0o644, "0644"),
        ("mode", 0o1777, "01777"),
        ("mode", 0, "000"),
        ("dev", 0x803, "[8, 3]"),
        ("dev", 0x12345678, "[1110, 74616]"),
        ("signal", 2, "SIGINT"),
        ("addr", 0x7F00, "0x7f00"),
        ("addr", 0, "NULL"),
        ("hex", 255, "0xff"),
        ("open_flags", 0o2000000, "O_RDONLY|O_CLOEXEC"),
        ("wait_status", 0x300, "WIFEXITED(s) && WEXITSTATUS(s) == 3"),
        ("wait_status", 0x8B, "WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)"),
        ("wait_status", 0x137F, "WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP"),
    ],
)
def test_registers(kind, register, text):
    assert text_of(value_decoder(kind)(register)) == text


def cmsg(level: int, code: int, data: bytes) -> bytes:
    whole = struct.pack("<Qii", 16 + len(data), level, code) + data
    return whole.ljust(-(-len(whole) // 8) * 8, b"\0")


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        ("path", b"/etc/passwd\0", "/etc/passwd"),
        ("path", b"cut", "cut"),
        ("path", b"\xff\0", b"\xff"),
        ("bytes", b"a\0b", "a\0b"),
        ("bytes", b"\x80", b"\x80"),
        ("bytes", b"", ""),
        ("int", b"\xff\xff\xff\xff", -1),
        ("rw_hint/8", b"\2" + bytes(7), "RWH_WRITE_LIFE_SHORT"),
        ("int", b"", None),
        ("fd_set", b"\x05" + bytes(7) + b"\1", [0, 2, 64]),
        ("sigset", b"\x01\x02" + bytes(6), ["SIGHUP", "SIGUSR1"]),
        ("timespec", struct.pack("<qq", 1, -2), {"tv_sec": 1, "tv_nsec": -2}),
        ("timespec", struct.pack("<q", 1), {"tv_sec": 1}),
        ("timespec", b"\1", {}),
        (
            "epoll_event",
            struct.pack("<IQ", 0x80000001, 77),
            {"events": "EPOLLIN|EPOLLET", "data": 77},
        ),
        (
            "flock",
            struct.pack("<hhxxxxqqi4x", 1, 0, 10, 20, 0),
            {"l_type": "F_WRLCK", "l_whence": "SEEK_SET", "l_start": 10, "l_len": 20, "l_pid": 0},
        ),
        ("pollfd", struct.pack("<ih", 3, 5), {"fd": 3, "events": "POLLIN|POLLOUT"}),
        (
            "sigaction",
            struct.pack("<QQQQ", 1, 0x50000000, 0, 0x201),
            {
                "sa_handler": "SIG_IGN",
                "sa_flags": "SA_RESTART|SA_NODEFER",
                "sa_restorer": None,
                "sa_mask": ["SIGHUP", "SIGUSR1"],
            },
        ),
        (
            "open_how",
            struct.pack("<QQQ", 0o2000102, 0o600, 0xC),
            {
                "flags": "O_RDWR|O_CREAT|O_CLOEXEC",
                "mode": "0600",
                "resolve": "RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH",
            },
        ),
        ("file_handle", struct.pack("<Ii", 3, 1) + b"abc",
         {"handle_bytes": 3, "handle_type": 1, "f_handle": "abc"}),
        ("msgbuf", struct.pack("<q", 7) + b"text", {"mtype": 7, "mtext": "text"}),
        ("sockaddr", b"", {}),
        ("sockaddr", b"\x01\0", {"family": "AF_UNIX"}),
        ("sockaddr", b"\x01\0/x\0junk", {"family": "AF_UNIX", "path": "/x"}),
        ("sockaddr", b"\x01\0\0name", {"family": "AF_UNIX", "abstract": "name"}),
        (
            "sockaddr",
            b"\x02\0\0\x50\x7f\0\0\1" + bytes(8),
            {"family": "AF_INET", "ip": "127.0.0.1", "port": 80},
        ),
        ("sockaddr", b"\x02\0\0\x50", {"family": "AF_INET", "port": 80}),
        (
            "sockaddr",
            b"\x0a\0\x01\xbb" + bytes(4) + bytes(15) + b"\1" + b"\2\0\0\0",
            {"family": "AF_INET6", "ip": "::1", "port": 443, "flowinfo": 0, "scope_id": 2},
        ),
        (
            "sockaddr",
            b"\x10\0\0\0\5\0\0\0\3\0\0\0",
            {"family": "AF_NETLINK", "pid": 5, "groups": 3},
        ),
        ("sockaddr", b"\x11\0ab", {"family": "AF_PACKET", "data": "ab"}),
        ("sockaddr", b"\xff\xffab", {"family": "65535", "data": "ab"}),
        (
            "dirents",
            struct.pack("<QqHB", 9, 1, 24, 4) + b"..\0\0\0" + b"\0" * 19,
            [{"d_ino": 9, "d_off": 1, "d_reclen": 24, "d_type": "DT_DIR", "d_name": ".."}],
        ),
        (
            "dirents_old",
            struct.pack("<QQH", 9, 1, 24) + b"a\0\0\0\0\x08",
            [{"d_ino": 9, "d_off": 1, "d_reclen": 24, "d_type": "DT_REG", "d_name": "a"}],
        ),
        (
            "siginfo",
            struct.pack("<iii4xiIi", 17, 0, 1, 123, 1000, 3) + bytes(100),
            {
                "si_signo": "SIGCHLD",
                "si_code": "CLD_EXITED",
                "si_pid": 123,
                "si_uid": 1000,
                "si_status": 3,
                "si_utime": 0,
                "si_stime": 0,
            },
        ),
        (
            "siginfo",
            struct.pack("<iii4xQ", 11, 0, 1, 0x10),
            {"si_signo": "SIGSEGV", "si_code": "SEGV_MAPERR", "si_addr": "0x10"},
        ),
        (
            "siginfo",
            struct.pack("<iii4xiIQ", 10, 0, -1, 5, 6, 7),
            {
                "si_signo": "SIGUSR1",
                "si_code": "SI_QUEUE",
                "si_pid": 5,
                "si_uid": 6,
                "si_value": "0x7",
            },
        ),
        (
            "ptrace_syscall_info",
            struct.pack("<BxHIQQqB", 2, 0, 0xC000003E, 1, 2, -2, 1),
            {
                "op": "PTRACE_SYSCALL_INFO_EXIT",
                "flags": 0,
                "arch": "0xc000003e",
                "instruction_pointer": "0x1",
                "stack_pointer": "0x2",
                "exit": {"rval": -2, "is_error": 1},
            },
        ),
    ],
)  # fmt: skip
def test_memory(kind, data, value):
    assert memory_decoder(kind)(data) == value


def test_control_messages():
    data = cmsg(1, 1, struct.pack("<ii", 5, 6)) + cmsg(1, 2, struct.pack("<iII", 1, 2, 3))
    data += cmsg(0, 2, b"\x40\0\0\0")
    assert decode_control(data) == [
        {
            "cmsg_len": 24,
            "cmsg_level": "SOL_SOCKET",
            "cmsg_type": "SCM_RIGHTS",
            "cmsg_data": [5, 6],
        },
        {
            "cmsg_len": 28,
            "cmsg_level": "SOL_SOCKET",
            "cmsg_type": "SCM_CREDENTIALS",
            "cmsg_data": {"pid": 1, "uid": 2, "gid": 3},
        },
        {"cmsg_len": 20, "cmsg_level": "SOL_IP", "cmsg_type": "IP_TTL", "cmsg_data": "@\0\0\0"},
    ]


def test_statmount_shows_the_strings_that_its_mask_names():
    text = b"ext4\0/mnt\0"
    offsets = {field.name: field.offset for field in structure("statmount").fields}
    data = bytearray(512)
    data[offsets["mask"]] = 0x30
    data[offsets["mnt_point"]] = 5
    value = memory_decoder("statmount")(bytes(data) + text)
    assert value["mask"] == "STATMOUNT_MNT_POINT|STATMOUNT_FS_TYPE"
    assert value["fs_type"] == "ext4"
    assert value["mnt_point"] == "/mnt"
    assert value["mnt_root"] == 0


def test_arrays():
    assert memory_array_decoder("fd")(struct.pack("<ii", 3, -1)) == [3, -1]
    assert memory_array_decoder("pid")(b"\1\0\0\0\2") == [1]
    polls = struct.pack("<ihhihh", 3, 1, 0, 4, 4, 1)
    assert memory_array_decoder("pollfd")(polls + b"\5\0\0\0") == [
        {"fd": 3, "events": "POLLIN", "revents": "0"},
        {"fd": 4, "events": "POLLOUT", "revents": "POLLIN"},
        {"fd": 5},
    ]
    assert memory_array_decoder("lsm_id/8")(struct.pack("<Q", 100)) == ["LSM_ID_CAPABILITY"]


def test_decoders_are_made_once():
    assert memory_decoder("stat") is memory_decoder("stat")
    assert value_decoder("open_flags") is value_decoder("open_flags")


def test_unknown_kinds_are_errors():
    for decoder in (value_decoder, memory_decoder, memory_array_decoder):
        with pytest.raises(LookupError):
            decoder("nonsense")


@settings(max_examples=400)
@given(st.sampled_from(sorted({*VALUE_KINDS, *set_names()})), st.integers(0, U64))
def test_any_register(kind, register):
    assert is_presentable(value_decoder(kind)(register))


@settings(max_examples=1500)
@given(st.sampled_from(MEMORY_KINDS), st.binary(max_size=700))
def test_any_memory(kind, data):
    assert is_presentable(memory_decoder(kind)(data))


@settings(max_examples=800)
@given(st.sampled_from(MEMORY_KINDS), st.binary(max_size=700))
def test_any_array(kind, data):
    assert is_presentable(memory_array_decoder(kind)(data))


@pytest.mark.parametrize("kind", MEMORY_KINDS)
def test_all_zeroes_all_ones_and_nothing(kind):
    for size in (0, 1, size_of(kind) if kind != "ioctl" else 8, 4096):
        for byte in (b"\0", b"\xff"):
            assert is_presentable(memory_decoder(kind)(byte * size))


@given(st.binary(max_size=200))
def test_any_control(data):
    assert is_presentable(decode_control(data))


LEVELS = st.sampled_from([0, 1, 6, 41, 282, -5])
cmsgs = st.tuples(LEVELS, st.integers(-1, 60), st.binary(max_size=40))


@given(st.lists(cmsgs))
def test_control_messages_are_all_read(messages):
    decoded = decode_control(b"".join(cmsg(*message) for message in messages))
    assert len(decoded) == len(messages)
    assert is_presentable(decoded)
