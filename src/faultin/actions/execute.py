# SPDX-License-Identifier: Apache-2.0
"""Execute: a command for each notification, a bounded number of them at a time.

In: notifications. Out: children: fields in the environment (fields.py), the whole as JSON
on stdin. Invariant: no shell reads what a traced program wrote, every child is reaped,
and none is left when the action is closed.
"""

import os
import signal
import subprocess
import threading
from typing import Any

from faultin.actions.base import CAPACITY, JOBS, ActionReport, Notification
from faultin.actions.fields import PREFIX, environment
from faultin.actions.lines import json_line
from faultin.actions.workers import Workers
from faultin.launch import Identity, find


class Execute:
    """Runs argv. CommandError if there is no such command. timeout: seconds, None for none;
    who: the user it runs as, None for our own."""

    def __init__(
        self,
        argv: list[str],
        jobs: int = JOBS,
        timeout: float | None = None,
        who: Identity | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        self._argv, self._timeout = argv, timeout
        self._path = find(argv[0], os.environ.get("PATH", os.defpath))
        self._rights = _rights(who)
        prefix = PREFIX.encode()
        self._inherited = {n: v for n, v in os.environb.items() if not n.startswith(prefix)}
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._workers = Workers("exec", self._run, jobs, capacity, give_up=self._kill_all)

    def submit(self, notification: Notification) -> None:
        self._workers.submit(notification)

    def close(self, deadline: float) -> ActionReport:
        return self._workers.close(deadline)

    def _run(self, notification: Notification, ended: threading.Event) -> str:
        try:
            child = subprocess.Popen(
                self._argv, executable=self._path, stdin=subprocess.PIPE,
                env=self._inherited | environment(notification),
                process_group=0,  # Ctrl-C is for us; and a child's own children can be ended
                **self._rights,
            )  # fmt: skip
        except OSError as error:
            return f"not started: {error.strerror}"
        with self._lock:
            self._running.add(child)
        if ended.is_set():  # _kill_all may have looked before
            _kill(child)
        return self._wait(child, json_line(notification), ended)

    def _wait(self, child: subprocess.Popen, document: bytes, ended: threading.Event) -> str:
        try:
            child.communicate(document, self._timeout)  # a child need not read it all
        except subprocess.TimeoutExpired:
            _kill(child)
            child.wait()
            return "timed out"
        finally:
            with self._lock:
                self._running.discard(child)
            if child.stdin:
                child.stdin.close()
        if ended.is_set() and child.returncode < 0:
            return "killed at the end"
        return _reason(child.returncode)

    def _kill_all(self) -> None:
        with self._lock:
            for child in self._running:
                _kill(child)


def _rights(who: Identity | None) -> dict[str, Any]:
    return {"user": who.uid, "group": who.gid, "extra_groups": who.groups} if who else {}


def _kill(child: subprocess.Popen) -> None:
    """The child and its children. It leads a group of its own, whose number no one else can
    have as long as the child is not reaped."""
    if child.returncode is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _reason(status: int) -> str:
    if status < 0:
        return f"ended by signal {-status}"
    return f"exit status {status}" if status else ""
