# SPDX-License-Identifier: Apache-2.0
"""Calls of i386 and x32 are decoded by their own numbers and layouts, on cold pages too."""

import platform
import re
import signal
import subprocess
from pathlib import Path

import pytest
from engines import IN_GUEST, every_way
from running import command, faultin

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="i386 and x32 are x86-64's"),
]

SOURCE = Path(__file__).parent / "programs" / "abi.c"
STAYS = 3  # seconds, in which the consumer may read what no probe could
NAMED = "open,openat,stat,writev,execve,nanosleep,lseek"
IOVEC = [{"iov_base": "first", "iov_len": 5}, {"iov_base": "second", "iov_len": 6}]
EXPECTED = [
    ("i386", "open", {"filename": "/abi/open", "flags": "O_RDONLY"}, "ENOENT"),
    ("i386", "openat", {"dfd": "AT_FDCWD", "filename": "/abi/openat"}, "ENOENT"),
    ("i386", "stat64", {"filename": "/"}, None),
    ("i386", "writev", {"vec": IOVEC, "vlen": 2}, None),
    ("i386", "execve", {"filename": "/abi/execve", "argv": ["zero", "one"], "envp": None}, "ENOENT"),
    ("i386", "nanosleep", {"rqtp": {"tv_sec": 0, "tv_nsec": 1000}}, None),
    ("i386", "lseek", {"offset": -7, "whence": "SEEK_SET"}, "EINVAL"),
    ("x32", "openat", {"dfd": "AT_FDCWD", "filename": "/abi/x32"}, None),
]
UNNAMED = [
    ("i386", "socketcall", {"call": "SYS_SOCKET", "args": [1, 1, 0]}, None),
    (None, "i386_syscall_999", {"arg1": "0x1", "arg4": "0x4"}, "ENOSYS"),
    (None, "x32_syscall_19", {"arg1": "0x1", "arg3": "0x3"}, "ENOSYS"),
    (None, "syscall_0x190", {"arg1": "0x1", "arg3": "0x3"}, "ENOSYS"),
]

# A call's table does not depend on the strategy.
WAYS = [way for way in every_way() if not IN_GUEST or way.strategy == "copy"]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    built = tmp_path_factory.mktemp("abi") / "abi"
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-o", built, SOURCE], check=True)
    ran = subprocess.run([built, "try"], check=False)
    if ran.returncode == -signal.SIGSEGV:  # what int 0x80 is there
        pytest.skip("int 0x80 is a SIGSEGV here (no CONFIG_IA32_EMULATION, or ia32_emulation=0)")
    assert ran.returncode == 0
    return built


def of_other_abis(run):
    """The events that are not x86-64's, and those of numbers that it does not have."""
    return [e for e in run.events if "abi" in e or "_syscall_" in f"_{e['syscall']}"]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_calls_are_decoded_by_their_own_table(way, program):
    names = ["-e", NAMED] if way.names_only else []
    run = faultin(*names, *way.options, "--", program, STAYS)
    assert run.status == 0 and run.summary["lost"] == {}, run.stderr
    found = {(e.get("abi"), e["syscall"]): e for e in of_other_abis(run)}
    expected = EXPECTED if way.names_only else EXPECTED + UNNAMED
    assert found.keys() == {(abi, name) for abi, name, _, _ in expected}
    for abi, name, args, errno in expected:
        event = found[abi, name]
        assert {key: event["args"][key] for key in args} == args, event
        assert errno in (None, event["errno"]), event
    stat = found["i386", "stat64"]["args"]["statbuf"]
    assert stat["st_mode"].startswith("S_IFDIR|") and stat["st_nlink"] > 0


@pytest.mark.host
def test_a_name_stands_for_its_kin(program):
    """-e stat is stat64 too; the native call of the same number is not traced by that."""
    run = faultin("-e", "stat,lseek", "--", program, 0)
    assert [(e.get("abi"), e["syscall"]) for e in run.events] == [("i386", "stat64"), ("i386", "lseek")]


@pytest.mark.host
def test_text_and_counts_say_the_abi(program):
    text, counts = (
        subprocess.run(command("trace", *words, "--", program, "0"), capture_output=True, text=True)
        for words in (["-e", "openat"], ["-e", "openat", "-c"])
    )
    assert 'openat@i386(AT_FDCWD, "/abi/openat", O_RDONLY) = -1 ENOENT' in text.stderr
    # Where x32 is switched off, nobody has read the path before the program is gone.
    assert re.search(r'openat@x32\(AT_FDCWD, ("/abi/x32"|<gone>), O_RDONLY\)', text.stderr)
    assert "openat@i386" in counts.stderr
