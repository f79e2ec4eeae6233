# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a query is said in one line, with the place and what to do."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultin.codegen.plan import plan
from faultin.errors import QueryError, UsageError
from faultin.query import names
from faultin.query.names import Ambiguous
from faultin.query.query import parse
from faultin.query.syntax import MAX_DEPTH, MAX_NODES
from faultin.syscalls.table import load

TABLE = load("x86_64")


def error_of(where="", traced="openat", **texts):
    with pytest.raises(QueryError) as caught:
        parse(plan(TABLE, TABLE.resolve(traced)), TABLE, where, **texts)
    return caught.value


@pytest.mark.parametrize(
    "where, column, says, advice",
    [
        # syntax
        ("fd and", 7, "ends too early", ""),
        ('path.startswith("x"', 16, "'(' was never closed", ""),
        ("fd = 1", 4, "invalid syntax", "did you mean ==?"),
        ("fd && ret", 4, "invalid syntax", "did you mean and?"),
        ("fd || ret", 4, "invalid syntax", "did you mean or?"),
        ("!fd", 1, "invalid syntax", "did you mean not?"),
        ('path == "x', 9, "unterminated string", ""),
        ("fd == 0777", 7, "use an 0o prefix", ""),
        (r'path == "\d"', 9, "invalid escape sequence", ""),
        ('path == "a\nb"', 9, "line break", r"\n"),
        ("fd\0", 3, "a NUL cannot be", ""),
        ("fd == 1\udcff", 8, "not UTF-8", r'b"\xff"'),
        ('"é" == path and pth', 17, "no field or constant pth", "path"),
        # names
        ("pth == 'x'", 1, "no field or constant pth", "did you mean path?"),
        ("flags & O_CREATE", 9, "no field or constant O_CREATE", "did you mean O_CREAT?"),
        ("errno == ENOENTT", 10, "ENOENTT", "did you mean ENOENT?"),
        ('errno == "ENOENTT"', 10, "no constant ENOENTT", "did you mean ENOENT?"),
        ('path.startwith("x")', 6, "no method startwith", "did you mean startswith?"),
        ("path.upper()", 6, "no method upper", "there are startswith, endswith"),
        ('golb(path, "x")', 1, "no function golb", "did you mean glob?"),
        ("size(path) == 3", 1, "no function size", "there are glob, len, missing"),
        ('buf == "x"', 1, "no traced call has buf", "read, write, ioctl, ... have it: see -e"),
        ("addr.port == 3", 1, "no traced call has addr.port", "connect"),
        ("how.flags == 3", 1, "no traced call has how.flags", "openat2 has it"),
        ("args.pth == 3", 1, "no field or constant pth", "did you mean path?"),
        ("ret.high == 3", 5, "ret has no part high", ""),
        ("path.name == 3", 6, "path is text, and has no part name", ""),
        ("fd.x == 3", 4, "fd is an integer, and has no parts", ""),
        ("fd[0] == 3", 1, "fd is an integer, and has no parts", ""),
        ('syscall == "opnat"', 12, "no traced call is named opnat", "did you mean openat?"),
        ('syscall == "write"', 12, "no traced call is named write", "see -e"),
        ("ustack", 1, "can only be a key or a capture", ""),
        # types
        ("path == 1", 9, "expected text, this is an integer", ""),
        ("1 == path", 1, "expected text, this is an integer", ""),
        ('fd == "x"', 7, "no constant x", "without quotes"),
        ("fd == b'\\xff'", 7, "no constant", ""),
        ("ret == path", 8, "expected an integer, this is text", "len()"),
        ("path + 1 == 2", 1, "expected an integer, this is text", "len()"),
        ("path", 1, "expected a condition, this is text", "missing()"),
        ("1", 1, "expected a condition, this is a constant", ""),
        ('"x"', 1, "expected a condition, this is a constant", ""),
        ("1 < 2", 1, "two constants", ""),
        ("ret < ENOENT < 3", 7, "two constants", ""),
        ('path < "x"', 6, "text has no order", ""),
        ("ret / 2 == 1", 5, "no operator /", "use //"),
        ("(ret) / 2 == 1", 7, "no operator /", "use //"),
        ("ret ** 2 == 1", 5, "no operator **", ""),
        ("ret == 1.5", 8, "expected an integer or text, this is 1.5", ""),
        ("ret == True", 8, "this is True", ""),
        ("path == None", 9, "this is None", "missing(x)"),
        ("path is None", 6, "`is` compares nothing", "missing()"),
        ("missing(fd == 1)", 9, "expected a value, this is a condition", ""),
        ("missing(1)", 9, "a constant is never missing", ""),
        ("missing()", 1, "missing() takes one argument", ""),
        ("missing(fd, fd)", 1, "missing() takes one argument", ""),
        ("(fd == 1) + 1", 2, "expected a value, this is a condition", ""),
        ("(fd == 1) == (fd == 2)", 2, "expected a value, this is a condition", ""),
        ("len(fd) == 3", 5, "expected text or a list, this is an integer", ""),
        ("len('x') == fd", 5, "a constant, where a field is expected", ""),
        ("fd.startswith('x')", 1, "expected text, this is an integer", ""),
        ("path.startswith(fd)", 17, "expected a text constant", ""),
        ("path.startswith()", 1, "takes one argument", ""),
        ("path.startswith(())", 17, "nothing to begin or end with", ""),
        ("glob(path)", 1, "a field and a pattern", 'glob(path, "/etc/*")'),
        ("glob(path, comm)", 12, "expected a text constant", ""),
        ('"x".startswith(path)', 16, "expected a text constant", ""),
        ("missing(path) == 1", 1, "missing() is a condition", ""),
        ("path.endswith('x') == 1", 1, "endswith() is a condition", ""),
        # in
        ('path in "abc"', 9, "expected a field or several constants", '("a", "b")'),
        ("comm in path", 1, "expected a text constant before `in`", ""),
        ("1 in path", 1, "expected a text constant before `in`", ""),
        ('"x" in fd', 8, "expected text or a list, this is an integer", ""),
        ("fd in ()", 7, "nothing to be in", ""),
        ("fd == (1, 2)", 7, "only stand after `in`", ""),
        ("fd in (1, 'x')", 11, "no constant x", ""),
        # slices
        ("path[1:2:3] == 'x'", 10, "no step", ""),
        ("path[fd] == 'x'", 6, "expected a constant integer", ""),
        ("path['a'] == 'x'", 6, "expected a constant integer", ""),
        ("path[9999999999:] == 'x'", 6, "too large", ""),
        # sizes
        ("fd == 99999999999999999999", 7, "does not fit into 64 bits", ""),
        ("fd == 1 << 64", 7, "a shift by 64 has no value", ""),
        ("fd == 1 // 0", 7, "a division by 0 has no value", ""),
        ("fd == 0xffffffffffffffff * 2", 7, "does not fit into 64 bits", ""),
        (f"path == '{'x' * 4097}'", 9, "4097 bytes", ""),
        (" or ".join(["fd == 1"] * 200), 1, f"{MAX_NODES} are the most", "cut some"),
        ("-" * 60 + "fd == 1", MAX_DEPTH, "nested more than", ""),
        ("(" * 300 + "fd" + ")" * 300, 201, "too many nested", ""),
        ("-" * 9000 + "fd", 1, "nested too deeply", ""),
        # what Python has
        ("lambda: 0", 1, "lambda is not part", "docs/query.md"),
        ("[x for x in path]", 1, "a comprehension is not part", ""),
        ("fd if fd else ret", 1, "if ... else is not part", ""),
        ("(x := 3)", 2, ":= is not part", ""),
        ('f"{path}"', 1, "an f-string is not part", ""),
        ('{"a": 1}', 1, "a dict is not part", ""),
        ('__import__("os").system("id")', 18, "no method system", ""),
        ("(lambda: 0)()", 2, "only functions and methods can be called", ""),
        ("path.startswith(*argv)", 1, "takes one argument", ""),
        ("fd, ret", 1, "a list of values can only stand after `in`", ""),
    ],
)
def test_an_error(where, column, says, advice):
    error = error_of(where)
    assert says in str(error) and advice in error.advice and "\n" not in str(error)
    assert str(error).startswith(f"query: column {column}: ")
    text, caret = error.caret.split("\n")
    assert text == error.text and caret == " " * (column - 1) + "^"


def test_the_line_that_the_user_sees():
    error = error_of('path.startwith("/etc/") and ret < 0')
    assert isinstance(error, UsageError) and error.status == 2
    assert str(error) == (
        "query: column 6: there is no method startwith, in "
        '`path.startwith("/etc/") and ret < 0`; did you mean startswith?'
    )
    assert error.caret == 'path.startwith("/etc/") and ret < 0\n     ^'


def test_of_a_long_query_the_line_has_what_is_near():
    where = " and ".join(f"fd != {number}" for number in range(50)) + " and pth == 3"
    error = error_of(where)
    assert "pth == 3" in str(error) and "fd != 2 " not in str(error) and len(str(error)) < 200
    assert error.caret.startswith(where)


@pytest.mark.parametrize(
    "where, traced, says, advice",
    [
        ("addr.prt == 3", "connect", "addr has no part prt", "did you mean port?"),
        ('addr == "127.0.0.1"', "connect", "addr is a whole structure", "as addr.port"),
        ("addr", "connect", "addr is a whole structure", "as addr.port"),
        ('addr.ip == "1.2.3"', "connect", "'1.2.3' is no IP address", ""),
        ('addr.ip == "10.0.0.0/8"', "connect", "is a network, not an address", "use `in`"),
        ('addr.ip in "10.0.0.1/8"', "connect", "bits beyond its length", "10.0.0.0/8"),
        ("addr.ip == 3", "connect", "expected an IP address, this is an integer", ""),
        ("addr.ip in (1, 2)", "connect", "expected an address or a network", ""),
        ('addr.ip < "1.2.3.4"', "connect", "addresses have no order", ""),
        ("addr.ip == addr.ip", "connect", "compared with a constant only", ""),
        ("addr.ip", "connect", "expected a condition, this is an IP address", ""),
        ("ufds.fd == 3", "poll", "ufds is an array", "as ufds[0].fd"),
        ("ufds[0] == 3", "poll", "ufds[0] is a structure", "as ufds[0].fd"),
        ("ufds[0].event == 3", "poll", "ufds[0] has no part event", "did you mean events?"),
        ("ufds[999].fd == 3", "poll", "ufds[999] is out of reach", "4096"),
        ("info.loads == 3", "sysinfo", "info.loads is an array of 3", "info.loads[0]"),
        ("info.loads[3] == 3", "sysinfo", "info.loads is an array of 3", ""),
        ("new_setting.it_value == 3", "timer_settime", "is a structure", "it_value.tv_sec"),
        ("iov == 3", "writev", "iov is a whole structure", "iov.len"),
        ("iov.size == 3", "writev", "iov has no part size", "len, count"),
        ("msg.msg_flag == 3", "sendmsg", "msg has no part msg_flag", "did you mean msg_flags?"),
        ("argv[-1] == 'x'", "execve", "counts from its front", "argv[0]"),
        ("argv == 'x'", "execve", "this is a list", '"-la" in argv'),
        ("argv", "execve", "expected a condition, this is a list", ""),
        ("argv[1:] == 'x'", "execve", "expected text, this is a list", ""),
        ("argv.len == 3", "execve", "argv is a list, and has no part len", ""),
    ],
)
def test_an_error_of_other_calls(where, traced, says, advice):
    error = error_of(where, traced)
    assert says in str(error) and advice in error.advice


@pytest.mark.parametrize(
    "kind, text, says, advice",
    [
        ("actions", "cnt()", "there is no action cnt", "did you mean count?"),
        ("actions", "ret", "expected an action", "as in count(), sum(ret)"),
        ("actions", "count(ret)", "used as count()", ""),
        ("actions", "sum()", "used as sum(amount)", ""),
        ("actions", "sum(ret, fd)", "used as sum(amount)", ""),
        ("actions", "sum(x=1)", "used as sum(amount)", ""),
        ("actions", "sum(path)", "expected an integer, this is text", "len()"),
        ("actions", "sum(3)", "a constant, where a field is expected", ""),
        ("actions", "lhist(ret, 0, 10)", "used as lhist(amount, lo, hi, step)", ""),
        ("actions", "lhist(ret, 10, 0, 1)", "expected lo < hi", ""),
        ("actions", "lhist(ret, 0, 10, 0)", "expected lo < hi", ""),
        ("actions", "lhist(ret, 0, fd, 1)", "expected a constant integer", ""),
        ("actions", "lhist(ret, 0, 1 << 70, 1)", "expected a constant integer", ""),
        ("actions", "lhist(ret, 0, 99999999999999999999, 1)", "fit into 64 bits", ""),
        ("actions", "lhist(ret, 0, 5000, 1)", "more than 1000 buckets", "larger step"),
        ("actions", "quantiles(ret)", "used as quantiles(amount, 0.5, 0.99)", ""),
        ("actions", "quantiles(ret, 50)", "between 0 and 1", "0.5"),
        ("actions", "quantiles(ret, 1.0)", "between 0 and 1", "0.5"),
        ("actions", "()", "there is no expression", ""),
        ("keys", "pth", "no field or constant pth", "did you mean path?"),
        ("keys", "3", "a constant, where a field is expected", ""),
        ("keys", "argv", "this is a list", ""),
        ("keys", "ustack.ip", "", ""),
        ("captures", "len(ustack)", "can only be a key or a capture", ""),
        ("captures", "comm,", "", None),
        ("captures", "comm,,fd", "invalid syntax", ""),
        ("keys", " ", "there is no expression", "docs/query.md"),
    ],
)
def test_an_error_in_what_is_counted(kind, text, says, advice):
    if advice is None:  # a comma too many is none, as in Python
        assert len(getattr(parse(PLANS, TABLE, captures=text), kind)) == 1
        return
    error = error_of(traced="openat,execve", **{kind: text})
    assert says in str(error) and advice in error.advice


PLANS = plan(TABLE, TABLE.resolve("openat,execve"))


def test_a_key_of_several_types_must_say_which():
    error = error_of(traced="fcntl,ioctl", keys="arg")
    assert "arg is an integer or text, depending on the call" in str(error)
    assert error.advice == "say which, as arg + 0 or arg[:64]"
    for key in ("arg + 0", "arg[:64]"):
        assert parse(plan(TABLE, TABLE.resolve("fcntl,ioctl")), TABLE, keys=key).keys


def test_an_empty_where_is_no_condition_and_blanks_are_an_error():
    assert parse(PLANS, TABLE, "").where is None
    assert "there is no expression" in str(error_of("  "))


# Names of numbers


def test_sets_that_do_not_agree_are_named(monkeypatch):
    """Today no two sets of the table disagree; that they do is told here."""
    numbers = {"open_flags": {"O_X": 1}, "pipe_flags": {"O_X": 2}}
    sets = [type("Set", (), {"name": name, "values": values}) for name, values in numbers.items()]
    monkeypatch.setattr(names, "sets_with", lambda name: sets if name == "O_X" else [])
    with pytest.raises(Ambiguous) as caught:
        names.constant("O_X", [])
    assert caught.value.named == {"open_flags": 1, "pipe_flags": 2}
    error = error_of("mode & O_X", "openat")
    assert "O_X can be 0x1 of open_flags, 0x2 of pipe_flags" in str(error)
    assert error.advice == "write the number"


def test_the_kind_of_a_field_decides_between_sets(monkeypatch):
    sets = {"open_flags": {"O_X": 1}, "pipe_flags": {"O_X": 2}}
    made = {n: type("Set", (), {"name": n, "values": values}) for n, values in sets.items()}
    monkeypatch.setattr(names, "constant_set", made.__getitem__)
    assert names.constant("O_X", ["pipe_flags", "fd"]) == 2
    with pytest.raises(Ambiguous):
        names.constant("O_X", ["pipe_flags", "open_flags"])


def test_a_name_in_small_letters_counts_beside_its_kind_only():
    assert names.constant("inherit", ["perf_attr_flags"]) == 2
    assert names.constant("inherit", []) is None


def test_other_names():
    assert names.constant("EWOULDBLOCK", []) == 11 and names.constant("ERESTARTSYS", []) == 512
    assert names.constant("NULL", []) == 0 and names.constant("AT_FDCWD", []) == -100
    assert names.constant("EXIT", []) is None and names.constant("E", ["errno"]) is None


PIECES = [
    "path", "fd", "ret", "argv", "addr", ".ip", ".startswith", "(", ")", "[", "]", ",", ":",
    "'x'", '"10.0.0.0/8"', "1", "0x7f", " and ", " or ", " not ", " in ", "==", "<", "-", "~",
    "//", "<<", "%", "missing(", "len(", "glob(", "O_CREAT", "=", "\n", "é", "b'\\xff'",
    "lambda:", "*", "{", "}", "f''",
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=20))
def test_no_text_does_anything_but_parse_or_say_what_is_wrong(text):
    plans = plan(TABLE, TABLE.resolve("openat,execve,connect"))
    for kind in ("where", "actions", "keys", "captures"):
        try:
            parse(plans, TABLE, **{kind: text})
        except QueryError as error:
            assert 0 <= error.at <= len(error.text) and "\n" not in str(error)


@pytest.mark.parametrize(
    "start, step, count",
    [("fd", ".a", 30000), ("fd", "[0]", 20000), ("", "-", 60000), ("", "not ", 16000),
     ("", "(", 60000), ("fd", "+1", 30000), ("fd", "<1", 30000), ("fd", " and fd", 9000),
     ("f", "()", 30000),
     ("", "[", 60000), ("'", "x", 65000), ("", "f'{", 20000), ("", "lambda:", 9000),
     ("", "1if 1 else ", 5000), ("0x", "f", 65000), ("", "9", 65000), ("fd", "**1", 20000)],
)  # fmt: skip
def test_a_huge_text_is_an_error(start, step, count):
    """And not the end of the process: Python's own parser has limits, and says so."""
    error_of(start + step * count)
    error_of("fd == 1 or " + start + step * (count - 10))
    assert len(str(error_of(start + step * count))) < 400
