# SPDX-License-Identifier: Apache-2.0
"""docs/query.md says what is true: its examples parse, its errors are those."""

import re
import shlex
from pathlib import Path

import pytest

from faultin.codegen.plan import plan
from faultin.errors import QueryError
from faultin.query.actions import _SPECS
from faultin.query.fields import COMMON
from faultin.query.query import parse
from faultin.query.syntax import MAX_DEPTH, MAX_NODES
from faultin.syscalls.table import load

TABLE = load("x86_64")
TEXT = (Path(__file__).parents[2] / "docs" / "query.md").read_text()
LINES = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]


def parsed(line):
    """What an example gives: -e SET, then -w WHERE, or ACTIONS --by KEYS."""
    _, traced, *rest = shlex.split(line)
    plans = plan(TABLE, TABLE.resolve(traced))
    if rest[0] == "-w":
        return parse(plans, TABLE, rest[1])
    return parse(plans, TABLE, actions=rest[0], keys=rest[2])


EXAMPLES = [line for line, after in zip(LINES, [*LINES[1:], ""], strict=True)
            if line.startswith("-e") and not after.startswith("query:")]  # fmt: skip
ERRORS = [(line, after) for line, after in zip(LINES, LINES[1:], strict=False)
          if after.startswith("query:")]  # fmt: skip


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example(line):
    assert parsed(line).expressions()


@pytest.mark.parametrize("line, says", ERRORS)
def test_an_error(line, says):
    with pytest.raises(QueryError) as caught:
        parsed(line)
    assert str(caught.value) == says


def test_the_examples_are_found():
    assert len(EXAMPLES) > 15 and len(ERRORS) == 4


def expressions():
    """All that stands in `code` and is meant to be a condition."""
    for code in re.findall(r"`([^`\n]+)`", TEXT):
        if re.search(r" (==|!=|in|<) ", code) and not re.fullmatch(r"x .*|a < .*|sum.*", code):
            yield code.replace("\\|", "|")


@pytest.mark.parametrize("code", sorted(set(expressions())))
def test_a_condition_in_the_text(code):
    traced = "connect,poll,openat,rename,execve,write,fchown,kill,fcntl,%file"
    if code == 'syscall == "opnat"' or code.startswith(("addr ==", "buf ==", "path == 5")):
        return
    whole = f"addr.ip {code}" if code.startswith(("in ", "not in")) else code
    assert parse(plan(TABLE, TABLE.resolve(traced)), TABLE, whole).where


def test_all_fields_and_actions_and_limits_are_there():
    for name in COMMON:
        assert f"`{name}`" in TEXT
    for name in _SPECS:
        assert f"`{name}(" in TEXT
    assert f"at most {MAX_NODES} parts, {MAX_DEPTH} within" in TEXT
