# SPDX-License-Identifier: Apache-2.0
"""Errors: one small tree. Each says what happened, why, and what to do next."""

import re

# Lines of a verifier's log that follow its path, and say nothing of why it stopped.
_TRACE_LINE = re.compile(r"\d+: |;|libbpf:|processed |--|from \d+ to|R\d+(_w)?=|caller:|callee:|frame\d+:|Func#")


# What it says when a program is not wrong, but too much to look at.
_TOO_MUCH = re.compile(r"too large|too complex|[Tt]oo many|combined stack size")


class FaultinError(Exception):
    """The root: one line for the user, and the exit status that goes with it."""

    status = 1

    def __init__(self, what: str, why: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.advice = what, why, advice

    def __str__(self) -> str:
        line = f"{self.what}: {self.why}" if self.why else self.what
        return f"{line}; {self.advice}" if self.advice else line


class UsageError(FaultinError):
    """The command line or a query asks for something that does not exist."""

    status = 2


class QueryError(UsageError):
    """An expression that does not hold together.

    text: the expression; at: index of the character in it; part: which of the command
    line's expressions it is. `caret` has the two lines that show where.
    """

    def __init__(self, text: str, at: int, why: str, advice: str = "", part: str = "query") -> None:
        self.text, self.at = text, at
        shown = _around(text, at)
        super().__init__(f"{part}: column {at + 1}", f"{why}, in `{shown}`", advice)

    @property
    def caret(self) -> str:
        """The line of the expression, and below it a caret under the character."""
        start = self.text.rfind("\n", 0, self.at) + 1
        line = self.text[start:].partition("\n")[0]
        return f"{line}\n{' ' * (self.at - start)}^"


def _around(text: str, at: int, room: int = 60) -> str:
    """As much of an expression around a character as one line can show."""
    if len(text) <= room:
        return text
    start = max(0, min(at - room // 3, len(text) - room))
    end = start + room
    return f"{'...' * (start > 0)}{text[start:end]}{'...' * (end < len(text))}"


class UnsupportedKernel(FaultinError):
    """The kernel lacks a feature; `advice` says what would serve."""


class VerifierError(FaultinError):
    """The verifier refused a program. `log` is all it said; the line shown is the cause."""

    def __init__(self, what: str, log: str) -> None:
        self.log = log
        lines = [line.strip() for line in log.splitlines()]
        causes = [line for line in lines if line and not _TRACE_LINE.match(line)]
        reason = causes[-1] if causes else "no reason given"
        advice = ""
        if _TOO_MUCH.search(reason):
            advice = "cut some conditions of the query, or trace fewer kinds of calls with -e"
        super().__init__(what, f"the verifier says: {reason}", advice)


class CommandError(FaultinError):
    """The command cannot be run: status 126 or 127, as a shell has it."""

    def __init__(self, what: str, why: str, status: int, advice: str = "") -> None:
        super().__init__(what, why, advice)
        self.status = status


class OutputError(FaultinError):
    """The output cannot be written (any more)."""
