# SPDX-License-Identifier: Apache-2.0
"""faultin top, on a terminal of 80 by 24."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pyte
import pytest
from running import command

pytestmark = pytest.mark.kernel
LOOP = "while :; do cat /etc/hostname '/no\x1b[31mthing' >/dev/null 2>&1; sleep 0.1; done"


class Terminal:
    """A program on a terminal, and its screen."""

    def __init__(self, *words: object) -> None:
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.slave, self.before = slave, termios.tcgetattr(slave)
        self.raw = b""
        self.child = subprocess.Popen(
            command(*words), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )  # fmt: skip

    def until(self, text: str, timeout: float = 30) -> str:
        """The screen, once a text is on it."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            shown = "\n".join(self.screen.display)
            if text in shown:
                return shown
            if select.select([self.master], [], [], 0.1)[0]:
                data = os.read(self.master, 1 << 16)
                self.raw += data
                self._stream.feed(data)
        raise AssertionError(f"{text!r} is not on the screen:\n{shown}")

    def type(self, keys: str) -> None:
        for key in keys:
            os.write(self.master, key.encode())
            time.sleep(0.02)

    def ended(self) -> int:
        """The exit status; the terminal has to be as it was."""
        end = time.monotonic() + 30
        while self.child.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                self.raw += os.read(self.master, 1 << 16)
        while select.select([self.master], [], [], 0.2)[0]:
            self.raw += os.read(self.master, 1 << 16)
        assert termios.tcgetattr(self.slave) == self.before
        assert b"\x1b[?1049l" in self.raw and b"\x1b[?25h" in self.raw
        os.close(self.master)
        os.close(self.slave)
        return self.child.wait(1)


@pytest.fixture
def loop():
    child = subprocess.Popen(["sh", "-c", LOOP], stderr=subprocess.DEVNULL)
    yield child
    child.kill()
    child.wait()


def test_views_filter_and_the_calls_of_a_line(loop):
    top = Terminal("top", "--interval", "0.3", "-p", loop.pid)
    assert "errors" in top.until(" cat")
    top.type("c")
    top.until("system calls by calls")
    top.until("openat")
    top.type("s")
    top.until("system calls by rate")
    top.type("f")
    assert "\x1b" not in top.until("/etc/hostname")
    assert b"\x1b[31mthing" not in top.raw
    top.type("/")
    top.until("a query, such as")
    top.type("path.startswith(\r")
    top.until("query: column")
    top.type("/")
    top.until("a query, such as")
    top.type('path == "/etc/hostname"\r')
    top.until("1 paths by rate")
    top.type("\r")
    assert "openat(AT_FDCWD" in top.until('"/etc/hostname"') or top.until("openat(AT_FDCWD")
    top.type("\x1b")
    top.until("1 paths")
    top.type("q")
    assert top.ended() == 0
    assert loop.poll() is None


def test_a_command_ends_and_its_status_is_given():
    top = Terminal("top", "--interval", "0.3", "--", "sh", "-c", "ls /; exit 3")
    shown = top.until("ended:")
    assert "bin" not in shown.split("\n")[0]
    top.type("\x03")
    assert top.ended() == 3


def test_ctrl_c_leaves_the_command_running():
    top = Terminal("top", "--interval", "0.3", "--", "sleep", "60")
    top.until("by calls")
    top.type("\x03")
    assert top.ended() == 0
    pid = int(top.raw.rsplit(b"as process ", 1)[1].split()[0])
    os.kill(pid, signal.SIGTERM)


def test_a_signal_ends_it_and_the_terminal_is_as_it_was(loop):
    top = Terminal("top", "--interval", "0.3", "-p", loop.pid)
    top.until("by calls")
    top.child.send_signal(signal.SIGTERM)
    assert top.ended() == 0


def test_without_a_terminal():
    ran = subprocess.run(command("top", "--", "true"), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1 and "no terminal" in ran.stderr


def test_calls_by_keys_that_are_on_their_way_are_no_loss(loop):
    """Every command is keys of its own, of which the kernel's counters are there first."""
    top = Terminal("top", "--interval", "0.2", "-p", loop.pid)
    top.until(" cat")
    for _ in range(6):
        top.until("processes by calls")
        assert "events lost" not in "\n".join(top.screen.display)
        time.sleep(0.2)
        top.type("p")
    top.type("q")
    assert top.ended() == 0
