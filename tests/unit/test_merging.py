# SPDX-License-Identifier: Apache-2.0
"""What the kernel has counted joins the table, or what is lost; never nothing."""

from dataclasses import dataclass, field

import pytest

from faultin.aggregate.aggregator import Aggregator
from faultin.aggregate.counters import counter
from faultin.aggregate.digests import digest, hashing, new_seed
from faultin.consume.merging import Merging
from faultin.query.types import Cut


@dataclass
class Group:
    number: int
    calls: int
    cells: tuple


@dataclass
class Kernel:
    found: list = field(default_factory=list)
    seed: int = 1
    lost: int = 0
    collisions: int = 0

    def groups(self, counters):
        return iter(self.found)


COUNTERS = (counter("n", "count"), counter("m", "max"))


def counted(kernel, max_keys=10):
    aggregator = Aggregator(["key"], COUNTERS, max_keys)
    merging = Merging(aggregator, kernel)
    for number, key in enumerate(["a", "b"]):
        aggregator.add((key,), [1, 5])
        merging.name(number, (key,))
    return merging.counted()


def shown(found):
    return {row.key[0]: row.results for row in found.table.rows()}


def most(value):
    return COUNTERS[1].contribute(value)


def test_cells_of_a_group_join_those_of_its_key():
    found = counted(Kernel([Group(0, 3, ({0: 3}, dict(most(9))))]))
    assert shown(found) == {"a": (4, 9), "b": (1, 5)}
    assert found.lost == {} and found.kernel == {"counted": 3, "collisions": 0}


def test_without_a_kernel_the_table_is_what_was_counted_here():
    found = counted(None)
    assert shown(found) == {"a": (1, 5), "b": (1, 5)} and found.kernel == {}


def test_calls_by_keys_for_which_there_was_no_place_are_lost():
    found = counted(Kernel([Group(1, 3, ({0: 3}, {}))], lost=4), max_keys=1)
    assert shown(found) == {"a": (1, 5)}
    assert found.lost == {"map_full": 1 + 3 + 4} and found.kernel["counted"] == 0


def test_calls_by_a_key_that_nobody_has_told_are_lost():
    assert counted(Kernel([Group(7, 3, ({0: 3}, {}))])).lost == {"key_not_seen": 3}


def test_collisions_are_told():
    assert counted(Kernel(collisions=2)).kernel["collisions"] == 2


@pytest.mark.parametrize("size", [0, 1, 8, 9, 4095])
def test_a_digest_depends_on_every_byte_and_on_the_length(size):
    seed = new_seed()
    data = bytes(size)
    others = [data + b"\0", *(data[:at] + b"\1" + data[at + 1 :] for at in range(0, size, 97))]
    assert seed % 2 and digest(data, seed) not in {digest(other, seed) for other in others}


def test_what_is_cut_is_not_what_is_whole():
    hash64 = hashing(new_seed())
    assert len({hash64(b"ab"), hash64(Cut(b"ab", 3)), hash64(Cut(b"ab", 4)), hash64(0), hash64(1)}) == 5
