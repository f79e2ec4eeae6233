# SPDX-License-Identifier: Apache-2.0
"""docs/python.md: its examples run, one after the other, and say something."""

import os
import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.kernel
TEXT = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_examples_run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=":")
    scope: dict = {}
    printed = []
    for example in EXAMPLES:
        exec(compile(example, "docs/python.md", "exec"), scope)
        printed.append(capsys.readouterr().out)
    assert len(EXAMPLES) == 8
    events, _, tables, rows, asked, called, told, error = printed
    assert "ls openat" in events and "ENOENT" in events
    assert "/etc/ld.so.cache" in tables and "/etc/ld.so.cache 1" in rows
    assert "│ ls" in asked and len(asked.splitlines()) > 3
    assert called == "opened: /etc/passwd\n" and told.endswith("/etc/passwd\n")
    assert error.endswith("pth == 'x'\n^\n")
    assert scope["server"].wait() != 0
