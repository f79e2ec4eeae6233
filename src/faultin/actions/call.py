# SPDX-License-Identifier: Apache-2.0
"""Call: a notification is given to a function of this process.

In: notifications. Out: calls of the function, one after the other, in the trace's own
thread. An exception in it ends the watch, and is raised where somebody waits for that.
"""

from collections.abc import Callable

from faultin.actions.base import ActionReport, Notification


class Call:
    """The action of `faultin.watch`."""

    def __init__(self, function: Callable[[Notification], object]) -> None:
        self._function = function
        self._done = 0

    def submit(self, notification: Notification) -> None:
        self._function(notification)
        self._done += 1

    def close(self, deadline: float) -> ActionReport:
        return ActionReport(self._done)
