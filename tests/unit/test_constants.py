# SPDX-License-Identifier: Apache-2.0
"""constants.tbl says what the kernel's headers say, and renders as its head explains."""

import platform
import shutil

import pytest
from c_headers import GROUPS, c_values
from hypothesis import given
from hypothesis import strategies as st

from faultin.syscalls.constants import constant_set, set_names, value_of

ALL_SETS = sorted(set_names())
# where the number in the register is not that of the header: it is shifted
SHIFTED = {"quota_cmd", "ioprio"}
# names of ours, or of headers that are not for programs
NOT_IN_HEADERS = {"perf_attr_flags", "user_desc_flags", "key_perm", "syslog_action"}


@pytest.mark.skipif(
    not shutil.which("gcc") or platform.machine() != "x86_64",
    reason="the comparison needs gcc, and the headers of x86-64",
)
def test_values_are_those_of_the_headers(tmp_path):
    compared = [constant_set(n) for n in ALL_SETS if n not in SHIFTED | NOT_IN_HEADERS]
    wanted = {name for one in compared for name in one.values}
    known: dict[str, int] = {}
    for headers in GROUPS:
        known |= c_values(tmp_path, sorted(wanted - set(known)), headers)
    different = [
        (one.name, name, number, known[name])
        for one in compared
        for name, number in one.values.items()
        if name in known and (number ^ known[name]) & (1 << one.bits) - 1
    ]
    assert different == []
    assert len(known) > 0.75 * len(wanted), sorted(wanted - set(known))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("open_flags", 0, "O_RDONLY"),
        ("open_flags", 0o102, "O_RDWR|O_CREAT"),
        ("open_flags", 0x40000000, "O_RDONLY|0x40000000"),
        ("open_flags", 0o4010001, "O_WRONLY|O_SYNC"),
        ("open_flags", 0o10000, "O_RDONLY|O_DSYNC"),
        ("open_flags", 0o20200002, "O_RDWR|O_TMPFILE"),
        ("open_flags", 0o200000, "O_RDONLY|O_DIRECTORY"),
        ("open_flags", (1 << 32) | 0o100, "O_RDONLY|O_CREAT"),
        ("mmap_prot", 0, "PROT_NONE"),
        ("mmap_prot", 3, "PROT_READ|PROT_WRITE"),
        ("mmap_prot", 1 << 40, "0x10000000000"),
        ("access_mode", 0, "F_OK"),
        ("at_flags", 0, "0"),
        ("futex_op", 128, "FUTEX_WAIT|FUTEX_PRIVATE_FLAG"),
        ("futex_op", 0x189, "FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME"),
        ("clone_flags", 0x1200011, "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD"),
        ("socket_type", 0x80801, "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK"),
        ("socket_type", 0, "0"),
        ("file_mode", 0o100644, "S_IFREG|0644"),
        ("file_mode", 0o4755, "04755"),
        ("ipc_flags", 0o1600, "IPC_CREAT|0600"),
        ("whence", 2, "SEEK_END"),
        ("whence", 9, "9"),
        ("whence", -1, "0xffffffff"),
        ("key_serial", -3 % (1 << 64), "KEY_SPEC_SESSION_KEYRING"),
        ("rusage_who", -1, "RUSAGE_CHILDREN"),
        ("ioctl_cmd", 0x5401, "TCGETS"),
        ("ioctl_cmd", 0x5A5A, "0x5a5a"),
        ("signal", 9, "SIGKILL"),
        ("signal", 34, "SIGRT_2"),
        ("signal", 0, "0"),
        ("quota_cmd", 0x80000201, "Q_QUOTAON|GRPQUOTA"),
        ("statfs_type", 0xEF53, "EXT4_SUPER_MAGIC"),
    ],
)
def test_renders(name, value, text):
    assert constant_set(name).render(value) == text


@given(st.sampled_from(ALL_SETS), st.integers(0, 2**64 - 1))
def test_no_bit_is_lost(name, value):
    """The names and the number of a text put together again are the value."""
    one = constant_set(name)
    total = 0
    for part in one.render(value).split("|"):
        named = one.values.get(part)
        if named is not None:
            total |= named
        else:
            total |= int(part, 8 if part.startswith("0") and part[1:].isdecimal() else 0)
    assert total == value & (1 << one.bits) - 1


@pytest.mark.parametrize("name", ALL_SETS)
def test_every_name_renders_as_a_name(name):
    one = constant_set(name)
    for constant, value in one.values.items():
        text = one.render(value)
        assert not any(part[0].isdigit() for part in text.split("|")), (constant, text)


def test_memory_of_a_set_is_bounded():
    one = constant_set("open_flags")
    for value in range(10000):
        one.render(value << 3)
    assert len(one._memo) <= 4096


def test_what_is_not_there():
    with pytest.raises(LookupError, match="no set of constants nonsense"):
        constant_set("nonsense")
    with pytest.raises(LookupError, match="whence has no constant SEEK_NOWHERE"):
        value_of("whence", "SEEK_NOWHERE")
