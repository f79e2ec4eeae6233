# SPDX-License-Identifier: Apache-2.0
"""docs/guard.md: the doors that it lists are tried, by tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "guard.md").read_text()


def test_each_test_that_is_named_is_there():
    found = "".join(path.read_text() for path in (ROOT / "tests/host").glob("test_guard*.py"))
    named = set(re.findall(r"`(test_\w+)`", DOCS))
    assert len(named) > 20
    assert not {name for name in named if f"def {name}(" not in found}


def test_each_key_of_a_policy_is_told_of():
    from faultin.guard.policy import _KEYS, _RULE_KEYS

    for key in {*_KEYS, *_RULE_KEYS}:
        assert re.search(rf"`{key}`|^ +{key} = |\[\[{key}\]\]", DOCS, re.M), key
