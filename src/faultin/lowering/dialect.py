# SPDX-License-Identifier: Apache-2.0
"""Dialect: the two functions of an engine that Ibis has no name for.

In: the name of an Ibis back end. Out: hex() of text and bytes, and the division of unsigned
64-bit integers. An engine without them cannot say exactly what a query means, and is refused.
"""

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.datatypes as dt

from faultin.errors import UsageError

ENGINES = ("duckdb", "pyspark")


def check(engine: str) -> None:
    """UsageError for an engine that does not have them."""
    if engine not in ENGINES:
        why = "it has not what queries need to be exact"
        raise UsageError(f"--engine {engine}", why, f"there are {', '.join(ENGINES)}; or use --sql")


def _builtin(name: str, of: Any, gives: Any) -> Callable[..., Any]:
    def function(value): ...  # what a builtin does is the engine's

    function.__name__ = name
    return ibis.udf.scalar.builtin(function, name=name, signature=((of,), gives))


def _divide(first, second): ...  # the same


hex_of_text = _builtin("hex", dt.string, dt.string)
hex_of_bytes = _builtin("hex", dt.binary, dt.string)
divide = ibis.udf.scalar.builtin(
    _divide, name="divide", signature=((dt.uint64, dt.uint64), dt.uint64)
)
