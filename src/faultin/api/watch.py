# SPDX-License-Identifier: Apache-2.0
"""Watch: something is told whenever a call is as a query says.

In: the calls, a query, rules, and a function. Out: notifications, to the function, or to
whoever iterates.
"""

import math
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Unpack

from faultin.actions.base import CAPACITY, JOBS, Notification
from faultin.actions.call import Call
from faultin.actions.fan import Fan
from faultin.actions.rates import Rules
from faultin.api.choices import Options, choice_of, must_be
from faultin.api.running import Lazy, Running
from faultin.cli import watch as command
from faultin.errors import UsageError
from faultin.event import Summary

Callback = Callable[[Notification], object]


class Watch(Lazy):
    """A watch that begins with `with`, or when it is first iterated. A `with` block ends it;
    with a callback and a command it waits for the command.

    callback: called in a thread of its own with each notification, a dict. Without one,
    notifications are had by iteration.
    """

    def __init__(
        self, calls: str = "all", callback: Callback | None = None, *, capture: str | None = None,
        once: bool = False, every: int = 1, rate: float | None = None,
        for_each: str | None = None, period: float | None = None, **options: Unpack[Options],
    ) -> None:  # fmt: skip
        for name, text in (("capture", capture), ("for_each", for_each)):
            must_be(str | None, name, text)
        must_be(Callable | None, "callback", callback)
        if period is not None and for_each is None:
            raise UsageError("period", "it has no for_each", "say of which key: for_each='comm'")
        rules = Rules(
            once=once, every=every, rate=rate, burst=max(1, math.ceil(rate or 1)),
            for_each=for_each is not None, period=math.inf if period is None else period,
        )  # fmt: skip
        self._callback = callback
        self._options = command.WatchOptions(
            choice=choice_of(calls, options), capture=capture, for_each=for_each, rules=rules,
            format="none", output=None, commands=(), jobs=JOBS, timeout=0, exec_user=None,
            webhooks=(), headers=(), syslog=None, journald=None, otlp=None,
            capacity=CAPACITY, grace=0,
        )  # fmt: skip
        self._told: SimpleQueue[Notification | None] = SimpleQueue()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        running = self._start()
        waits = kind is None and self._callback is not None and running.command is not None
        if not waits:
            running.stop()
        if kind is None:
            running.wait()

    def _begin(self) -> Running:
        return Running(self._options.choice, self._session, lambda: self._told.put(None))

    def _session(self):
        call = Call(self._callback or self._told.put)
        return command.session(self._options, Fan({"callback": call}))

    def stop(self) -> None:
        """Ends the watch; what is traced goes on. Not for the callback itself: `once`."""
        self._start().stop()

    @property
    def summary(self) -> Summary:
        """How many calls matched, and what was lost; waits for the end."""
        return self._start().wait()

    def __iter__(self) -> Iterator[Notification]:
        """Each notification, when it comes, until the watch is over. There are none with a
        callback, which has had them."""
        running = self._start()
        while (notification := self._told.get()) is not None:
            yield notification
        self._told.put(None)  # whoever iterates again finds the end, too
        running.wait()


def watch(
    calls: str = "all", callback: Callback | None = None, *, capture: str | None = None,
    once: bool = False, every: int = 1, rate: float | None = None,
    for_each: str | None = None, period: float | None = None, **options: Unpack[Options],
) -> Watch:  # fmt: skip
    """Watches the system calls that `calls` names, as `faultin watch` does. rate: the most
    notifications a second; for_each: once for each value of a key, and once more after
    `period` seconds."""
    return Watch(
        calls, callback, capture=capture, once=once, every=every, rate=rate, for_each=for_each,
        period=period, **options,
    )  # fmt: skip
