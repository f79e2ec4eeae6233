# SPDX-License-Identifier: Apache-2.0
"""Workers: threads that do the slow part of an action, behind a queue with a bound.

In: notifications. Out: a report. Invariant: submit() takes no longer than to append to a
queue; what finds it full is dropped, and counted.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue

from faultin.actions.base import CAPACITY, ActionReport, Notification

_GRACE = 2.0  # seconds for what was given up to be let go of: a killed child to be reaped

# Does it, and says "" or why it failed. The event is set when nobody waits any more.
Perform = Callable[[Notification, threading.Event], str]


def _nothing() -> None:
    pass


class Workers:
    """`jobs` threads, started with the first notification.

    give_up: called once when time is over, to end what still runs.
    idle: called by a worker that finds no more to do.
    """

    def __init__(
        self,
        name: str,
        perform: Perform,
        jobs: int = 1,
        capacity: int = CAPACITY,
        give_up: Callable[[], None] = _nothing,
        idle: Callable[[], None] = _nothing,
    ) -> None:
        self._name, self._perform, self._jobs, self._capacity = name, perform, jobs, capacity
        self._give_up, self._idle = give_up, idle
        self._queue: SimpleQueue[Notification | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._submitted = self._done = 0
        self._reasons: Counter[str] = Counter()
        self._error: Exception | None = None

    def submit(self, notification: Notification) -> None:
        """Queues it. Raises, once, what ended a worker: the output is gone, for example."""
        self._raise_error()
        self._submitted += 1
        if self._queue.qsize() < self._capacity:
            if not self._threads:
                self._start()
            self._queue.put(notification)

    def close(self, deadline: float) -> ActionReport:
        """Waits until all is done or the deadline has passed, then gives up the rest."""
        for _ in self._threads:
            self._queue.put(None)
        self._join(deadline)
        if self.is_busy:
            self._ended.set()
            self._give_up()
            self._join(time.monotonic() + _GRACE)
        self._ended.set()
        self._raise_error()
        with self._lock:
            failed = self._reasons.total()
            dropped = self._submitted - self._done - failed
            return ActionReport(self._done, failed, dropped, dict(self._reasons))

    @property
    def is_busy(self) -> bool:
        """Whether a worker still runs: after close(), one that cannot be stopped."""
        return any(thread.is_alive() for thread in self._threads)

    def _start(self) -> None:
        for number in range(self._jobs):
            name = f"{self._name}-{number}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _join(self, deadline: float) -> None:
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))

    def _work(self) -> None:
        try:
            while (notification := self._queue.get()) is not None and not self._ended.is_set():
                self._count(self._perform(notification, self._ended))
                if self._queue.empty():
                    self._idle()
        except Exception as error:  # told to the thread that submits
            self._error = error

    def _count(self, reason: str) -> None:
        with self._lock:
            if reason:
                self._reasons[reason] += 1
            else:
                self._done += 1

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error:
            raise error
