# SPDX-License-Identifier: Apache-2.0
"""faultin convert: one run has in every format the same calls, field for field, as readers
that are not ours say."""

import io
import json
import re
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from babeltrace import messages
from compare import build
from read_back import as_json, from_chrome, from_ctf, from_perfetto, in_order
from recording import query, run
from test_recordings import ABOUT, both, through_parquet

from faultin.cli.main import main
from faultin.event import Event, Summary
from faultin.recordings.files import write_part
from faultin.recordings.places import place
from faultin.sinks.output import Output
from faultin.sinks.text import Style, Text
from faultin.values import Missing

pytestmark = pytest.mark.kernel
LOST = {"ring_full": 3, "return_not_seen": 2}
WHERE = 'comm != "\n\\€"'
MAKEFILE = "all: a b\na b:\n\techo 'int main(){return 0;}' > $@.c && gcc -c -o $@ $@.c\n"
ABI = Path(__file__).parent / "programs" / "abi.c"
RUN = """
"$1" --mode cold "$2/expected"
make -j2 -C "$2"
gcc -O1 -o "$2/abi" "$3" && "$2/abi" 0
exit 0
"""


@dataclass(frozen=True)
class Recorded:
    """One run: its calls as decode had them, and the same run as a recording, which says that
    calls were lost."""

    events: list[Event]
    path: Path

    @cached_property
    def calls(self) -> list[dict[str, Any]]:
        """As JSON Lines have them."""
        return as_json(self.events)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The cold corpus, make -j2 and, where the kernel has them, calls by i386 and x32."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "Makefile").write_text(MAKEFILE)
    words = ["sh", "-c", RUN, "sh", str(build(folder)), str(folder), str(ABI)]
    events, batches = both(words, max_bytes=8192)
    summary = asdict(Summary(len(events), LOST, "tracepoint", "copy"))
    target = folder / "run.parquet"
    table = through_parquet(batches, folder)
    write_part(place(str(target)), table, replace(ABOUT, summary=summary, where=WHERE))
    return Recorded(events, target)


def converted(source: Path, target: Path, *options: str) -> Path:
    target.parent.mkdir(exist_ok=True)
    assert main(["convert", str(source), "-o", str(target), *options]) == 0
    assert [each.name for each in target.parent.iterdir()] == [target.name]
    return target


def same(found, expected):
    assert len(found) == len(expected)
    for got, wanted in zip(found, expected, strict=True):
        assert got == wanted


def test_the_run_has_what_is_to_be_kept(recorded):
    words = {word for call in recorded.calls for word in call["capture"].values()}
    assert {"entry", "exit", "truncated", "null", "fault", "unset"} <= words
    assert any(call["ret"] is None for call in recorded.calls)
    assert any("\n" in str(call["args"].get("buf")) for call in recorded.calls)
    assert {"make", "sh", "gcc"} <= {call["comm"] for call in recorded.calls}


def test_json_lines(recorded, tmp_path):
    target = converted(recorded.path, tmp_path / "t.jsonl")
    *calls, last = map(json.loads, target.read_bytes().splitlines())
    same(calls, recorded.calls)
    assert last["summary"] == {
        "events": len(calls), "lost": LOST, "engine": "tracepoint", "strategy": "copy",
    }  # fmt: skip


def test_parquet_is_a_recording_again(recorded, tmp_path):
    target = converted(recorded.path, tmp_path / "t.parquet")
    calls, summary = query(target)
    same(calls, recorded.calls)
    assert summary["lost"] == LOST
    assert pq.read_schema(target).names == pq.read_schema(recorded.path).names


@pytest.mark.parametrize("version, suite, step", [("ctf2", "trixie", 1), ("ctf1", "bookworm", 4)])
def test_ctf_by_babeltrace2(recorded, version, suite, step, tmp_path):
    """Both versions have the same bytes: of 1.8 every fourth call will do."""
    table = pq.read_table(recorded.path)
    source = tmp_path / "source.parquet"
    pq.write_table(table.take(list(range(0, len(table), step))), source)
    found = messages(converted(source, tmp_path / "t" / "t", "--to", version), suite)
    same(in_order(from_ctf(found, table.schema)), in_order(recorded.calls[::step]))
    assert [each["discarded"] for each in found if "discarded" in each] == [LOST["ring_full"]]
    head = found[0]
    assert head["clock"] == {"name": "realtime", "frequency": 10**9, "unix": True}
    environment = head["environment"]
    assert environment["faultin_where"] == WHERE
    assert (environment["domain"], environment["tracer_name"]) == ("kernel", "lttng-modules")
    assert {f"faultin_lost_{cause}": count for cause, count in LOST.items()}.items() <= (
        environment.items()
    )
    opens = [each for each in found if each.get("event") == "syscall_entry_openat"]
    named = [each["payload"] for each in opens if "filename" in each["payload"]]
    assert isinstance(named[0]["filename"], str) and {"dfd", "flags", "mode"} <= set(named[0])
    assert isinstance(named[0]["flags"], int) and 0 < len(named) < len(opens)
    words = {e["payload"]["filename__capture"] for e in opens
             if not {"filename", "filename__bytes"} & set(e["payload"])}  # fmt: skip
    assert words and words <= {"null", "fault", "gone"}
    reads = [each["payload"] for each in found if each.get("event") == "syscall_exit_read"]
    assert all("ret" in each for each in reads) and any("buf" in each for each in reads)


def test_perfetto_by_its_proto(recorded, tmp_path):
    target = converted(recorded.path, tmp_path / "t.pftrace")
    calls, own = from_perfetto(target.read_bytes())
    same(calls, recorded.calls)
    assert own["packet_loss"] == LOST["ring_full"]
    assert (own["lost"], own["events"], own["host"]) == (LOST, len(calls), "here")


def test_chrome(recorded, tmp_path):
    data = converted(recorded.path, tmp_path / "t.json").read_bytes()
    calls, own = from_chrome(data)
    same(calls, recorded.calls)
    assert (own["lost"], own["events"], own["host"]) == (LOST, len(calls), "here")
    events = json.loads(data)["traceEvents"]
    names = {each["args"]["name"] for each in events if each["name"] == "thread_name"}
    assert names == {call["comm"] for call in calls}
    assert min(each["ts"] for each in events if each["ph"] != "M") == 0
    unfinished = sum(call["ret"] is None for call in calls)
    assert sum(each["ph"] == "B" for each in events) == unfinished > 0


def without_reasons(event: Event) -> Event:
    """A recording does not say why a part of a nested value is missing (docs/recordings.md)."""

    def inner(value: Any) -> Any:
        match value:
            case Missing():
                return None
            case list():
                return [inner(each) for each in value]
            case dict():
                return {name: inner(each) for name, each in value.items()}
        return value

    kept = {n: v if isinstance(v, Missing) else inner(v) for n, v in event.args.items()}
    return replace(event, args=kept, fds=(), paths={}, ret_path=None)


def test_strace_text(recorded, tmp_path):
    """Of the same events the text sink of a live trace writes the same."""
    live = io.BytesIO()
    style = Style(times="ttt", latency=True, provenance=True, always_pid=True, verbose=True)
    text = Text(Output(live, "", False), style)
    text.write([without_reasons(event) for event in recorded.events])
    text.close(Summary(len(recorded.events), LOST, "", ""))
    found = converted(recorded.path, tmp_path / "t.strace").read_bytes()
    same(found.splitlines(), live.getvalue().splitlines())
    assert b"3 events lost" in found and all(map(str.isprintable, found.decode().splitlines()))


def test_folded(recorded, tmp_path):
    for weight, amount in (("calls", lambda c: 1), ("time", lambda c: c["latency"] or 0)):
        target = converted(recorded.path, tmp_path / weight / "t.folded", "--weight", weight)
        found: Counter[str] = Counter()
        for line in target.read_text().splitlines():
            path, number = line.rsplit(" ", 1)
            call = path.split(";")[1].partition("@")[0]
            found[f"{path.split(';')[0]};{call}"] += int(number)
        expected: Counter[str] = Counter()
        for call in recorded.calls:
            expected[f"{call['comm']};{call['syscall']}"] += amount(call)
        assert found == +expected
    lines = (tmp_path / "calls" / "t.folded").read_text().splitlines()
    assert any(re.fullmatch(r"make;openat;.*Makefile \d+", line) for line in lines)
    assert any(re.fullmatch(r"gcc;.*;\[ENOENT\] \d+", line) for line in lines)
    assert any(";<fault>;[EFAULT] " in line for line in lines)


def test_stacks_are_carried(tmp_path):
    """Of a recording with user stacks: before the call in folded lines, in all others beside
    the arguments."""
    source = tmp_path / "source" / "t.parquet"
    source.parent.mkdir()
    program = "import os\nfor _ in range(9): os.listdir('/etc')"
    words = ["--", sys.executable, "-c", program]
    ran = run("record", "--stack", "-e", "openat", "-o", source, *words)
    assert ran.returncode == 0, ran.stderr
    calls, _ = query(source)
    listed = [call for call in calls if call["args"]["filename"] == "/etc"]
    assert len(listed) == 9 and all(len(call["stack"]) > 3 for call in listed)
    names = ("t.folded", "t.json", "t.pftrace", "t.strace", "t.jsonl", "t.ctf")
    folded, chrome, perfetto, strace, lines, ctf = (
        converted(source, tmp_path / name / name) for name in names
    )
    found = [line for line in folded.read_text().splitlines() if ";openat;/etc " in line]
    assert sum(int(line.rsplit(" ", 1)[1]) for line in found) == 9
    outermost = listed[0]["stack"][-1]["function"]
    assert all(f";{outermost};" in line for line in found)
    same(from_chrome(chrome.read_bytes())[0], calls)
    same(from_perfetto(perfetto.read_bytes())[0], calls)
    same([json.loads(line) for line in lines.read_bytes().splitlines()[:-1]], calls)
    assert strace.read_text().count(f"({outermost}+") >= 9
    same(in_order(from_ctf(messages(ctf, "trixie"), pq.read_schema(source))), in_order(calls))
