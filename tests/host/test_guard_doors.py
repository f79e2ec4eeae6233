# SPDX-License-Identifier: Apache-2.0
"""Every way around the guard is tried, by programs that would use it, and is closed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from guarded import FORBIDDEN, FOLDER, guard, policy_file, program, words
from probes import SYS_RAWIO, has_capability
from running import command

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="it guards x86-64 only")

DOORS = [
    "munmap", "munmap-around", "mprotect", "mprotect-none", "pkey_mprotect", "mremap",
    "mremap-onto", "mremap-dontunmap", "mremap-again", "mremap-shrink", "fixed", "fixed-around",
    "fixed-huge", "noreplace", "shadow-stack", "remap_file_pages", "shmat", "brk", "set-mm", "remove", "free",
    "wipeonfork", "hwpoison", "populate-write", "dontneed", "pageout", "collapse", "guard-pages",
    "dontfork", "dofork", "process_madvise",
    "self-mem", "thread-mem", "map-files", "other-mem", "vm_writev", "vm_writev-child", "read-into",
    "futex-op", "vmsplice", "traceme", "ptrace-sibling", "uffd-arena", "uffd-protect", "uffd-copy",
    "uffd-move",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def forbidden():
    made = Path("/tmp/forbidden")
    there = made.exists()
    made.touch()
    yield
    if not there:
        made.unlink()


@pytest.fixture(scope="module", params=[(), ("--no-mseal",)], ids=["mseal", "by address"])
def tried(request):
    runs = [guard(FORBIDDEN, program(name), options=request.param) for name in ("doors", "reach")]
    assert [ran.status for ran in runs] == [0, 0], [ran.stderr for ran in runs]
    return runs[0].words | runs[1].words


CLOSED = (
    "EPERM", "EACCES", "EIO", "EFAULT", "ENOMEM", "EINVAL", "EEXIST", "EOPNOTSUPP", "ENOENT", "ENOSYS",
)  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_the_arena_stays_as_it_is_and_serves(door, tried):
    assert tried[door] in CLOSED
    assert (tried[f"{door}.arena"], tried[f"{door}.served"]) == ("ok", "ok")


@pytest.mark.parametrize("way", ["int80", "x32"])
def test_other_abis_are_denied(way):
    ran = guard(FORBIDDEN, program("ways"), way)
    assert ran.words[way] == "ENOSYS"
    assert [d["why"] for d in ran.decisions if d["action"] == "deny"] == ["abi"]


@pytest.mark.parametrize("way", ["fork", "clone-vm", "clone-untraced", "clone3", "clone3-untraced"])
def test_children_are_guarded(way):
    ran = guard(FORBIDDEN, program("ways"), way)
    assert ran.words["child-forbidden"] == "EACCES" and ran.words["child-allowed"] == "ok"
    assert "CHANGED" not in ran.stdout  # registers, and what they point at


@pytest.mark.parametrize("way", ["vfork", "personality", "open"])
def test_new_programs_are_guarded(way):
    assert guard(FORBIDDEN, program("ways"), way).words == {"forbidden": "EACCES"}


@pytest.mark.parametrize("way", ["clone-files", "clone3-files"])
def test_no_new_process_has_descriptors_in_common_with_another(way):
    assert guard(FORBIDDEN, program("ways"), way).words == {"clone": "EINVAL"}


def test_threads_are_guarded():
    assert guard(FORBIDDEN, program("ways"), "thread").words == {"thread-forbidden": "EACCES"}


@pytest.mark.parametrize("kind", ["handled", "trap", "stop"])
def test_children_have_their_arena_whatever_signals_come(kind):
    assert guard(FORBIDDEN, program("signals"), kind).words == {"denied": "0", "opened": "0"}


def test_dispatching_calls_to_oneself_opens_nothing():
    ran = guard(FORBIDDEN, program("ways"), "dispatch")
    assert ran.words == {"dispatch": "ok", "forbidden": "EACCES"}


FILTERS = {"allow": "EACCES", "trace": "EACCES", "errno": "ENOMEDIUM", "notify": "ENOSYS"}


@pytest.mark.parametrize("action", FILTERS)
def test_filters_of_the_program_open_nothing(action):
    ran = guard(FORBIDDEN, program("ways"), f"filter-{action}")
    assert ran.words["forbidden"] == FILTERS[action]


def test_there_is_no_second_listener():
    ran = guard(FORBIDDEN, program("ways"), "listener")
    assert ran.words == {"listener": "EBUSY"}
    assert [d["why"] for d in ran.of("seccomp")] == ["door"]


def test_io_uring_and_aio_are_closed_unless_the_policy_opens_them():
    ran = guard(FORBIDDEN, program("ways"), "io_uring")
    assert set(ran.words.values()) == {"ENOSYS"} and len(ran.words) == 4
    assert {d["why"] for d in ran.decisions if d["action"] == "deny"} == {"door"}
    opened = guard('io_uring = "allow"\n' + FORBIDDEN, program("ways"), "io_uring")
    assert "ENOSYS" not in opened.words.values()


def test_nobody_outside_can_be_reached():
    outside = subprocess.Popen(["sleep", "60"])
    try:
        for who, words in (("supervisor", []), ("outside", [outside.pid])):
            ran = guard(FORBIDDEN, program("ways"), who, *words)
            assert set(ran.words.values()) <= {"EPERM", "EACCES"} and len(ran.words) == 6, who
    finally:
        outside.kill()
        outside.wait()


@pytest.mark.skipif(not has_capability(SYS_RAWIO), reason="who has no CAP_SYS_RAWIO cannot keep it")
def test_nothing_can_be_at_address_0():
    policy = 'keep_capabilities = ["sys_rawio"]\n' + FORBIDDEN
    ran = guard(policy, "true")
    assert ran.status == 126 and ran.stderr.count("\n") == 1
    assert "could map address 0" in ran.stderr and "vm.mmap_min_addr" in ran.stderr


def test_memory_stays_readable_to_the_guard():
    assert guard(FORBIDDEN, program("ways"), "dumpable").words == {"dumpable": "EPERM"}


def _tree() -> tuple[subprocess.Popen, int, list[int]]:
    """A guarded shell with a child that has said who guards it."""
    run = f"{program('ways')} tracer & sleep 60 & wait"
    guarding = subprocess.Popen(
        [*words(FORBIDDEN), "--", "sh", "-c", run], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    supervisor = int(guarding.stdout.readline())
    tasks = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return guarding, supervisor, [pid for pid in tasks if _tracer(pid) == supervisor]


def _tracer(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("TracerPid:"))


def _is_gone(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


@pytest.mark.parametrize("who", ["guard", "faultin"])
def test_the_tree_dies_with_its_guard(who):
    guarding, supervisor, tasks = _tree()
    assert len(tasks) == 3
    os.kill(supervisor if who == "guard" else guarding.pid, signal.SIGKILL)
    _, stderr = guarding.communicate(timeout=20)
    end = time.monotonic() + 10
    while not all(map(_is_gone, tasks)) and time.monotonic() < end:
        time.sleep(0.02)
    assert all(map(_is_gone, tasks))
    if who == "guard":
        assert guarding.returncode in (-9, 137) and "the guard was killed" in stderr


def test_a_kill_rule_kills():
    policy = FORBIDDEN.replace('"deny"', '"kill"').replace('errno = "EACCES"', "")
    ran = guard(policy, program("ways"), "open")
    assert ran.status in (-9, 137) and ran.stdout == ""
    assert ran.decisions[-1]["action"] == "kill" and ran.decisions[-1]["rule"] == "forbidden"


def test_a_bad_policy_is_one_line_with_its_place():
    for text, line in (
        ("[[rule]]\ncalls = 'openat'", "rule 1: it has no action"),
        ("[[rule]]\ncalls = 'openatt'\naction = 'deny'", "did you mean openat"),
        ("[[rule]]\ncalls = 'openat'\naction = 'deny'\nwhere = 'pth == 1'", "where: column 1: "),
        ("[[rule]]\ncalls = 'openat'\naction = 'deny'\nwhere = 'ret == 1'", "not known before"),
        ("[[rule]]\ncalls = 'accept'\naction = 'deny'\nwhere = 'upeer_addrlen == 1'", "sealed"),
        ("guard = 'openat'\ndefault = 'maybe'", "default: 'maybe' is no action"),
        ("gard = 'openat'", "did you mean guard?"),
        ("guard = ", "not TOML"),
        ("", "it guards nothing"),
    ):
        ran = subprocess.run(
            command("guard", "--policy", policy_file(text), "--check"),
            capture_output=True,
            text=True,
        )
        assert (ran.returncode, ran.stdout) == (2, ""), text
        assert ran.stderr.count("\n") == 1 and line in ran.stderr, ran.stderr


@pytest.mark.parametrize("name", ["log", "read-only", "no-network", "secrets"])
def test_ready_policies_hold_together(name):
    ran = subprocess.run(
        command("guard", "--policy", name, "--check"), capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "") and "else: " in ran.stdout


def test_what_was_learnt_allows_the_same_and_no_more():
    learnt = FOLDER / "learnt.toml"
    subprocess.run(command("guard", "--learn", learnt, "--", "cat", "/etc/hostname"), check=True)
    run = command("guard", "--policy", learnt, "--", "cat")
    same = subprocess.run([*run, "/etc/hostname"], capture_output=True, text=True)
    assert same.returncode == 0 and same.stdout == Path("/etc/hostname").read_text()
    other = subprocess.run([*run, "/etc/passwd"], capture_output=True, text=True)
    assert other.returncode == 1 and "Permission denied" in other.stderr
