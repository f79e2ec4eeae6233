# SPDX-License-Identifier: Apache-2.0
"""`faultin assist`: a command whose arguments are present for any tracer that looks.

A seccomp filter has the chosen calls wait for a supervisor, which reads what their
pointers point at, and lets them go on. It becomes this very process: a small native
program (native/keeper/assist.c), parent of the command. Another one stands by, and lets
every call go on, should the first be killed.
"""

import argparse
import os
import platform
import signal

_PENDING = 16 << 10  # bytes: struct pending of native/keeper/notify.h, and room


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-e", metavar="SET", dest="set", default="all",
        help="system calls whose inputs are to be present (default: all that have some)")
    add("-u", "--user", help="run the command as this user (default: who called sudo)")
    add("argv", metavar="CMD", nargs=argparse.REMAINDER, help="-- command and its arguments")


def _prepared(expression: str) -> tuple[bytes, bytes]:
    """(the filter, the image of the plans)"""
    from faultin.codegen.plan import plan
    from faultin.codegen.program import Options
    from faultin.engines.filter import notifying
    from faultin.engines.keeper import trace_image
    from faultin.syscalls.table import load

    table = load(platform.machine())
    plans = plan(table, table.resolve(expression))
    return notifying(plans), trace_image(plans, Options())


def _supervise(command, code: bytes, image: bytes) -> None:
    """Becomes the supervisor."""
    from faultin.native import memfd, program, start

    listener = command.listen(code)
    pending, plans = memfd("faultin-pending", size=_PENDING), memfd("faultin-plans", image)
    lifeline, ours = os.pipe()  # ours ends with us
    start(["standby", str(listener), str(pending), str(lifeline)], [listener, pending, lifeline])
    failure = command.let_go()
    kept = [listener, pending, plans, failure, ours]
    for fd in kept:
        os.set_inheritable(fd, True)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # as Python does not leave them
        signal.signal(number, signal.SIG_DFL)
    words = map(str, (listener, pending, plans, command.pid, failure))
    os.execv(program(), ["faultin-assist", "assist", *words])


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status; it does not return if the command runs."""
    from faultin.errors import UsageError
    from faultin.launch import Command

    words = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if not words:
        raise UsageError("nothing to assist", "", "give a command after --")
    command = Command(words, arguments.user)
    try:
        _supervise(command, *_prepared(arguments.set))
    except BaseException:
        command.cancel()
        raise
    return 1
