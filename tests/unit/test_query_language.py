# SPDX-License-Identifier: Apache-2.0
"""What queries mean, by example: text and the values of fields, then the answer."""

import pytest
from query_values import ValuesRow

from faultin.codegen.plan import plan
from faultin.query.evaluate import evaluate
from faultin.query.printing import printed
from faultin.query.query import parse
from faultin.query.types import MISSING, Cut, CutList
from faultin.syscalls.table import load

TABLE = load("x86_64")


class NamedRow:
    """The values of slots by their names; all others are missing."""

    def __init__(self, query, values):
        self._values = [values.get(slot.name, MISSING) for slot in query.slots]

    def value(self, slot):
        return self._values[slot]


def query_of(where, traced):
    return parse(plan(TABLE, TABLE.resolve(traced)), TABLE, where)


def ask(where, traced="openat,write,connect,execve,writev,kill", **values):
    query = query_of(where, traced)
    return evaluate(query.where, NamedRow(query, values))


TRUE, FALSE = True, False
ADDRESS = {"addr.ip": b"\x0a\1\2\3", "addr.port": 443, "addr.family": 2}


@pytest.mark.parametrize(
    "where, values, answer",
    [
        # integers, and what names a number
        ("ret < 0", {"ret": -2}, TRUE),
        ("ret == -ENOENT", {"ret": -2}, TRUE),
        ("ret", {"ret": 0}, FALSE),
        ("ret", {"ret": -1}, TRUE),
        ("not ret", {"ret": 0}, TRUE),
        ("errno == ENOENT", {"errno": 2}, TRUE),
        ('errno == "ENOENT"', {"errno": 2}, TRUE),
        ('errno in ("ENOENT", EACCES, 20)', {"errno": 13}, TRUE),
        ("errno == ERESTARTSYS", {"errno": 512}, TRUE),
        ("flags & O_CREAT", {"flags": 0o101}, TRUE),
        ("flags & O_CREAT", {"flags": 1}, FALSE),
        ("flags & O_ACCMODE == O_WRONLY", {"flags": 0o101}, TRUE),
        ("not flags & O_CLOEXEC", {"flags": 0}, TRUE),
        ("sig == SIGTERM", {"sig": 15}, TRUE),
        ('sig == "SIGTERM"', {"sig": 15}, TRUE),
        ("dfd == AT_FDCWD", {"dfd": -100}, TRUE),
        ("mode == 0o644", {"mode": 0x1A4}, TRUE),
        ("0 < ret <= 10", {"ret": 10}, TRUE),
        ("0 < ret <= 10", {"ret": 0}, FALSE),
        ("ret in (1, 2, 3)", {"ret": 3}, TRUE),
        ("ret not in (1, 2, 3)", {"ret": 4}, TRUE),
        ("ret not in (1, 2, 3)", {"ret": 1}, FALSE),
        ("ret not in (1, 2, 3)", {}, FALSE),
        ("ret in [7]", {"ret": 7}, TRUE),
        # arithmetic
        ("-7 // 2 == ret", {"ret": -4}, TRUE),
        ("ret // 2 == -4", {"ret": -7}, TRUE),
        ("ret % 2 == 1", {"ret": -7}, TRUE),
        ("ret % -2 == -1", {"ret": 7}, TRUE),
        ("ret // (ret - ret) == 0", {"ret": 7}, FALSE),
        ("missing(ret // (ret - ret))", {"ret": 7}, TRUE),
        ("missing(1 << ret)", {"ret": 64}, TRUE),
        ("missing(1 << ret)", {"ret": -1}, TRUE),
        ("1 << ret == 0x8000000000000000", {"ret": 63}, FALSE),
        ("1 << ret < 0", {"ret": 63}, TRUE),
        ("count - 5 > 0", {"count": 3}, TRUE),
        ("count - ret == -2", {"count": 3, "ret": 5}, TRUE),
        ("ret >> 1 == -1", {"ret": -1}, TRUE),
        ("count >> 1 == 0x7fffffffffffffff", {"count": 2**64 - 1}, TRUE),
        ("~ret == 4", {"ret": -5}, TRUE),
        ("-ret == 5", {"ret": -5}, TRUE),
        ("+ret == -5", {"ret": -5}, TRUE),
        ("-ret == ret", {"ret": -(2**63)}, TRUE),
        ("ret + 1 < 0", {"ret": 2**63 - 1}, TRUE),
        ("ret // -1 == ret", {"ret": -(2**63)}, TRUE),
        ("ret % -1 == 0", {"ret": -(2**63)}, TRUE),
        # comparing signed with unsigned
        ("ret < count", {"ret": -1, "count": 1}, TRUE),
        ("ret == count", {"ret": -1, "count": 2**64 - 1}, FALSE),
        ("count == -1", {"count": 2**64 - 1}, FALSE),
        ("count > -1", {"count": 0}, TRUE),
        ("ret < 0xffffffffffffffff", {"ret": 2**63 - 1}, TRUE),
        # text
        ('path == "/etc/é"', {"path": "/etc/é".encode()}, TRUE),
        (r'path == b"/etc/\xff"', {"path": b"/etc/\xff"}, TRUE),
        ('path != "/a"', {"path": b"/b"}, TRUE),
        ('path != "/a"', {}, FALSE),
        ('not path == "/a"', {}, TRUE),
        ("path == exe", {"path": b"/a", "exe": b"/a"}, TRUE),
        ('path in ("/a", "/b")', {"path": b"/b"}, TRUE),
        ('path not in ("/a", "/b")', {"path": b"/c"}, TRUE),
        ('path not in ("/a", "/b")', {}, FALSE),
        ('"etc" in path', {"path": b"/etc/"}, TRUE),
        ('"" in path', {"path": b""}, TRUE),
        ('"etc" not in path', {"path": b"/usr"}, TRUE),
        ('"etc" not in path', {}, FALSE),
        ('path.startswith("/etc/")', {"path": b"/etc/x"}, TRUE),
        ('path.startswith(("/usr/", "/etc/"))', {"path": b"/etc/x"}, TRUE),
        ('path.endswith((".so", ".conf"))', {"path": b"/etc/x.conf"}, TRUE),
        ('glob(path, "/etc/*.conf")', {"path": b"/etc/a/b.conf"}, TRUE),
        ('glob(path, "/etc/?.[a-c]onf")', {"path": b"/etc/x.conf"}, TRUE),
        ('glob(path, "/etc/?.[!a-c]onf")', {"path": b"/etc/x.conf"}, FALSE),
        ('glob(path, "etc")', {"path": b"/etc"}, FALSE),
        ('path[:5] == "/etc/"', {"path": b"/etc/passwd"}, TRUE),
        ('path[-5:] == ".conf"', {"path": b"/etc/x.conf"}, TRUE),
        ('path[0] == "/"', {"path": b"/etc"}, TRUE),
        ('path[-1] == "/"', {"path": b"/etc/"}, TRUE),
        ('path[9] == ""', {"path": b"/etc/"}, TRUE),
        ('path[2:][:2] == "tc"', {"path": b"/etc/"}, TRUE),
        ("len(path) == 5", {"path": b"/etc/"}, TRUE),
        ("len(path[1:]) == 4", {"path": b"/etc/"}, TRUE),
        ("missing(len(path))", {}, TRUE),
        ('comm == "make" and syscall == "openat"', {"comm": b"make", "syscall": b"openat"}, TRUE),
        ('syscall in ("openat", "write")', {"syscall": b"write"}, TRUE),
        # buffers that are longer than what was captured
        ('buf == "ab"', {"buf": Cut(b"ab", 3)}, FALSE),
        ('buf != "ab"', {"buf": Cut(b"ab", 3)}, TRUE),
        ('buf == "abc"', {"buf": Cut(b"ab", 3)}, FALSE),
        ('buf != "abc"', {"buf": Cut(b"ab", 3)}, FALSE),
        ('buf.startswith("a")', {"buf": Cut(b"ab", 3)}, TRUE),
        ('buf.endswith("b")', {"buf": Cut(b"ab", 3)}, FALSE),
        ('b"b" in buf', {"buf": Cut(b"ab", 3)}, TRUE),
        ("len(buf) == 3", {"buf": Cut(b"ab", 3)}, TRUE),
        ('buf[:2] == "ab"', {"buf": Cut(b"ab", 3)}, TRUE),
        ("missing(buf[:3])", {"buf": Cut(b"ab", 3)}, TRUE),
        ("missing(buf[-1:])", {"buf": Cut(b"ab", 3)}, TRUE),
        ('buf[:-1] == "ab"', {"buf": Cut(b"ab", 3)}, TRUE),
        ('buf[2:2] == ""', {"buf": Cut(b"ab", 3)}, TRUE),
        ('buf[9:] == ""', {"buf": Cut(b"ab", 3)}, TRUE),
        ('glob(buf, "a?")', {"buf": Cut(b"ab", 3)}, FALSE),
        ('glob(buf, "a*")', {"buf": Cut(b"ab", 3)}, TRUE),
        # lists
        ('"-la" in argv', {"argv": (b"ls", b"-la")}, TRUE),
        ('"-l" in argv', {"argv": (b"ls", b"-la")}, FALSE),
        ('"-l" not in argv', {"argv": (b"ls", b"-la")}, TRUE),
        ('"-l" not in argv', {"argv": CutList([b"ls"])}, FALSE),
        ('"-l" not in argv', {}, FALSE),
        ('"ls" in argv', {"argv": CutList([b"ls"])}, TRUE),
        ('argv[0] == "ls"', {"argv": (b"ls", b"-la")}, TRUE),
        ('argv[1].startswith("-")', {"argv": (b"ls", b"-la")}, TRUE),
        ("missing(argv[2])", {"argv": (b"ls", b"-la")}, TRUE),
        ("missing(argv[0])", {"argv": (MISSING, b"-la")}, TRUE),
        ("len(argv) == 2", {"argv": (b"ls", b"-la")}, TRUE),
        ("missing(len(argv))", {"argv": CutList([b"ls"])}, TRUE),
        # addresses
        ("addr.port == 443", ADDRESS, TRUE),
        ("addr.family == AF_INET", ADDRESS, TRUE),
        ('addr.ip in "10.0.0.0/8"', ADDRESS, TRUE),
        ('addr.ip in "11.0.0.0/8"', ADDRESS, FALSE),
        ('addr.ip not in "11.0.0.0/8"', ADDRESS, TRUE),
        ('addr.ip not in "11.0.0.0/8"', {}, FALSE),
        ('addr.ip in ("11.0.0.0/8", "10.1.0.0/16")', ADDRESS, TRUE),
        ('addr.ip == "10.1.2.3"', ADDRESS, TRUE),
        ('"10.1.2.3" == addr.ip', ADDRESS, TRUE),
        ('addr.ip != "10.1.2.3"', ADDRESS, FALSE),
        ('addr.ip != "10.1.2.4"', ADDRESS, TRUE),
        ('addr.ip == "::ffff:10.1.2.3"', ADDRESS, TRUE),
        ('addr.ip in "::ffff:10.0.0.0/104"', ADDRESS, TRUE),
        ('addr.ip in "::/0"', ADDRESS, FALSE),
        ('addr.ip == "::1"', {"addr.ip": bytes(15) + b"\1"}, TRUE),
        ('addr.ip in "fe80::/10"', {"addr.ip": b"\xfe\xbf" + bytes(14)}, TRUE),
        ('addr.ip in "0.0.0.0/0"', {"addr.ip": bytes(15) + b"\1"}, FALSE),
        ('addr.path == "/run/x"', {"addr.path": b"/run/x"}, TRUE),
        # missing
        ("missing(path)", {}, TRUE),
        ("missing(path)", {"path": b""}, FALSE),
        ("ret + 1 == 1", {}, FALSE),
        ("ret + 1 != 1", {}, FALSE),
        ("not (ret + 1 == 1)", {}, TRUE),
        ("ret", {}, FALSE),
        ("not ret", {}, TRUE),
        # and, or
        ('path == "/a" and (ret < 0 or ret == 3)', {"path": b"/a", "ret": 3}, TRUE),
        ('path == "/a" or ret < 0', {"ret": -1}, TRUE),
        ("iov.len > 4096 and iov.count == 2", {"iov.len": 5000, "iov.count": 2}, TRUE),
    ],
)
def test_an_answer(where, values, answer):
    assert ask(where, **values) is answer


@pytest.mark.parametrize("value, given", [(-1, "0xffffffff"), (-1, "-1")])
def test_a_narrow_number_is_what_was_passed_however_it_is_written(value, given):
    """As a trace shows it, and as C does: -1 of a uid, an ioctl command above 2**31."""
    assert ask(f"user == {given}", "fchown", user=value % 2**32) is True
    assert ask(f"user in (7, {given})", "fchown", user=value % 2**32) is True
    assert ask(f"user != {given}", "fchown", user=value % 2**32) is False
    assert ask(f"upid == {given}", "wait4", upid=value) is True
    assert ask("user > -1", "fchown", user=0xFFFFFFFF) is True
    assert ask("cmd == TIOCGPTN", "ioctl", cmd=0x80045430) is True
    assert ask("ringid == KEY_SPEC_SESSION_KEYRING", "add_key", ringid=-3) is True


def test_line_breaks_are_blanks():
    assert ask('path == "/a"\n  and\tret < 0\n', path=b"/a", ret=-1) is True


@pytest.mark.parametrize(
    "where, text",
    [
        ("0 < ret < 9 and fd", "0 < ret and ret < 9 and fd != 0"),
        ('path not in ("/a",)', "path != '/a'"),
        ('"x" not in path', "(not missing(path)) and (not 'x' in path)"),
        ("-ret == ~fd", "(0 - ret) == (fd ^ -1)"),
        ("ret == 2 * 3 + (1 << 4) // 3", "ret == 11"),
        ("(ret == 1 or ret == 2) or ret == 3", "ret == 1 or ret == 2 or ret == 3"),
        (r'path == b"\xff" and buf == "é"', r"path == b'\xff' and buf == 'é'"),
    ],
)
def test_what_a_query_becomes(where, text):
    assert printed(query_of(where, "openat,write").where) == text


# What differs between plans


def test_a_name_that_has_several_types_is_what_it_stands_beside():
    """fcntl's arg is a number, a structure; ioctl's a number, text, a structure."""
    query = query_of('arg == 5 or arg.startswith("x")', "fcntl,ioctl")
    slots = [(slot.name, slot.type.name) for slot in query.slots]
    assert slots == [("arg", "S64"), ("arg", "BYTES")]
    fcntl = query.sources[TABLE.by_name("fcntl").nr]
    ioctl = query.sources[TABLE.by_name("ioctl").nr]
    assert fcntl[0] and fcntl[1] is None and ioctl[0] is None and ioctl[1]


def test_missing_asks_for_all_that_a_name_can_be():
    query = query_of("missing(arg)", "fcntl,ioctl")
    assert len(query.slots) == 3
    assert evaluate(query.where, ValuesRow((MISSING,) * 3))
    for row in [(5, MISSING, MISSING), (MISSING, b"x", MISSING), (MISSING, MISSING, b"whole")]:
        assert not evaluate(query.where, ValuesRow(row))


def test_expressions_of_a_query_share_their_slots():
    plans = plan(TABLE, TABLE.resolve("openat"))
    query = parse(plans, TABLE, 'path == "/a"', "uniq(path), sum(ret)", "path", "ret")
    assert [slot.name for slot in query.slots] == ["path", "ret"]


def test_a_slot_is_unsigned_only_where_no_plan_is_signed():
    types = {
        "write": "U64",  # count is a size_t
        "write,getdents64": "U64",  # ... and there an unsigned int
        "getdents64": "S64",
    }
    for traced, name in types.items():
        assert query_of("count > 0", traced).slots[0].type.name == name
    assert query_of("len > 0", "sendto").slots[0].type.name == "U64"
    assert query_of("len > 0", "sendto,sethostname").slots[0].type.name == "S64"
