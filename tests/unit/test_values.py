# SPDX-License-Identifier: Apache-2.0
"""What values look like as text and as JSON."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultin.errno_names import errno_name, errno_text
from faultin.sinks.json_values import to_json
from faultin.sinks.text_values import text_of
from faultin.values import Missing, Symbol, Truncated


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-22, "-22"),
        (None, "NULL"),
        ("", '""'),
        ("/etc/passwd", '"/etc/passwd"'),
        ("naïve 字", '"naïve 字"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\t\n\v\f\r", '"\\t\\n\\v\\f\\r"'),
        ("\x1b[31m", '"\\33[31m"'),
        ("\x001", '"\\0001"'),
        ("\x00a", '"\\0a"'),
        ("\x7f", '"\\177"'),
        ("\x9b2J", '"\\u009b2J"'),
        ("a\u202eb", '"a\\u202eb"'),
        ("\u2028", '"\\u2028"'),
        ("\U000e0041", '"\\U000e0041"'),
        (b"\xff1\n", '"\\3771\\n"'),
        (b"\xff\x011", '"\\377\\0011"'),
        (Symbol("O_RDONLY|O_CLOEXEC"), "O_RDONLY|O_CLOEXEC"),
        ([1, "a", []], '[1, "a", []]'),
        ({"tv_sec": 1, "tv_nsec": 2}, "{tv_sec=1, tv_nsec=2}"),
        ({}, "{}"),
        (
            {"family": Symbol("AF_INET"), "ip": "127.0.0.1", "port": 80},
            '{family=AF_INET, ip="127.0.0.1", port=80}',
        ),
        (Truncated("abc", 9), '"abc"...'),
        (Truncated(["a"], None), '["a", ...]'),
        (Truncated([], None), "[...]"),
        (Missing("fault"), "<fault>"),
    ],
)
def test_text(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Symbol("AF_INET"), '"AF_INET"'),
        ("é\x1b", '"é\\u001b"'),
        (b"\xff\xfe", '{"b64":"//4="}'),
        (Truncated("ab", 5), '{"value":"ab","length":5}'),
        (Truncated(b"\xff", None), '{"value":{"b64":"/w=="},"length":null}'),
        (Missing("gone"), "null"),
        (None, "null"),
        (2**64 - 1, "18446744073709551615"),
        (-(2**63), "-9223372036854775808"),
        ({"a": [Symbol("X"), Missing("fault")]}, '{"a":["X",null]}'),
    ],
)
def test_json(value, text):
    assert to_json(value).decode() == text
    json.loads(text)


def test_json_refuses_what_is_no_value():
    with pytest.raises(orjson.JSONEncodeError):
        to_json(object())


@given(st.text())
def test_text_of_any_string_is_printable_and_can_be_read_back(value):
    text = text_of(value)
    assert text.isprintable()
    assert text[0] == text[-1] == '"'
    assert '"' not in text[1:-1].replace("\\\\", "").replace('\\"', "")


@given(st.binary())
def test_text_of_bytes_is_what_c_reads(value):
    text = text_of(value)
    assert text.isascii() and text.isprintable()
    assert text[1:-1].encode().decode("unicode_escape").encode("latin-1") == value


def test_errno_names():
    assert (errno_name(2), errno_text(2)) == ("ENOENT", "No such file or directory")
    assert errno_name(11) == "EAGAIN"
    assert errno_name(35) == "EDEADLK"
    assert errno_name(95) == "EOPNOTSUPP"
    assert errno_name(512) == "ERESTARTSYS"
    assert errno_text(512) == "To be restarted if SA_RESTART is set"
    assert (errno_name(516), errno_text(516)) == ("ERESTART_RESTARTBLOCK", "Interrupted by signal")
    assert errno_name(4000) == "ERRNO_4000"
