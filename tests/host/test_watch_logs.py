# SPDX-License-Identifier: Apache-2.0
"""`faultin watch` beside real daemons: busybox's syslogd and systemd-journald, each in a mount
namespace of its own, so that nothing of the machine's is touched; what they have kept is read."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from running import command

JOURNALD = "/lib/systemd/systemd-journald"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")

# A /dev of our own, where /dev/log can be made.
SYSLOGD = """
set -e
mkdir "$1/dev"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs /dev
for name in null zero random urandom tty shm fd stdin stdout stderr; do ln -s "$1/dev/$name" "/dev/$name"; done
busybox syslogd -n -O "$1/messages" &
daemon=$!
trap 'kill $daemon' EXIT
for i in $(seq 100); do [ -S /dev/log ] && break; sleep 0.05; done
{watch}
for i in $(seq 100); do grep -q faultin "$1/messages" && break; sleep 0.05; done
"""
JOURNAL = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log
{daemon} 2>/dev/null &
daemon=$!
trap 'kill $daemon' EXIT
for i in $(seq 100); do [ -S /run/systemd/journal/socket ] && break; sleep 0.05; done
{watch}
for i in $(seq 100); do
	journalctl --directory /run/log/journal -o export -t faultin >"$1/entries" 2>/dev/null && [ -s "$1/entries" ] && break
	sleep 0.05
done
journalctl --directory /run/log/journal --all -o json -t faultin >"$1/entries"
"""


def beside(script: str, folder: Path, *words: str) -> None:
    """Runs the watch of these words while the daemon of the script runs."""
    script = script.replace("{watch}", shlex.join(command("watch", *words))).replace("{daemon}", JOURNALD)
    if JOURNALD in script:
        assert Path(JOURNALD).exists(), "systemd is not installed: its journal is what this is tested with"
    inside = ["unshare", "--mount", "--propagation", "private", "bash", "-c", script, "bash", str(folder)]
    ran = subprocess.run(inside, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


def test_a_syslog_daemon_has_the_line(tmp_path):
    path = tmp_path / "watched\nfile"
    path.touch()
    beside(SYSLOGD, tmp_path, "-e", "openat", "-w", 'path.endswith("watched\\nfile")',
           "--capture", "path,comm", "--syslog", "local3.warning", "--", "cat", str(path))  # fmt: skip
    (line,) = [line for line in (tmp_path / "messages").read_text().splitlines() if "faultin" in line]
    assert "local3.warn" in line and "watched\\nfile" in line and " cat[" in line


def test_the_journal_has_the_fields(tmp_path):
    path = tmp_path / "watched\nfile"
    path.touch()
    beside(JOURNAL, tmp_path, "-e", "openat", "-w", 'path.endswith("watched\\nfile")',
           "--capture", "path,comm,ret", "--journald", "warning", "--", "cat", str(path))  # fmt: skip
    (entry,) = map(json.loads, (tmp_path / "entries").read_text().splitlines())
    text = entry["FAULTIN_PATH"]  # what has a line break is an array of bytes where journalctl prints it
    assert (bytes(text).decode() if isinstance(text, list) else text) == str(path)
    assert entry["PRIORITY"] == "4" and entry["FAULTIN_COMM"] == "cat" and int(entry["FAULTIN_RET"]) > 2
    assert entry["SYSLOG_IDENTIFIER"] == "faultin" and "watched" in entry["MESSAGE"]


def test_the_journal_has_what_is_too_large_for_a_datagram(tmp_path):
    """It goes through a sealed memfd, which the daemon checks the seals of."""
    beside(JOURNAL, tmp_path, "-e", "write", "-w", "size == 600000", "-s", "600000", "--capture", "buf",
           "--journald", "info", "--", "python3", "-c",
           "import os; os.write(os.open('/dev/null', 1), b'0123456789' * 60000)")  # fmt: skip
    (entry,) = map(json.loads, (tmp_path / "entries").read_text().splitlines())
    assert entry["FAULTIN_BUF"] == "0123456789" * 60000
