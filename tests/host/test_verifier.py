# SPDX-License-Identifier: Apache-2.0
"""What the verifier has to walk through, and a budget for it, so that growth is seen.

It is what loading a trace costs, and kernels differ in how much they follow.
"""

import pytest
from engines import Way, keep, ways

from faultin.codegen.plan import plan
from faultin.codegen.program import Options
from faultin.codegen.query.functions import functions
from faultin.engines.choose import choose
from faultin.kernel.bpf import verified_instructions
from faultin.query.query import parse
from faultin.syscalls.table import load

pytestmark = pytest.mark.kernel

# Of the largest program: twice the most that was seen on any of the guests' kernels.
BUDGET = 100_000
# ... of two programs with a query that looks at memory in all calls: 7.3 follows 292,000.
QUERY_BUDGET = 600_000
# Some kernels follow more of a program that has less to do: what is folded away for one
# trace is a branch less that ends early.
SETS = {
    "all": None,
    "files": ("openat", "write", "access", "execve"),
    "messages": ("sendmsg", "recvmsg"),
    "execve": ("execve",),
}
MANY = ("execve", "openat", "sendmsg", "ioctl")  # for an engine that takes names only
WAYS = [way for way in ways() if way.needs_root]
BEST = WAYS[:1]
CASES = [(way, name) for way in WAYS for name in SETS if name == "all" or way in BEST]

# What stats counts in the kernel: nothing of memory; a key of two texts, and every function.
NARROW = ("count(), sum(-4095 <= ret < 0), sum(latency), max(latency)", "syscall", "")
WIDE = (
    "count(), sum(ret), min(ret), max(ret), avg(latency), hist(ret), lhist(ret, 0, 4096, 64), "
    "quantiles(latency, 0.5, 0.99), uniq(path)",
    "comm,path,uid,flags", 'path.startswith("/") and (b"x" in buf or missing(buf))',
)  # fmt: skip


def instructions(engine):
    try:
        return {name: verified_instructions(fd) for name, fd in engine.program_fds().items()}
    finally:
        engine.close()


@pytest.mark.parametrize(("way", "name"), CASES, ids=str)
def test_instructions(way: Way, name: str, capsys):
    table = load("x86_64")
    names = SETS[name] or (MANY if way.names_only else ())
    traced = frozenset(table.by_name(name).nr for name in names) or table.numbers
    engine = choose(way.engine, way.strategy, plan(table, traced), Options(), table.arch)
    counts = instructions(engine)
    keep(f"verifier-{way}-{name}", counts)
    with capsys.disabled():
        print(f"\n{way} {name}: " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())))
    assert 0 < max(counts.values()) < BUDGET


@pytest.mark.parametrize("way", BEST, ids=str)
@pytest.mark.parametrize("asked", [NARROW, WIDE], ids=["narrow", "wide"])
def test_instructions_of_counters(way: Way, asked, capsys):
    table = load("x86_64")
    actions, keys, where = asked
    named = {table.by_name(name).nr for name in ("execve", "openat", "read", "write")}
    plans = plan(table, table.numbers if asked is NARROW and not way.names_only else frozenset(named))
    words = (where, actions, keys)
    query = parse(plans, table, *words)
    plans = plan(table, plans.traced, {index: query.needs(index).ops for index in plans.plans})
    made = functions(parse(plans, table, *words), plans, keys=1000)
    counts = instructions(choose(way.engine, way.strategy, plans, Options(query=made), table.arch))
    keep(f"verifier-{way}-stats-{'narrow' if asked is NARROW else 'wide'}", counts)
    with capsys.disabled():
        print(f"\n{way}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    assert 0 < max(counts.values()) < BUDGET


QUERIES = {
    "no query": ("openat", ""),
    "a narrow query": ("openat", "dfd == 3 and ret < 0"),
    "a wide one": ("openat", 'path.startswith("/etc/") and glob(path, "*/a[0-9]*.conf") and flags & O_CREAT'
                             ' and comm != "x" and uid > 0 and ret < 0'),
    "of all calls": ("all", 'path.endswith(".so") or b"password" in buf or ret == -ENOENT'),
}  # fmt: skip


def test_instructions_of_queries(capsys):
    """What a query does not need is not in the programs: a narrow one is cheaper to verify."""
    found = {}
    for name, (calls, where) in QUERIES.items():
        table = load("x86_64")
        plans = plan(table, table.resolve(calls))
        asked = parse(plans, table, where) if where else None
        if asked:  # as stats and watch do
            needed = {index: asked.needs(index).ops for index in plans.plans}
            plans = plan(table, plans.traced, needed)
            asked = parse(plans, table, where)
        engine = choose("deferred", None, plans, Options(query=functions(asked, plans)), table.arch)
        try:
            counts = {name: verified_instructions(fd) for name, fd in engine.program_fds().items()}
        finally:
            engine.close()
        found[name] = counts["sys_enter"] + counts["sys_exit"]
        keep(f"verifier-query-{name.replace(' ', '-')}", counts)
    with capsys.disabled():
        print("\nsys_enter and sys_exit: " + ", ".join(f"{name} {n}" for name, n in found.items()))
    assert found["a narrow query"] < found["a wide one"] < found["of all calls"] < QUERY_BUDGET
    assert found["a narrow query"] < found["no query"], "captures that it does not need are left in"
