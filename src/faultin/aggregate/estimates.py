# SPDX-License-Identifier: Apache-2.0
"""Estimates: what buckets and registers say about the amounts that went in.

In: cells, as buckets.py numbers them. Out: a quantile, or how many different values
there were. Pure arithmetic, done only when a result is shown.
"""

from math import inf, log, sqrt

from faultin.aggregate.buckets import HLL_RANK_MAX, HLL_REGISTERS, quantile_range

_ALPHA = 1 / (2 * log(2))


def quantile(cells: dict[int, int], fraction: float) -> int | None:
    """The amount that this fraction of all amounts does not exceed; None without any.

    The middle of the bucket in which it lies: off by at most 1/32 of itself, and exact
    below 32. With n amounts in order it is number ceil(fraction * n), from 1.
    """
    from fractions import Fraction  # only here: --help does without it

    rank = max(-(-Fraction(str(fraction)) * sum(cells.values()) // 1), 1)
    for bucket in sorted(cells):
        rank -= cells[bucket]
        if rank <= 0:
            first, last = quantile_range(bucket)
            return (first + last) // 2 if bucket >= 0 else -((-first - last) // 2)
    return None


def distinct(cells: dict[int, int]) -> int:
    """How many different hashes the registers have seen, within some 3 % (one sigma).

    The improved estimator of O. Ertl, "New cardinality estimation algorithms for
    HyperLogLog sketches" (2017), algorithm 6: no bias at small or large numbers, and so
    no tables to correct one.
    """
    ranks = [0] * (HLL_RANK_MAX + 1)
    for rank in cells.values():
        ranks[rank] += 1
    ranks[0] += HLL_REGISTERS - len(cells)
    z = HLL_REGISTERS * _tau(1 - ranks[HLL_RANK_MAX] / HLL_REGISTERS)
    for count in reversed(ranks[1:HLL_RANK_MAX]):
        z = (z + count) / 2
    z += HLL_REGISTERS * _sigma(ranks[0] / HLL_REGISTERS)
    return round(_ALPHA * HLL_REGISTERS * HLL_REGISTERS / z) if z else 1 << 64


def _sigma(x: float) -> float:
    """x + the sum of x**(2**k) * 2**(k-1) for k from 1: what empty registers say."""
    if x == 1:
        return inf
    y, total, before = 1.0, x, -1.0
    while total != before:
        x *= x
        before = total
        total += x * y
        y += y
    return total


def _tau(x: float) -> float:
    """What full registers say; 0 as long as there are none."""
    if x in (0, 1):
        return 0.0
    y, total, before = 1.0, 1 - x, -1.0
    while total != before:
        x = sqrt(x)
        before = total
        y /= 2
        total -= (1 - x) ** 2 * y
    return total / 3
