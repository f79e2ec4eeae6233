# SPDX-License-Identifier: Apache-2.0
"""Buckets: into which cell of a counter an amount goes, and what a cell stands for.

In: integers, from -2**63 to 2**64 - 1. Out: cell numbers, which fit into an s32, and the
ranges that they stand for. Nothing but shifts, comparisons and one division: the BPF core
does the same in C, and cells made there and here are merged.

Where a bucket has a sign, that of -v is minus that of v, so buckets sort as values do.
"""

HLL_BITS = 10  # 1024 registers: a standard error of 1.04 / sqrt(1024), 3.3 %
HLL_REGISTERS = 1 << HLL_BITS
HLL_RANK_MAX = 64 - HLL_BITS + 1

Range = tuple[int | None, int | None]  # first and last value, both in it; None: no bound


def hist_bucket(value: int) -> int:
    """The number of bits of the magnitude, with the sign: 0 -> 0, 1 -> 1, 2..3 -> 2,
    4..7 -> 3, -1 -> -1, -3..-2 -> -2. From -64 to 64."""
    return value.bit_length() if value >= 0 else -(-value).bit_length()


def hist_range(bucket: int) -> Range:
    """What hist_bucket() puts there: 3 is 4..7, -3 is -7..-4."""
    if bucket < 0:
        return -(1 << -bucket) + 1, -(1 << -bucket - 1)
    return (1 << bucket >> 1, (1 << bucket) - 1) if bucket else (0, 0)


def lhist_bucket(value: int, low: int, high: int, step: int) -> int:
    """-1 below `low`; from `high` on lhist_count(); else how many steps past `low`."""
    if value < low:
        return -1
    if value >= high:
        return lhist_count(low, high, step)
    return (value - low) // step  # in C as u64: the difference may not fit into an s64


def lhist_count(low: int, high: int, step: int) -> int:
    """How many buckets lie between the bounds; the last may be narrower than a step."""
    return (high - low + step - 1) // step


def lhist_range(bucket: int, low: int, high: int, step: int) -> Range:
    """What lhist_bucket() puts there."""
    if bucket < 0:
        return None, low - 1
    if bucket >= lhist_count(low, high, step):
        return high, None
    first = low + bucket * step
    return first, min(first + step, high) - 1


def quantile_bucket(value: int) -> int:
    """Log-linear: magnitudes below 32 have a bucket each; above, each octave has 16.

    With e = max(bits - 5, 0), which leaves five bits of the magnitude: 16 * e + (m >> e).
    From -960 (as -2**63 is the least) to 975. No bucket is wider than 1/16 of the least
    magnitude in it.
    """
    magnitude = value if value >= 0 else -value
    shift = magnitude.bit_length() - 5
    shift = shift if shift > 0 else 0
    bucket = (shift << 4) + (magnitude >> shift)
    return bucket if value >= 0 else -bucket


def quantile_range(bucket: int) -> tuple[int, int]:
    """What quantile_bucket() puts there."""
    number = bucket if bucket >= 0 else -bucket
    shift = (number >> 4) - 1 if number >= 32 else 0
    first = number - (shift << 4) << shift
    last = first + (1 << shift) - 1
    return (first, last) if bucket >= 0 else (-last, -first)


def hll_register(hashed: int) -> tuple[int, int]:
    """(register, rank) of a 64-bit hash: its low 10 bits, and the place of the highest
    bit that is set among the other 54, counted from the top: 1 if that is set, 55 if none is."""
    rest = hashed >> HLL_BITS
    return hashed & HLL_REGISTERS - 1, HLL_RANK_MAX - rest.bit_length()
