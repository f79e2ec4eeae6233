# SPDX-License-Identifier: Apache-2.0
"""Amounts: what a call adds to its group's cells, as LLVM IR.

In: a query's actions. Out: the body of faultin_count() for one plan, and where each
counter's cells are. It does to cells what aggregate/functions.py does, with the functions
of bpf/cells.bpf.h; a test counts the same calls by both. Buckets are looked for first: where
one finds no room, nothing has been counted, and faultin counts the call.
"""

from collections.abc import Callable, Sequence

from faultin.aggregate.buckets import HLL_BITS, HLL_RANK_MAX, HLL_REGISTERS, lhist_count
from faultin.aggregate.functions import FUNCTIONS
from faultin.codegen.query.builder import FALSE, TRUE, Builder
from faultin.codegen.query.conditions import Final
from faultin.codegen.query.memory import NotInKernel
from faultin.codegen.query.values import Number, Scene
from faultin.query.actions import Action
from faultin.query.types import Type

_CELLS_MAX = 512  # of a group: they are there for each, whatever is counted
_BUCKETS_MAX = 8  # counters that have them: where theirs is, is kept on the stack
_COUNTERS_MAX = 256  # the key of a bucket has a byte for them
_SIGN = -(1 << 63)


class Adding:
    """Where the cells of some actions are, and what writes faultin_count().

    cells: dense ones of a group, of which the first counts its calls. layout: for each
    counter its first dense cell, None if its cells are buckets.
    """

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions
        self.layout: tuple[int | None, ...] = ()
        self.cells = 1
        for action in actions:
            self._place(FUNCTIONS[action.name].cells, action.name == "count")
        self.sparse = None in self.layout
        most = self.layout.count(None) <= _BUCKETS_MAX and len(actions) <= _COUNTERS_MAX
        self.fits = most and self.cells <= _CELLS_MAX

    def _place(self, cells: int | None, is_calls: bool) -> None:
        if cells is None or is_calls:
            self.layout += (None if cells is None else 0,)
            return
        self.layout += (self.cells,)
        self.cells += cells

    def write(self, scene: Scene) -> str:
        """Counts the call; returns 1. An amount is looked at where it is used, as what lives
        for long takes stack."""
        b = scene.builder
        pairs = list(enumerate(zip(self._actions, self.layout, strict=True)))
        buckets = [_Bucket(scene, action, n) for n, (action, at) in pairs if at is None]
        _add(b, "%cells", 1)
        for bucket in buckets:
            bucket.count()
        for _, (action, at) in pairs:
            if at:
                _count(scene, action, at)
        return "1"


def _if(b: Builder, condition: str, write: Callable[[], None]) -> None:
    if condition == TRUE:
        write()
        return
    then, after = b.name("then"), b.name("after")
    b.branch(condition, then, after)
    b.start(then)
    write()
    b.go(after)
    b.start(after)


def _add(b: Builder, cell: str, amount: str | int) -> None:
    b.do(f"call void @count_add(ptr {cell}, i64 {amount})")


def _raise(b: Builder, cell: str, value: str | int) -> None:
    b.do(f"call void @count_raise(ptr {cell}, i64 {value})")


def _amount(scene: Scene, action: Action) -> Number:
    assert action.amount is not None
    if action.amount.type is Type.BOOL:
        return Number(scene.widened(Final(scene).condition(action.amount)), TRUE)
    return scene.number(action.amount)


def _is_signed(action: Action) -> bool:
    assert action.amount is not None
    return action.amount.type is not Type.U64


def _count(scene: Scene, action: Action, at: int) -> None:
    """Changes the dense cells of a counter, the first of which is `at`."""
    b, number = scene.builder, _amount(scene, action)
    if number.present != FALSE:
        _if(b, number.present, lambda: _change(b, action, at, number.value))


def _change(b: Builder, action: Action, at: int, value: str) -> None:
    cells = [b.address("%cells", 8 * (at + n)) for n in range(FUNCTIONS[action.name].cells or 0)]
    if action.name in ("sum", "avg"):
        low, high = _halves(b, value, _is_signed(action))
        _add(b, cells[0], low)
        _add(b, cells[1], high)
        for cell in cells[2:]:
            _add(b, cell, 1)
        return
    biased = b.add(f"xor i64 {value}, {_SIGN}") if _is_signed(action) else value
    _raise(b, cells[0], b.add(f"xor i64 {biased}, -1") if action.name == "min" else biased)
    _raise(b, cells[1], 1)


class _Bucket:
    """The bucket into which an amount goes, looked for. Where there is no room for one more,
    the function has returned."""

    def __init__(self, scene: Scene, action: Action, index: int) -> None:
        b = self._b = scene.builder
        self._is_uniq = action.name == "uniq"
        number = _hash(scene, action) if self._is_uniq else _amount(scene, action)
        self._cell, self._rank = "null", "0"
        if number.present == FALSE:
            return
        entry, found, full, there, after = map(b.name, ("entry", "found", "full", "there", "after"))
        b.go(entry)
        b.start(entry)
        b.branch(number.present, found, after)
        b.start(found)
        bucket = _BUCKETS[action.name](b, number.value, _is_signed(action), action)
        cell = b.call("ptr", "count_bucket", "i32 %group", f"i32 {index}", f"i32 {bucket}")
        b.branch(b.compare("eq", "ptr", cell, "null"), full, there)
        b.start(full)
        b.do("ret i32 0")
        b.start(there)
        rank = _rank(b, number.value) if self._is_uniq else "1"
        b.go(after)
        b.start(after)
        self._cell = b.add(f"phi ptr [ {cell}, %{there} ], [ null, %{entry} ]")
        self._rank = b.add(f"phi i64 [ {rank}, %{there} ], [ 0, %{entry} ]")

    def count(self) -> None:
        if self._cell == "null":
            return
        b, change = self._b, _raise if self._is_uniq else _add
        there = b.compare("ne", "ptr", self._cell, "null")
        _if(b, there, lambda: change(b, self._cell, self._rank))


def _rank(b: Builder, value: str) -> str:
    rest = b.add(f"lshr i64 {value}, {HLL_BITS}")
    bits = b.add(f"zext i32 {b.call('i32', 'count_bits', f'i64 {rest}')} to i64")
    return b.add(f"sub i64 {HLL_RANK_MAX}, {bits}")


def _halves(b: Builder, value: str, is_signed: bool) -> tuple[str, str]:
    """functions.halves()."""
    low = b.add(f"sext i32 {b.add(f'trunc i64 {value} to i32')} to i64")
    high = b.add(f"{'ashr' if is_signed else 'lshr'} i64 {value}, 32")
    carry = b.add(f"lshr i64 {low}, 63")
    return low, b.add(f"add i64 {high}, {carry}")


# Buckets, as aggregate/buckets.py has them


def _magnitude(b: Builder, value: str, is_signed: bool) -> tuple[str, str]:
    """(whether it is below 0, the number without its sign)."""
    if not is_signed:
        return FALSE, value
    minus = b.compare("slt", "i64", value, 0)
    return minus, b.select(minus, "i64", b.add(f"sub i64 0, {value}"), value)


def _with_sign(b: Builder, minus: str, bucket: str) -> str:
    return b.select(minus, "i32", b.add(f"sub i32 0, {bucket}"), bucket) if minus != FALSE else bucket


def _hist(b: Builder, value: str, is_signed: bool, action: Action) -> str:
    minus, magnitude = _magnitude(b, value, is_signed)
    return _with_sign(b, minus, b.call("i32", "count_bits", f"i64 {magnitude}"))


def _quantiles(b: Builder, value: str, is_signed: bool, action: Action) -> str:
    minus, magnitude = _magnitude(b, value, is_signed)
    return _with_sign(b, minus, b.call("i32", "count_quantile", f"i64 {magnitude}"))


def _lhist(b: Builder, value: str, is_signed: bool, action: Action) -> str:
    low, high, step = map(int, action.parameters)
    last = lhist_count(low, high, step)
    if is_signed:
        below, beyond = (b.compare(r, "i64", value, n) for r, n in (("slt", low), ("sge", high)))
    else:  # of numbers below 0 all are less, and none is
        below = b.compare("ult", "i64", value, low) if low > 0 else FALSE
        beyond = b.compare("uge", "i64", value, high) if high > 0 else TRUE
    steps = b.add(f"udiv i64 {b.add(f'sub i64 {value}, {low}')}, {step}")
    inside = b.select(beyond, "i32", last, b.add(f"trunc i64 {steps} to i32"))
    return b.select(below, "i32", -1, inside)


def _uniq(b: Builder, value: str, is_signed: bool, action: Action) -> str:
    return b.add(f"trunc i64 {b.add(f'and i64 {value}, {HLL_REGISTERS - 1}')} to i32")


_BUCKETS = {"hist": _hist, "lhist": _lhist, "quantiles": _quantiles, "uniq": _uniq}


def _hash(scene: Scene, action: Action) -> Number:
    """digests.hash64() of any value."""
    b, amount = scene.builder, action.amount
    assert amount is not None
    if amount.type in (Type.BYTES, Type.IP):
        view = scene.text(amount)
        if view.constant is not None:
            raise NotInKernel
        if view.present == FALSE:
            return Number("0", FALSE)
        size = b.add(f"trunc i64 {b.select(view.present, 'i64', view.length, 0)} to i32")
        digest = b.call("i64", "count_digest", "ptr %state", f"i32 {view.at}", f"i32 {size}")
        number = Number(b.add(f"add i64 {digest}, {view.full}"), view.present)
    else:
        number = _amount(scene, action)
    return Number(b.call("i64", "count_hash", f"i64 {number.value}"), number.present)
