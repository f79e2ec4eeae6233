# SPDX-License-Identifier: Apache-2.0
"""Feed: sessions in threads of their own, and the last that they said.

In: a Choice. Out: a Table while it grows (Feed), lines of calls (Calls). The kernel counts
what it can; a record comes for the first call by each key only. Invariant: when stop() has
returned, nothing is traced.
"""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from faultin.aggregate.table import Table
from faultin.api.running import Running
from faultin.api.stats import Kept
from faultin.api.trace import Trace
from faultin.cli import stats
from faultin.cli.options import Choice
from faultin.errors import FaultinError
from faultin.sinks.stats.live import Latest
from faultin.sinks.stats.view import View
from faultin.sinks.text import Style, Text
from faultin.top.model import COUNTERS, KEYS

_MAX_KEYS = 65_536
LAST = 500  # calls that are kept of a line


class Feed:
    """Counts, from when it is made."""

    def __init__(self, choice: Choice, interval: float) -> None:
        self.choice = choice
        view = View(None, False, 0)
        options = stats.StatsOptions(
            choice, COUNTERS, KEYS, _MAX_KEYS, "json", None, view, None, True
        )
        self._latest, self._kept = Latest(interval), Kept(view)
        self._running = Running(
            choice, lambda: stats.session(options, self._kept, self._latest)
        )  # fmt: skip

    @property
    def is_over(self) -> bool:
        return self._running.is_over

    def picture(self) -> tuple[Table | None, Mapping[str, int]]:
        """(what was counted, what was lost); None before the first picture."""
        if self._kept.table is not None and self._kept.summary is not None:
            return self._kept.table, self._kept.summary.lost
        return self._latest.snapshot or (None, {})

    def wait(self) -> None:
        """Raises what ended the session."""
        self._running.wait()

    def stop(self) -> None:
        self._running.stop()

    @property
    def command(self):
        return self._running.command


class Calls:
    """The last calls of a line, as text, from when it is made."""

    def __init__(self, choice: Choice, where: str, pids: tuple[int, ...]) -> None:
        self.lines: deque[str] = deque(maxlen=LAST)
        self.problem = ""
        self._trace = Trace(
            choice.set, where=where, pid=pids, max_bytes=min(choice.max_bytes, 256),
            buffer=choice.ring_bytes, engine=choice.engine, strategy=choice.strategy,
        )  # fmt: skip
        self._trace.__enter__()
        self._thread = threading.Thread(target=self._follow, name="faultin-calls", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        text = Text(self, Style(latency=True, times="t"))
        try:
            for event in self._trace:
                text.write([event])
        except FaultinError as error:
            self.problem = str(error)

    def write(self, data: bytes) -> None:
        """What an Output has, for Text."""
        self.lines.extend(data.decode().splitlines())

    def stop(self) -> None:
        self._trace.stop()
        self._thread.join()


def narrowed(choice: Choice, where: str, pids: tuple[int, ...]) -> Choice:
    """The same calls of processes that run already."""
    return replace(choice, where=where or None, pids=pids, command=())
