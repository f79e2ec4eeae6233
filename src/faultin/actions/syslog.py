# SPDX-License-Identifier: Apache-2.0
"""Syslog: each notification is a message to the local syslog daemon.

In: notifications. Out: datagrams with the line of text that stdout has too. A longer line
is cut: most daemons take 8 KiB.
"""

import logging
import os
import stat
import threading
from logging.handlers import SysLogHandler

from faultin.actions.base import CAPACITY, ActionReport, Notification
from faultin.actions.fields import text_line
from faultin.actions.workers import Workers
from faultin.errors import OutputError, UsageError

SOCKET = "/dev/log"
LONGEST = 8192  # bytes
_CUT = "..."


class _Handler(SysLogHandler):
    """With one priority for all, and errors that are not printed but raised."""

    append_nul = False  # for daemons older than any that has BPF

    def __init__(self, path: str, facility: int, priority: int) -> None:
        super().__init__(path, facility)
        self._priority = priority

    def encodePriority(self, facility: int | str, priority: int | str) -> int:
        return super().encodePriority(facility, self._priority)

    def handleError(self, record: logging.LogRecord) -> None:
        raise


class Syslog:
    """level: FACILITY.PRIORITY, such as daemon.warning. OutputError without a daemon."""

    def __init__(
        self,
        level: str,
        path: str = SOCKET,
        longest: int = LONGEST,
        capacity: int = CAPACITY,
    ) -> None:
        facility, priority = parse_level(level)
        check_socket(path, "is a syslog daemon running? --journald writes to systemd's journal")
        self._handler = _Handler(path, facility, priority)
        self._handler.ident = "faultin: "
        self._longest = longest - len(f"<191>{self._handler.ident}")
        self._workers = Workers("syslog", self._send, 1, capacity)

    def submit(self, notification: Notification) -> None:
        self._workers.submit(notification)

    def close(self, deadline: float) -> ActionReport:
        report = self._workers.close(deadline)
        if not self._workers.is_busy:
            self._handler.close()
        return report

    def _send(self, notification: Notification, ended: threading.Event) -> str:
        text = _cut(text_line(notification), self._longest)
        try:
            self._handler.emit(logging.makeLogRecord({"msg": text}))
        except OSError as error:
            return error.strerror or str(error)
        return ""


def check_socket(path: str, advice: str) -> None:
    """OutputError if nobody can listen there."""
    try:
        found = stat.S_ISSOCK(os.stat(path).st_mode)
        why = "it is no socket"
    except OSError as error:
        found, why = False, error.strerror or str(error)
    if not found:
        raise OutputError(f"cannot log to {path}", why, advice)


def parse_level(level: str) -> tuple[int, int]:
    """(facility, priority) of FACILITY.PRIORITY; UsageError names those that there are."""
    facility, _, priority = level.partition(".")
    facilities = SysLogHandler.facility_names
    if facility not in facilities:
        why = f"there is no facility {facility!r}"
        raise UsageError(f"--syslog {level}", why, f"there are {', '.join(facilities)}")
    return facilities[facility], parse_priority(f"--syslog {level}", priority)


def parse_priority(option: str, name: str) -> int:
    """Of its name: 0 for emerg to 7 for debug. `option` is what the user wrote."""
    known = SysLogHandler.priority_names
    if name not in known:
        raise UsageError(option, f"there is no priority {name!r}", f"there are {', '.join(known)}")
    return known[name]


def _cut(text: str, longest: int) -> str:
    """At most so many bytes; dots say that there was more."""
    data = text.encode()
    if len(data) <= longest:
        return text
    return data[: longest - len(_CUT)].decode("utf-8", "ignore") + _CUT
