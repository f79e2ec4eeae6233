# SPDX-License-Identifier: Apache-2.0
"""Ending: a signal ends what reads recordings as an error does.

In: signals. Out: Ended, which has the exit status. Invariant: what was being written is removed
before that, as with any error; a second signal does not interrupt this.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Ended(BaseException):
    """A signal came: 128 + its number, as a shell has it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number


@contextmanager
def ending() -> Iterator[None]:
    """In here SIGINT, SIGTERM and SIGHUP raise Ended, whatever a library makes of it on the way;
    those that were ignored still are."""
    came: list[int] = []

    def end(number: int, frame: object) -> None:
        came.append(number)
        if len(came) == 1:
            raise Ended(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.getsignal(each) for each in numbers}
    heard = [each for each in numbers if before[each] is not signal.SIG_IGN]
    for each in heard:
        signal.signal(each, end)
    try:
        yield
    except BaseException:
        if came:
            raise Ended(came[0]) from None
        raise
    finally:
        for each in heard:
            signal.signal(each, before[each])
