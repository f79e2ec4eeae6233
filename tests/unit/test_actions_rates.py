# SPDX-License-Identifier: Apache-2.0
"""Which matches notify: each rule by hand and against a naive one, the clock injected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultin.actions.rates import Gate, PerKey, Rules, TokenBucket

steps = st.lists(st.floats(0, 5, allow_nan=False), max_size=60)


def gate(**rules):
    clock = [0.0]
    return Gate(Rules(**rules), lambda: clock[0]), clock


def test_without_rules_all_pass():
    made, _ = gate()
    assert [made.admit() for _ in range(3)] == [0, 0, 0] and not made.finished


def test_once():
    made, _ = gate(once=True)
    assert not made.finished
    assert [made.admit() for _ in range(3)] == [0, None, None]
    assert made.finished and made.held.once == 2


def test_every_third():
    made, _ = gate(every=3)
    assert [made.admit() for _ in range(7)] == [None, None, 0, None, None, 0, None]
    assert made.held.every == 5


def test_the_rate_tells_what_it_suppressed():
    made, clock = gate(rate=2, burst=2)
    assert [made.admit() for _ in range(5)] == [0, 0, None, None, None]
    clock[0] = 0.5
    assert [made.admit(), made.admit()] == [3, None]
    clock[0] = 100
    assert [made.admit() for _ in range(3)] == [1, 0, None] and made.held.rate == 5


@given(steps, st.floats(0.1, 10), st.integers(1, 5))
def test_a_bucket_never_gives_more_than_its_rate(gaps, rate, burst):
    bucket, now, given_at = TokenBucket(rate, burst, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        if bucket.admit(now):
            given_at.append(now)
    for first, start in enumerate(given_at):
        for last in range(first, len(given_at)):
            most = burst + rate * (given_at[last] - start) + 1e-6
            assert last - first + 1 <= most


def test_once_for_a_key_and_period():
    made, clock = gate(for_each=True, period=10)
    assert [made.admit("a"), made.admit("a"), made.admit("b")] == [0, None, 0]
    clock[0] = 9.9
    assert made.admit("a") is None
    clock[0] = 10
    assert [made.admit("a"), made.admit("a")] == [0, None] and made.held.for_each == 3


def test_without_a_period_once_for_each_key():
    made, clock = gate(for_each=True)
    clock[0] = 5.0
    assert made.admit(("a", 1)) == 0
    clock[0] = 1e12
    assert made.admit(("a", 1)) is None


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0, 3)), max_size=80), st.integers(1, 4))
def test_memory_is_bounded_and_only_early_evictions_count(matches, most):
    made, now, naive, expected = PerKey(5.0, most), 0.0, {}, 0
    for key, gap in matches:
        now += gap
        admitted = made.admit(key, now)
        assert admitted == (key not in naive or now - naive[key] >= 5.0)
        if admitted:
            made.remember(key, now)
            naive[key] = now
            if len(naive) > most:
                oldest = min(naive, key=lambda k: (naive[k], list(naive).index(k)))
                expected += now - naive.pop(oldest) < 5.0
            naive[key] = naive.pop(key)
        assert len(made) <= most
    assert made.evicted == expected


def test_a_key_that_the_rate_held_back_keeps_its_turn():
    made, clock = gate(for_each=True, rate=1)
    assert [made.admit("a"), made.admit("b")] == [0, None]
    clock[0] = 1
    assert made.admit("b") == 1


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0, 2)), max_size=60), st.booleans())
def test_every_match_passes_or_is_counted(matches, once):
    made, clock = gate(once=once, every=2, rate=1, for_each=True, period=3)
    passed = 0
    for key, gap in matches:
        clock[0] += gap
        passed += made.admit(key) is not None
    held = made.held
    assert passed + held.every + held.for_each + held.rate + held.once == len(matches)
    assert passed <= 1 or not once


@pytest.mark.parametrize("count", [1, 10])
def test_evictions_reach_the_report(count):
    made = PerKey(10, count)
    for key in range(2 * count):
        made.remember(key, 0.0)
    assert made.evicted == count
