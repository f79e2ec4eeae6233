# SPDX-License-Identifier: Apache-2.0
"""Writer: keeps the batches of a trace as Parquet, in a folder or in one file.

In: batches. Out: parts, each a whole file as soon as it is there; when there are enough of
them, or the trace is over, one file in their place. Invariant: at any moment what has been
written is in files that read well. A thread does the work, so that the ring buffer does not
wait for a disk.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from faultin.errors import FaultinError, OutputError
from faultin.event import Summary
from faultin.recordings.about import About
from faultin.recordings.files import merge, write_part
from faultin.recordings.places import Place

PARTS = ".parts"  # beside a single file: the folder of its parts
PART = ".part.parquet"
_DAY = 86_400 * 10**9
_WAITING = 8  # batches that wait for the thread, before the trace waits for them


@dataclass(frozen=True, slots=True)
class Rotation:
    """When parts become a file: at so many bytes of them, or seconds after the first."""

    size: int
    seconds: float


@dataclass(slots=True)
class _Segment:
    """The parts that will be one file, by the folder that they are in."""

    began: float
    parts: dict[str, list[Place]] = field(default_factory=dict)
    first: int = 0
    size: int = 0


class Writer:
    """The keeper of `faultin record`. target: a folder, or with `single` a file."""

    lost: Mapping[str, int] = {}

    def __init__(
        self, target: Place, single: bool, about: About, rotation: Rotation,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._target, self._single, self._about = target, single, about
        self._rotation, self._clock = rotation, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="faultin-write")
        self._work: deque[Future] = deque()
        self._broken = False
        self._count = 0
        self._segment = _Segment(clock())
        self._folders: set[str] = set()

    # The trace's thread

    def keep(self, batch: pa.RecordBatch) -> None:
        """OutputError when a batch before it could not be written."""
        if self._broken:
            return
        self._check(_WAITING)
        self._work.append(self._thread.submit(self._write, pa.Table.from_batches([batch])))

    def idle(self) -> None:
        if not self._broken:
            self._check(_WAITING)

    def put_together(self) -> None:
        """One file of what was kept since the last."""
        if not self._broken:
            self._work.append(self._thread.submit(self._rotate, self._about))

    def close(self, summary: Summary) -> None:
        """Puts all parts together; the file that is written last has the summary."""
        if self._broken:
            return
        self._check(0)
        about = replace(self._about, summary=asdict(summary))
        self._work.append(self._thread.submit(self._finish, about))
        self._check(0)
        self._thread.shutdown()

    def _check(self, most: int) -> None:
        """Waits until no more than so many batches wait."""
        while self._work and (len(self._work) > most or self._work[0].done()):
            try:
                self._work.popleft().result()
            except FaultinError as error:
                self._broken = True
                self._thread.shutdown(cancel_futures=True)
                advice = "what was recorded until then is kept" if self._count else ""
                raise OutputError(error.what, error.why, advice) from None

    # The thread that writes

    def _write(self, table: pa.Table) -> None:
        for date, of_day in _by_day(table):
            folder = self._folder(date)
            if not self._segment.size:
                self._segment.began, self._segment.first = self._clock(), self._count
            part = folder / f"{self._part_name()}{PART}"
            write_part(part, of_day, self._about)
            self._count += 1
            self._segment.parts.setdefault(folder.path, []).append(part)
            self._segment.size += part.size()
        old = self._clock() - self._segment.began >= self._rotation.seconds
        if not self._single and (self._segment.size >= self._rotation.size or old):
            self._rotate(self._about)

    def _part_name(self) -> str:
        return f"{self._count:06}" if self._single else f"{self._about.run}-{self._count:06}"

    def _folder(self, date: str) -> Place:
        if self._single:
            folder = self._target.beside(PARTS)
        else:
            folder = self._target / f"host={self._about.host}" / f"date={date}"
        if folder.path not in self._folders:
            folder.make_folder()
            self._folders.add(folder.path)
        return folder

    def _rotate(self, about: About) -> None:
        """One file for each folder of the segment, in the place of its parts."""
        segment, self._segment = self._segment, _Segment(self._clock())
        for path, parts in segment.parts.items():
            folder = Place(parts[0].files, path, parts[0].name.rpartition("/")[0])
            name = f"{about.run}-{segment.first:06}-{self._count - 1:06}.parquet"
            target = self._target if self._single else folder / name
            merge(target, parts, about)
            for part in parts:
                part.remove()
            if self._single:
                folder.remove()

    def _finish(self, about: About) -> None:
        if not self._segment.parts:  # nothing came, or all of it is in files already
            self._write_last(about)
        if self._segment.parts:
            self._rotate(about)

    def _write_last(self, about: About) -> None:
        """A file without calls, which has the summary."""
        from faultin.columnar.layout import ALWAYS, COMMON

        fields = [pa.field(name, type_) for name, type_ in COMMON if name in ALWAYS]
        folder = self._folder(datetime.now(UTC).date().isoformat())
        part = folder / f"{self._part_name()}{PART}"
        write_part(part, pa.schema(fields).empty_table(), about)
        self._segment.first = self._count
        self._count += 1
        self._segment.parts[folder.path] = [part]


def _by_day(table: pa.Table) -> list[tuple[str, pa.Table]]:
    """The rows of each date (UTC), mostly one."""
    days = table.column("ts").to_numpy() // _DAY
    return [
        (datetime.fromtimestamp(int(day) * 86_400, UTC).date().isoformat(),
         table if len(table) == int((days == day).sum()) else table.filter(pa.array(days == day)))
        for day in np.unique(days)
    ]  # fmt: skip
