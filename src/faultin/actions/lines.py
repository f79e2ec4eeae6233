# SPDX-License-Identifier: Apache-2.0
"""Lines: each notification as a line, of text or of JSON, to an Output.

In: notifications. Out: lines in the order of submission. Each line is flushed when there
is no other behind it.
"""

import threading
from collections.abc import Callable

from faultin.actions.base import CAPACITY, ActionReport, Notification
from faultin.actions.fields import text_line
from faultin.actions.workers import Workers
from faultin.sinks.json_values import to_json
from faultin.sinks.output import Output


def json_line(notification: Notification) -> bytes:
    return to_json(dict(notification)) + b"\n"


def plain_line(notification: Notification) -> bytes:
    return text_line(notification).encode("utf-8", "backslashreplace") + b"\n"


FORMATS: dict[str, Callable[[Notification], bytes]] = {"text": plain_line, "jsonl": json_line}


class Lines:
    """Writes lines. A reader that is too slow costs notifications, not the caller's time."""

    def __init__(self, output: Output, format: str, capacity: int = CAPACITY) -> None:
        self._output, self._line = output, FORMATS[format]
        self._workers = Workers("lines", self._write, 1, capacity, idle=output.flush)

    def submit(self, notification: Notification) -> None:
        self._workers.submit(notification)

    def close(self, deadline: float) -> ActionReport:
        report = self._workers.close(deadline)
        if not self._workers.is_busy:  # else the reader does not read: it would block us too
            self._output.close()
        return report

    def _write(self, notification: Notification, ended: threading.Event) -> str:
        self._output.write(self._line(notification))
        return ""
