# SPDX-License-Identifier: Apache-2.0
"""`faultin guard`: a command whose calls are decided by a policy, on inputs that it cannot
change any more (docs/guard.md).

In: a policy. Out: the command's exit status; an audit log, or lines on stderr.
"""

import argparse
import platform
import sys
import time

from faultin.cli.tracing import tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--policy", metavar="FILE", help="the policy: a TOML file, or the name of a ready one")
    add(
        "--audit",
        metavar="FILE",
        help="JSON Lines of every decision (default: what is logged, denied or killed, on stderr)",
    )
    add("--check", action="store_true", help="say what the policy covers, and run nothing")
    add("--learn", metavar="FILE", help="write a policy that allows what the command does")
    add(
        "-e",
        metavar="SET",
        dest="set",
        default="%file,%network",
        help="the calls that --learn looks at (default %%file,%%network)",
    )
    add(
        "-s",
        metavar="BYTES",
        dest="max_bytes",
        type=int,
        default=4096,
        help="most bytes of one buffer that a rule sees, and the audit shows (default 4096)",
    )
    add("-u", "--user", help="run the command as this user (default: who called sudo)")
    add("--no-mseal", action="store_true", help=argparse.SUPPRESS)  # as on kernels before 6.10
    add("--no-native", action="store_true", help=argparse.SUPPRESS)  # conditions decided here
    add("argv", metavar="CMD", nargs=argparse.REMAINDER, help="-- command and its arguments")


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status."""
    from faultin.errors import UnsupportedKernel, UsageError
    from faultin.guard.policy import load
    from faultin.syscalls.table import load as load_table

    if platform.machine() != "x86_64":
        raise UnsupportedKernel("faultin guard", "it knows the registers of x86-64 only")
    words = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if bool(arguments.policy) == bool(arguments.learn):
        raise UsageError("give either --policy or --learn", "", "a ready policy is --policy log")
    if not words and not arguments.check:
        raise UsageError("nothing to guard", "", "give a command after --")
    table = load_table(platform.machine())
    if arguments.learn:
        from faultin.guard.learn import Learning, learning_policy

        learning = Learning(arguments.learn, " ".join(words))
        return _guard(arguments, learning_policy(arguments.set), table, words, learning)
    policy = load(arguments.policy)
    if arguments.check:
        from faultin.guard.check import check

        sys.stdout.write(check(policy, table))
        return 0
    return _guard(arguments, policy, table, words, None)


def _audit(arguments: argparse.Namespace):
    from faultin.guard.audit import JsonAudit, TextAudit
    from faultin.sinks.output import Output

    if arguments.audit:
        return JsonAudit(Output.open(arguments.audit, sys.stderr.buffer))
    return TextAudit()


def _guard(arguments: argparse.Namespace, policy, table, words: list[str], learning) -> int:
    from faultin.codegen.program import Options
    from faultin.decode.calls import Decoder
    from faultin.guard.audit import Auditor
    from faultin.guard.decide import Decider
    from faultin.guard.rules import guarding
    from faultin.guard.run import Guarded, ignore_terminal
    from faultin.guard.supervisor import Supervisor, has_mseal, hide
    from faultin.kernel import confine
    from faultin.launch import Command, take_status

    mseal = has_mseal() and not arguments.no_mseal
    found = guarding(policy, table, mseal)
    audit = learning or _audit(arguments)
    command = Command(words, arguments.user)
    try:
        hide()
        if confine.landlock() < confine.LANDLOCK_NEEDED:
            tell(
                "there is no Landlock in this kernel: other processes of the same user are in "
                "the command's reach, by /proc/PID/mem, and they are not guarded"
            )
        options = Options(max_bytes=arguments.max_bytes, task_work=1)
        audits = bool(arguments.audit or learning)
        supervisor = Supervisor(found, table, options, audits, mseal, not arguments.no_native)
    except BaseException:
        command.cancel()
        raise
    offset = time.time_ns() - time.monotonic_ns()
    auditor = Auditor(found, Decoder(found.plans, offset), audit)
    guarded = Guarded(command, supervisor, Decider(found, supervisor.steps, offset), auditor, tell)
    ignore_terminal(guarded)
    guarded.run(policy)
    return take_status(command.wait())
