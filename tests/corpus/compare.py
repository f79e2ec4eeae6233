# SPDX-License-Identifier: Apache-2.0
"""Compare a trace of the corpus with the events that the corpus expects.

In: the file that `corpus` wrote, and the events of a trace as the objects of faultin's JSON Lines. Out: what
differs, and per class how many pointer arguments were captured. Only what the expectation names is compared:
a structure may have more fields than are expected, an event more arguments.
Invariant: every expected case is accounted for; one whose event is not in the trace is a mismatch.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MARKER = 0x7FA0000  # getpriority(MARKER, N) comes right before case N; see expect.h
# What a call writes over: once it has, nobody who did not read it at entry can have it.
LENGTHS = ("accept4.upeer_addrlen accept.upeer_addrlen getsockname.usockaddr_len getpeername.usockaddr_len "
           "recvfrom.addr_len getsockopt.optlen")
TIMES = "recvmmsg.timeout ppoll.tsp pselect6.tsp select.tvp"
SETS = "select.inp select.outp select.exp pselect6.inp pselect6.outp pselect6.exp"
OFFSETS = "splice.off_in splice.off_out sendfile.offset copy_file_range.off_in copy_file_range.off_out"
OTHERS = "fcntl.arg ioctl.arg"
OVERWRITTEN = frozenset(" ".join((LENGTHS, TIMES, SETS, OFFSETS, OTHERS)).split())
READ = frozenset({"entry", "exit", "deferred", "remote", "exec"})
FLAGS = re.compile(r"[A-Za-z0-9_]+(\|[A-Za-z0-9_]+)+")

Expected = dict[str, Any]
Event = Mapping[str, Any]
Difference = tuple[str, Any, Any]  # where, expected, actual


@dataclass(frozen=True)
class Mismatch:
    """One difference: `field` is args.NAME, out.NAME, capture.NAME (with the way inside), ret, errno, tid or event."""

    case: str
    class_: str
    marker: int
    syscall: str
    field: str
    expected: Any
    actual: Any

    @property
    def argument(self) -> str | None:
        """The argument's name; None where the difference is not of an argument."""
        kind, _, rest = self.field.partition(".")
        return re.split(r"[.\[]", rest)[0] if kind in ("args", "out", "capture") else None

    def __str__(self) -> str:
        where = f"{self.class_}/{self.case} (#{self.marker}, {self.syscall})"
        return f"{where}: {self.field}: expected {_short(self.expected)}, got {_short(self.actual)}"


@dataclass
class Count:
    """Pointer arguments whose data had to be there, and how many of them were right."""

    captured: int = 0
    total: int = 0


def build(tmpdir: Path) -> Path:
    """Compile the corpus into `tmpdir` with $CC (gcc) and return the program's path; RuntimeError if it fails."""
    program = Path(tmpdir) / "corpus"
    sources = sorted(str(source) for source in HERE.glob("*.c"))
    command = [os.environ.get("CC", "gcc"), "-O1", "-g", "-Wall", "-Wextra", "-pthread", "-o", str(program), *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:2])}: the corpus does not compile:\n{done.stderr}")
    return program


def load_expected(path: str | Path) -> list[Expected]:
    """The expected events in the order in which they were made."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def compare(
    expected: Iterable[Expected],
    events: Iterable[Event],
    *,
    allow_overwritten: bool = False,
    at_entry: bool = False,
    outputs: Container[str] = (),
) -> list[Mismatch]:
    """What differs between the expectation and the trace, in the order of the cases.

    With `allow_overwritten`, an argument that was cold and that the call itself wrote over may be `gone`: what
    the program passed is then in no memory any more, for whoever did not read it at entry. With `at_entry`, what
    was read must have been read at entry, or if it is an output (`outputs` has CALL.NAME), at exit.
    """
    found = Trace(events)
    return [
        Mismatch(case["case"], case["class"], case["marker"], case["syscall"], *difference)
        for case in expected
        for difference in _case_differences(case, found, allow_overwritten, outputs if at_entry else None)
    ]


def summarise(expected: Iterable[Expected], mismatches: Iterable[Mismatch]) -> dict[str, Count]:
    """Per class, in order: the pointer arguments with data to capture, and how many were captured right."""
    mismatches = list(mismatches)
    lost = {(mismatch.marker, mismatch.argument) for mismatch in mismatches}
    missing = {mismatch.marker for mismatch in mismatches if mismatch.field == "event"}
    counts: dict[str, Count] = {}
    for case in expected:
        count = counts.setdefault(case["class"], Count())
        for name, word in case["capture"].items():
            if not _words(word) & (READ | {"truncated"}):
                continue
            count.total += 1
            count.captured += case["marker"] not in missing and (case["marker"], name) not in lost
    return counts


def format_summary(counts: Mapping[str, Count]) -> str:
    """A line a class, `captured/total`, and one for all."""
    everything = Count(sum(count.captured for count in counts.values()), sum(count.total for count in counts.values()))
    rows = [*counts.items(), ("all", everything)]
    return "\n".join(f"{name:<14}{count.captured:>5}/{count.total}" for name, count in rows)


class Trace:
    """The events by thread, and where each marker is among them."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.threads: dict[int, list[Event]] = {}
        for event in events:
            if "syscall" in event:
                self.threads.setdefault(event["tid"], []).append(event)
        self.markers: dict[int, tuple[int, int]] = {}
        for tid, thread in self.threads.items():
            thread.sort(key=lambda event: event["ts"])
            for index, event in enumerate(thread):
                number = _marker_number(event)
                if number is not None:
                    self.markers[number] = (tid, index)

    def event_of(self, case: Expected) -> Event | str:
        """The case's event, or why there is none."""
        if case["marker"] not in self.markers:
            return "no marker"
        tid, index = self.markers[case["marker"]]
        for event in self.threads[tid][index + 1 :]:
            if event["syscall"] == case["syscall"]:
                return event
            if _marker_number(event) is not None:
                break
        return "no event after the marker"


def _marker_number(event: Event) -> int | None:
    if event["syscall"] != "getpriority" or _as_int(event["args"].get("which")) != MARKER:
        return None
    return _as_int(event["args"].get("who"))


def _as_int(value: Any) -> int | None:
    """A number, also where the table shows it as text (0x10, or an enum's unknown value)."""
    if isinstance(value, str):
        try:
            return int(value, 0)
        except ValueError:
            return None
    return value if isinstance(value, int) else None


def _case_differences(
    case: Expected, trace: Trace, allow_overwritten: bool, outputs: Container[str] | None
) -> Iterator[Difference]:
    event = trace.event_of(case)
    if isinstance(event, str):
        yield "event", case["syscall"], event
        return
    gone = _overwritten(case, event) if allow_overwritten else frozenset()
    if event["tid"] != case["tid"]:
        yield "tid", case["tid"], event["tid"]
    yield from _result_differences(case, event)
    for name, value in case["args"].items():
        if name not in gone:
            yield from _value_differences(f"args.{name}", value, event["args"].get(name))
    for name, value in case["out"].items():
        actual = event.get("out", {}).get(name, event["args"].get(name))
        yield from _value_differences(f"out.{name}", value, actual)
    for name, word in case["capture"].items():
        actual = event["capture"].get(name)
        if word == "null" and actual is None and event["args"].get(name) is None:
            continue  # a NULL that this variant of the call does not take as a pointer
        words = _words(word)
        if outputs is not None and "read" in word.split("|"):
            is_output = name in case["out"] or f"{case['syscall']}.{name}" in outputs
            words = words - READ | ({"entry", "exit"} if is_output else {"entry"})
        if name not in gone and actual not in words:
            yield f"capture.{name}", "|".join(sorted(words)), actual


def _overwritten(case: Expected, event: Event) -> frozenset[str]:
    """Arguments that were cold, that the call writes over, and that the trace says are gone."""
    return frozenset(
        name
        for name, word in event["capture"].items()
        if f"{case['syscall']}.{name}" in OVERWRITTEN
        and word == "gone"
        and case["cold"].get(name)
        and event["args"].get(name) is None
    )


def _result_differences(case: Expected, event: Event) -> Iterator[Difference]:
    """`ret` may be the kernel's -errno or the C library's -1; a call that never returns has none."""
    allowed = {case["ret"], -1} if case["errno"] else {case["ret"]}
    compared = case["ret"] is not None or case["syscall"] == "exit_group"
    if compared and event["ret"] not in allowed:
        yield "ret", case["ret"], event["ret"]
    names = case["errno"].split("|") if case["errno"] else [None]
    if event["errno"] not in names:
        yield "errno", case["errno"], event["errno"]


def _words(word: str) -> frozenset[str]:
    parts = frozenset(word.split("|"))
    return parts - {"read"} | READ if "read" in parts else parts


def _value_differences(where: str, expected: Any, actual: Any) -> Iterator[Difference]:
    """Structures by the expected fields, lists by every element, the rest by value."""
    if isinstance(expected, dict) and "$any" in expected:
        if all(any(_value_differences(where, one, actual)) for one in expected["$any"]):
            yield where, expected, actual
    elif isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            yield from _value_differences(f"{where}.{name}", value, actual.get(name))
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, value in enumerate(expected):
            yield from _value_differences(f"{where}[{index}]", value, actual[index])
    elif not _same(expected, actual):
        yield where, expected, actual


def _same(expected: Any, actual: Any) -> bool:
    """Numbers also as text, flags in any order."""
    if expected == actual:
        return True
    if isinstance(expected, int) or isinstance(actual, int):
        number = _as_int(expected)
        return number is not None and number == _as_int(actual)
    if isinstance(expected, str) and isinstance(actual, str) and FLAGS.fullmatch(expected):
        return sorted(expected.split("|")) == sorted(actual.split("|"))
    return False


def _short(value: Any, limit: int = 160) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def main(arguments: list[str]) -> int:
    """compare.py EXPECTED.jsonl EVENTS.jsonl: print what differs and the summary; 1 if anything does."""
    expected = load_expected(arguments[0])
    mismatches = compare(expected, load_expected(arguments[1]))
    for mismatch in mismatches:
        print(mismatch)
    print(format_summary(summarise(expected, mismatches)))
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
