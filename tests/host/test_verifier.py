# SPDX-License-Identifier: Apache-2.0
"""What the verifier has to walk through, and a budget for it, so that growth is seen.

It is what loading a trace costs, and kernels differ in how much they follow.
"""

import pytest
from engines import Way, keep, ways

from faultin.codegen.plan import plan
from faultin.codegen.program import Options
from faultin.engines.choose import choose
from faultin.kernel.bpf import verified_instructions
from faultin.syscalls.table import load

pytestmark = pytest.mark.kernel

# Of the largest program: twice the most that was seen on any of the guests' kernels.
BUDGET = 100_000


@pytest.mark.parametrize("way", [way for way in ways() if way.needs_root], ids=str)
def test_instructions(way: Way, capsys):
    table = load("x86_64")
    named = {table.by_name(name).nr for name in ("execve", "openat", "sendmsg", "ioctl")}
    traced = frozenset(named) if way.names_only else table.numbers
    engine = choose(way.engine, way.strategy, plan(table, traced), Options(), table.arch)
    try:
        counts = {name: verified_instructions(fd) for name, fd in engine.program_fds().items()}
    finally:
        engine.close()
    keep(f"verifier-{way}", counts)
    with capsys.disabled():
        print(f"\n{way}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    assert 0 < max(counts.values()) < BUDGET
