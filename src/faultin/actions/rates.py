# SPDX-License-Identifier: Apache-2.0
"""Rates: which matches become notifications.

In: matches, one by one, with the key of --for-each. Out: whether each may notify. No
threads, no sleeping, and no clock but the one that is given. Invariant: every match is
either let through or counted under the rule that held it back.

The rules apply in this order: --every, --for-each, --rate, --once. A match that the rate
holds back does not use up its key's turn.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_KEYS_MOST = 65_536


class Every:
    """Every nth: with 3, the third, the sixth and so on."""

    def __init__(self, n: int) -> None:
        self._n, self._seen = n, 0

    def admit(self) -> bool:
        self._seen += 1
        return self._seen % self._n == 0


class TokenBucket:
    """`rate` a second in the long run, and up to `burst` at once."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._filled = burst, now

    def admit(self, now: float) -> bool:
        self._tokens = min(self._tokens + (now - self._filled) * self._rate, self._burst)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class PerKey:
    """At most once for a key in `period` seconds. It remembers `most` keys: the one that
    notified longest ago makes room, and is counted if its period was not over."""

    def __init__(self, period: float, most: int = _KEYS_MOST) -> None:
        self._period, self._most = period, most
        self._last: OrderedDict[Any, float] = OrderedDict()  # the oldest first
        self.evicted = 0

    def admit(self, key: Any, now: float) -> bool:
        return key not in self._last or now - self._last[key] >= self._period

    def remember(self, key: Any, now: float) -> None:
        """The key has notified."""
        self._last[key] = now
        self._last.move_to_end(key)
        if len(self._last) > self._most:
            _, then = self._last.popitem(last=False)
            self.evicted += now - then < self._period

    def __len__(self) -> int:
        return len(self._last)


@dataclass(frozen=True, slots=True)
class Rules:
    """What was asked for; the defaults let everything through. rate: a second, burst: at once."""

    once: bool = False
    every: int = 1
    rate: float | None = None
    burst: int = 1
    for_each: bool = False
    period: float = math.inf  # seconds; without one, once for each key


@dataclass(slots=True)
class Held:
    """Matches that were held back, by rule; `evicted`: keys that were forgotten too early."""

    every: int = 0
    for_each: int = 0
    rate: int = 0
    once: int = 0
    evicted: int = 0


class Gate:
    """All rules together. `finished`: nothing will be let through any more."""

    def __init__(self, rules: Rules, clock: Callable[[], float] = time.monotonic) -> None:
        self._rules, self._clock = rules, clock
        self._every = Every(rules.every)
        self._per_key = PerKey(rules.period) if rules.for_each else None
        self._rate = TokenBucket(rules.rate, rules.burst, clock()) if rules.rate else None
        self._suppressed = 0
        self.held, self.finished = Held(), False

    def admit(self, key: Any = None) -> int | None:
        """None if the match may not notify. Else how many the rate has suppressed since
        the last that might: the notification tells."""
        if self.finished:
            self.held.once += 1
            return None
        if not self._every.admit():
            self.held.every += 1
            return None
        now = self._clock()
        if self._per_key is not None and not self._per_key.admit(key, now):
            self.held.for_each += 1
            return None
        if self._rate and not self._rate.admit(now):
            self.held.rate += 1
            self._suppressed += 1
            return None
        if self._per_key is not None:
            self._per_key.remember(key, now)
            self.held.evicted = self._per_key.evicted
        suppressed, self._suppressed = self._suppressed, 0
        self.finished = self._rules.once
        return suppressed
