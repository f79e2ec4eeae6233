# SPDX-License-Identifier: Apache-2.0
"""The bucket arithmetic against what it stands for, and the estimates against counting."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultin.aggregate.aggregator import seeded
from faultin.aggregate.buckets import (
    HLL_RANK_MAX,
    hist_bucket,
    hist_range,
    hll_register,
    lhist_bucket,
    lhist_count,
    lhist_range,
    quantile_bucket,
    quantile_range,
)
from faultin.aggregate.estimates import distinct, quantile

EDGES = [s * (2**n + d) for n in range(64) for d in (-1, 0, 1) for s in (-1, 1)]
VALUES = [v for v in {*EDGES, 2**64 - 1, 2**63, -(2**63)} if -(2**63) <= v < 2**64]
amounts = st.one_of(st.sampled_from(VALUES), st.integers(-(2**63), 2**64 - 1))


@pytest.mark.parametrize(
    "value, bucket",
    [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 2),
        (4, 3),
        (-1, -1),
        (-3, -2),
        (-4, -3),
        (-(2**63), -64),
        (2**64 - 1, 64),
    ],
)
def test_hist_by_hand(value, bucket):
    assert hist_bucket(value) == bucket


@given(amounts)
def test_hist_is_the_logarithm(value):
    naive = 0 if value == 0 else math.copysign(1, value) * len(f"{abs(value):b}")
    assert hist_bucket(value) == naive
    first, last = hist_range(hist_bucket(value))
    assert first <= value <= last


def test_hist_ranges_leave_no_gap():
    ranges = [hist_range(bucket) for bucket in range(-64, 65)]
    assert all(before[1] + 1 == after[0] for before, after in zip(ranges, ranges[1:]))


@given(
    amounts,
    st.integers(-(2**63), 2**63),
    st.integers(1, 2**40),
    st.integers(1, 50),
    st.integers(0, 5),
)
def test_lhist_counts_steps(value, low, step, steps, rest):
    high = min(low + step * steps + min(rest, step - 1), 2**64 - 1)
    bucket = lhist_bucket(value, low, high, step)
    if value < low:
        assert bucket == -1
    elif value >= high:
        assert bucket == lhist_count(low, high, step) == len(range(low, high, step))
    else:
        assert low + bucket * step <= value < low + (bucket + 1) * step
    first, last = lhist_range(bucket, low, high, step)
    assert (first is None or first <= value) and (last is None or value <= last)


def test_lhist_ranges_leave_no_gap():
    ranges = [lhist_range(bucket, -5, 18, 10) for bucket in range(-1, 4)]
    assert ranges == [(None, -6), (-5, 4), (5, 14), (15, 17), (18, None)]


@given(amounts)
def test_quantile_buckets_are_narrow_and_hold_their_values(value):
    bucket = quantile_bucket(value)
    first, last = quantile_range(bucket)
    assert first <= value <= last
    assert (last - first + 1) * 16 <= min(abs(first), abs(last)) or first == last
    assert -960 <= bucket <= 975


def test_quantile_ranges_leave_no_gap_from_end_to_end():
    ranges = [quantile_range(bucket) for bucket in range(-960, 976)]
    assert ranges[0][0] <= -(2**63) and ranges[-1][1] == 2**64 - 1
    assert all(before[1] + 1 == after[0] for before, after in zip(ranges, ranges[1:]))


@given(amounts, amounts)
def test_buckets_are_in_the_order_of_values(one, other):
    low, high = sorted((one, other))
    assert hist_bucket(low) <= hist_bucket(high)
    assert quantile_bucket(low) <= quantile_bucket(high)


@given(st.lists(amounts, min_size=1), st.sampled_from([0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]))
def test_a_quantile_is_off_by_a_32nd_at_most(values, fraction):
    cells = {}
    for value in values:
        cells[quantile_bucket(value)] = cells.get(quantile_bucket(value), 0) + 1
    hundredths = round(fraction * 1000)
    rank = max((hundredths * len(values) + 999) // 1000, 1)
    true = sorted(values)[rank - 1]
    found = quantile(cells, fraction)
    assert abs(found - true) * 32 <= abs(true)


def test_a_quantile_of_nothing():
    assert quantile({}, 0.5) is None


@given(st.integers(0, 2**64 - 1))
def test_a_register_is_ten_bits_and_its_rank_the_zeros_above(hashed):
    index, rank = hll_register(hashed)
    bits = f"{hashed:064b}"
    assert index == int(bits[-10:], 2)
    rest = bits[:-10]
    assert rank == (rest.index("1") + 1 if "1" in rest else HLL_RANK_MAX)


@pytest.mark.parametrize("count", [0, 1, 10, 100, 1000, 3000, 5000, 20_000, 100_000])
def test_distinct_is_near_for_any_number(count):
    errors = []
    for seed in range(3):
        cells, numbers = {}, random.Random(1000 * count + seed)
        for _ in range(count):
            index, rank = hll_register(numbers.getrandbits(64))
            cells[index] = max(cells.get(index, 0), rank)
        errors.append(distinct(cells) - count)
    assert abs(sum(errors) / 3) <= 3 * 0.033 / math.sqrt(3) * count + 0.5


def test_full_registers_are_a_number_too():
    assert distinct({index: HLL_RANK_MAX for index in range(1024)}) == 2**64


def test_the_hash_spreads_values_that_are_alike():
    cells = {}
    for number in range(20_000):
        index, rank = hll_register(seeded(b"seed")(f"/tmp/file{number}"))
        cells[index] = max(cells.get(index, 0), rank)
    assert abs(distinct(cells) - 20_000) < 2000
    assert seeded(b"a")("x") != seeded(b"b")("x") and seeded(b"a")("x") == seeded(b"a")(b"x")
    assert len({seeded(b"")(v) for v in (1, "1", None, -1, 2**64 - 1, "")}) == 6
