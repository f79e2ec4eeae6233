# SPDX-License-Identifier: Apache-2.0
"""The corpus of cold pages: everything that a call passes is in the trace.

Cold, the deferred engine cannot have what a call wrote over before it could be
read again (compare.OVERWRITTEN): that must say `gone`. All else must be there.
"""

import pytest
from compare import Trace, build, compare, format_summary, load_expected, summarise

from conftest import faultin

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return build(tmp_path_factory.mktemp("corpus"))


def traced(corpus, tmp_path, mode, *options):
    """The expected events of one run, and those that faultin saw."""
    expected = tmp_path / f"{mode}.expected"
    run = faultin(*options, "--", corpus, "--mode", mode, expected)
    assert run.status == 0, run.stderr
    assert run.summary["lost"] == {}
    return load_expected(expected), run.events


def check(capsys, title, expected, events, cold):
    mismatches = compare(expected, events, allow_overwritten=cold)
    with capsys.disabled():
        print(f"\n{title}: {format_summary(summarise(expected, mismatches)).splitlines()[-1]}")
    assert not mismatches, "\n".join(map(str, mismatches))


@pytest.mark.parametrize("mode", ["cold", "warm"])
def test_complete(corpus, tmp_path, capsys, mode):
    expected, events = traced(corpus, tmp_path, mode)
    check(capsys, mode, expected, events, cold=mode == "cold")


def test_complete_without_task_work(corpus, tmp_path, capsys):
    """Older kernels: what is absent at exit is read by process_vm_readv, when the
    record comes: what the program has changed by then is `remote`, and not as it was."""
    expected, events = traced(corpus, tmp_path, "cold", "--no-task-work")
    words = {word for event in events for word in event["capture"].values()}
    assert "remote" in words and "deferred" not in words
    mismatches = compare(expected, events, allow_overwritten=True)
    trace = Trace(events)
    by_marker = {case["marker"]: trace.event_of(case) for case in expected}
    wrong = {m for m in mismatches if not m.argument or
             by_marker[m.marker]["capture"].get(m.argument) not in ("remote", "gone", "truncated")}
    assert not wrong, "\n".join(map(str, wrong))
    counts = summarise(expected, mismatches)
    total = sum(count.total for count in counts.values())
    captured = sum(count.captured for count in counts.values())
    with capsys.disabled():
        print(f"\ncold, without task work: {captured}/{total}")
    assert captured > 0.9 * total


def test_entry_reads_alone_lose_what_is_cold(corpus, tmp_path, capsys):
    """The corpus bites: a tracer that reads at entry only loses the cold inputs."""
    expected, events = traced(corpus, tmp_path, "cold", "--entry-only")
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
