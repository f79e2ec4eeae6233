# SPDX-License-Identifier: Apache-2.0
"""What a guarded call is given is sealed: races, restarts, pages that do not come, sizes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from guarded import ALL, FOLDER, FORBIDDEN, HERE, guard, program
from probes import no_userfaultfd

NO_USERFAULTFD = no_userfaultfd()
pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="it guards x86-64 only")

RACE = (HERE / "race.toml").read_text()
# Calls of each class: 50,000 in all. More: FAULTIN_RACE=1000000 (docs/guard.md).
CALLS = int(os.environ.get("FAULTIN_RACE", "50000"))
CLASSES = {
    "path": 0.27,
    "symlink": 0.03,
    "sockaddr": 0.2,
    "open_how": 0.2,
    "iovec": 0.15,
    "msghdr": 0.14,
    "argv": 0.01,
}


@pytest.fixture(scope="module", autouse=True)
def files():
    made = Path("/tmp/forbidden")
    there = made.exists()
    made.touch()
    for name in ("A-file", "F-file"):
        program("race")
        (FOLDER / name).write_text(name)
    yield
    if not there:
        made.unlink()


@pytest.mark.parametrize("name", CLASSES)
def test_no_race_is_won(name):
    calls = max(500, int(CALLS * CLASSES[name]))
    run = [program("race"), name, calls, FOLDER]
    ran = guard(RACE, *run, timeout=60 + CALLS / 200)
    made, refused, effects = map(int, ran.stdout.split())
    assert made + refused == calls and made > calls / 50 and refused > calls / 50
    assert effects == 0
    if name == "iovec":  # what was written is what was sealed, byte by byte
        told = [d["args"]["vec"] for d in ran.of("writev") if d["action"] == "allow"]
        written = (FOLDER / "written").read_text()
        assert (
            "".join(part["iov_base"] for parts in told for part in parts) == written
            and len(written) == made
        )
    leaks = 0
    for _ in range(5):  # the race bites: a supervisor that checks, and continues, loses it
        unsafe = subprocess.run(
            [program("unsafe"), name, *map(str, [*run[:2], max(400, calls // 5), FOLDER])],
            capture_output=True, text=True, timeout=120 + CALLS / 500,
        )  # fmt: skip
        leaks += int(unsafe.stdout.split()[2])
        if leaks:
            break
    assert leaks > 0


@pytest.mark.parametrize("native", [(), ("--no-native",)], ids=["native", "asked"])
def test_a_restarted_call_is_decided_again(native):
    ran = guard(FORBIDDEN, program("inputs"), "restart", FOLDER, options=native)
    assert ran.words == {"restart": "EACCES"}
    assert [d["action"] for d in ran.of("open")[-2:]] == ["allow", "deny"] or [
        d["action"] for d in ran.of("openat")[-2:]
    ] == ["allow", "deny"]


def test_a_restarted_call_keeps_to_what_its_rule_resolves():
    rule = f"""[[rule]]
calls = "open,openat"
where = 'path.startswith("{FOLDER}")'
action = "allow"
resolve = ["no_symlinks"]
"""
    ran = guard(rule + FORBIDDEN, program("inputs"), "restart", FOLDER)
    assert ran.words == {"restart": "EACCES"}  # openat2 in between, and openat again


@pytest.mark.parametrize("who", ["thread", "leader"])
def test_an_exec_takes_a_waiting_call_along(who):
    ran = guard(FORBIDDEN, program("inputs"), f"exec-by-{who}", FOLDER)
    assert (ran.status, ran.words) == (0, {"forbidden": "EACCES"})


def test_what_does_not_fit_is_denied_and_told():
    ran = guard(ALL, program("inputs"), "big", FOLDER)
    assert ran.words == {"fits": "ok", "more": "E2BIG", "after": "ok"}
    (denied,) = [d for d in ran.decisions if d["action"] == "deny"]
    assert (denied["syscall"], denied["why"], denied["errno"]) == ("write", "size", "E2BIG")


def test_absent_pages_are_read_and_bad_ones_are_denied():
    ran = guard(ALL, program("inputs"), "absent", FOLDER)
    assert ran.words == {"zeros": "ok", "nowhere": "EFAULT", "kernel": "EFAULT", "null": "ok"}
    assert {d["why"] for d in ran.decisions if d["action"] == "deny"} == {"fault"}


@pytest.mark.skipif(bool(NO_USERFAULTFD), reason=NO_USERFAULTFD)
def test_a_page_that_never_comes_is_not_waited_for():
    began = time.monotonic()
    # without it userfaultfd does not see the faults of others
    policy = 'read_seconds = 0.5\nkeep_capabilities = ["sys_ptrace"]\n' + FORBIDDEN
    ran = guard(policy, program("inputs"), "stalled", FOLDER)
    assert ran.words == {"stalled": "EFAULT", "allowed": "ok"} and time.monotonic() - began < 10
    assert [d["why"] for d in ran.decisions if d["action"] == "deny"] == ["stalled"]


def test_sendmmsg_is_sent_message_by_message():
    ran = guard('guard = "sendmsg,sendto"\n', program("inputs"), "messages", FOLDER)
    assert ran.words == {
        "sent": "ok",
        "first": "ok",
        "second": "ok",
        "none": "ok",
        "zerocopy": "EOPNOTSUPP",
    }
    told = [d["args"]["msg"]["msg_iov"] for d in ran.of("sendmsg")]
    assert [[part["iov_base"] for part in parts] for parts in told] == [["first"], ["second"]]


def test_links_are_not_followed_where_the_policy_says_so():
    rule = '[[rule]]\ncalls = "open,openat,creat"\naction = "allow"\nresolve = ["no_symlinks"]\n'
    rule += f"where = 'path.startswith(\"{FOLDER}\")'\n"
    ran = guard(rule, program("inputs"), "links", FOLDER)
    assert ran.words == {"made": "ok", "file": "ok", "link": "ELOOP", "creat": "ok"}


def test_opens_stay_beneath_their_folder_where_the_policy_says_so():
    rule = '[[rule]]\ncalls = "openat"\naction = "allow"\nresolve = ["beneath"]\n'
    rule += "where = 'path.endswith(\"file\")'\n"
    ran = guard(rule, program("inputs"), "beneath", FOLDER)
    assert ran.words == {"inside": "ok", "up": "EXDEV", "absolute": "EXDEV", "link": "EXDEV"}


def test_nothing_that_the_program_passed_is_changed():
    assert guard(ALL, program("inputs"), "unchanged", FOLDER).words == {
        "register": "ok",
        "vector": "ok",
    }


def test_what_names_more_inputs_is_followed():
    ran = guard(ALL, program("inputs"), "inner", FOLDER)
    assert ran.words == {"readv": "ok", "bases": "ok", "pselect": "EINTR"}
    assert [d["args"]["filename"] for d in ran.of("openat")][-1] == f"{FOLDER}/A-file"
    assert ["SIGUSR1"] in [d["args"]["nset"] for d in ran.of("rt_sigprocmask")]
    own = guard(ALL, program("ways"), "filter-errno")
    assert own.words["forbidden"] == "ENOMEDIUM"


def test_what_cannot_be_sealed_is_named_or_denied():
    let = guard(ALL, program("inputs"), "unsealed", FOLDER)
    assert let.words["offset"] == let.words["name"] == "OPEN"
    assert [d.get("unsealed") for d in let.of("sendfile")] == [["offset"], None]
    assert [d["unsealed"] for d in let.of("getsockname")] == [["usockaddr_len"]]
    strict = guard('unsealed = "deny"\n' + ALL, program("inputs"), "unsealed", FOLDER)
    assert strict.words == {
        "offset": "EOPNOTSUPP", "no-offset": "ok", "name": "EOPNOTSUPP", "ioctl": "EOPNOTSUPP",
        "ioctl-out": "ok",
    }  # fmt: skip
    assert {d["why"] for d in strict.decisions if d["action"] == "deny"} == {"unsealed"}


SCRIPT = """
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for host in ("127.0.0.1", "127.0.0.2", "127.9.0.1"):
    s.connect((host, 9))
s.sendmsg([b"one", b"three"])
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for host in ("::1", "::ffff:127.0.0.2"):
    try:
        six.connect((host, 9))
    except OSError:
        pass
unix = socket.socket(socket.AF_UNIX)
for path in ("/nowhere/socket", "\\0abstract"):
    try:
        unix.connect(path)
    except OSError:
        pass
fd = os.open("/dev/null", os.O_WRONLY | os.O_APPEND)
os.writev(fd, [b"a", b"bc", b""])
os.write(fd, b"hello")
os.write(fd, b"other")
for words in (["true"], ["true", "--flag", "x y"]):
    if (child := os.fork()) == 0:
        os.execv("/bin/true", words)
    os.waitpid(child, 0)
"""
# Rules for different calls do not get into each other's way: one of each in a run.
CONDITIONS = [
    [
        ("openat", 'path.startswith("/usr/lib") or path.endswith((".so.6", "null"))'),
        ("connect", 'addr.ip in ("127.0.0.0/15", "::1/128") and addr.port == 9'),
        ("writev,sendmsg", "iov.len > 3 and iov.count >= 2"),
        ("execve", '"--flag" in argv or argv[1] == "y"'),
        ("write", 'buf.startswith("hel")'),
    ],
    [
        ("openat", 'glob(path, "/*lib*/[a-z]*.so.?") and flags & O_CLOEXEC != 0'),
        ("connect", 'addr.path.startswith("/now") or missing(addr.family)'),
        ("execve", 'argv[2] == "x y" and path == "/bin/true" and syscall == "execve"'),
    ],
    [
        ("openat,writev", 'missing(path) or not (len(path) > 20 or "lib" in path)'),
        ("connect", "addr.family == AF_INET6 or addr.ip == '127.9.0.1'"),
    ],
    [("openat", "flags * 2 - 1 == 0xFFFFF and dfd < 0 and dfd ^ 1 != 3")],
]


@pytest.mark.parametrize("rules", CONDITIONS, ids=range(len(CONDITIONS)))
def test_both_who_decide_agree(rules):
    policy = "".join(
        f"[[rule]]\ncalls = '{calls}'\naction = 'log'\nwhere = {json.dumps(where)}\n"
        for calls, where in rules
    )
    found = []
    for options in ((), ("--no-native",)):
        ran = guard(policy, sys.executable, "-E", "-S", "-c", SCRIPT, options=options)
        assert ran.status == 0, ran.stderr
        found.append([(d["syscall"], d["action"]) for d in ran.decisions])
    assert found[0] == found[1]
    for calls, _ in rules:
        of_rule = {action for call, action in found[0] if call == calls.split(",")[0]}
        assert of_rule == {"log", "allow"} or "," in calls, calls
