# SPDX-License-Identifier: Apache-2.0
"""JSON values: an object of values becomes JSON.

In: what decode gives (faultin.values), in dicts and lists. Out: the bytes of one
JSON document without a line break. Bytes that are no text are {"b64": ...}, a
truncated value is {"value": ..., "length": ...}, a missing one null, a stack an object.
"""

from base64 import b64encode
from typing import Any

import orjson

from faultin.sinks.stacks.objects import stack_object
from faultin.stacks.frames import Stack
from faultin.values import Missing, Truncated

# the types of faultin.values are dataclasses, which orjson would write field by field
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS


def _other(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": b64encode(value).decode("ascii")}
    if isinstance(value, Truncated):
        return {"value": value.value, "length": value.length}
    if isinstance(value, Missing):
        return None
    if isinstance(value, Stack):
        return stack_object(value)
    raise TypeError(f"{type(value).__name__} is no value")


def to_json(value: Any) -> bytes:
    """The JSON document of a value."""
    return orjson.dumps(value, _other, _OPTIONS)
