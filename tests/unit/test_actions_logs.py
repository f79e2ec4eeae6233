# SPDX-License-Identifier: Apache-2.0
"""Syslog and journald, with a real datagram socket in the place of the daemon's."""

import os
import socket
import time

import pytest

from faultin.actions.base import ActionReport
from faultin.actions.journald import Journald
from faultin.actions.syslog import Syslog
from faultin.errors import OutputError, UsageError
from faultin.values import Missing, Truncated

EVENT = {"comm": "cat", "pid": 7, "syscall": "openat", "path": "/etc/shadow"}
LINE = b'cat[7] openat path="/etc/shadow"'


def soon():
    return time.monotonic() + 60.0


@pytest.fixture
def daemon(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "socket"))
        made.settimeout(60.0)
        yield made


def test_syslog(daemon):
    action = Syslog("local3.crit", daemon.getsockname())
    action.submit(EVENT)
    assert action.close(soon()) == ActionReport(1, 0, 0)
    assert daemon.recv(10_000) == b"<%d>faultin: " % (19 * 8 + 2) + LINE


def test_syslog_cuts_a_long_message_and_escapes_line_breaks(daemon):
    action = Syslog("user.info", daemon.getsockname(), longest=100)
    action.submit({"buf": "a\n<0>evil: " + "é" * 200})
    assert action.close(soon()).done == 1
    message = daemon.recv(10_000)
    assert len(message) in (98, 99, 100) and message.endswith("é...".encode())
    assert b'buf="a\\n<0>evil: ' in message and b"\n" not in message


def test_syslog_finds_a_daemon_that_was_started_anew(daemon, tmp_path):
    action = Syslog("user.info", daemon.getsockname())
    path = daemon.getsockname()
    daemon.close()
    os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(path)
        again.settimeout(60.0)
        action.submit(EVENT)
        assert action.close(soon()).done == 1
        assert again.recv(10_000).endswith(LINE)


def test_syslog_counts_what_the_daemon_does_not_take(daemon):
    action = Syslog("user.info", daemon.getsockname())
    os.unlink(daemon.getsockname())
    daemon.close()
    action.submit(EVENT)
    assert action.close(soon()) == ActionReport(0, 1, 0, {"No such file or directory": 1})


@pytest.mark.parametrize(
    "level, says",
    [("users.info", "local0"), ("user.loud", "warning"), ("user", "emerg"), ("", "daemon")],
)
def test_levels_that_do_not_exist(level, says):
    with pytest.raises(UsageError, match=says):
        Syslog(level)


def test_no_daemon(tmp_path):
    with pytest.raises(OutputError, match="is a syslog daemon running"):
        Syslog("user.info", str(tmp_path / "none"))
    with pytest.raises(OutputError, match="is systemd-journald running"):
        Journald("info", str(tmp_path / "none"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="it is no socket"):
        Journald("info", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="emerg"):
        Journald("loud", str(tmp_path / "none"))


def parse(data):
    """The native protocol as journald reads it."""
    fields = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        assert name.decode().replace("_", "").isalnum() and name.isupper() and len(name) <= 64
        assert name not in fields
        fields[name.decode()] = value
        data = rest
    return fields


def test_journald(daemon):
    action = Journald("warning", daemon.getsockname())
    lines = "two\nlines\0\nPRIORITY=0"
    action.submit(
        EVENT
        | {"buf": lines, "raw": b"\xff=\n", "len(buf)": 3, "head": Truncated("h", 9), "addr": None}
    )
    action.submit({"x" * 200: Missing("fault")})
    assert action.close(soon()) == ActionReport(2, 0, 0)
    fields = parse(daemon.recv(100_000))
    assert fields.pop("MESSAGE").startswith(LINE)
    assert fields == {
        "PRIORITY": b"4",
        "SYSLOG_IDENTIFIER": b"faultin",
        "FAULTIN_COMM": b"cat",
        "FAULTIN_PID": b"7",
        "FAULTIN_SYSCALL": b"openat",
        "FAULTIN_PATH": b"/etc/shadow",
        "FAULTIN_BUF": lines.encode(),
        "FAULTIN_RAW": b"\xff=\n",
        "FAULTIN_LEN_BUF": b"3",
        "FAULTIN_HEAD": b"h",
        "FAULTIN_TRUNCATED": b"FAULTIN_HEAD",
        "FAULTIN_MISSING": b"FAULTIN_ADDR=null",
    }
    assert parse(daemon.recv(100_000))["FAULTIN_MISSING"].endswith(b"=fault")


def test_journald_takes_what_is_too_large_for_a_datagram_from_a_sealed_file(daemon):
    payload = "p\n" * 1_000_000
    action = Journald("info", daemon.getsockname())
    action.submit(EVENT | {"buf": payload})
    assert action.close(soon()).done == 1
    data, files, _, _ = socket.recv_fds(daemon, 100, 1)
    assert data == b""
    with open(files[0], "rb") as memory:
        memory.seek(0)
        assert parse(memory.read())["FAULTIN_BUF"] == payload.encode()
        with pytest.raises(PermissionError):
            os.write(os.open(f"/proc/self/fd/{memory.fileno()}", os.O_RDWR), b"x")


def test_journald_counts_what_it_could_not_send(daemon):
    action = Journald("info", daemon.getsockname())
    os.unlink(daemon.getsockname())
    action.submit(EVENT)
    assert action.close(soon()) == ActionReport(0, 1, 0, {"No such file or directory": 1})
