# SPDX-License-Identifier: Apache-2.0
"""What notifies is read first, in order, and whole, whatever waits beside it."""

import mmap
import os
import signal
import time

import pytest

from faultin.drain.ring import Chunk, Map, Ring
from faultin.drain.triggers import Watched

PAGE, SIZE = 4096, 1 << 16


class Producer:
    """Memory laid out like a ring buffer's map, and what fills it."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("ring")
        os.ftruncate(self.fd, 3 * PAGE + SIZE)
        self.wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._memory = mmap.mmap(self.fd, 0)
        self._position = 0

    def send(self, text: bytes) -> None:
        """A record; the bytes of one never pass the end of the ring here."""
        at = 2 * PAGE + self._position % SIZE
        padded = text.ljust((len(text) + 7) & ~7, b"\0")
        self._memory[at : at + 8 + len(padded)] = len(text).to_bytes(8, "little") + padded
        self._position += 8 + len(padded)
        self._memory[PAGE : PAGE + 8] = self._position.to_bytes(8, "little")
        os.eventfd_write(self.wake, 1)

    def map(self) -> Map:
        return Map(self.fd, SIZE, wake=self.wake)

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)
        os.close(self.wake)


@pytest.fixture
def rings():
    """(ordinary, triggers, their consumer), which has not started."""
    ordinary, triggers = Producer(), Producer()
    watched = Watched(ordinary.map(), triggers.map())
    yield ordinary, triggers, watched
    watched.finish()
    watched.close()
    ordinary.close()
    triggers.close()


def texts(chunk: Chunk | None) -> list[bytes]:
    """The records of a chunk."""
    assert chunk
    data, found, at = chunk.data, [], chunk.at
    while at < (len(data) if chunk.end is None else chunk.end):
        length = int.from_bytes(data[at : at + 8], "little")
        found.append(data[at + 8 : at + 8 + length])
        at += 8 + (length + 7 & ~7)
    return found


def take_some(watched: Watched) -> Chunk | None:
    """What comes within a second."""
    until = time.monotonic() + 1
    while not (chunk := watched.take(0.01)) and time.monotonic() < until:
        pass
    return chunk


def test_a_trigger_does_not_wait_for_what_came_before_it(rings):
    ordinary, triggers, watched = rings
    sent = [b"ordinary %3d" % n + bytes(100) for n in range(300)]
    for text in sent:
        ordinary.send(text)
    watched.start()
    first = texts(take_some(watched))
    assert first == sent[: len(first)] and 0 < len(first) < 40
    triggers.send(b"now")
    assert texts(watched.take(0)) == [b"now"]
    rest = []
    while len(first) + len(rest) < len(sent) and (chunk := take_some(watched)):
        rest += texts(chunk)
    assert first + rest == sent


def test_a_trigger_ends_a_wait(rings):
    _, triggers, watched = rings
    watched.start()
    triggers.send(b"one")
    started = time.monotonic()
    assert texts(watched.take(30)) == [b"one"] and time.monotonic() - started < 5


def test_an_ordinary_record_ends_a_wait(rings):
    ordinary, _, watched = rings
    watched.start()
    ordinary.send(b"one")
    started = time.monotonic()
    assert texts(watched.take(30)) == [b"one"] and time.monotonic() - started < 5


def test_triggers_that_nobody_takes_get_room_and_stay_in_order(rings):
    """Four times what the ring holds, and nobody takes any meanwhile."""
    _, triggers, watched = rings
    watched.start()
    sent = [b"%4d" % n + bytes(1012) for n in range(4 * SIZE // 1024)]
    for n, text in enumerate(sent):
        triggers.send(text)
        if n % 16 == 15:
            until = time.monotonic() + 5
            while watched._triggers.is_filling and time.monotonic() < until:
                time.sleep(0.002)
    found = []
    while chunk := watched.take(0.05):
        found += texts(chunk)
    assert found == sent


def test_at_the_end_triggers_come_first(rings):
    ordinary, triggers, watched = rings
    ordinary.send(b"a")
    triggers.send(b"b")
    assert [texts(chunk) for chunk in watched.finish()] == [[b"b"], [b"a"]]


def test_a_wait_ends_whose_time_is_over_when_a_signal_has_been_handled(rings):
    """As that of Ctrl-C may be."""
    records, handled = rings[0].map(), []

    def handle(number, frame):
        assert not handled, "it still waits"
        handled.append(number)
        time.sleep(0.05)

    former = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 5)
        assert Ring(records).take(0.03) is None
        assert handled
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        records.close()
