# SPDX-License-Identifier: Apache-2.0
"""Own: events that Python programs write with faultin.events, as Probes.

In: `NAME(FIELD: KIND, ...)`, or the NAME of one that a running program has registered. Out: a
Probe on the stub of its slot, told from others there by its id. Programs may have another
installation of faultin, and so another file of stubs: those of the running ones are probed too.
"""

import os
import re
from collections.abc import Collection
from difflib import get_close_matches

from faultin.errors import UsageError
from faultin.events import registry
from faultin.events.definition import Definition, definition, parsed
from faultin.events.stubs import LIBRARY, WORDS, stub_name
from faultin.probes.elf import Binary
from faultin.probes.probe import MEMORY, PARAMETERS, REGISTER, REGISTERS, Operand, Place, Probe
from faultin.syscalls.rows import Syscall

_ID, *_VALUES = [Operand(REGISTER, base=base) for base in PARAMETERS]
_FILE = re.compile(rf"/{re.escape(LIBRARY.name)}( \(deleted\))?$")
_LAST = Operand(MEMORY, base=REGISTERS["rsp"], offset=8)  # behind the return address


def own(name: str, fields: str | None, number: int, pids: Collection[int]) -> Probe:
    """The event, at a place in each file of stubs: ours, and those of these processes; without any,
    of all that are running. ValueError for one that nobody knows."""
    from faultin.probes.parse import arguments, shown_name

    told = list(registry.published(pids))
    wanted = _known(name, told) if fields is None else definition(name, fields)
    call = Syscall(number, shown_name(wanted.name, "event"), arguments(wanted.signature))
    operands = (*_VALUES, _LAST)[: len(call.arguments)]
    places = [_place(str(LIBRARY), wanted, operands)]
    for path in _libraries([pid for pid, _ in told]):
        try:
            places.append(_place(path, wanted, operands))
        except (UsageError, ValueError):  # it has the name only
            continue
    return Probe(call, tuple(places), wanted.id, _ID)


def _place(path: str, wanted: Definition, operands: tuple[Operand, ...]) -> Place:
    binary = Binary(path, wanted.name)
    try:
        (offset,) = binary.function(stub_name(wanted.slot))
        return Place(path, offset, binary.object(WORDS) + 4 * wanted.slot, operands)
    finally:
        binary.close()


def _known(name: str, told: list[tuple[int, list[str]]]) -> Definition:
    lines = {line for _, found in told for line in found}
    alike = sorted(line for line in lines if line.partition("(")[0] == name)
    if len(alike) == 1:
        return parsed(alike[0])
    if alike:
        raise ValueError(f"running programs have it with different fields: {' and '.join(alike)}")
    near = get_close_matches(name, [line.partition("(")[0] for line in lines], 1)
    advice = f"did you mean {near[0]}?" if near else f"give its fields, as in '{name}(id: u64)'"
    raise ValueError(f"no running program has registered it; {advice}")


def _libraries(pids: list[int]) -> list[str]:
    """The files of stubs of programs that have another one than ours."""
    ours = os.stat(LIBRARY)
    found: dict[tuple[int, int], str] = {}
    for path in (path for pid in pids for path in _mapped(pid)):
        try:
            status = os.stat(path)
        except OSError:  # the program has ended
            continue
        found.setdefault((status.st_dev, status.st_ino), path)
    found.pop((ours.st_dev, ours.st_ino), None)
    return list(found.values())


def _mapped(pid: int) -> list[str]:
    """The files that it has mapped, also if others have taken their names since."""
    try:
        with open(f"/proc/{pid}/maps", errors="replace") as maps:
            lines = [line.rstrip("\n").split(maxsplit=5) for line in maps]
    except OSError:
        return []
    ranges = [line[0] for line in lines if line[5:] and _FILE.search(line[5])]
    return [f"/proc/{pid}/map_files/{each}" for each in ranges]
