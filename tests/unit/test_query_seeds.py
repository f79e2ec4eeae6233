# SPDX-License-Identifier: Apache-2.0
"""A query is the same whatever the seed of Python's hashes: in one process it cannot differ."""

import os
import subprocess
import sys

import pytest

# Names that differ in their types from call to call, as values and as whole structures.
ASKED = """
from faultin.codegen.plan import plan
from faultin.codegen.query.functions import functions
from faultin.query.query import parse
from faultin.syscalls.table import load

table = load("x86_64")
plans = plan(table, table.numbers)
for words in (
    ("missing(iov)",),
    ("missing(addr) or missing(msg) or missing(arg)",),
    ("missing(buf) and not missing(path2)", "count(), sum(iov.len), uniq(path)", "comm,path,fd"),
):
    query = parse(plans, table, *words)
    made = functions(query, plans, keys=1000)
    print(query.where, query.slots, sorted(query.sources.items()), made.ir, sorted(made.images.items()))
"""


def told(seed: int) -> str:
    command = [sys.executable, "-c", ASKED]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_query_is_the_same_for_every_seed(seed):
    assert told(seed) == told(0)
