# SPDX-License-Identifier: Apache-2.0
"""What a notification captures, from calls of different kinds in one watch."""

import json
import subprocess
import sys

import pytest
from engines import Way, ways
from running import command

pytestmark = pytest.mark.kernel
WAYS = [way for way in ways() if way.strategy == "copy"]
each_way = pytest.mark.parametrize("way", WAYS, ids=str)

PROGRAM = """
import os, socket
fd = os.open('/dev/null', os.O_WRONLY)
os.write(fd, b'x' * 9000 + b'end')
os.writev(fd, [b'one', b'two'])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendmsg([b'three'], [], 0, ('127.0.0.1', 9))
os.kill(os.getpid(), 0)
os.execv('/bin/true', ['true', '-la'])
"""


def notified(way: Way, calls: str, captures: str, *words: str) -> list[dict]:
    ran = subprocess.run(
        command("watch", "--engine", way.engine, "-e", calls, "-w", 'comm.startswith("python")',
                "--capture", captures, "--format", "jsonl", *words, "--", sys.executable, "-c", PROGRAM),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@each_way
def test_calls_of_many_kinds_in_one_watch(way: Way):
    """Each has what it has of the captures; what the watch does not need is not missed."""
    captures = "addr,addr.port,fd,args.pid,pid,argv"
    found = notified(way, "writev,sendmsg,kill,execve", captures)
    by_name = {each["syscall"]: each for each in found}
    assert by_name["sendmsg"]["addr"] == {"family": "AF_INET", "ip": "127.0.0.1", "port": 9}
    assert by_name["sendmsg"]["addr.port"] == 9
    assert by_name["writev"]["addr"] is None and by_name["writev"]["fd"] > 2
    assert by_name["kill"]["args.pid"] == by_name["kill"]["pid"]
    assert by_name["execve"]["argv"] == ["true", "-la"]


@each_way
def test_a_payload_is_captured_whole(way: Way):
    """A query looks at the first 4096 bytes of a buffer; a capture has all of it."""
    found = notified(way, "write,writev", "buf,iov", "-s", "16k")
    payload = next(each["buf"] for each in found if each["syscall"] == "write" and each["buf"][:1] == "x")
    assert payload == "x" * 9000 + "end"
    vector = next(each["iov"] for each in found if each["syscall"] == "writev")
    assert [part["iov_base"] for part in vector] == ["one", "two"]
