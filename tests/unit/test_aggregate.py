# SPDX-License-Identifier: Apache-2.0
"""Counters against naive counting; states that merge in any split and order."""

import math
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultin.aggregate.aggregator import MAP_FULL, Aggregator
from faultin.aggregate.counters import counter
from faultin.aggregate.functions import FUNCTIONS, U64, Bar, Operation, halves
from faultin.aggregate.table import Table
from faultin.errors import UsageError
from faultin.values import Missing, Truncated

signed = st.integers(-(2**63), 2**63 - 1)
unsigned = st.integers(0, 2**64 - 1)
PARAMS = {"lhist": (-100, 1000, 50), "quantiles": (0.5, 0.99)}
ALL = [counter(name, name, PARAMS.get(name, ())) for name in FUNCTIONS]


def result(function, values, params=(), is_signed=True):
    made, cells = counter("c", function, params, signed=is_signed), {}
    for value in values:
        made.update(cells, value)
    assert all(0 <= cell <= U64 for cell in cells.values())
    if made.function.cells is not None:
        assert set(cells) <= set(range(made.function.cells))
    return made.result(cells)


@given(st.lists(signed))
def test_signed_amounts(values):
    assert result("count", values) == len(values)
    assert result("sum", values) == sum(values)
    assert result("min", values) == min(values, default=None)
    assert result("max", values) == max(values, default=None)
    assert result("avg", values) == (sum(values) / len(values) if values else None)


@given(st.lists(unsigned))
def test_unsigned_amounts(values):
    assert result("sum", values, is_signed=False) == sum(values)
    assert result("min", values, is_signed=False) == min(values, default=None)
    assert result("max", values, is_signed=False) == max(values, default=None)
    if values:
        assert math.isclose(result("avg", values, is_signed=False), mean(values))


@given(st.one_of(signed, unsigned))
def test_halves_are_small_and_make_the_whole(value):
    low, high = halves(value)
    assert low + (high << 32) == value and -(2**31) <= low < 2**31 and abs(high) <= 2**32
    assert high == (value >> 32) + (low < 0)  # as the C does it


def test_sums_do_not_wrap_where_one_u64_would():
    assert result("sum", [2**64 - 1] * 1000, is_signed=False) == 1000 * (2**64 - 1)
    assert result("sum", [-(2**63)] * 1000) == -1000 * 2**63


def test_bars_from_the_lowest_to_the_highest():
    assert result("hist", []) == []
    assert result("hist", [0, 5, 7]) == [Bar(0, 0, 1), Bar(1, 1, 0), Bar(2, 3, 0), Bar(4, 7, 2)]
    assert result("hist", [-1, 0]) == [Bar(-1, -1, 1), Bar(0, 0, 1)]
    bars = result("lhist", [-1, 3, 25, 99], (0, 30, 10))
    assert bars == [
        Bar(None, -1, 1),
        Bar(0, 9, 1),
        Bar(10, 19, 0),
        Bar(20, 29, 1),
        Bar(30, None, 1),
    ]


@given(st.lists(signed))
def test_bars_hold_every_amount(values):
    for function in ("hist", "lhist"):
        bars = result(function, values, PARAMS.get(function, ()))
        for bar in bars:
            inside = [
                v
                for v in values
                if (bar.first is None or v >= bar.first) and (bar.last is None or v <= bar.last)
            ]
            assert bar.count == len(inside)
        assert sum(bar.count for bar in bars) == len(values)


def test_quantiles():
    assert result("quantiles", range(1, 31), (0.5, 0.9, 1)) == [15, 27, 30]
    assert counter("q", "quantiles").params == (0.5, 0.9, 0.99)
    assert counter("q", "quantiles", (0.5, 0.999)).headings == ("q p50", "q p99.9")


@given(st.lists(st.tuples(st.integers(0, 3), signed), max_size=60), st.randoms())
def test_states_merge_in_any_split_and_order(calls, chance):
    """As CPUs have them: each its own cells, zeroes among them, merged in any order."""
    whole = Aggregator(["k"], ALL, 100)
    parts = [Aggregator(["k"], ALL, 100) for _ in range(3)]
    for key, amount in calls:
        whole.add((key,), [amount] * len(ALL))
        chance.choice(parts).add((key,), [amount] * len(ALL))
    chance.shuffle(parts)
    merged = Table(["k"], ALL)
    for part in parts:
        merged.merge(part.table)
    for row in merged.rows():
        for index, made in enumerate(ALL):
            merged.merge_cells(row.key, index, dict.fromkeys(range(made.function.cells or 0), 0))
    assert merged.rows() == whole.table.rows()
    assert merged.totals() == whole.table.totals()
    assert merged.totals().results[0] == len(calls)


def test_zero_is_neutral_so_a_zeroed_map_value_is_an_unused_one():
    for made in ALL:
        zeroed = dict.fromkeys(range(made.function.cells or 0), 0)
        assert made.result(zeroed) == made.result({})
        assert made.function.operation in (Operation.ADD, Operation.MAX)


def test_missing_amounts_count_only_where_no_amount_is_needed():
    found = Aggregator(["p"], ALL, 10)
    found.add(("a",), [Missing("fault")] * len(ALL))
    values = dict(zip(FUNCTIONS, found.table.rows()[0].results, strict=True))
    assert values == {
        "count": 1,
        "sum": 0,
        "min": None,
        "max": None,
        "avg": None,
        "hist": [],
        "lhist": [],
        "quantiles": [None, None],
        "uniq": 0,
    }


def test_uniq_takes_any_scalar():
    found = Aggregator([], [counter("u", "uniq")], 1)
    for value in ("a", b"a", b"\xff", 1, None, Truncated("a", 9), "b", "a", 1):
        found.add((), [value])
    assert found.table.rows()[0].results == (6,)
    with pytest.raises(TypeError):
        found.add((), [["list"]])


def test_a_full_table_is_counted_and_known_keys_go_on():
    found = Aggregator(["k"], [counter("n", "count")], 2)
    for key in (1, 2, 3, 1, 4, 2):
        found.add((key,), [None])
    assert found.lost == {MAP_FULL: 2}
    assert [row.key for row in found.table.rows("k")] == [(1,), (2,)]
    assert found.table.totals().results == (4,)


def table_of(*rows):
    counters = [
        counter("n", "count"),
        counter("m", "max"),
        counter("q", "quantiles"),
        counter("h", "hist"),
    ]
    found = Aggregator(["path", "pid"], counters, 100)
    for key, amounts in rows:
        for amount in amounts:
            found.add(key, [amount] * 4)
    return found.table


def test_rows_in_the_order_of_a_column():
    table = table_of(
        (("b", 2), [1, 1, 9]), ((b"a\xff", 1), [30]), ((Missing("fault"), 3), [Missing("x")] * 2)
    )

    def pids(*order, **options):
        return [row.key[1] for row in table.rows(*order, **options)]

    assert pids() == pids("n") == [2, 3, 1]
    assert pids("m") == [1, 2, 3] and pids("m", reverse=True) == [2, 1, 3]
    assert pids("path") == [1, 2, 3] and pids("path", reverse=True) == [2, 1, 3]
    assert pids("q p99") == [1, 2, 3] and pids("q") == [1, 2, 3]
    assert pids("h") == [2, 1, 3] and pids("pid", limit=2) == [1, 2]


def test_ties_are_in_the_order_of_keys():
    table = table_of(*[((path, 0), [1]) for path in "cab"])
    assert [row.key[0] for row in table.rows()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "function, params, says",
    [
        ("median", (), "there are count, sum"),
        ("count", (1,), "no parameters"),
        ("lhist", (0, 10), "three whole numbers"),
        ("lhist", (0, 1.5, 1), "three whole numbers"),
        ("lhist", (10, 10, 1), "LOW must be below HIGH"),
        ("lhist", (0, 10, 0), "STEP at least 1"),
        ("lhist", (0, 10**6, 1), "a larger STEP"),
        ("quantiles", (0.5, 99), "0.99"),
        ("quantiles", (-1,), "no fraction"),
    ],
)
def test_parameters_that_do_not_fit(function, params, says):
    with pytest.raises(UsageError) as error:
        counter("c", function, params)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_columns_have_different_names():
    with pytest.raises(UsageError, match="two columns are called n"):
        Table(["n"], [counter("n", "count")])
    with pytest.raises(UsageError, match="there are path, n"):
        Table(["path"], [counter("n", "count")]).rows("size")
