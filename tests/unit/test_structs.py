# SPDX-License-Identifier: Apache-2.0
"""structs.tbl lays structures out as the kernel's headers do."""

import platform
import shutil
from pathlib import Path

import pytest
from c_headers import LIBRARY, LINUX, NETWORK, c_values

from faultin.syscalls.sizes import size_of
from faultin.syscalls.structs import Field, Structure, structure, structure_names

# kernel structures that programs know by another name
C_NAMES = {
    "timespec": "struct __kernel_timespec",
    "timeval": "struct __kernel_old_timeval",
    "itimerspec": "struct __kernel_itimerspec",
    "itimerval": "struct __kernel_old_itimerval",
    "timex": "struct __kernel_timex",
    "utsname": "struct new_utsname",
    "cap_user_header": "struct __user_cap_header_struct",
    "cap_user_data": "struct __user_cap_data_struct",
    "pt_regs": "struct user_regs_struct",
    "siginfo": "siginfo_t",
    "sigaltstack": "stack_t",
    "ipc_perm": "struct ipc64_perm",
    "shmid_ds": "struct shmid64_ds",
    "semid_ds": "struct semid64_ds",
    "msqid_ds": "struct msqid64_ds",
    "shminfo": "struct shminfo64",
    "iovec_only": "struct iovec",
    "ifreq_addr": "struct ifreq",
    "ifreq_flags": "struct ifreq",
    "ifreq_tun": "struct ifreq",
    "ifreq_int": "struct ifreq",
    "ifreq_name": "struct ifreq",
    "fs_qfilestat": "fs_qfilestat_t",
}
# members of union bpf_attr; "" for those without a name
BPF = {
    "bpf_map_create": "",
    "bpf_map_elem": "",
    "bpf_map_batch": "batch.",
    "bpf_prog_load": "",
    "bpf_obj": "",
    "bpf_prog_attach": "",
    "bpf_prog_run": "test.",
    "bpf_info": "info.",
    "bpf_prog_query": "query.",
    "bpf_raw_tracepoint": "raw_tracepoint.",
    "bpf_btf_load": "",
    "bpf_task_fd_query": "task_fd_query.",
    "bpf_link_create": "link_create.",
    "bpf_link_update": "link_update.",
    "bpf_iter_create": "iter_create.",
    "bpf_token_create": "token_create.",
}
# structures of 32-bit programs, as the compiler lays them out for those
NARROW_NAMES = {
    "timespec32": "struct __kernel_old_timespec",
    "timeval32": "struct __kernel_old_timeval",
    "itimerval32": "struct __kernel_old_itimerval",
    "itimerspec32": "struct itimerspec",
    "iovec32": "struct iovec",
    "rlimit32": "struct rlimit",
    "rusage32": "struct rusage",
    "stat_i386": "struct stat",
    "stat64_i386": "struct stat64",
    "statfs64_i386": "struct statfs64",
}
NARROW_HEADERS = """
linux/types.h linux/time_types.h linux/time.h linux/uio.h linux/resource.h asm/stat.h asm/statfs.h
""".split()
# parts of unions, names of ours, and what no header for programs has
NOT_IN_HEADERS = {
    "bpf_id",
    "msgbuf",
    "ptrace_syscall_entry",
    "ptrace_syscall_exit",
    "ptrace_syscall_seccomp",
    "sigset_argpack",
    "sigaction32",
    *NARROW_NAMES,
}
# structures that grew: a header may be older, or newer, than the table
GROWING = {
    "cachestat",
    "clone_args",
    "fsxattr",
    "io_uring_bpf",
    "io_uring_zcrx_ifq_reg",
    "landlock_ruleset_attr",
    "mnt_id_req",
    "mount_attr",
    "perf_event_attr",
    "ptrace_syscall_info",
    "rseq",
    "statmount",
    "statx",
    "sched_attr",
}


def c_name(name: str) -> str:
    return C_NAMES.get(name, f"struct {name}")


def offset_of(name: str, field: str) -> str:
    if name in BPF:
        return f"offsetof(union bpf_attr, {BPF[name]}{field})"
    return f"offsetof({c_name(name)}, {field})"


@pytest.mark.skipif(
    not shutil.which("gcc") or platform.machine() != "x86_64",
    reason="the comparison needs gcc, and the headers of x86-64",
)
def test_layouts_are_those_of_the_headers(tmp_path):
    layouts = [structure(name) for name in sorted(structure_names() - NOT_IN_HEADERS)]
    sizes = {f"sizeof({c_name(one.name)})": one.size for one in layouts}
    fields = {
        offset_of(one.name, field.name): field.offset
        for one in layouts
        for field in one.fields
        if not field.is_hidden
    }
    known: dict[str, int] = {}
    for headers in (LINUX, LIBRARY, NETWORK):
        known |= c_values(tmp_path, sorted({*sizes, *fields} - set(known)), headers)
    for expression, offset in fields.items():
        assert known.get(expression, offset) == offset, expression
    growing = {f"sizeof({c_name(name)})" for name in GROWING}
    for expression, size in sizes.items():
        if expression not in growing:
            assert known.get(expression, size) == size, expression
    assert len(known) > 0.7 * (len(sizes) + len(fields)), sorted({*sizes, *fields} - set(known))


@pytest.mark.skipif(
    not shutil.which("gcc") or platform.machine() != "x86_64",
    reason="the comparison needs gcc, and the headers of x86-64",
)
def test_narrow_layouts_are_those_of_the_headers(tmp_path):
    expected = {}
    for name, c_struct in NARROW_NAMES.items():
        one = structure(name)
        expected[f"sizeof({c_struct})"] = one.size
        for field in one.fields:
            if not field.is_hidden:
                expected[f"offsetof({c_struct}, {field.name})"] = field.offset
    folders = [f"-I{folder}" for folder in Path("/usr/include").glob("x86_64-linux-gnu*")]
    assert c_values(tmp_path, expected, NARROW_HEADERS, "-m32", *folders) == expected


@pytest.mark.parametrize(
    ("name", "size"),
    [("stat", 144), ("statx", 256), ("epoll_event", 12), ("siginfo", 128), ("sigaction", 32),
     ("open_how", 24), ("clone_args", 88), ("msghdr", 56), ("mmsghdr", 64), ("termios", 36),
     ("utsname", 390), ("file_handle", 8), ("landlock_path_beneath_attr", 12)],
)  # fmt: skip
def test_sizes(name, size):
    assert structure(name).size == size
    assert size_of(name) == size


def test_alignment_and_arrays():
    timex = {field.name: field for field in structure("timex").fields}
    assert timex["offset"].offset == 8
    assert timex["time"] == Field("time", "@timeval", False, 1, "", 72, 16)
    assert structure("timex").size == 208


def test_what_is_not_there():
    with pytest.raises(LookupError, match="no structure nonsense"):
        structure("nonsense")


def test_structures_are_laid_out_once():
    assert structure("stat") is structure("stat")
    assert isinstance(structure("stat"), Structure)
