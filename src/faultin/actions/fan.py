# SPDX-License-Identifier: Apache-2.0
"""Fan: one notification, all actions.

In: notifications, and actions by name. Out: a report for each action. Invariant: an action
that has failed for good does not keep the others from finishing.
"""

from collections.abc import Mapping

from faultin.actions.base import Action, ActionReport, Notification
from faultin.errors import FaultinError


class Fan:
    """Submits to all; names are those of the options, such as `exec` or `webhook`."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = actions

    def submit(self, notification: Notification) -> None:
        """FaultinError of the first action that can do no more, when all have had it."""
        errors: list[FaultinError] = []
        for action in self._actions.values():
            try:
                action.submit(notification)
            except FaultinError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def close(self, deadline: float) -> dict[str, ActionReport]:
        """Closes all, and only then raises the first error, if there was one."""
        reports: dict[str, ActionReport] = {}
        errors: list[FaultinError] = []
        for name, action in self._actions.items():
            try:
                reports[name] = action.close(deadline)
            except FaultinError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return reports


def report_lines(reports: Mapping[str, ActionReport]) -> list[str]:
    """What went wrong, a line for each action of which not all was done."""
    lines = []
    for name, report in reports.items():
        causes = [f"{count} {reason}" for reason, count in report.reasons.items()]
        if report.dropped:
            causes.append(f"{report.dropped} dropped: the queue was full, or time was over")
        if causes:
            total = report.done + report.failed + report.dropped
            undone = report.failed + report.dropped
            lines.append(f"faultin: {name}: {undone} of {total} not done ({', '.join(causes)})\n")
    return lines
