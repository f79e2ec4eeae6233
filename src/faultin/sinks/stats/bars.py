# SPDX-License-Identifier: Apache-2.0
"""Bars: a histogram as lines, or as one short word.

In: Bars of one histogram. Out: lines as bpftrace's readers know them.
"""

from collections.abc import Sequence

from faultin.aggregate.functions import Bar
from faultin.sinks.stats.view import number_text

_WIDTH = 52
_EIGHTHS = "▁▂▃▄▅▆▇█"


def bar_lines(bars: Sequence[Bar], unit: str, human: bool) -> list[str]:
    """A line a bar: its range, how many, and a bar that is full for the greatest."""
    ranges = [_range(bar, unit, human) for bar in bars]
    counts = [number_text(bar.count, "", human) for bar in bars]
    most = max((bar.count for bar in bars), default=0) or 1
    left, right = max(map(len, ranges), default=0), max(map(len, counts), default=0)
    return [
        f"{text:<{left}}  {count:>{right}} |{'@' * (bar.count * _WIDTH // most):<{_WIDTH}}|"
        for text, count, bar in zip(ranges, counts, bars, strict=True)
    ]


def spark(bars: Sequence[Bar]) -> str:
    """A character a bar: a blank for none, the height in eighths for some."""
    most = max((bar.count for bar in bars), default=0) or 1
    return "".join(_EIGHTHS[(bar.count * 8 - 1) // most] if bar.count else " " for bar in bars)


def _range(bar: Bar, unit: str, human: bool) -> str:
    """[4096, 8192): the second is no longer in it. [7]: just that."""
    first = None if bar.first is None else _bound(bar.first, unit, human)
    end = None if bar.last is None else _bound(bar.last + 1, unit, human)
    if bar.first is not None and bar.first == bar.last:
        return f"[{first}]"
    return f"{'(...' if first is None else f'[{first}'}, {'...' if end is None else end})"


def _bound(value: int, unit: str, human: bool) -> str:
    """For people, powers of two are 4 Ki rather than 4.1 k; times are not, as 1 ms is 10**6."""
    if human and not unit and value:
        power = min(((value & -value).bit_length() - 1) // 10, 6)
        if power:
            return f"{value >> 10 * power} {' KMGTPE'[power]}i"
    return number_text(value, unit, human)
