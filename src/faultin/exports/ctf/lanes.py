# SPDX-License-Identifier: Apache-2.0
"""Lanes: which data stream a call is in.

In: calls in any order, by when they began and ended. Out: the number of a lane for each.
Invariant: in a lane time never goes back. A recording has calls in the order of their ends,
and no CPU; so the entry of one that took long lies before what is written already. It gets
another lane, in which all has ended before it began: there are as many lanes as calls have
run at one time, however long the recording, and nothing has to be sorted.
"""

from bisect import bisect_right

import numpy as np


class Lanes:
    """The lanes of one trace: the end of the last call of each, sorted, and their numbers."""

    def __init__(self) -> None:
        self._ends: list[int] = []
        self._numbers: list[int] = []

    def assign(self, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Each call to the lane that has been waiting for the shortest time."""
        found = np.empty(len(begins), np.int64)
        for index, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
            at = bisect_right(self._ends, begin) - 1
            if at < 0:
                number = len(self._numbers)
            else:
                del self._ends[at]
                number = self._numbers.pop(at)
            place = bisect_right(self._ends, end)
            self._ends.insert(place, end)
            self._numbers.insert(place, number)
            found[index] = number
        return found
