# SPDX-License-Identifier: Apache-2.0
"""Run: a command under a guard, from its execve to the end of the last of its children.

In: a Command, what guards it, and who hears of decisions. Out: nothing; it returns when
all guarded tasks have ended. Calls that only a condition can decide are decided here.
"""

import errno
import os
import signal
from collections.abc import Callable

from faultin.drain.wire import Assembler, Record, RecordType, records
from faultin.errors import CommandError, FaultinError
from faultin.guard.audit import Auditor
from faultin.guard.decide import Decider
from faultin.guard.policy import Policy
from faultin.guard.supervisor import Supervisor
from faultin.launch import NOT_EXECUTABLE, Command

_TURN_MS = 20
_BLOCKED = RecordType.BLOCKED.value
Tell = Callable[[str], None]


def _begin(command: Command, supervisor: Supervisor, policy: Policy) -> None:
    """Has the command run, guarded from its first instruction on."""
    command.admit(supervisor.pid)
    if error := supervisor.guard(command.pid):
        why = os.strerror(error)
        if error == errno.EPERM:
            why = "somebody traces it already, or kernel.yama.ptrace_scope forbids it"
        raise FaultinError("the command cannot be guarded", why)
    listener = command.confine(supervisor.filter, policy.keep_capabilities)
    if error := supervisor.listen(command.pid, listener):
        raise CommandError("the command cannot be guarded", os.strerror(error), NOT_EXECUTABLE)
    command.release()


class Guarded:
    """A command and its guard."""

    def __init__(
        self, command: Command, supervisor: Supervisor, decider: Decider, auditor: Auditor,
        tell: Tell,
    ) -> None:  # fmt: skip
        self._command, self._supervisor = command, supervisor
        self._decider, self._auditor, self._tell = decider, auditor, tell
        self._assembler = Assembler()

    def run(self, policy: Policy) -> None:
        """Until all has ended, which it has for certain when this returns or raises."""
        try:
            _begin(self._command, self._supervisor, policy)
            while not self._turn():
                pass
        finally:
            self._supervisor.close()
        self._auditor.close()

    def send(self, number: int) -> None:
        """A signal that was meant for the command."""
        if self._command.poll() is None:
            os.kill(self._command.pid, number)

    def _turn(self) -> bool:
        """Handles what has come; whether that was all."""
        over = self._supervisor.ended or (
            self._command.poll() is not None and self._supervisor.live <= 0
        )
        if chunk := self._supervisor.records(0 if over else _TURN_MS):
            for part in records(chunk):
                if (record := self._assembler.whole(part)) is not None:
                    self._handle(record)
            return False
        self._auditor.flush()
        for notice in self._supervisor.notices():
            self._tell(notice)
        if over and self._supervisor.ended:
            self._tell("the guard was killed, and all that it guarded with it")
        return over

    def _handle(self, record: Record) -> None:
        if record.type == _BLOCKED:
            step = self._decider.decide(record)
            self._supervisor.decide(record.tid, record.seq, step)
        else:
            self._auditor.take(record)


def ignore_terminal(guarded: Guarded) -> None:
    """What the terminal sends comes to the command by itself; what is sent to us is passed on."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: guarded.send(n))
