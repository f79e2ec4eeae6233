# SPDX-License-Identifier: Apache-2.0
"""Errors: one small tree. Each says what happened, why, and what to do next."""


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


class UnsupportedKernel(FaultinError):
    """The kernel lacks a feature; `advice` says what would serve."""


class VerifierError(FaultinError):
    """The verifier refused a program. `log` is all it said, the cause comes first."""

    def __init__(self, what: str, log: str) -> None:
        self.log = log
        lines = [line.strip() for line in log.splitlines() if line.strip()]
        useful = [x for x in lines if not x.startswith(("libbpf:", "processed ", "--", ";"))]
        reason = useful[-1] if useful else (lines[-1] if lines else "no reason given")
        super().__init__(what, f"the verifier says: {reason}", "please report this kernel")


class CommandError(FaultinError):
    """The command cannot be run: status 126 or 127, as a shell has it."""

    def __init__(self, what: str, why: str, status: int, advice: str = "") -> None:
        super().__init__(what, why, advice)
        self.status = status


class OutputError(FaultinError):
    """The output cannot be written (any more)."""
