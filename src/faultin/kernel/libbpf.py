# SPDX-License-Identifier: Apache-2.0
"""Load: BPF objects through the system's libbpf (libbpf.so.1, 1.1 and later).

In: an object as bytes. Out: maps and attached programs as file descriptors,
which the kernel lets go when this process ends, however it ends. Nothing else
in faultin calls libbpf.
"""

import ctypes
import ctypes.util
import errno
import mmap
import os
from collections.abc import Iterator
from functools import cache
from typing import Protocol

from faultin.errors import FaultinError, UnsupportedKernel, VerifierError
from faultin.kernel.bpf import F_SLEEPABLE, PROG_TYPE_TRACING
from faultin.kernel.rights import rights

_LOG_BYTES = 16 << 20


class LibbpfMissing(FaultinError):
    """libbpf.so.1 is not on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "libbpf.so.1 was not found",
            "faultin loads its programs with the system's libbpf, 1.1 or later",
            "install the package libbpf1 (Debian, Ubuntu) or libbpf (Fedora, RHEL, Arch)",
        )


class _Log:
    """What libbpf says, kept for the error that may follow."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self.lines: list[str] = []
        libc = ctypes.CDLL(None)
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p
        )

        def keep(level: int, text: bytes, arguments: int) -> int:
            if level < 2:
                # A verifier's log comes as one message, and its end says most.
                buffer = ctypes.create_string_buffer(_LOG_BYTES)
                libc.vsnprintf(buffer, _LOG_BYTES, text, ctypes.c_void_p(arguments))
                self.lines += buffer.value.decode(errors="replace").splitlines()
            return 0

        self.callback = prototype(keep)
        lib.libbpf_set_print(self.callback)

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


@cache
def library() -> tuple[ctypes.CDLL, _Log]:
    """libbpf with the types of what is used of it; LibbpfMissing without it."""
    try:
        lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError:
        raise LibbpfMissing from None
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures = {
        "bpf_object__open_mem": (pointer, [pointer, ctypes.c_size_t, pointer]),
        "bpf_object__load": (number, [pointer]),
        "bpf_object__close": (None, [pointer]),
        "bpf_object__find_map_by_name": (pointer, [pointer, text]),
        "bpf_object__find_program_by_name": (pointer, [pointer, text]),
        "bpf_object__next_program": (pointer, [pointer, pointer]),
        "bpf_map__fd": (number, [pointer]),
        "bpf_map__set_max_entries": (number, [pointer, ctypes.c_uint32]),
        "bpf_map__set_key_size": (number, [pointer, ctypes.c_uint32]),
        "bpf_map__set_value_size": (number, [pointer, ctypes.c_uint32]),
        "bpf_map__set_autocreate": (number, [pointer, ctypes.c_bool]),
        "bpf_program__name": (text, [pointer]),
        "bpf_program__fd": (number, [pointer]),
        "bpf_program__attach": (pointer, [pointer]),
        "bpf_program__set_autoload": (number, [pointer, ctypes.c_bool]),
        "bpf_program__set_flags": (number, [pointer, ctypes.c_uint32]),
        "bpf_program__set_type": (number, [pointer, number]),
        "bpf_program__set_expected_attach_type": (number, [pointer, number]),
        "bpf_program__set_attach_target": (number, [pointer, number, text]),
        "bpf_program__attach_uprobe_opts": (
            pointer, [pointer, number, text, ctypes.c_size_t, pointer]
        ),
        "bpf_link__destroy": (number, [pointer]),
        "bpf_link__fd": (number, [pointer]),
        "bpf_iter_create": (number, [number]),
        "bpf_map_lookup_elem": (number, [number, pointer, pointer]),
        "bpf_map_update_elem": (number, [number, pointer, pointer, ctypes.c_uint64]),
        "bpf_map_lookup_batch": (number, [number, *[pointer] * 6]),
        "btf__load_vmlinux_btf": (pointer, []),
        "btf__find_by_name_kind": (number, [pointer, text, ctypes.c_uint32]),
        "btf__free": (None, [pointer]),
        "libbpf_version_string": (text, []),
        "libbpf_set_print": (pointer, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib, _Log(lib)


def _failure(what: str, number: int, log: list[str]) -> FaultinError:
    """The error that libbpf's log and errno amount to."""
    if number in (errno.EPERM, errno.EACCES) and not rights().may_load:
        return FaultinError(
            f"{what}: no permission to load BPF programs",
            "this needs CAP_BPF and CAP_PERFMON",
            "run faultin as root, for example through sudo",
        )
    start = next((i for i, line in enumerate(log) if "BEGIN PROG LOAD LOG" in line), None)
    if start is not None:
        return VerifierError(what, "\n".join(log))
    reason = log[-1].removeprefix("libbpf: ") if log else os.strerror(number)
    return UnsupportedKernel(what, reason)


class Closable(Protocol):
    """An attachment that can be taken off."""

    def close(self) -> None: ...


class RawLink:
    """A link that the kernel gave to us and not to libbpf."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _UprobeOptions(ctypes.Structure):
    """struct bpf_uprobe_opts of libbpf 1.1; later ones take its size for what it is."""

    _fields_ = [
        ("sz", ctypes.c_size_t), ("ref_ctr_offset", ctypes.c_size_t), ("bpf_cookie", ctypes.c_uint64),
        ("retprobe", ctypes.c_bool), ("func_name", ctypes.c_char_p),
    ]  # fmt: skip


class Link:
    """A program attached to its hook, until it is closed."""

    def __init__(self, handle: int) -> None:
        self._lib, _ = library()
        self._handle = handle

    @property
    def fd(self) -> int:
        return self._lib.bpf_link__fd(self._handle)

    def close(self) -> None:
        if self._handle:
            self._lib.bpf_link__destroy(self._handle)
            self._handle = 0


class Object:
    """A BPF object: opened, then configured, then loaded, then attached."""

    def __init__(self, image: bytes) -> None:
        self._lib, self._log = library()
        self._image = ctypes.create_string_buffer(image, len(image))
        self._handle = self._lib.bpf_object__open_mem(self._image, len(image), None)
        if not self._handle:
            raise _failure("the BPF object cannot be opened", ctypes.get_errno(), self._log.take())

    def _map(self, name: str) -> int:
        found = self._lib.bpf_object__find_map_by_name(self._handle, name.encode())
        if not found:
            raise KeyError(name)
        return found

    def _program(self, name: str) -> int:
        found = self._lib.bpf_object__find_program_by_name(self._handle, name.encode())
        if not found:
            raise KeyError(name)
        return found

    def set_entries(self, map_name: str, entries: int) -> None:
        """Before load: a map's size (of a ring buffer, its bytes)."""
        self._lib.bpf_map__set_max_entries(self._map(map_name), entries)

    def set_sizes(self, map_name: str, key: int, value: int) -> None:
        """Before load: the bytes of a map's keys and values."""
        self._lib.bpf_map__set_key_size(self._map(map_name), key)
        self._lib.bpf_map__set_value_size(self._map(map_name), value)

    def leave_out(self, map_name: str) -> None:
        """Before load: the kernel gets no such map; no program uses it."""
        self._lib.bpf_map__set_autocreate(self._map(map_name), False)

    def enable(self, program: str) -> None:
        """Before load: have a program whose section begins with `?` loaded too."""
        self._lib.bpf_program__set_autoload(self._program(program), True)

    def set_sleepable(self, program: str) -> None:
        """Before load: the program may take faults."""
        self._lib.bpf_program__set_flags(self._program(program), F_SLEEPABLE)

    def set_target(self, program: str, function: str) -> None:
        """Before load: the kernel function that a program is for."""
        self._lib.bpf_program__set_attach_target(self._program(program), 0, function.encode())
        self.enable(program)

    def set_tracing(self, program: str, attach_type: int) -> None:
        """Before load: a tracing program of an attach type that libbpf may not know."""
        handle = self._program(program)
        self._lib.bpf_program__set_type(handle, PROG_TYPE_TRACING)
        self._lib.bpf_program__set_expected_attach_type(handle, attach_type)
        self._lib.bpf_program__set_flags(handle, F_SLEEPABLE)
        self.enable(program)

    def load(self) -> None:
        """Verifies and loads every program, or raises with the verifier's reason."""
        error = self._lib.bpf_object__load(self._handle)
        if error:
            raise _failure("the BPF programs cannot be loaded", -error, self._log.take())

    def map_fd(self, name: str) -> int:
        return self._lib.bpf_map__fd(self._map(name))

    def globals(self) -> mmap.mmap:
        """After load: the core's variables (.bss), shared with the kernel."""
        return mmap.mmap(self.map_fd(".bss"), mmap.PAGESIZE, mmap.MAP_SHARED)

    def program_fds(self) -> dict[str, int]:
        """After load: every program that was loaded."""
        fds, program = {}, None
        while program := self._lib.bpf_object__next_program(self._handle, program):
            if (fd := self._lib.bpf_program__fd(program)) >= 0:
                fds[self._lib.bpf_program__name(program).decode()] = fd
        return fds

    def attach(self, name: str) -> Link:
        handle = self._lib.bpf_program__attach(self._program(name))
        if not handle:
            raise _failure(
                f"the BPF program {name} cannot be attached", ctypes.get_errno(), self._log.take()
            )
        return Link(handle)

    def attach_uprobe(
        self, name: str, path: str, offset: int, semaphore: int, cookie: int
    ) -> Link:
        """A program at an offset in a file, in all processes that have it mapped; the u16 at
        offset `semaphore` of it, if that is not 0, counts who is attached."""
        options = _UprobeOptions(ctypes.sizeof(_UprobeOptions), semaphore, cookie)
        handle = self._lib.bpf_program__attach_uprobe_opts(
            self._program(name), -1, os.fsencode(path), offset, ctypes.byref(options)
        )
        if not handle:
            raise _failure(
                f"the event at {offset:#x} of {path} cannot be attached", ctypes.get_errno(),
                self._log.take(),
            )  # fmt: skip
        return Link(handle)

    def close(self) -> None:
        if self._handle:
            self._lib.bpf_object__close(self._handle)
            self._handle = None


def run_iterator(link: Link) -> None:
    """Lets an attached iterator program see every task once."""
    lib, _ = library()
    fd = lib.bpf_iter_create(link.fd)
    if fd < 0:
        raise _failure("the task iterator cannot be run", -fd, [])
    try:
        while os.read(fd, 4096):
            pass
    finally:
        os.close(fd)


_BATCH = 4096


def entries(fd: int, most: int) -> Iterator[tuple[int, int]]:
    """What a hash map of u64 to u64 has (from v5.6 on). An entry that comes meanwhile may be
    among them or not."""
    lib, _ = library()
    room = _BATCH
    token, keys, values = ctypes.c_uint32(), (ctypes.c_uint64 * room)(), (ctypes.c_uint64 * room)()
    first, error = None, 0
    while not error:
        count = ctypes.c_uint32(room)
        found = [ctypes.byref(each) for each in (token, keys, values, count)]
        error = -lib.bpf_map_lookup_batch(fd, first, *found, None)
        if error == errno.ENOSPC and room < most:  # more in one of its lists than there is room
            room, error = 2 * room, 0
            keys, values = (ctypes.c_uint64 * room)(), (ctypes.c_uint64 * room)()
            continue
        if error not in (0, errno.ENOENT):
            raise FaultinError("the kernel's counters cannot be read", os.strerror(error))
        yield from zip(keys[: count.value], values[: count.value])
        first = ctypes.byref(token)


FUNCTION, TYPEDEF = 12, 8  # BTF_KIND_FUNC, BTF_KIND_TYPEDEF


def kernel_btf_ids(kinds: dict[str, int]) -> dict[str, int]:
    """Of these names, each with its BTF kind, those that the running kernel has: its ids."""
    lib, log = library()
    btf = lib.btf__load_vmlinux_btf()
    if not btf:
        log.take()
        raise UnsupportedKernel(
            "this kernel has no BTF", "CONFIG_DEBUG_INFO_BTF gives it, as all large distributions do"
        )
    try:
        find = lib.btf__find_by_name_kind
        ids = {name: find(btf, name.encode(), kind) for name, kind in kinds.items()}
    finally:
        lib.btf__free(btf)
    return {name: number for name, number in ids.items() if number > 0}


def version() -> str:
    """libbpf's own version, such as v1.1."""
    return library()[0].libbpf_version_string().decode()
