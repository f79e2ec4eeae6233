# SPDX-License-Identifier: Apache-2.0
"""faultin: a Linux system call tracer that never loses user data to a page fault.

From Python: trace, stats, watch and ask (docs/python.md). They are imported when they are first
asked for, as the command line must start without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from faultin.api.ask import ask
    from faultin.api.stats import Stats, stats
    from faultin.api.trace import Trace, trace
    from faultin.api.watch import Watch, watch
    from faultin.errors import FaultinError, QueryError
    from faultin.event import Event, Summary

__all__ = [
    "Event", "FaultinError", "QueryError", "Stats", "Summary", "Trace", "Watch", "ask", "stats",
    "trace", "watch",
]  # fmt: skip

_HOMES = {
    "Event": "event", "Summary": "event", "FaultinError": "errors", "QueryError": "errors",
    "ask": "api.ask",
    "Stats": "api.stats", "stats": "api.stats", "Trace": "api.trace", "trace": "api.trace",
    "Watch": "api.watch", "watch": "api.watch",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'faultin' has no attribute {name!r}")
    return getattr(import_module(f"faultin.{_HOMES[name]}"), name)
