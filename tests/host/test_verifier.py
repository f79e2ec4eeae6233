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
# Some kernels follow more of a program that has less to do: what is folded away for one
# trace is a branch less that ends early.
SETS = {
    "all": None,
    "files": ("openat", "write", "access", "execve"),
    "messages": ("sendmsg", "recvmsg"),
    "execve": ("execve",),
}
MANY = ("execve", "openat", "sendmsg", "ioctl")  # for an engine that takes names only
CASES = [
    (way, name) for way in ways() if way.needs_root for name in SETS
    if name == "all" or way.strategy == "copy"
]  # fmt: skip


@pytest.mark.parametrize(("way", "name"), CASES, ids=str)
def test_instructions(way: Way, name: str, capsys):
    table = load("x86_64")
    names = SETS[name] or (MANY if way.names_only else ())
    traced = frozenset(table.by_name(name).nr for name in names) or table.numbers
    engine = choose(way.engine, way.strategy, plan(table, traced), Options(), table.arch)
    try:
        counts = {name: verified_instructions(fd) for name, fd in engine.program_fds().items()}
    finally:
        engine.close()
    keep(f"verifier-{way}-{name}", counts)
    with capsys.disabled():
        print(f"\n{way} {name}: " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())))
    assert 0 < max(counts.values()) < BUDGET
