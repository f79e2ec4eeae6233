# SPDX-License-Identifier: Apache-2.0
"""User events of real programs: functions and USDT probes, on the running kernel."""

import json
import subprocess
from pathlib import Path

import pytest

from faultin import trace as traced
from faultin.errors import UsageError
from faultin.probes.elf import Binary, Note
from faultin.probes.operands import operands
from faultin.probes.parse import parse
from faultin.probes.probe import MEMORY, REGISTERS
from running import command, faultin

pytestmark = pytest.mark.kernel
EACH = 500_000
LIBC = "libc.so.6"


def _built(folder: Path, name: str) -> str:
    source = Path(__file__).parent / "programs" / f"{name}.c"
    subprocess.run(["cc", "-O1", "-o", folder / name, source], check=True)
    return str(folder / name)


@pytest.fixture(scope="session")
def says(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _built(tmp_path_factory.mktemp("events"), "says")


@pytest.fixture(scope="session")
def probed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _built(tmp_path_factory.mktemp("events"), "probed")


def test_cold_page_is_captured_and_a_bad_pointer_is_a_fault(says: str) -> None:
    ran = faultin("--event", f"uprobe:{says}:said(text: string, n: uint)", "--", says, "cold")
    assert ran.status == 0
    cold, bad = ran.events
    assert cold["syscall"] == "said" and cold["ret"] is None
    assert cold["args"] == {"text": "from a cold page", "n": 7}
    assert bad["args"] == {"text": None, "n": 8} and bad["capture"] == {"text": "fault"}


def test_beside_system_calls_in_order(says: str) -> None:
    event = f"uprobe:{says}:said(text: string, n: uint)"
    ran = faultin("-e", "memfd_create,exit_group", "--event", event, "--", says, "cold")
    names = [each["syscall"] for each in ran.events]
    assert names == ["memfd_create", "said", "said", "exit_group"]


def test_million_of_two_processes_each_counted_once(says: str) -> None:
    event = f"uprobe:{says}:said(text: string, n: uint)"
    words = ["stats", "count(), sum(n), min(n), max(n)", "--json", "--event", event]
    words += ["-w", 'text == "many"', "--", says, EACH]
    ran = subprocess.run(command(*words), capture_output=True, text=True, timeout=120, check=True)
    row = json.loads(ran.stdout.splitlines()[0])
    most = 2 * EACH - 1
    assert row["count()"] == 2 * EACH
    assert row["sum(n)"] == most * (most + 1) // 2
    assert (row["min(n)"], row["max(n)"]) == (0, most)


NUMBERS = "(a: int, b: long, c: uint, d: u16)"


@pytest.mark.parametrize(
    ("signature", "missing"),
    [
        (NUMBERS, "b"),
        ("(a: int, b: string, c: uint, d: u16)", "b"),
        ("(a: int, d: size, b: bytes(d), d2: u16)", "d"),
    ],
)
def test_an_operand_that_cannot_be_read_is_missing(
    probed: str, signature: str, missing: str
) -> None:
    ran = faultin("--event", f"usdt:{probed}:our:probe{signature}", "--", probed)
    (event,) = ran.events
    assert event["args"]["a"] == -2 and event["args"][missing] is None
    assert event["capture"][missing] == "fault" and event["event"] is True
    if "bytes" in signature:  # nobody knows how long it is
        assert event["args"]["b"] is None and event["capture"]["b"] == "fault"
    else:
        assert (event["args"]["c"], event["args"]["d"]) == (0xFFFFFFFF, 0xFFFF)
    assert ran.stdout == "1\n"


def test_what_is_missing_is_no_number_in_queries_either(probed: str) -> None:
    event = f"usdt:{probed}:our:probe{NUMBERS}"
    found = [
        len(faultin("--event", event, "-w", where, "--", probed).events)
        for where in ("b == 0", "missing(b) and a == -2 and d == 65535", "b != 0 or a == 1")
    ]
    assert found == [0, 1, 0]
    words = ["stats", "count(), sum(a)", "--by", "b", "--json", "--event", event, "--", probed]
    ran = subprocess.run(command(*words), capture_output=True, text=True, timeout=60, check=True)
    rows = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert rows[0]["b"] is None and rows[0]["sum(a)"] == -2
    (row,) = traced("", events=[event], command=[probed]).to_arrow().to_pylist()
    assert row["a__int"] == -2 and row.get("b__long") is None


def test_real_probes_of_python(tmp_path: Path) -> None:
    """function__entry has strings, which notes do not tell; gc__start a number on the stack.
    Of functions Python 3.11 tells few, the same ones to every tracer."""
    program = tmp_path / "collects.py"
    program.write_text("import gc\ngc.collect(1)\n")
    python = "/usr/bin/python3.11"
    entry = f"usdt:{python}:python:function__entry(file: string, func: string, line: int)"
    start = f"usdt:{python}:python:gc__start"
    where = 'func == "_coro" or arg1 == 1'
    ran = faultin("--event", entry, "--event", start, "-w", where, "--", python, program)
    first, second = ran.events
    assert first["syscall"] == "python:function__entry"
    assert first["args"] == {"file": "<frozen _collections_abc>", "func": "_coro", "line": 64}
    assert (second["syscall"], second["args"]) == ("python:gc__start", {"arg1": 1})


def test_stack_begins_in_the_function_and_a_running_process_can_be_asked(says: str) -> None:
    event = f"uprobe:{says}:said(text: string, n: uint)"
    ran = faultin("--event", event, "--stack", "-w", "n == 7", "--", says, "cold")
    (event,) = ran.events
    functions = [frame["function"] for frame in event["stack"]]
    assert functions[0] == "said" and "main" in functions


def test_function_named_as_a_system_call_is_told_from_it(says: str) -> None:
    event = f"uprobe:{LIBC}:open64(path: path)"
    other = f"uprobe:{LIBC}:madvise(at: addr)"
    ran = faultin("-e", "madvise", "--event", event, "--event", other, "--", says, "cold")
    kinds = [(each["syscall"], each.get("event", False)) for each in ran.events]
    assert (f"{LIBC}:madvise", True) in kinds and ("madvise", False) in kinds
    assert ("open64", True) in kinds


def test_a_probe_that_is_a_system_call_is_none_of_the_programs(probed: str) -> None:
    """From 6.18 on the kernel puts one where a function begins with a nop of 5 bytes."""
    ran = faultin("-e", "all", "--event", f"uprobe:{probed}:patched(n: int)", "--", probed)
    names = [each["syscall"] for each in ran.events]
    assert names.count("patched") == names.count("getppid") == 20
    assert "uprobe" not in names and ran.summary["lost"] == {}
    first = names.index("patched")
    assert names[first : first + 4] == ["patched", "getppid"] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("usdt:/nope:a:b", "there is no such file"),
        (f"usdt:{LIBC}:libc", "it is not usdt:FILE:PROVIDER:NAME"),
        (f"uprobe:{LIBC}:getenvv(name: string)", "did you mean getenv?"),
        (f"uprobe:{LIBC}:getenv(name: strin)", "did you mean string?"),
        (f"uprobe:{LIBC}:getenv(name)", "'name' is not NAME: KIND"),
        (f"uprobe:{LIBC}:read(fd: fd, buf: bytes)", "needs its length"),
        (f"uprobe:{LIBC}:write(fd: fd, buf: bytes(m))", "no argument 'm'"),
        (f"uprobe:{LIBC}:write(fd: fd, buf: bytes(65536))", "a length is 65535 at the most"),
        (f"uprobe:{LIBC}:write(fd: fd, buf: bytes(99999999999999999999))", "65535 at the most"),
        (f"uprobe:{LIBC}:getenv(name: string(3))", "a string has no length"),
        ("uprobe:/nope (x86)/a:f(a: int)", "/nope (x86)/a: there is no such file"),
        ("uprobe:/nope\n/a:f", "there is no such file"),
        ("foo:bar", "there is no kind of event 'foo'"),
        ("uprobe:/etc/passwd:x()", "no program or library"),
        (f"uprobe:{LIBC}:strlen(text: string)", "an indirect function"),
        (f"usdt:{LIBC}:libc:setjmp", "it has no USDT probes"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, words: str) -> None:
    with pytest.raises(UsageError) as told:
        parse([text])
    assert words in str(told.value) and "\n" not in str(told.value)


def test_damaged_programs_are_told_in_one_line(probed: str, tmp_path: Path) -> None:
    whole = Path(probed).read_bytes()
    strange = whole.replace(b"our\0probe\0", b"o\n\x1b\0probe\0", 1)
    for index, content in enumerate([whole[:3000], whole[:100], strange, b"\x7fELF" + bytes(100)]):
        file = tmp_path / f"damaged{index}"
        file.write_bytes(content)
        with pytest.raises(UsageError) as told:
            parse([f"usdt:{file}:our:probe"])
        assert str(told.value).isprintable()
    assert r"o\n\x1b:probe" in str(_error(f"usdt:{tmp_path}/damaged2:our:probe"))


def _error(text: str) -> UsageError:
    with pytest.raises(UsageError) as told:
        parse([text])
    return told.value


def test_places_of_a_function_are_all_of_its_name() -> None:
    """Two versions of it are in the library: either may be what a program calls."""
    (probe,) = parse([f"uprobe:{LIBC}:posix_spawn(pid: addr, path: path)"])
    assert len(probe.places) == 2


@pytest.mark.parametrize(
    "text, words",
    [
        ("8f@%xmm0", "floating point"),
        ("8@$sym", "a symbol's"),
        ("8@sym(%rip)", "a symbol's"),
        ("8@16(%rip)", "relative to its code"),
        ("8@$18446744073709551616", "does not fit into 64 bits"),
        ("-8@-9223372036854775809(%rdi)", "does not fit into 64 bits"),
        ("1@%ah", "in %ah, which is not read"),
    ],
)
def test_operands_that_are_not_read(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        operands(text)


def test_equal_notes_of_folded_code_are_one_place() -> None:
    note = Note("our", "probe", 16, 0, "8@%rax")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Binary, "probe", lambda self, provider, name: [note, note])
        (probe,) = parse([f"usdt:{LIBC}:our:probe(a: long)"])
    assert len(probe.places) == 1


def test_operands_of_a_note() -> None:
    (most,) = operands("8@$0xffffffffffffffff")
    assert most.offset == -1 and most.pack()
    found = operands("8@%rax -4@$-1 8@-8(%rbp) 4@16(%rsp,%rcx,4)")
    assert found[0].base == REGISTERS["rax"] and not found[0].signed
    assert found[1].offset == -1 and found[1].signed and found[1].size == 4
    assert (found[2].kind, found[2].offset) == (MEMORY, -8)
    assert (found[3].index, found[3].shift) == (REGISTERS["rcx"], 2)
