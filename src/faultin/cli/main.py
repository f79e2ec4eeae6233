# SPDX-License-Identifier: Apache-2.0
"""The command `faultin`: finds the subcommand, and makes every error one line.

Only what the subcommand needs is imported: `--help` and `doctor` must answer
without LLVM and without a trace being prepared.
"""

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Collection
from typing import NoReturn

from faultin import __version__
from faultin.cli.ending import Ended
from faultin.errors import FaultinError, QueryError, VerifierError
from faultin.sinks.output import BrokenOutput

COMMANDS = {
    "trace": "trace the system calls of a command or of running processes",
    "stats": "count calls, by what they pass and return",
    "stacks": "show which functions led to calls: folded, as a flame graph, for speedscope",
    "top": "show on the terminal what processes call, as it happens",
    "record": "keep the calls of a command or of running processes as Parquet",
    "query": "ask recordings, in the language of live queries or in SQL",
    "convert": "give recordings to other tools, in their formats",
    "report": "make one page of recordings: time lines, latency, paths, errors, processes",
    "watch": "do something whenever a call is as a query says",
    "assist": "run a command so that any tracer finds its arguments present",
    "guard": "run a command whose calls a policy decides, on inputs that cannot change",
    "doctor": "say what this machine can do, and what it lacks",
}


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as all of faultin does."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser(wanted: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The command line, with what each of these commands takes: their modules are imported."""
    root = _Parser(
        prog="faultin",
        description="Traces Linux system calls and never loses what they pass by pointer.",
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"faultin {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        if name in wanted:
            importlib.import_module(f"faultin.cli.{name}").add_arguments(sub)
    return root


def escaped(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _say(line: str) -> None:
    """One line on stderr, if anybody still reads it."""
    try:
        print(f"faultin: {escaped(line)}", file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _kept_log(error: FaultinError) -> str:
    """Where all is that a verifier said, if the error comes from one."""
    if not isinstance(error, VerifierError):
        return ""
    with tempfile.NamedTemporaryFile("w", prefix="faultin-", suffix=".log", delete=False) as kept:
        kept.write(error.log)
    return f"; its whole log is in {kept.name}, please report it with this kernel's version"


def main(argv: list[str] | None = None) -> int:
    """Runs one command; the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        arguments, unknown = parser(argv[:1]).parse_known_args(argv)
        if unknown:
            _say(f"{arguments.command} has no {unknown[0]}; see faultin {arguments.command} --help")
            return 2
        return importlib.import_module(f"faultin.cli.{arguments.command}").run(arguments)
    except BrokenOutput as error:
        return error.status
    except FaultinError as error:
        _say(str(error) + _kept_log(error))
        if isinstance(error, QueryError) and sys.stderr.isatty():
            print("\n".join(map(escaped, error.caret.split("\n"))), file=sys.stderr)
        return error.status
    except Ended as ended:
        return ended.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
