# SPDX-License-Identifier: Apache-2.0
"""Recorded: user events, as recordings keep what their arguments are.

In: the row of an event. Out: the text of its arguments, as --event has it; and of texts Probes
without places, which plans are made of as they are of those that were traced.
"""

from collections.abc import Mapping

from faultin.probes.parse import arguments
from faultin.probes.probe import Probe
from faultin.syscalls.rows import EVENTS, Argument, Syscall, Term, Unit

_BRACKETS = {Unit.ONE: ("", ""), Unit.COUNT: ("[", "]"), Unit.BYTES: ("(", ")")}
_OF_ARGUMENT = {"arg": "", "deref": "*", "bits": "bits:", "pages": "pages:", "nodes": "nodes:"}


def arguments_text(call: Syscall) -> str:
    """`name: string, n: u64`, which `probes` reads again."""
    names = [argument.name for argument in call.arguments]
    return ", ".join(_argument(argument, names) for argument in call.arguments)


def _argument(argument: Argument, names: list[str]) -> str:
    opening, closing = _BRACKETS[argument.unit]
    terms = ",".join(_term(term, names) for term in argument.terms)
    return f"{argument.name}: {argument.kind}{opening}{terms}{closing}"


def _term(term: Term, names: list[str]) -> str:
    plus = f"+{term.plus}" if term.plus else ""
    if term.kind in _OF_ARGUMENT:
        return f"{_OF_ARGUMENT[term.kind]}{names[term.value]}{plus}"
    return f"{'@' if term.kind == 'self' else ''}{term.value}{plus}"


def probes(events: Mapping[str, str]) -> tuple[Probe, ...]:
    """By name the text of the arguments; ValueError for what is none."""
    calls = [
        Syscall(EVENTS + number, name, arguments(text))
        for number, (name, text) in enumerate(events.items())
    ]
    return tuple([Probe(call, ()) for call in calls])
