# SPDX-License-Identifier: Apache-2.0
"""Recordings: what was recorded is what JSON Lines say, and whatever happens to the
recorder, what it has written reads well."""

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from compare import build
from recording import query, run
from running import command

import faultin
from faultin.columnar.builder import Builder
from faultin.columnar.rows import Rows
from faultin.drain.wire import Assembler, records
from faultin.recordings.about import About
from faultin.recordings.files import joined, merge, read, write_part
from faultin.recordings.places import place
from faultin.recordings.source import source
from faultin.sinks.json_values import to_json
from faultin.sinks.jsonl import event_object

pytestmark = pytest.mark.kernel
ABOUT = About("x86_64", "here", "run", "all", "", "0", "0")
OPENS = [
    sys.executable,
    "-c",
    "import time\nfor i in range(3000): open('/etc/hostname').close()\ntime.sleep(0.5)",
]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return build(tmp_path_factory.mktemp("corpus"))


# The same events


def as_json(events):
    return [json.loads(to_json(event_object(event))) for event in events]


def both(words, **options):
    """The events of one run: as decode has them, and through Parquet."""
    trace = faultin.trace(command=words, **options)
    running = trace._start()
    chunks = list(trace._chunks)
    running.wait()
    whole = Assembler().whole
    found = [record for chunk in chunks for part in records(chunk) if (record := whole(part))]
    events = [trace._decoder.event(record) for record in found]
    builder = Builder(trace._prepared.plans, trace._offset, trace._decoder, room=1000)
    batches = [batch for chunk in chunks for batch in builder.add(chunk)] + [builder.flush()]
    builder.close()
    return [e for e in events if e.kind.value in ("call", "noreturn")], batches


def through_parquet(batches, tmp_path):
    """Parts, put together."""
    parts = [place(str(tmp_path / f"{number}.parquet")) for number in range(len(batches))]
    for part, batch in zip(parts, batches, strict=True):
        write_part(part, pa.Table.from_batches([batch]), ABOUT)
    target = place(str(tmp_path / "whole.parquet"))
    merge(target, parts, ABOUT)
    return read(target)


@pytest.mark.parametrize("mode", ["cold", "warm"])
def test_the_corpus_through_parquet_is_that_of_json_lines(mode, corpus, tmp_path):
    events, batches = both(
        [str(corpus), "--mode", mode, str(tmp_path / "expected")], max_bytes=8192
    )
    assert len(events) > 5000
    expected, found = (
        as_json(events),
        as_json(Rows("x86_64", {}).events(through_parquet(batches, tmp_path))),
    )
    assert len(found) == len(expected)
    for wanted, got in zip(expected, found, strict=True):
        assert got == wanted
    words = {word for event in events for word in event.capture.values()}
    assert {"entry", "exit", "truncated", "null", "fault", "unset"} <= words


def test_so_is_make(tmp_path):
    makefile = tmp_path / "Makefile"
    makefile.write_text("all: a b\na b:\n\techo 'int main(){return 0;}' > $@.c && gcc -o $@ $@.c\n")
    events, batches = both(["make", "-j2", "-C", str(tmp_path)])
    assert as_json(Rows("x86_64", {}).events(through_parquet(batches, tmp_path))) == as_json(events)
    assert {"gcc", "make", "sh"} <= {event.comm for event in events}


def test_only_what_is_wanted_is_recorded(tmp_path):
    """Also where Python must judge: exe is nothing that the kernel knows, but /proc, as long
    as the process is there."""
    for where in ('path == "/etc/hostname"', 'path == "/etc/hostname" and "python" in exe'):
        target = tmp_path / f"{len(where)}.parquet"
        ran = run("record", "-o", target, "-e", "openat", "-w", where, "--", *OPENS)
        assert ran.returncode == 0, ran.stderr
        events, summary = query(target)
        assert len(events) == 3000 == summary["events"]
        assert {event["args"]["filename"] for event in events} == {"/etc/hostname"}


def test_a_table_from_python_is_a_recording_s():
    table = faultin.trace("openat,close", where="ret >= 0", command=OPENS).to_arrow()
    paths = table.column("filename__path").to_pylist()
    assert paths.count("/etc/hostname") == 3000
    assert {"filename__capture", "flags__open_flags", "fd__fd"} <= set(table.column_names)
    trace = faultin.trace("openat", command=OPENS)
    assert trace.to_polars().height == trace.summary.events == len(trace.to_pandas())


# Where it is kept


def test_a_folder_is_by_host_and_date_and_rotates(tmp_path):
    ran = run(
        "record",
        "-o",
        tmp_path / "t",
        "-e",
        "openat",
        "--rotate-size",
        "20k",
        "--flush",
        "0.05",
        "--",
        sys.executable,
        "-c",
        "import time\nfor i in range(40): [open('/etc/hostname').close() for _ in range(50)]; time.sleep(0.05)",
    )
    assert ran.returncode == 0, ran.stderr
    files = sorted((tmp_path / "t").rglob("*.parquet"))
    assert len(files) > 1 and not [f for f in files if ".part." in f.name]
    host, date = files[0].relative_to(tmp_path / "t").parts[:2]
    assert host == f"host={os.uname().nodename}" and date.startswith("date=20")
    rows, summary = query(tmp_path / "t", "count()", "--by", "path")
    assert {row["path"]: row["count()"] for row in rows}["/etc/hostname"] == 2000
    assert summary["lost"] == {}


def test_a_url_of_another_file_system(tmp_path):
    target = f"local://{tmp_path}/u"  # fsspec's own
    assert run("record", "-o", target, "-e", "openat", "--", *OPENS).returncode == 0
    assert len(query(target, "-w", 'path == "/etc/hostname"')[0]) == 3000
    ran = run("record", "-o", "nothing://x", "--", "true")
    assert ran.returncode == 2 and "nothing://x" in ran.stderr and ran.stderr.count("\n") == 1


def test_nothing_is_overwritten_without_force(tmp_path):
    target = tmp_path / "t.parquet"
    target.write_text("precious")
    ran = run("record", "-o", target, "--", "true")
    assert (ran.returncode, target.read_text()) == (2, "precious")
    assert ran.stderr == f"faultin: {target}: it is there already; --force overwrites it\n"
    assert run("record", "--force", "-o", target, "-e", "openat", "--", "true").returncode == 0
    assert query(target)[0]


def test_a_snapshot_has_the_last_of_a_trace(tmp_path):
    code = (
        "import time\nfor i in range(40):\n open('/etc/hostname').close(); time.sleep(0.05)\n"
        " if i == 20: open('/etc/passwd').close()"
    )
    ran = run(
        "record",
        "-o",
        tmp_path / "t",
        "-e",
        "openat",
        "--flush",
        "0.1",
        "--keep-seconds",
        "0.5",
        "--snapshot-on",
        'path == "/etc/passwd"',
        "--",
        sys.executable,
        "-c",
        code,
    )
    assert ran.returncode == 0 and "faultin: snapshot: " in ran.stderr, ran.stderr
    events, summary = query(tmp_path / "t")
    paths = [event["args"]["filename"] for event in events]
    assert paths.count("/etc/passwd") == 1 and 1 <= paths.count("/etc/hostname") < 20
    assert "/etc/hostname" in paths[: paths.index("/etc/passwd")] and summary["engine"]
    for wrong, why in (
        (("--snapshot-on", "exe == 'x'"), "recordings do not have it"),
        (("--snapshot-on", "pth == 1"), "did you mean path"),
    ):
        ran = run("record", "-o", tmp_path / "u", "-e", "openat", *wrong, "--", "true")
        assert ran.returncode == 2 and why in ran.stderr and ran.stderr.count("\n") == 1
    assert not (tmp_path / "u").exists()


# What happens to the recorder


def start_recording(target, *options):
    words = command(
        "record",
        "-o",
        target,
        "-e",
        "openat",
        "--flush",
        "0.1",
        *options,
        "--",
        sys.executable,
        "-c",
        "import time\nwhile True: [open('/etc/hostname').close() for _ in range(100)]; time.sleep(0.01)",
    )
    return subprocess.Popen(words, start_new_session=True)


def end(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def parts_of(folder):
    return sorted(folder.rglob("*.part.parquet"))


def wait_for_parts(folder, count):
    deadline = time.monotonic() + 30
    while len(parts_of(folder)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["t.parquet", "t"])
def test_what_was_written_before_kill_9_reads_well(name, tmp_path):
    target = tmp_path / name
    process = start_recording(target)
    wait_for_parts(tmp_path, 4)
    end(process)
    kept = sum(pq.read_metadata(part).num_rows for part in parts_of(tmp_path))
    ran = run("query", target, "count()", "--by", "path", "--json")
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert rows[-1]["summary"]["events"] == kept > 100
    assert "was cut short: what it has lost, if anything, is not known" in ran.stderr
    if name == "t.parquet":
        again = run("record", "-o", target, "--", "true")
        assert again.returncode == 2 and "cut short" in again.stderr and parts_of(tmp_path)


def test_a_part_that_is_in_a_whole_file_too_counts_once(tmp_path):
    """The recorder died between putting parts together and removing them."""
    process = start_recording(tmp_path)
    wait_for_parts(tmp_path, 3)
    end(process)
    parts = [place(str(part)) for part in parts_of(tmp_path)]
    before = query(tmp_path, "count()")[1]["events"]
    first, last = (part.base.removesuffix(".part.parquet") for part in (parts[0], parts[-1]))
    target = parts[0].path.rpartition("/")[0] + f"/{first}-{last.rpartition('-')[2]}.parquet"
    merge(place(target), parts, source([str(tmp_path)]).files[0].about)
    assert query(tmp_path, "count()")[1]["events"] == before
    parts[0].remove()
    assert query(tmp_path, "count()")[1]["events"] == before


def test_a_signal_ends_it_well(tmp_path):
    target = tmp_path / "t.parquet"
    process = start_recording(target)
    wait_for_parts(tmp_path, 1)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert not parts_of(tmp_path) and "ring_full" not in query(target, "count()")[1]["lost"]
    os.killpg(process.pid, signal.SIGKILL)  # the command goes on


def test_a_full_disk_is_one_line_and_what_was_written_is_kept(tmp_path):
    script = (
        'mount -t tmpfs -o size=200k none "$0"; "$@"; status=$?; '
        'cp -r "$0"/. "$0.kept"; exit $status'
    )
    disk, kept = tmp_path / "disk", tmp_path / "disk.kept"
    disk.mkdir(), kept.mkdir()
    code = (
        "import os,time\nfor i in range(60):\n for j in range(100):\n"
        "  try: open('/nothing/' + os.urandom(400).hex())\n  except OSError: pass\n time.sleep(0.02)"
    )
    words = command(
        "record",
        "-o",
        disk / "t",
        "-e",
        "openat",
        "--flush",
        "0.05",
        "--",
        sys.executable,
        "-c",
        code,
    )
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(disk), *words],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert "No space left on device; what was recorded until then is kept" in line
    rows = sum(pq.read_metadata(part).num_rows for part in parts_of(kept))
    assert query(kept / "t", "count()")[1]["events"] == rows > 0


# What is no recording


def test_foreign_and_broken_files_are_named(tmp_path):
    target = tmp_path / "t.parquet"
    assert run("record", "-o", target, "-e", "openat", "--", "true").returncode == 0
    data = target.read_bytes()
    cases = {"cut.parquet": data[: len(data) // 2], "text.parquet": b"hello", "empty.parquet": b""}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        ran = run("query", tmp_path / name)
        assert ran.returncode == 1 and ran.stderr.count("\n") == 1
        assert f"{name}: it is no whole Parquet file" in ran.stderr
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"a": [1]}), foreign)
    assert run("query", foreign).stderr.endswith("it is no recording of faultin\n")
    newer = pq.read_table(target)
    about = json.loads(newer.schema.metadata[b"faultin"]) | {"schema": 99}
    pq.write_table(newer.replace_schema_metadata({"faultin": json.dumps(about)}), foreign)
    assert "its schema has version 99, this faultin reads 1" in run("query", foreign).stderr
    assert "there is no such file" in run("query", tmp_path / "none").stderr


def test_joined_tables_have_all_columns():
    one, other = pa.table({"a": [1]}), pa.table({"b": ["x"]})
    assert joined([one, other]).to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": "x"}]
