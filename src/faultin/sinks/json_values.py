# SPDX-License-Identifier: Apache-2.0
"""JSON values: what JSON has no form for gets one.

In: values of faultin.values. Out: JSON bytes. Bytes that are not UTF-8 become
{"b64": ...}, a truncated value {"value": ..., "length": N}, a missing one null.
"""

from base64 import b64encode
from typing import Any

import orjson

from faultin.values import Missing, Truncated


def _form(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": b64encode(value).decode()}
    if isinstance(value, Truncated):
        return {"value": value.value, "length": value.length}
    if isinstance(value, Missing):
        return None
    raise TypeError(type(value).__name__)


def to_json(value: Any) -> bytes:
    """One line of JSON, without its end."""
    return orjson.dumps(value, default=_form, option=orjson.OPT_PASSTHROUGH_DATACLASS)
