# SPDX-License-Identifier: Apache-2.0
"""Patterns mean what fnmatch says, by their tokens too."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from query_strategies import patterns, text

from faultin.query.globs import STAR, matcher, tokens


def matches(found, value):
    """As a back end without regular expressions does it: back to the last star, one further."""
    at = behind = 0
    star, retry = -1, 0
    while behind < len(value):
        token = found[at] if at < len(found) else 0
        if at < len(found) and token is STAR:
            star, retry = at, behind
            at += 1
        elif at < len(found) and token >> value[behind] & 1:
            at, behind = at + 1, behind + 1
        elif star >= 0:
            retry += 1
            at, behind = star + 1, retry
        else:
            return False
    return all(token is STAR for token in found[at:])


@settings(max_examples=1000, deadline=None)
@given(patterns(), text(12))
def test_patterns_are_those_of_fnmatch(pattern, value):
    expected = fnmatchcase(value, pattern)
    assert (matcher(pattern)(value) is not None) is expected
    assert matches(tokens(pattern), value) is expected


@pytest.mark.parametrize(
    "pattern, value, answer",
    [
        (b"/etc/*.conf", b"/etc/a/b.conf", True),
        (b"/etc/*.conf", b"/etc/a.conf.d", False),
        (b"", b"", True),
        (b"*", b"", True),
        (b"?", b"\n", True),
        (b"[]]", b"]", True),
        (b"[!]]", b"a", True),
        (b"[", b"[", True),
        (b"[a", b"[a", True),
        (b"[a-c]", b"b", True),
        (b"[c-a]", b"b", False),
        (b"[!a-c]", b"\xff", True),
        (b"[a-]", b"-", True),
        (b"*a*a*a*a*a*a*a*a*b", b"a" * 200, False),
    ],
)
def test_a_pattern(pattern, value, answer):
    assert matches(tokens(pattern), value) is answer is (matcher(pattern)(value) is not None)


def test_tokens():
    assert tokens(b"a**[bc]?") == (1 << 97, STAR, 1 << 98 | 1 << 99, (1 << 256) - 1)
    assert tokens(b"[z-a]") == (0,)
