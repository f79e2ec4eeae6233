# SPDX-License-Identifier: Apache-2.0
"""Journald: each notification is an entry of systemd's journal, with all its fields.

In: notifications. Out: datagrams of the native protocol (systemd's
docs/JOURNAL_NATIVE_PROTOCOL.md); what is too large for one goes in a sealed memfd, as the
protocol has it. Invariant: values are whole, with their line breaks and NULs.
"""

import array
import errno
import fcntl
import os
import socket
import threading

from faultin.actions.base import CAPACITY, ActionReport, Notification
from faultin.actions.fields import PREFIX, field_bytes, missing_fields, text_line, variable
from faultin.actions.syslog import check_socket, parse_priority
from faultin.actions.workers import Workers
from faultin.values import Truncated

SOCKET = "/run/systemd/journal/socket"
_NAME_MOST = 64
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


class Journald:
    """priority: a name, such as warning. OutputError where there is no journal."""

    def __init__(self, priority: str, path: str = SOCKET, capacity: int = CAPACITY) -> None:
        self._path = path
        self._priority = parse_priority(f"--journald {priority}", priority)
        check_socket(path, "is systemd-journald running? --syslog writes to a syslog daemon")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._workers = Workers("journald", self._send, 1, capacity)

    def submit(self, notification: Notification) -> None:
        self._workers.submit(notification)

    def close(self, deadline: float) -> ActionReport:
        report = self._workers.close(deadline)
        if not self._workers.is_busy:
            self._socket.close()
        return report

    def _send(self, notification: Notification, ended: threading.Event) -> str:
        data = entry(notification, self._priority)
        try:
            self._datagram(data)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def _datagram(self, data: bytes) -> None:
        """By name each time, so that a journal that was started anew gets it."""
        try:
            self._socket.sendto(data, self._path)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._memory_file(data)

    def _memory_file(self, data: bytes) -> None:
        file = os.memfd_create("faultin", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        try:
            with open(file, "wb", closefd=False) as stream:
                stream.write(data)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))
            self._socket.sendmsg([b""], [rights], 0, self._path)
        finally:
            os.close(file)


def entry(notification: Notification, priority: int) -> bytes:
    """The entry: MESSAGE, and FAULTIN_<NAME> of each field that has a value."""
    fields: dict[str, bytes] = {
        "MESSAGE": text_line(notification).encode(),
        "PRIORITY": b"%d" % priority,
        "SYSLOG_IDENTIFIER": b"faultin",
    }
    for name, value in notification.items():
        if (text := field_bytes(value)) is not None:
            fields[variable(name)[:_NAME_MOST]] = text
    cut = [variable(n) for n, value in notification.items() if isinstance(value, Truncated)]
    for name, words in (("TRUNCATED", cut), ("MISSING", missing_fields(notification))):
        if words:
            fields[PREFIX + name] = " ".join(words).encode()
    return b"".join([_field(name.encode(), text) for name, text in fields.items()])


def _field(name: bytes, text: bytes) -> bytes:
    """NAME=text, or with its length before it where it has line breaks."""
    if b"\n" in text or b"\0" in text:
        return b"%s\n%s%s\n" % (name, len(text).to_bytes(8, "little"), text)
    return b"%s=%s\n" % (name, text)
