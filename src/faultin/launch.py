# SPDX-License-Identifier: Apache-2.0
"""Launch: the command, started but held back until the probes are on.

The child is forked early, while this process is small and has one thread, and
waits on a pipe for words: whom to let trace it, what filter to load, and to go. It runs
with this process's terminal, signals as it found them, and the rights of the user who
called sudo.
"""

import errno
import os
import pwd
import select
import signal
import stat
from dataclasses import dataclass

from faultin.errors import CommandError, UsageError
from faultin.kernel import seccomp

NOT_EXECUTABLE, NOT_FOUND = 126, 127  # as a shell has it
# Words to the child, with a number.
_ADMIT, _FILTER, _LISTEN, _CONFINE, _GO = b"P", b"F", b"L", b"C", b"!"
_TURN = 0.001  # seconds
_SUPERVISING = "it takes Linux 5.6, and no other seccomp listener around faultin"
_ADMITTED, _FREE = b".", b"="  # ... and from it
_NULL = errno.EADDRNOTAVAIL  # address 0 can be mapped
_MINIMUM = "set vm.mmap_min_addr to 65536, and do not keep sys_rawio"


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that the command runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    name: str


def identity(user: str | None) -> Identity | None:
    """The named user, or else who called sudo; None to stay who we are."""
    try:
        if user is not None:
            entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        elif os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdecimal():
            entry = pwd.getpwuid(int(os.environ["SUDO_UID"]))
        else:
            return None
    except KeyError:
        raise UsageError(f"there is no user {user or os.environ['SUDO_UID']}") from None
    if entry.pw_uid == os.geteuid():
        return None
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Identity(entry.pw_uid, entry.pw_gid, groups, entry.pw_name)


def find(command: str, path: str) -> str:
    """The file that a shell would run; CommandError with 126 or 127 otherwise."""
    if "/" in command:
        return _check(command, command)
    candidates = [os.path.join(folder or ".", command) for folder in path.split(os.pathsep)]
    files = [candidate for candidate in candidates if os.path.isfile(candidate)]
    if not files:
        raise CommandError(f"{command or repr(command)}: command not found", "it is not in PATH", NOT_FOUND)
    executable = [candidate for candidate in files if os.access(candidate, os.X_OK)]
    return _check((executable or files)[0], command)


def _check(candidate: str, command: str) -> str:
    try:
        mode = os.stat(candidate).st_mode
    except FileNotFoundError:
        raise CommandError(command, "no such file", NOT_FOUND) from None
    except OSError as error:
        raise CommandError(command, error.strerror or str(error), NOT_EXECUTABLE) from None
    if stat.S_ISDIR(mode):
        raise CommandError(command, "it is a directory", NOT_EXECUTABLE)
    if not os.access(candidate, os.X_OK):
        raise CommandError(command, "it is not executable", NOT_EXECUTABLE, "chmod +x makes it so")
    return candidate


class Command:
    """A command held back before its execve, by pid."""

    def __init__(self, argv: list[str], user: str | None = None) -> None:
        self.argv = argv
        self._path = find(argv[0], os.environ.get("PATH", os.defpath))
        who = identity(user)
        gate, self._gate = os.pipe()
        self._failure, failure = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._gate)
            os.close(self._failure)
            self._run(gate, failure, who)
        os.close(gate)
        os.close(failure)
        self.status: int | None = None

    def _run(self, gate: int, failure: int, who: Identity | None) -> None:
        """The child. It must not return."""
        try:
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            self._heed(gate, failure)
            if who:  # behind the filter, which this may take the right to load
                os.setgroups(who.groups)
                os.setgid(who.gid)
                os.setuid(who.uid)
            os.execve(self._path, self.argv, os.environ)
        except OSError as error:
            os.write(failure, str(error.errno).encode())
        finally:
            os._exit(NOT_EXECUTABLE)

    def _heed(self, gate: int, failure: int) -> None:
        """Does what the words say until one says to go."""
        with os.fdopen(gate, "rb") as words:
            while (word := words.read(1)) != _GO:
                if not word:
                    os._exit(0)
                number = int(words.readline())
                if word == _ADMIT:
                    seccomp.let_trace(number)
                    os.write(failure, _ADMITTED)
                elif word == _FILTER:
                    seccomp.load_filter(words.read(number))
                elif word == _CONFINE:
                    kept = words.readline()
                    listener = self._confine(words.read(number), kept)
                    os.write(failure, _FREE + b"%d\n" % listener)
                elif word == _LISTEN:
                    code = words.read(number)
                    free = os.dup(gate)
                    os.close(free)
                    os.write(failure, _FREE + b"%d\n" % free)
                    seccomp.load_listener(code)

    @staticmethod
    def _confine(code: bytes, kept: bytes) -> int:
        """Into a guard: a seccomp program with a listener, whose descriptor is returned."""
        from faultin.kernel import confine

        confine.enter_domain()
        listener = seccomp.load_listener(code)
        confine.drop_capabilities(frozenset(kept.decode().split()))
        if confine.can_map_null():
            raise OSError(_NULL, os.strerror(_NULL))
        return listener

    def admit(self, tracer: int) -> None:
        """Has the command let process `tracer` trace it, if there is one."""
        if tracer:
            os.write(self._gate, _ADMIT + b"%d\n" % tracer)
            os.read(self._failure, 1)

    def listen(self, code: bytes) -> int:
        """Has the command load a seccomp program with a listener: that. From then on a
        call of it may wait there. CommandError when the kernel will not have it."""
        os.write(self._gate, _LISTEN + b"%d\n" % len(code) + code)
        told = os.read(self._failure, 64)
        pidfd = os.pidfd_open(self.pid)
        try:
            while told.startswith(_FREE):
                if (found := seccomp.take_descriptor(pidfd, int(told[1:]))) is not None:
                    return found
                if select.select([self._failure], [], [], _TURN)[0]:
                    told = os.read(self._failure, 64)
            number = int(told or errno.ESRCH)
            raise OSError(number, os.strerror(number))
        except OSError as error:
            what = "the command's calls cannot be supervised"
            raise CommandError(what, error.strerror, NOT_EXECUTABLE, _SUPERVISING) from None
        finally:
            os.close(pidfd)

    def confine(self, code: bytes, kept: tuple[str, ...]) -> int:
        """Has the command confine itself (kernel/confine.py) under a seccomp program with a
        listener; the number that this has there. CommandError when the kernel will not."""
        names = " ".join(kept).encode() + b"\n"
        os.write(self._gate, _CONFINE + b"%d\n" % len(code) + names + code)
        told = os.read(self._failure, 64)
        if told.startswith(_FREE):
            return int(told[1:])
        number, what = int(told or errno.ESRCH), "the command cannot be guarded"
        if number == _NULL:
            why = "it could map address 0, and pass memory there as NULL"
            raise CommandError(what, why, NOT_EXECUTABLE, _MINIMUM)
        raise CommandError(what, os.strerror(number), NOT_EXECUTABLE, _SUPERVISING)

    def let_go(self) -> int:
        """The same as release(), but does not wait; the descriptor that will say why the
        command could not be run, an errno in digits, or nothing."""
        os.write(self._gate, _GO)
        os.close(self._gate)
        return self._failure

    def release(self, code: bytes = b"") -> None:
        """Lets the command run, under a seccomp program if there is one. CommandError when
        the kernel will not have it."""
        if code:
            os.write(self._gate, _FILTER + b"%d\n" % len(code) + code)
        os.write(self._gate, _GO)
        os.close(self._gate)
        reason = os.read(self._failure, 16)
        os.close(self._failure)
        if reason:
            os.waitpid(self.pid, 0)
            number = int(reason)
            if number == errno.ENOENT:  # the file itself was there (find)
                raise CommandError(self.argv[0], "its interpreter was not found", NOT_FOUND)
            raise CommandError(self.argv[0], os.strerror(number), NOT_EXECUTABLE)

    def cancel(self) -> None:
        """The command never runs."""
        os.close(self._gate)
        os.close(self._failure)
        os.waitpid(self.pid, 0)

    def poll(self) -> int | None:
        """The wait status once the command has ended, without waiting."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status

    def wait(self) -> int:
        """Waits for the command; its wait status."""
        if self.status is None:
            self.status = os.waitpid(self.pid, 0)[1]
        return self.status


def take_status(status: int) -> int:
    """Ends like the command: its exit status, or its signal (128 + n if we survive it)."""
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    number = os.WTERMSIG(status)
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return 128 + number
