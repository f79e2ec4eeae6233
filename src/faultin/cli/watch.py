# SPDX-License-Identifier: Apache-2.0
"""`faultin watch`: from the command line's words to what is watched for, and what then
happens.

In: arguments. Out: WatchOptions, and of those the actions. Queries are still text here:
query/ reads them.
"""

import argparse
import math
import shlex
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from faultin.actions.base import CAPACITY, JOBS, Action
from faultin.actions.rates import Rules
from faultin.cli import tracing
from faultin.cli.options import (
    Choice, add_command, add_events, add_otlp, add_stack, add_targets, add_tracing, add_where,
    choice_of, positive, seconds,
)  # fmt: skip
from faultin.errors import UsageError

if TYPE_CHECKING:
    from faultin.actions.fan import Fan

_TIMEOUT = 30.0
_GRACE = 10.0
_SWITCH = 0.001  # seconds for which an action's thread waits, if the judge is busy
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What `faultin watch` was asked for.

    capture, for_each: texts of queries, None for all arguments and for no key. format:
    text, jsonl or none; output: a file, None for stdout. commands: argv of each --exec,
    whose user is `exec_user`, None for who called sudo. timeout: of a command, seconds.
    grace: how long actions may take at the end.
    """

    choice: Choice
    capture: str | None
    for_each: str | None
    rules: Rules
    format: str
    output: str | None
    commands: tuple[tuple[str, ...], ...]
    jobs: int
    timeout: float
    exec_user: str | None
    webhooks: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    syslog: str | None
    journald: str | None
    otlp: str | None
    capacity: int
    grace: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_where(parser)
    add_stack(parser)
    add_tracing(parser)
    add_events(parser)
    add("--capture", metavar="FIELDS", help="what a notification has (default: all arguments)")
    _add_actions(parser)
    _add_rules(parser)
    add("--queue", metavar="N", dest="capacity", type=positive, default=CAPACITY,
        help=f"most notifications that wait for an action (default {CAPACITY}); others are lost")
    add("--grace", metavar="SECONDS", type=seconds, default=_GRACE,
        help="how long actions may take when the watch is over (default 10)")
    add_targets(parser)
    add_command(parser)  # fmt: skip


def _add_actions(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--format", choices=("text", "jsonl", "none"),
        help="of the lines on stdout (default: text; none with any other action)")
    add("-o", metavar="FILE", dest="output", help="lines go to FILE, not to stdout")
    add("--exec", metavar="CMD", dest="commands", action="append", default=[],
        help="run CMD, with the fields as FAULTIN_<NAME> and as JSON on stdin (repeatable)")
    add("--shell", action="store_true", help="--exec is for /bin/sh -c, not words of a command")
    add("--jobs", metavar="N", type=positive, default=JOBS,
        help=f"most commands of an --exec at a time (default {JOBS})")
    add("--timeout", metavar="SECONDS", type=seconds, default=_TIMEOUT,
        help="after which a command is killed (default 30)")
    add("--exec-user", metavar="USER", help="run it as this user (default: who called sudo)")
    add("--webhook", metavar="URL", dest="webhooks", action="append", default=[],
        help="POST the JSON to URL (repeatable)")
    add("--header", metavar="'NAME: VALUE'", dest="headers", action="append", default=[],
        help="of those requests (repeatable)")
    add("--syslog", metavar="LEVEL", help="to the syslog daemon, as in daemon.warning")
    add("--journald", metavar="PRIORITY", help="to systemd's journal, as in warning")
    add_otlp(parser)  # fmt: skip


def _add_rules(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--once", action="store_true", help="end with the first notification")
    add("--every", metavar="N", type=positive, default=1, help="only every Nth match")
    add("--rate", metavar="N/s", type=rate, help="at most so many a second (N/m, N/h)")
    add("--for-each", metavar="KEY", help="once for each value of KEY, as in comm,path")
    add("--period", metavar="SECONDS", type=seconds, help="... and once more after SECONDS")


def rate(text: str) -> tuple[int, int]:
    """10/s, 5/m or 100/h: how many in how many seconds."""
    number, _, unit = text.partition("/")
    if unit not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate such as 10/s, 5/m or 100/h")
    return positive(number), _UNITS[unit]


def options_of(arguments: argparse.Namespace) -> WatchOptions:
    """UsageError for what does not fit together."""
    others = (
        arguments.commands or arguments.webhooks or arguments.syslog or arguments.journald
        or arguments.otlp
    )  # fmt: skip
    return WatchOptions(
        choice=choice_of(arguments, arguments.argv),
        capture=arguments.capture,
        for_each=arguments.for_each,
        rules=_rules(arguments),
        format=arguments.format or ("none" if others and not arguments.output else "text"),
        output=arguments.output,
        commands=tuple(_words(text, arguments.shell) for text in arguments.commands),
        jobs=arguments.jobs,
        timeout=arguments.timeout,
        exec_user=arguments.exec_user,
        webhooks=tuple(arguments.webhooks),
        headers=tuple(map(_header, arguments.headers)),
        syslog=arguments.syslog,
        journald=arguments.journald,
        otlp=arguments.otlp,
        capacity=arguments.capacity,
        grace=arguments.grace,
    )


def make_actions(options: WatchOptions) -> "Fan":
    """All actions, checked: no later than here a command that is not there is told."""
    from faultin.actions.execute import Execute
    from faultin.actions.fan import Fan
    from faultin.actions.journald import Journald
    from faultin.actions.lines import Lines
    from faultin.actions.syslog import Syslog
    from faultin.actions.webhook import Webhook
    from faultin.launch import identity
    from faultin.sinks.output import Output

    capacity = options.capacity
    actions: dict[str, Action] = {}
    for name, url in _numbered("webhook", options.webhooks):
        actions[name] = Webhook(url, dict(options.headers), capacity)
    for name, argv in _numbered("exec", options.commands):
        who = identity(options.exec_user)
        actions[name] = Execute(list(argv), options.jobs, options.timeout, who, capacity)
    if options.syslog:
        actions["syslog"] = Syslog(options.syslog, capacity=capacity)
    if options.journald:
        actions["journald"] = Journald(options.journald, capacity=capacity)
    if options.otlp:
        from faultin.actions.otlp import Otlp
        from faultin.telemetry import endpoint

        actions["otlp"] = Otlp(endpoint(options.otlp), capacity)
    if options.format != "none":  # last: a watch that cannot be leaves the file as it was
        output = Output.open(options.output)
        actions["lines"] = Lines(output, options.format, capacity)
    return Fan(actions)


def _numbered(name: str, values: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """What reports call them: exec, exec-2, exec-3."""
    return [(f"{name}-{n}" if n > 1 else name, value) for n, value in enumerate(values, 1)]


def _rules(arguments: argparse.Namespace) -> Rules:
    if arguments.period is not None and not arguments.for_each:
        raise UsageError("--period", "it has no --for-each", "say of which key: --for-each comm")
    number, unit = arguments.rate or (0, 1)
    return Rules(
        once=arguments.once,
        every=arguments.every,
        rate=number / unit if number else None,
        burst=number or 1,
        for_each=arguments.for_each is not None,
        period=math.inf if arguments.period is None else arguments.period,
    )


def _words(text: str, by_shell: bool) -> tuple[str, ...]:
    """argv of an --exec."""
    if by_shell:
        return "/bin/sh", "-c", text
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--exec {text}", str(error)) from None
    if not words:
        raise UsageError("--exec", "there is no command")
    return words


def _header(text: str) -> tuple[str, str]:
    """RFC 9110: a name is a token, a value has no control characters."""
    name, colon, value = text.partition(":")
    if not colon or not name.isascii() or not name.replace("-", "").isalnum():
        raise UsageError(f"--header {text}", "that is no NAME: VALUE")
    if not value.strip().isprintable() or not value.isascii():
        raise UsageError(f"--header {name}", "a value is printable ASCII")
    return name, value.strip()


def session(options: WatchOptions, fan: "Fan | None" = None):
    """A session that watches, with its probes on. fan: in place of the options' actions."""
    from faultin.actions.rates import Gate
    from faultin.codegen.program import Options
    from faultin.consume.judge import Judge
    from faultin.consume.notifying import Notifying
    from faultin.session import Session

    choice = options.choice
    texts = tracing.Texts(
        choice.where or "", keys=options.for_each or "", captures=options.capture or "pid"
    )
    wanted = Options(max_bytes=choice.max_bytes, ring_bytes=choice.ring_bytes, triggers=True)
    prepared = tracing.prepare(choice, texts, wanted, narrow=options.capture is not None)
    assert prepared.query
    query = prepared.query if options.capture else replace(prepared.query, captures=())
    fan = fan or make_actions(options)

    def consuming(decoder, offset):
        stacking = prepared.stacking()
        judge = Judge(query, prepared.plans, offset, decoder.complete, stacking)
        gate = Gate(options.rules)
        return Notifying(
            query, judge, decoder, gate, fan, options.grace, tracing.tell, stacking
        )

    return Session(
        prepared.engine, prepared.plans, prepared.options, consuming, tell=tracing.tell,
        follow=prepared.follow,
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status; 128 + n when a signal ended the watch."""
    sys.setswitchinterval(_SWITCH)
    options = options_of(arguments)
    return tracing.run(options.choice, lambda: session(options), tracing.say_lost)
