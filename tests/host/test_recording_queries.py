# SPDX-License-Identifier: Apache-2.0
"""Queries of a recording give the calls that the same queries give live: on the cold corpus,
of which all records are kept."""

import re
from pathlib import Path

import ibis
import pyarrow as pa
import pytest
from compare import build

import faultin
from faultin.codegen.plan import plan
from faultin.columnar.builder import Builder
from faultin.consume.judge import Judge
from faultin.drain.wire import Assembler, records
from faultin.errors import UsageError
from faultin.lowering import spark as lowering_spark
from faultin.lowering.counted import Counted
from faultin.lowering.dialect import dialect
from faultin.lowering.engine import engine
from faultin.lowering.expressions import Lowering
from faultin.lowering.slots import Slots
from faultin.query.evaluate import compiled
from faultin.query.query import parse
from faultin.recordings.about import About
from faultin.recordings.files import write_part
from faultin.recordings.places import place
from faultin.recordings.source import source
from faultin.syscalls.table import load

pytestmark = pytest.mark.kernel
TABLE = load("x86_64")
ABOUT = About(
    "x86_64",
    "here",
    "run",
    "all",
    "",
    "0",
    "0",
    summary={"events": 0, "lost": {}, "engine": "e", "strategy": "s"},
)
TEXT = (Path(__file__).parents[2] / "docs" / "query.md").read_text()
EXAMPLES = re.findall(r"^    -e \S+ +-w '(.+)'$", TEXT, re.MULTILINE)
_WRONG = ("startwith(", "path == 5", "addr ==", "buf ==")  # those of its errors
QUERIES = [query for query in EXAMPLES if not any(part in query for part in _WRONG)] + [
    "ret < 0",
    'path == "/etc/passwd"',
    'path != "/etc/passwd"',
    'not (path == "x")',
    "missing(buf)",
    "len(buf) > 1000",
    "len(path) % 2",
    'path[2:5] == "ssi"',
    'glob(path, "missing?[0-9]*")',
    "size >> 2 == 16",
    "fd in (0, 1, 2, 3)",
    "fd == -1",
    "latency // 1000 > 5",
    'comm.startswith("c")',
    "iov.len > 10",
    "iov.count == 2",
    "addr.family == AF_INET",
    "addr.port > 0",
    'addr.ip in ("127.0.0.0/8", "::1")',
    "missing(addr.ip)",
    'addr.path.startswith("/")',
    "len(argv) > 1",
    '"a" not in envp',
    "missing(argv[1])",
    "ufds[0].fd >= 0",
    "how.flags & O_RDWR",
    "msg.msg_flags == 0",
    "msg.msg_name.port != 0",
    "mode & 0o200",
    "args.pid == 0",
    "pid == args.pid",
    "arg == 1",
    "cmd == F_SETFD",
    "statbuf.st_size > 0",
    "missing(statbuf)",
    "new_rlim.rlim_cur > 5",
    "optlen > 1",
    'syscall in ("read", "write")',
    "flags & O_CREAT and ret > 2",
    "path == path2",
    "path2.endswith('b')",
    "new_setting.it_value.tv_sec > 0",
    "act.sa_flags == 0",
]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """Every record of the corpus, with what decodes it; and all of them as a recording."""
    folder = tmp_path_factory.mktemp("queries")
    words = [str(build(folder)), "--mode", "cold", str(folder / "expected")]
    trace = faultin.trace(command=words)
    running = trace._start()
    chunks = list(trace._chunks)
    running.wait()
    whole = Assembler().whole
    found = [record for chunk in chunks for part in records(chunk) if (record := whole(part))]
    builder = Builder(trace._prepared.plans, trace._offset, trace._decoder)
    batches = [batch for chunk in chunks for batch in builder.add(chunk)] + [builder.flush()]
    target = place(str(folder / "recording.parquet"))
    write_part(target, pa.Table.from_batches(batches), ABOUT)
    return (
        trace,
        [r for r in found if r.type in (1, 2)],
        engine("duckdb", source([target.path]), sql=False),
    )


PLANS = plan(TABLE, TABLE.numbers)


def asked(where="", actions="", keys=""):
    return parse(PLANS, TABLE, where, actions, keys)


def live(recorded, query):
    """The rows of a live query, in order."""
    trace, found, _ = recorded
    judge = Judge(query, PLANS, trace._offset, trace._decoder.complete)
    return [judge.row(record) for record in found]


@pytest.mark.parametrize("where", QUERIES)
def test_a_condition(where, recorded):
    query = asked(where)
    holds = compiled(query.where)
    _, found, kept = recorded
    wanted = [bool(holds(row)) for row in live(recorded, query)]
    condition = Lowering(Slots(query, PLANS, kept.table).value).condition(query.where)
    said = kept.table.select(c=condition).to_pyarrow().column("c").to_pylist()
    assert len(said) == len(found)
    differing = [
        (record.nr, w, s) for record, w, s in zip(found, wanted, said, strict=True) if w != s
    ]
    assert not differing, (len(differing), differing[:5])


def test_the_conditions_on_spark(recorded, spark, tmp_path):
    """All in one question: executors say of each call what the live query says."""
    trace, found, kept = recorded
    parts = kept.table.to_pyarrow()
    places = []
    for host, part in (("a", parts.slice(0, len(parts) // 2)), ("b", parts.slice(len(parts) // 2))):
        places.append(place(str(tmp_path / f"host={host}" / f"{host}.parquet")))
        (tmp_path / f"host={host}").mkdir()
        write_part(places[-1], part, ABOUT)
    table = lowering_spark.table(spark, places, "corpus")
    assert "host" in table.columns
    asks = {where: asked(where) for where in QUERIES}
    conditions = {
        f"c{i}": Lowering(Slots(query, PLANS, table).value, dialect("pyspark")).condition(query.where)
        for i, query in enumerate(asks.values())
    }
    said = lowering_spark.arrow(
        spark, table.select(**conditions).aggregate(
            **{name: ibis._[name].cast("int64").sum() for name in conditions}
        )
    ).to_pylist()[0]  # fmt: skip
    for i, (where, query) in enumerate(asks.items()):
        holds = compiled(query.where)
        wanted = sum(bool(holds(row)) for row in live(recorded, query))
        assert said[f"c{i}"] == wanted, where


def test_the_conditions_are_not_all_alike(recorded):
    """Most hold for some calls of the corpus, and not for others."""
    telling = 0
    for where in QUERIES:
        holds = compiled(asked(where).where)
        telling += len({bool(holds(row)) for row in live(recorded, asked(where))}) == 2
    assert telling > 0.6 * len(QUERIES)


@pytest.mark.parametrize(
    "actions, keys",
    [
        ("count(), sum(ret), avg(latency), min(ret), max(latency)", "syscall"),
        ("hist(ret), lhist(latency, 0, 100000, 10000), quantiles(latency, 0.5, 0.99)", "comm"),
        ("count(), uniq(path), sum(iov.len)", "path, ret < 0"),
        ("count(), uniq(pid), sum(size)", "fd, buf[:4]"),
        ("count()", "addr.ip, errno"),
    ],
)
def test_counters(actions, keys, recorded):
    from faultin.aggregate.aggregator import Aggregator
    from faultin.consume.counting import _amount, counters_of, shower

    query = asked(actions=actions, keys=keys)
    by, amounts = [shower(k.value) for k in query.keys], [_amount(a) for a in query.actions]
    expected = Aggregator([key.name for key in query.keys], counters_of(query.actions), 1 << 20)
    for row in live(recorded, query):
        expected.add(tuple(k(row) for k in by), [a(row) for a in amounts])
    kept = recorded[2]
    counted = Counted(query, Lowering(Slots(query, PLANS, kept.table).value), kept, 1 << 20)
    assert len(counted.table) > 1
    assert counted.table.rows() == expected.table.rows()
    assert counted.table.totals() == expected.table.totals()


def test_what_a_recording_does_not_have_is_refused(recorded):
    kept = recorded[2]
    for where, why in (
        ('exe == "x"', "recordings do not have it"),
        ("len(dirent) > 3", "not its bytes"),
    ):
        query = asked(where)
        with pytest.raises(UsageError, match=why):
            Lowering(Slots(query, PLANS, kept.table).value).condition(query.where)
