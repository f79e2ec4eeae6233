# SPDX-License-Identifier: Apache-2.0
"""Flame: a flame graph as one HTML file that needs nothing else.

In: Weights. Out: bytes. Names are the traced program's: they are data of a script that
shows them as text, and nothing in them can end that script (flame.html has the rest).
"""

from html import escape
from pathlib import Path
from typing import Any

import orjson

from faultin.sinks.stacks.weights import Weights

_PAGE = Path(__file__).with_name("flame.html")


def tree(weights: Weights) -> dict[str, Any]:
    """n: name, v: weight, c: children, by name."""
    root: dict[str, Any] = {"n": "all", "v": 0, "c": {}}
    for path, weight in sorted(weights.paths.items()):
        node = root
        node["v"] += weight
        for name in path:
            node = node["c"].setdefault(name, {"n": name, "v": 0, "c": {}})
            node["v"] += weight
    stack = [root]
    while stack:
        node = stack.pop()
        node["c"] = list(node["c"].values())
        stack += node["c"]
    return root


def flame(weights: Weights) -> bytes:
    # JSON knows no < but in strings: escaped, it cannot begin a tag.
    data = orjson.dumps({"unit": weights.unit, "root": tree(weights)}).replace(b"<", b"\\u003c")
    page = _PAGE.read_bytes().replace(b"%TITLE%", escape(weights.title).encode())
    return page.replace(b"%DATA%", data)
