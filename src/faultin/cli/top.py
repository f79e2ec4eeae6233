# SPDX-License-Identifier: Apache-2.0
"""`faultin top`: from the command line's words to a live view on the terminal."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from faultin.cli.options import (
    add_command, add_targets, add_tracing, add_where, choice_of, seconds,
)  # fmt: skip
from faultin.cli.tracing import tell
from faultin.errors import UsageError
from faultin.extras import need
from faultin.launch import take_status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_where(parser)
    add_tracing(parser)
    parser.add_argument("--interval", metavar="SECONDS", type=seconds, default=1.0,
        help="between two pictures (default 1)")  # fmt: skip
    add_targets(parser)
    add_command(parser)


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status; 0 if it still runs, or there is none."""
    choice = choice_of(arguments, arguments.argv)
    need("textual", "faultin top", "tui")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("faultin top", "there is no terminal", "faultin stats writes to files")
    from faultin.top.app import TopApp
    from faultin.top.feed import Feed

    with _terminal_kept():
        feed = Feed(choice, arguments.interval)
    command = feed.command
    app = TopApp(feed, arguments.interval)
    try:
        app.run()
    finally:
        app.close()
    app.feed.wait()
    if command is None:
        return app.return_code or 0
    status = command.poll()
    if status is None:
        tell(f"the command goes on untraced, as process {command.pid}")
        return 0
    return take_status(status)


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """A command that begins here has /dev/null in place of the terminal, which is the view's."""
    kept = [os.dup(number) for number in range(3)]
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        for number, descriptor in enumerate(kept):
            if os.isatty(descriptor):
                os.dup2(nothing, number)
        yield
    finally:
        for number, descriptor in enumerate(kept):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(nothing)
