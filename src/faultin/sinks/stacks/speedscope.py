# SPDX-License-Identifier: Apache-2.0
"""Speedscope: a profile in the JSON of speedscope's file format, version 0.0.1.

In: Weights. Out: bytes of one document: a sample for each path.
"""

import orjson

from faultin.sinks.stacks.weights import Weights

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_UNITS = {"ns": "nanoseconds", "": "none"}


def speedscope(weights: Weights) -> bytes:
    numbers: dict[str, int] = {}
    samples = [
        [numbers.setdefault(name, len(numbers)) for name in path] for path in sorted(weights.paths)
    ]
    profile = {
        "type": "sampled", "name": weights.title, "unit": _UNITS[weights.unit],
        "startValue": 0, "endValue": weights.total,
        "samples": samples, "weights": [weights.paths[path] for path in sorted(weights.paths)],
    }  # fmt: skip
    return orjson.dumps({
        "$schema": _SCHEMA, "exporter": "faultin", "name": weights.title, "activeProfileIndex": 0,
        "shared": {"frames": [{"name": name} for name in numbers]}, "profiles": [profile],
    })  # fmt: skip
