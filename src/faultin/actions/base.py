# SPDX-License-Identifier: Apache-2.0
"""Base: the one protocol that all actions have.

In: notifications. Out: a report of what became of them. Invariant: submit() never waits,
and done + failed + dropped is how many were submitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

CAPACITY = 1000  # notifications that wait for one action, unless told otherwise
JOBS = 4         # commands of one --exec at a time

# Name of a field to its value (faultin.values): the captured ones, and those that every
# event has. Actions read it in threads of their own: nobody changes it once submitted.
Notification = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ActionReport:
    """What became of notifications. failed: tried, without success, `reasons` says why;
    dropped: never tried to the end, as the queue was full or time was over."""

    done: int = 0
    failed: int = 0
    dropped: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


class Action(Protocol):
    """Something that happens on each notification."""

    def submit(self, notification: Notification) -> None:
        """Takes it, and returns at once. FaultinError when no more can be done for any."""

    def close(self, deadline: float) -> ActionReport:
        """Finishes what was submitted, by a time.monotonic() at the latest."""
