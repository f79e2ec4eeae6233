# SPDX-License-Identifier: Apache-2.0
"""Notifications as text and as variables: what NULs, bad bytes and sheer size do."""

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from faultin.actions.fields import environment, field_bytes, text_line, variable
from faultin.values import Missing, Symbol, Truncated

PAGE = os.sysconf("SC_PAGE_SIZE")
EXAMPLE = {
    "ts": 1795484633 * 10**9 + 456981123,
    "pid": 7,
    "tid": 7,
    "comm": "ca\x1bt",
    "syscall": "openat",
    "path": "/etc/shadow",
    "flags": Symbol("O_RDONLY"),
    "buf": Missing("fault"),
}


def test_text():
    head, clock = text_line(EXAMPLE), text_line({"ts": EXAMPLE["ts"]})
    assert clock.endswith(".456981") and len(clock) == 15
    assert head == f'{clock} ca\\33t[7] openat path="/etc/shadow" flags=O_RDONLY buf=<fault>'
    assert text_line({"pid": 7, "tid": 8}) == "pid=7 tid=8"
    assert text_line({"comm": "a"}) == 'comm="a"' and text_line({}) == ""


@given(st.dictionaries(st.sampled_from(["comm", "syscall", "path"]), st.text() | st.binary()))
def test_text_is_one_printable_line(notification):
    assert text_line(notification | {"pid": 1}).isprintable()


def test_names_of_variables():
    names = {"path": "PATH", "addr.port": "ADDR_PORT", "argv[0]": "ARGV_0", "len(buf)": "LEN_BUF"}
    assert {name: variable(name) for name in names} == {n: f"FAULTIN_{v}" for n, v in names.items()}


def test_values_as_bytes():
    values = [
        0,
        -5,
        "é",
        b"\xff\n",
        ["a", b"\xff"],
        {"port": 1},
        Truncated("ab", 9),
        None,
        Missing("gone"),
        True,
    ]
    assert [field_bytes(value) for value in values] == [
        b"0",
        b"-5",
        "é".encode(),
        b"\xff\n",
        b'["a",{"b64":"/w=="}]',
        b'{"port":1}',
        b"ab",
        None,
        None,
        b"1",
    ]


def test_what_has_no_value_has_no_variable():
    made = environment(EXAMPLE | {"addr": None})
    assert b"FAULTIN_BUF" not in made and b"FAULTIN_ADDR" not in made
    assert made[b"FAULTIN_MISSING"] == b"FAULTIN_BUF=fault FAULTIN_ADDR=null"
    assert made[b"FAULTIN_PATH"] == b"/etc/shadow" and b"FAULTIN_TRUNCATED" not in made


def test_nuls_end_a_variable_and_are_told():
    made = environment({"buf": b"ab\0cd", "path": b"\xff/x", "head": Truncated("h", 100)})
    assert made[b"FAULTIN_BUF"] == b"ab" and made[b"FAULTIN_PATH"] == b"\xff/x"
    assert made[b"FAULTIN_TRUNCATED"] == b"FAULTIN_BUF FAULTIN_HEAD"


def test_the_longest_variable_is_as_long_as_the_kernel_takes():
    made = environment({"buf": "é" * 32 * PAGE})
    longest = max(len(name) + len(text) + 2 for name, text in made.items())
    assert longest in (32 * PAGE, 32 * PAGE - 1)  # no half of a character
    assert made[b"FAULTIN_BUF"].decode().strip("é") == ""
    script = "import os; print(len(os.environb[b'FAULTIN_BUF']))"
    ran = subprocess.run([sys.executable, "-c", script], env=made, capture_output=True, check=True)
    assert int(ran.stdout) == len(made[b"FAULTIN_BUF"])


def test_many_large_values_still_make_an_environment():
    many = {f"f{number:02}": b"x" * 200_000 for number in range(50)}
    made = environment({**many, "path": "/etc/shadow"})
    assert made[b"FAULTIN_PATH"] == b"/etc/shadow" and len(made[b"FAULTIN_TRUNCATED"].split()) == 50
    assert sum(len(name) + len(text) + 2 for name, text in made.items()) < (1 << 20) + 2000
    subprocess.run(["/bin/true"], env=made, check=True)
