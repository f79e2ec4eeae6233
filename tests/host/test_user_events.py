# SPDX-License-Identifier: Apache-2.0
"""faultin.events: what Python programs write arrives, whole and once."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import faultin as faultin_api
from faultin import events
from faultin.errors import FaultinError, UsageError
from faultin.events import registry, user_events
from faultin.events.definition import definition, parsed
from faultin.kernel.libbpf import Object
from faultin.probes.parse import parse
from running import command, faultin, wait_for

pytestmark = pytest.mark.kernel
EACH = 500_000
WRITES = Path(__file__).parent / "programs" / "writes.py"
SAID = "said(n: u64, text: string)"


def _stats(event: str, *words: object) -> dict:
    line = ["stats", "count(), sum(n), min(n), max(n)", "--json", "--event", event]
    ran = subprocess.run(
        command(*line, "--", sys.executable, WRITES, *words),
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    return json.loads(ran.stdout.splitlines()[0])


def test_million_of_two_processes_none_lost_and_none_twice() -> None:
    row = _stats(SAID, "many", EACH)
    most = 2 * EACH - 1
    assert row["count()"] == 2 * EACH
    assert row["sum(n)"] == most * (most + 1) // 2
    assert (row["min(n)"], row["max(n)"]) == (0, most)


def test_payload_that_is_not_present_is_captured() -> None:
    words = ["-s", "8k", "--event", "blob(data: bytes, n: int)"]
    ran = faultin(*words, "--", sys.executable, WRITES, "cold")
    assert ran.status == 0
    cold, empty = ran.events
    assert cold["args"] == {"data": "A" * 2048 + "B" * 4096, "n": -1, "data_size": 6144}
    assert cold["capture"] == {"data": "entry"}
    assert (empty["args"]["data"], empty["args"]["data_size"]) == ("", 0)


def test_values_that_do_not_fit_are_counted_and_end_no_program() -> None:
    words = ["--event", "blob(data: bytes, n: int)", "--event", SAID]
    ran = faultin(*words, "--", sys.executable, "-W", "always", WRITES, "odd")
    assert (ran.status, ran.stdout) == (0, "5 4\n")
    assert ran.stderr.count("RuntimeWarning") == 2 and "2147483648 is no int" in ran.stderr
    assert [(event["syscall"], event["args"]) for event in ran.events] == [
        ("blob", {"data": None, "n": -(2**31), "data_size": 0}),
        ("said", {"n": 2**64 - 1, "text": None}),
        ("said", {"n": 1, "text": {"b64": "/w=="}}),
    ]
    assert [event["capture"] for event in ran.events[:2]] == [{"data": "null"}, {"text": "null"}]


def test_beside_system_calls_with_one_query() -> None:
    words = ["-e", "memfd_create", "--event", "blob(data: bytes, n: int)"]
    where = 'uname == "cold" or n == -1'
    ran = faultin(*words, "-w", where, "--", sys.executable, WRITES, "cold")
    assert [each["syscall"] for each in ran.events] == ["memfd_create", "blob"]


def test_readers_come_and_go(tmp_path: Path) -> None:
    """Each sees all between its first and its last, and nobody is left listening."""
    stop = tmp_path / "stop"
    writer = subprocess.Popen(
        [sys.executable, WRITES, "until", stop], stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: any(pid == writer.pid for pid, _ in registry.published()))
        for name in ("first", "second"):  # which need not be told the fields any more
            numbers = _listened(writer.pid, tmp_path / name)
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    finally:
        stop.touch()
        out, _ = writer.communicate(timeout=60)
    assert writer.returncode == 0 and out.split()[1] == "False"


def _listened(pid: int, output: Path) -> list[int]:
    words = ["trace", "--event", "said", "--format", "jsonl", "-o", output, "-p", pid]
    reader = subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: output.exists() and output.stat().st_size > 10_000)
    reader.send_signal(signal.SIGINT)
    _, told = reader.communicate(timeout=60)
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert lines.pop()["summary"]["lost"] == {}, told
    return [line["args"]["n"] for line in lines]


def test_a_descriptor_that_is_another_file_now_is_left_alone(tmp_path: Path) -> None:
    """Daemons close what they know nothing of; the numbers are then others'."""
    words = [sys.executable, WRITES, "strays", tmp_path / "t"]
    ran = subprocess.run(words, capture_output=True, text=True)
    assert ran.stdout == "0 0 0 9\n", ran.stderr


def test_only_what_is_traced_says_what_an_event_is() -> None:
    """Not other programs, whatever they call it and have mapped."""
    text = (
        "import time; from faultin import events; e = events.register('mine', '{}');"
        "print(1, flush=True); [(e.write(*{}), time.sleep(0.01)) for _ in range(500)]"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", text.format(*each)], stdout=subprocess.PIPE)
        for each in (("n: u64", (1,)), ("a: u64, b: u64", (1, 2)))
    ]
    try:
        for each in running:
            assert each.stdout and each.stdout.readline()
        found = faultin("--event", "mine", "-p", running[1].pid)
        assert {str(event["args"]) for event in found.events} == {"{'a': 1, 'b': 2}"}, found.stderr
        assert len(found.events) > 10
    finally:
        for each in running:
            each.communicate(timeout=60)


def test_what_only_looks_like_a_registry_is_skipped(tmp_path: Path) -> None:
    """A name without an end, and a library of the name that is none."""
    fake = tmp_path / "libevents.so"
    fake.write_bytes(b"hello" * 1000)
    program = (
        "import mmap, os, sys; fd = os.memfd_create('faultin-events');"
        "os.write(fd, b'said(n: u64, text: string)\\nhalf(n: u'); file = open(sys.argv[1], 'rb');"
        "kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ); print(1, flush=True); input()"
    )
    words = [sys.executable, "-c", program, fake]
    other = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout and other.stdout.readline()
        assert dict(registry.published([other.pid])) == {other.pid: ["said(n: u64, text: string)"]}
        ran = faultin("--event", SAID, "--", sys.executable, WRITES, "many", 5)
        assert (ran.status, len(ran.events)) == (0, 10), ran.stderr
    finally:
        other.communicate(b"\n", timeout=60)


def test_a_program_whose_library_was_replaced_is_listened_to(tmp_path: Path) -> None:
    package = tmp_path / "faultin"
    shutil.copytree(Path(events.__file__).parents[1], package)
    library = package / "_built" / "libevents.so"
    program = (
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r});"
        f"sys.argv[1:1] = ['until']; runpy.run_path({str(WRITES)!r}, run_name='__main__')"
    )
    stop = tmp_path / "stop"
    writer = subprocess.Popen([sys.executable, "-c", program, stop], stdout=subprocess.PIPE)
    try:
        wait_for(lambda: any(pid == writer.pid for pid, _ in registry.published()))
        shutil.copy(library, tmp_path / "new")
        os.replace(tmp_path / "new", library)
        assert len(_listened(writer.pid, tmp_path / "told")) > 10
    finally:
        stop.touch()
        writer.communicate(timeout=60)


def test_names_of_system_calls_are_told_apart_and_a_cut_path_says_so() -> None:
    program = (
        "from faultin import events; e = events.register('read', 'p: path'); e.write('a' * 5000);"
        "import pathlib; e.write(pathlib.Path('b'))"
    )
    ran = faultin("--event", "read(p: path)", "--", sys.executable, "-c", program)
    assert [event["syscall"] for event in ran.events] == ["event:read"] * 2
    assert ran.events[0]["capture"] == {"p": "truncated"}
    assert ran.events[0]["args"]["p"]["value"] == "a" * 4095 and ran.events[1]["args"] == {"p": "b"}


def test_what_cannot_be_attached_leaves_nothing_attached() -> None:
    """A place that is none comes second: what came first has to go."""
    before = len(os.listdir("/proc/self/fd"))
    good = "uprobe:libc.so.6:getenv(name: string)"
    bad = f"uprobe:{Path(sys.executable).resolve()}:Py_Main(n: int)"
    for _ in range(3):
        with pytest.raises(FaultinError), unattachable():
            faultin_api.trace("", events=[good, bad], command=["true"]).__enter__()
    assert len(os.listdir("/proc/self/fd")) <= before + 2


@contextmanager
def unattachable() -> Iterator[None]:
    """The second uprobe is refused, as by a kernel that another tracer has been at."""
    real, count = Object.attach_uprobe, 0

    def attach(self: Object, *words: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise FaultinError("a probe", "cannot be attached")
        return real(self, *words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Object, "attach_uprobe", attach)
        yield


def test_other_fields_are_told() -> None:
    ran = faultin("--event", "blob(data: string)", "--", sys.executable, WRITES, "cold")
    assert ran.events == []
    assert "2 events are left out: their programs give them other fields" in ran.stderr


def test_nobody_listens_and_nothing_is_encoded() -> None:
    quiet = events.register("quiet", "text: string, data: bytes")
    assert not quiet.enabled
    quiet.write(object(), object())  # would not fit
    with pytest.raises(TypeError):
        quiet.write(1)
    assert events.register("quiet", "text: string, data: bytes") is quiet
    with pytest.raises(ValueError, match="registered already, as quiet"):
        events.register("quiet", "text: string")


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("a b", "", "is no name of an event"),
        ("a", "n: int, n: int", "twice"),
        ("a", "n: flot", "no kind 'flot'"),
        ("a", "n", "is not NAME: KIND"),
        ("a", "class: int", "is not NAME: KIND"),
        ("a", "a: int, b: int, c: int, d: int, e: int, f: bytes", "6 fields are the most"),
        ("a", "f: bytes, f_size: int", "twice"),
    ],
)
def test_wrong_definitions(name: str, fields: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        definition(name, fields)
    with pytest.raises(UsageError):
        parse([f"{name}({fields})"])


def test_definitions_are_read_again_as_they_were() -> None:
    made = definition("a", " id :u64,text: string,data: bytes ")
    assert parsed(str(made)) == made and parsed(str(made)).id == made.id
    assert made.id != definition("a", "id: u64").id
    assert made.id >> 32 == definition("a", "id: u64").id >> 32


def test_unknown_name_is_told_in_one_line() -> None:
    with pytest.raises(UsageError, match="no running program has registered it"):
        parse(["nobody_has_this"])


def test_what_the_kernel_is_given_is_laid_out_as_its_format_says() -> None:
    """__rel_loc: the length above, below the offset from behind the field."""
    wanted = definition("a", "n: s16, text: string, data: bytes, big: u64")
    head, parts = user_events.encoded(user_events.kinds(wanted), 5, [-2, b"ab", memoryview(b"xyz"), 1 << 63])
    whole = head + b"".join(parts)
    assert whole[:6] == b"\5\0\0\0\xfe\xff"
    body = whole[4:]
    text, data = (int.from_bytes(body[at : at + 4], "little") for at in (2, 6))
    at = 2 + 4 + (text & 0xFFFF)
    assert body[at : at + (text >> 16)] == b"ab\0"
    at = 6 + 4 + (data & 0xFFFF)
    assert body[at : at + (data >> 16)] == b"xyz" and at + 3 == len(body)
    assert body[10:18] == (1 << 63).to_bytes(8, "little")
