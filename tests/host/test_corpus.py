# SPDX-License-Identifier: Apache-2.0
"""The corpus of cold pages: everything that a call passes is in the trace.

Engines that take the fault have all of it, read at entry. The deferred engine cannot
have what a call wrote over before it could be read again (compare.OVERWRITTEN): that
must say `gone`. Without task work the consumer reads what is left, as it is by then.
"""

import platform
import shutil
from dataclasses import asdict

import pytest
from compare import Trace, build, compare, format_summary, load_expected, summarise
from engines import Way, every_way, keep, ways
from running import faultin
from unprivileged import faultin_as_nobody, open_folder

from faultin.syscalls.table import Direction, load

pytestmark = pytest.mark.kernel

def outputs() -> set[str]:
    """CALL.NAME of every argument that some variant of a call writes."""
    return {
        f"{call.name}.{argument.name}"
        for call in load(platform.machine())
        for arguments in (call.arguments, *(variant.arguments for variant in call.variants))
        for argument in arguments if argument.direction is Direction.OUT or argument.kind == "ioctl"
    }  # fmt: skip


OUTPUTS = outputs()
# What the consumer reads after the call is as it was only if it comes soon: on a slow day,
# and in an emulated guest, less is. All else of the corpus does not depend on that.
READ_IN_TIME = 0.8
NAMES = 25  # system calls of one trace, where an engine attaches to each
MARKER = "getpriority"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return build(tmp_path_factory.mktemp("corpus"))


def traced(corpus, tmp_path, mode, *options):
    """The expected events of one run, and those that faultin saw."""
    expected = tmp_path / f"{mode}.expected"
    run = faultin(*options, "--", corpus, "--mode", mode, expected, timeout=600)
    assert run.status == 0, run.stderr
    assert run.summary["lost"] == {}
    return load_expected(expected), run.events


def in_groups(corpus, tmp_path, mode, options):
    """The same in as many runs as it takes to name every system call of the corpus."""
    cases, _ = traced(corpus, tmp_path, mode, "--engine", "deferred", "-e", MARKER)
    names = sorted({case["syscall"] for case in cases})
    for first in range(0, len(names), NAMES):
        group = names[first : first + NAMES]
        wanted = ",".join({MARKER, "execve", "exit_group", *group})
        expected, events = traced(corpus, tmp_path, mode, *options, "-e", wanted)
        yield [case for case in expected if case["syscall"] in group], events


def runs(way: Way, corpus, tmp_path, mode):
    if way.names_only:
        yield from in_groups(corpus, tmp_path, mode, way.options)
    else:
        yield traced(corpus, tmp_path, mode, *way.options)


def is_left_to_chance(mismatch, event):
    """Read by the consumer after the call: it may have changed, or nobody can say why
    it is not there."""
    word = event["capture"].get(mismatch.argument)
    return mismatch.argument and word in ("remote", "gone", "truncated")


def was_without_function(mismatch, event):
    """A call that the kernel was built without has no function to probe: it was read later."""
    return mismatch.field.startswith("capture.") and event["errno"] == "ENOSYS"


def wrong_ones(way: Way, expected, events, cold):
    """(what is wrong, what is merely not as it was)."""
    mismatches = compare(
        expected, events, at_entry=way.sleepable, outputs=OUTPUTS,
        allow_overwritten=cold and not way.sleepable,
    )
    trace = Trace(events)
    by_marker = {case["marker"]: trace.event_of(case) for case in expected}
    if way.engine == "fentry":
        mismatches = [m for m in mismatches if not was_without_function(m, by_marker[m.marker])]
    if way.sleepable or way.task_work:
        return mismatches, mismatches
    wrong = [m for m in mismatches if not is_left_to_chance(m, by_marker[m.marker])]
    return wrong, mismatches


MODES = [(way, mode) for way in ways() for mode in ("cold", "warm")
         if mode == "cold" or way.strategy == "copy"]  # fmt: skip


@pytest.mark.parametrize(("way", "mode"), MODES, ids=lambda value: str(value))
def test_complete(way, mode, corpus, tmp_path, capsys):
    counts: dict[str, dict[str, int]] = {}
    wrong = []
    for expected, events in runs(way, corpus, tmp_path, mode):
        bad, mismatches = wrong_ones(way, expected, events, mode == "cold")
        wrong += bad
        strictly = compare(expected, events)
        for name, count in summarise(expected, strictly).items():
            known = counts.setdefault(name, {"captured": 0, "total": 0})
            known["captured"] += count.captured
            known["total"] += count.total
    captured, total = (sum(c[key] for c in counts.values()) for key in ("captured", "total"))
    keep(f"corpus-{way}-{mode}", {**asdict(way), "mode": mode, "classes": counts})
    with capsys.disabled():
        print(f"\n{way} {mode}: {captured}/{total}")
    assert not wrong, "\n".join(map(str, wrong))
    assert captured > (0.85 if way.sleepable or way.task_work else READ_IN_TIME) * total


@pytest.mark.host
@pytest.mark.parametrize("mode", ["cold", "warm"])
def test_complete_as_nobody(mode, corpus, capsys):
    """Without any capability: engine ptrace, and nothing less than as root."""
    with open_folder() as folder:
        program, expected = folder / "corpus", folder / "expected"
        shutil.copy(corpus, program)
        run = faultin_as_nobody(
            "--", program, "--mode", mode, "--dir", folder, expected, timeout=600
        )
        assert run.status == 0 and run.summary["engine"] == "ptrace", run.stderr
        assert run.summary["lost"] == {}
        cases = load_expected(expected)
    wrong = compare(cases, run.events, at_entry=True, outputs=OUTPUTS)
    with capsys.disabled():
        print(f"\nnobody {mode}: {format_summary(summarise(cases, wrong)).splitlines()[-1]}")
    assert not wrong, "\n".join(map(str, wrong))


def test_complete_without_task_work(corpus, tmp_path, capsys):
    """Older kernels: what is absent at exit is read by process_vm_readv, when the
    record comes: what the program has changed by then is `remote`, and not as it was."""
    way = every_way()[-1]
    expected, events = traced(corpus, tmp_path, "cold", *way.options)
    words = {word for event in events for word in event["capture"].values()}
    assert "remote" in words and "deferred" not in words
    wrong, mismatches = wrong_ones(way, expected, events, cold=True)
    assert not wrong, "\n".join(map(str, wrong))
    counts = summarise(expected, mismatches)
    with capsys.disabled():
        print(f"\ncold, without task work: {format_summary(counts).splitlines()[-1]}")
    total = sum(count.total for count in counts.values())
    assert sum(count.captured for count in counts.values()) > READ_IN_TIME * total


def test_entry_reads_alone_lose_what_is_cold(corpus, tmp_path, capsys):
    """The corpus bites: a tracer that reads at entry only loses the cold inputs."""
    expected, events = traced(corpus, tmp_path, "cold", "--engine", "deferred", "--entry-only")
    markers = {case["marker"]: case for case in expected}
    mismatches = compare(expected, events)
    lost = {(m.marker, m.argument) for m in mismatches if m.argument}
    cold = {
        (number, name)
        for number, case in markers.items()
        for name, is_cold in case["cold"].items()
        if is_cold and case["capture"].get(name) == "read" and name not in case["out"]
    }
    inputs = {pair for pair in cold if pair[1] in ("filename", "pathname", "argv", "envp", "uservaddr")}
    with capsys.disabled():
        print(f"\ncold, read at entry only: {len(inputs - lost)}/{len(inputs)} paths, argv and addresses")
    assert len(inputs & lost) > 0.9 * len(inputs)
