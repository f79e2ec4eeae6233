# SPDX-License-Identifier: Apache-2.0
"""faultin.events through the kernel's own user_events, as ftrace sees them.

Stock kernels of Debian have none: the guest that is built from source has (CONFIG_USER_EVENTS).
"""

import mmap
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultin import events
from faultin.events import user_events
from faultin.events.memory import Held

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(bool(user_events.why_not()), reason=user_events.why_not()),
]
EACH = 500_000
MANY = re.compile(rb"(.{8}).{4}many\0", re.S)  # a record of it: n, where the text is, the text
NUMBER = r"(?:0x[0-9a-f]+ \()?(-?\d+)\)?"  # some kernels show it in both ways
TRACING = Path(next((p for p in user_events.PATHS if os.path.exists(f"{p}/user_events_data")), "/"))
WRITES = Path(__file__).parent / "programs" / "writes.py"


@pytest.fixture
def buffers() -> Iterator[Path]:
    """ftrace's, empty and large enough, in an instance of their own."""
    instance = TRACING / "instances" / f"faultin-{os.getpid()}"
    instance.mkdir()
    try:
        (instance / "buffer_size_kb").write_text("65536")
        yield instance
    finally:
        for enable in (instance / "events/user_events").glob("*/enable"):
            enable.write_text("0")
        instance.rmdir()


def _listen(buffers: Path, name: str, on: bool = True) -> None:
    (buffers / "events/user_events" / name / "enable").write_text(str(int(on)))


def _lost(buffers: Path) -> int:
    stats = "".join(file.read_text() for file in buffers.glob("per_cpu/cpu*/stats"))
    return sum(map(int, re.findall(r"(?:overrun|dropped events): (\d+)", stats)))


def test_each_event_of_two_processes_is_there_once(buffers: Path) -> None:
    kept = events.register("said", "n: u64, text: string")  # so that it stays, whoever ends
    assert kept.way == "uprobe, user_events"
    _listen(buffers, "said")
    subprocess.run([sys.executable, WRITES, "many", str(EACH)], check=True, timeout=1800)
    _listen(buffers, "said", on=False)
    assert not kept.enabled and _lost(buffers) == 0
    numbers = struct.unpack(f"{2 * EACH}Q", b"".join(MANY.findall(_raw(buffers))))
    assert sorted(numbers) == list(range(2 * EACH))


def test_listeners_come_and_go(buffers: Path) -> None:
    event = events.register("coming", "n: s32")
    for n in range(3):
        event.write(-n)
        _listen(buffers, "coming")
        assert event.enabled
        event.write(10 + n)
        _listen(buffers, "coming", on=False)
        assert not event.enabled
    found = re.findall(rf" coming: n={NUMBER}", (buffers / "trace").read_text())
    assert found == ["10", "11", "12"]


def test_a_page_that_is_not_present_is_written(buffers: Path) -> None:
    event = events.register("absent", "data: bytes, n: int")
    _listen(buffers, "absent")
    fd = os.memfd_create("absent")
    os.write(fd, b"".join(bytes([65 + page]) * 4096 for page in range(16)))
    pages = mmap.mmap(fd, 16 * 4096, mmap.MAP_PRIVATE)
    pages.madvise(mmap.MADV_RANDOM)
    payload = memoryview(pages)[8 * 4096 + 3000 : 9 * 4096 + 1000]
    with open("/proc/self/pagemap", "rb") as pagemap:
        pagemap.seek(Held(payload).address // 4096 * 8)
        assert not any(each >> 63 for each in struct.unpack("2Q", pagemap.read(16)))
    event.write(payload, 5)
    assert event.failed == 0 and bytes(payload) in _raw(buffers)
    os.ftruncate(fd, 0)  # now it cannot come
    event.write(payload, 6)
    assert (event.retried, event.failed) == (0, 1)


def _raw(buffers: Path) -> bytes:
    """The pages of all ring buffers."""
    found = bytearray()
    for path in buffers.glob("per_cpu/cpu*/trace_pipe_raw"):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            while page := os.read(fd, 4096):
                found += page
        except BlockingIOError:
            pass
        finally:
            os.close(fd)
    return bytes(found)


def test_payload_up_to_the_limit(buffers: Path) -> None:
    """ftrace has records of a page less its head; the kernel's own fields have 65,535 bytes."""
    event = events.register("large", "data: bytes")
    _listen(buffers, "large")
    kept = [size for size in range(4000, 4100) if _is_kept(buffers, event, bytes([65]) * size)]
    assert kept == list(range(4000, kept[-1] + 1)) and kept[-1] > 4040
    assert event.failed == 0
    event.write(bytes(65_535))  # which ftrace drops without a word
    assert event.failed == 0
    event.write(bytes(65_536))  # which no record can have
    assert event.failed == 1


def _is_kept(buffers: Path, event: events.Event, payload: bytes) -> bool:
    event.write(payload)
    found = _raw(buffers)
    assert payload in found or payload[:100] not in found, "a part of it is kept"
    return payload in found


def test_what_the_kernel_refuses_is_left_to_uprobes() -> None:
    """A name that somebody has with other fields does not end the program."""
    kept = events.register("fixed", "n: u64")
    program = "from faultin import events; print(events.register('fixed', 'text: string').way)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "uprobe\n") and kept.way == "uprobe, user_events"
    assert "RuntimeWarning: fixed(text: string): the kernel has it with other fields" in ran.stderr


def test_a_descriptor_that_is_another_file_now_is_left_alone(tmp_path: Path, buffers: Path) -> None:
    """Nor is another event written, which has the number of the old one's."""
    kept = [events.register(*each) for each in (("said", "n: u64, text: string"), ("another", "n: u64"))]
    for event in kept:  # so that they are there to listen to
        _listen(buffers, event.definition.name)
    words = [sys.executable, WRITES, "strays", tmp_path / "t"]
    ran = subprocess.run(words, capture_output=True, text=True)
    assert ran.stdout == "1 0 0 9\n", ran.stderr
    found = (buffers / "trace").read_text()
    assert re.findall(rf" another: n={NUMBER}", found) == ["2"] and " said: " not in found
