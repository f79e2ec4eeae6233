# SPDX-License-Identifier: Apache-2.0
"""Running: a session in a thread, with the command that it traces.

In: a Choice, and what makes the session. Out: a Summary, or the error that ended it.
Invariant: when stop() or wait() has returned, nothing is traced and the probes are off.
"""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from faultin.cli.options import Choice
from faultin.errors import FaultinError
from faultin.event import Summary
from faultin.launch import Command
from faultin.session import Session


class Running:
    """A trace that runs. It begins when it is made, probes on. `ended` is called in its
    thread when it is over, whatever ended it."""

    def __init__(
        self, choice: Choice, make: Callable[[], Session], ended: Callable[[], None] = lambda: None
    ) -> None:
        self._ended = ended
        self._pids = list(choice.pids)
        self.command = Command(list(choice.command), choice.user) if choice.command else None
        try:
            self._session = make()
        except BaseException:
            if self.command:
                self.command.cancel()
            raise
        self.summary: Summary | None = None
        self._error: BaseException | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="faultin-session", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            if self.command:
                self.summary = self._session.run_command(self.command)
            else:
                self.summary = self._session.run_pids(self._pids)
        except BaseException as error:  # raised again where somebody waits
            self._error = error
            self._failed = True
        finally:
            self._ended()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Ends the trace; what is traced goes on."""
        self._session.stop()
        self._thread.join()

    def wait(self) -> Summary:
        """Until all that is traced has ended; raises what ended the trace before, once."""
        self._thread.join()
        if self._error:
            error, self._error = self._error, None
            raise error
        if self.summary is None:
            raise FaultinError("the trace failed", "its error was raised before")
        return self.summary

    def status(self) -> int | None:
        """Of the command: its exit status, -n for signal n; waits for it. None without one."""
        if self.command is None or self._failed:
            return None
        return os.waitstatus_to_exitcode(self.command.wait())


class Lazy(ABC):
    """What the API's objects have in common: each begins with `with`, or when something of
    it is first asked for."""

    _running: Running | None = None

    @abstractmethod
    def _begin(self) -> Running:
        """Called once."""

    def _start(self) -> Running:
        if self._running is None:
            self._running = self._begin()
        return self._running

    def __enter__(self) -> Self:
        self._start()
        return self

    @property
    def status(self) -> int | None:
        """Of the command, once it has ended: its exit status, -n for signal n."""
        return self._start().status()
