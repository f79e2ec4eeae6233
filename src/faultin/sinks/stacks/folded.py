# SPDX-License-Identifier: Apache-2.0
"""Folded: a line for each path, as flamegraph.pl and its kin read them.

In: Weights. Out: bytes. A semicolon or line break in a name would end it, and becomes
another character.
"""

from faultin.sinks.stacks.weights import Weights

_UNSAFE = str.maketrans({";": ":", "\n": " ", "\r": " "})


def folded(weights: Weights) -> bytes:
    lines = [
        f"{';'.join(_clean(name) for name in path)} {weight}\n"
        for path, weight in sorted(weights.paths.items())
    ]
    return "".join(lines).encode("utf-8", "backslashreplace")


def _clean(name: str) -> str:
    name = name.translate(_UNSAFE)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
