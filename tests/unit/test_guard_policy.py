# SPDX-License-Identifier: Apache-2.0
"""A policy against the table: which calls stop, what is sealed, what is decided natively."""

import platform
import re

import pytest

from faultin.codegen.plan import plan
from faultin.engines.classic import ALLOW, NOTIFY, TRACE, verdict
from faultin.errors import QueryError, UsageError
from faultin.guard.check import check
from faultin.guard.filter import guarding_filter
from faultin.guard.image import policy_image
from faultin.guard.policy import Action, load, parse, ready
from faultin.guard.rules import DOORS, MOVING, guarding
from faultin.guard.sealing import sealed, unsealed
from faultin.syscalls.table import load as load_table

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="it guards x86-64 only")
X86_64, I386, X32 = 0xC000003E, 0x40000003, 0x40000000
SECRET = (0x0123456789ABCDEF, 0xFEDCBA9876543210)
TABLE = load_table("x86_64")
RULE = "[[rule]]\ncalls = '{}'\naction = 'deny'\nwhere = '{}'\n"


def number(name: str) -> int:
    return TABLE.by_name(name).nr


def program(text: str, mseal: bool = True) -> bytes:
    return guarding_filter(guarding(parse(text), TABLE, mseal), TABLE, SECRET)


def test_what_is_guarded_stops_and_nothing_else():
    code = program('guard = "%file"')
    guarded = TABLE.resolve("%file")
    watched = {number(name) for name in DOORS}
    for row in TABLE:
        if row.nr not in watched:
            said = TRACE if row.nr in guarded else ALLOW
            assert verdict(code, X86_64, row.nr) == said, row.name
        assert verdict(code, X86_64, row.nr | X32) == TRACE
        assert verdict(code, I386, row.nr) == TRACE
    assert verdict(code, 0xC00000B7, 0) == TRACE


def test_doors_stop_where_they_lead_round():
    code = program('guard = "openat"')
    for name in ("ptrace", "pidfd_getfd", "process_vm_writev", "io_uring_setup", "clone3"):
        assert verdict(code, X86_64, number(name)) == TRACE
    for flags, said in ((0, ALLOW), (0x100, ALLOW), (0x500, ALLOW), (0x400, TRACE), (0x800000, TRACE)):
        assert verdict(code, X86_64, number("clone"), flags) == said, hex(flags)
    assert verdict(code, X86_64, number("prctl"), 4) == TRACE
    assert verdict(code, X86_64, number("prctl"), 15) == ALLOW


def test_without_mseal_what_moves_memory_stops():
    for mseal, said in ((True, ALLOW), (False, TRACE)):
        code = program('guard = "openat"', mseal)
        for name in MOVING:
            fixed = {"mmap": (0, 0, 0, 0x10), "shmat": (0, 0, 0o40000)}.get(name, ())
            assert verdict(code, X86_64, number(name), *fixed) == said, name
        assert verdict(code, X86_64, number("mmap"), 0, 0, 0, 0x22) == ALLOW


def test_only_the_secret_waits_for_the_listener():
    code = program('guard = "openat"')
    call = number("getpgrp")
    assert verdict(code, X86_64, call, *SECRET) == NOTIFY
    for position in range(4):
        wrong = [*SECRET]
        wrong[position // 2] ^= 1 << 32 * (position % 2)
        assert verdict(code, X86_64, call, *wrong) == ALLOW
    assert verdict(program('guard = "getpgrp"'), X86_64, call, 0, 0) == TRACE


def test_sendmmsg_is_decided_as_sendmsg():
    found = guarding(parse('guard = "sendmmsg"'), TABLE, True)
    assert set(found.steps) == {number("sendmsg")} and number("sendmmsg") in found.stopped


def arguments(name: str) -> tuple[list[str], list[str]]:
    """(sealed, not sealed) of a call without variants."""
    each = plan(TABLE, frozenset([number(name)])).plans[number(name)]
    inside = [each.arguments[each.ops[bit].position].name for bit in sorted(sealed(each))]
    return inside, unsealed(each)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("openat2", ["filename", "how"], []),
        ("execve", ["filename", "argv", "envp"], []),
        ("sendto", ["buff", "addr"], []),
        ("sendmsg", ["msg"], []),
        ("accept", [], ["upeer_addrlen"]),
        ("ppoll", ["sigmask"], ["ufds", "tsp"]),
        ("vmsplice", [], ["uiov"]),
        ("rseq", [], ["rseq"]),
        ("read", [], []),
    ],
)
def test_inputs_are_sealed_and_outputs_are_not(name, inside, outside):
    assert arguments(name) == (inside, outside)


# Of all calls, the arguments that are read where the program can write: docs/guard.md says of
# each kind why. What is not here is sealed.
UNSEALED = """
accept upeer_addrlen, accept4 upeer_addrlen, getpeername usockaddr_len, getsockname usockaddr_len
getsockopt optlen, recvfrom addr_len, lsm_get_self_attr size, lsm_list_modules size
name_to_handle_at handle, capget header
sendfile offset, splice off_in, splice off_out, copy_file_range off_in, copy_file_range off_out
poll ufds, ppoll ufds, select inp, select outp, select exp
pselect6 inp, pselect6 outp, pselect6 exp
select tvp, pselect6 tsp, ppoll tsp, recvmmsg timeout, adjtimex txc_p, clock_adjtime utx
recvmsg msg, recvmmsg mmsg
fcntl arg, ioctl arg, quotactl addr, quotactl_fd addr, bpf uattr, ptrace data
futex uaddr, futex uaddr2, futex_wait uaddr, rseq rseq, io_cancel iocb, vmsplice uiov
io_setup ctxp, io_uring_setup params, io_uring_register arg
"""


def test_all_other_inputs_of_all_calls_are_sealed():
    found = guarding(parse('guard = "all"'), TABLE, True)
    named = {
        f"{found.plans.plans[index].syscall.name} {argument.name}"
        for index, bits in found.unsealed.items()
        for bit, argument in enumerate(found.plans.plans[index].arguments)
        if bits >> bit & 1
    }
    assert named == set(UNSEALED.strip().replace("\n", ", ").split(", "))


@pytest.mark.parametrize(
    ("calls", "where", "native"),
    [
        ("openat", 'path == "/x" or glob(path, "/a*")', True),
        ("connect", 'addr.ip in ("10.0.0.0/8",) and addr.port == 1', True),
        ("execve", '"x" in argv and argv[1] == "y"', True),
        ("writev", "iov.len & 1 == 1", True),
        ("openat", "uid == 0", False),
        ("openat", "flags // 2 == 1", False),
        ("openat", 'path[1:3] == "et"', False),
        ("fcntl", "cmd == F_SETLK", False),  # its plan depends on an argument
    ],
)
def test_who_decides(calls, where, native):
    text = f'[[rule]]\ncalls = "{calls}"\naction = "deny"\nwhere = """{where}"""\n'
    found = guarding(parse(text), TABLE, True)
    image, steps = policy_image(found, False, True, SECRET, True)
    at = 56 + 8 * 512  # struct policy, and struct step behind it
    assert len(steps) == 1 and image[at + 3] == (not native)
    asked, _ = policy_image(found, False, True, SECRET, False)
    assert asked[at + 3] == 1


@pytest.mark.parametrize("where", ["ret < 0", "errno == EPERM", "latency > 5"])
def test_what_is_not_known_yet_is_refused(where):
    with pytest.raises(QueryError, match="is not known before the call"):
        guarding(parse(RULE.format("openat", where)), TABLE, True)


@pytest.mark.parametrize(("calls", "where"), [("futex", "uaddr == 1"), ("ppoll", "ufds[0].fd == 1")])
def test_what_cannot_be_sealed_is_refused(calls, where):
    with pytest.raises(QueryError, match="cannot be sealed"):
        guarding(parse(RULE.format(calls, where)), TABLE, True)


def test_resolve_is_for_what_opens():
    rule = '[[rule]]\ncalls = "stat"\naction = "allow"\nresolve = ["beneath"]\n'
    with pytest.raises(UsageError, match="stat opens nothing"):
        guarding(parse(rule), TABLE, True)
    with pytest.raises(UsageError, match="only a rule that lets calls through"):
        parse(rule.replace("allow", "deny"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rule]\ncalls = 'openat'", "write \\[\\[rule"),
        ("unsealed = 'no'\nguard = 'openat'", "unsealed: 'no' is neither allow nor deny"),
        ("read_seconds = 0\nguard = 'openat'", "more than 0, and at most 60"),
        ("guard = ['openat']", "guard: it is not a string"),
        ("keep_capabilities = ['chown']\nguard = 'openat'", "none of those that are taken away"),
        ("[[rule]]\ncalls = 'openat'\naction = 'log'\nerrno = 'EIO'", "only a rule that denies"),
        ("[[rule]]\ncalls = 'openat'\naction = 'deny'\nerrno = 'EFOO'", "no errno 'EFOO'"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(text, said):
    with pytest.raises(UsageError) as error:
        parse(text)
    assert re.search(said, str(error.value))


def test_ready_policies_are_there_and_say_what_they_do():
    assert ready() == ["log", "no-network", "read-only", "secrets"]
    for name in ready():
        assert "else: " in check(load(name), TABLE)
    assert load("log").default is Action.LOG


def test_check_names_the_siblings_of_what_is_guarded():
    assert "not guarded: openat2, creat" in check(parse('guard = "open,openat"'), TABLE)
    assert "not sealed: accept: upeer_addrlen" in check(parse('guard = "accept"'), TABLE)
