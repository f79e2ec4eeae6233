# SPDX-License-Identifier: Apache-2.0
"""Choose: the engine for a trace, by what was probed.

In: the engine that was asked for, or `auto`. Out: an attachable Engine. `ladder`
says of each engine whether it would serve, and what it lacks: the best first.
"""

from dataclasses import dataclass, replace

from faultin.codegen.plan import Plans
from faultin.codegen.program import Options
from faultin.engines.base import Engine
from faultin.engines.deferred import Deferred
from faultin.errors import FaultinError, UsageError
from faultin.kernel import libbpf
from faultin.kernel.features import probe
from faultin.kernel.rights import rights

ENGINES = ("deferred",)
STRATEGIES = ("copy",)


@dataclass(frozen=True, slots=True)
class Rung:
    """An engine: whether it is usable here, and why or why not."""

    engine: str
    usable: bool
    reason: str


def ladder() -> list[Rung]:
    """Every engine, the most complete first."""
    return [_deferred()]


def _deferred() -> Rung:
    have = rights()
    if not have.may_load:
        return Rung("deferred", False, "needs CAP_BPF and CAP_PERFMON: run as root")
    try:
        libbpf.library()
        features = probe()
    except FaultinError as error:
        return Rung("deferred", False, str(error))
    if features.task_work:
        return Rung("deferred", True, "what is absent at entry and exit is read by bpf_task_work")
    return Rung("deferred", True, "what is absent at entry and exit is read by process_vm_readv")


def choose(
    wanted: str, strategy: str | None, plans: Plans, options: Options, arch: str
) -> Engine:
    """The engine, loaded and not yet attached."""
    if wanted not in ("auto", *ENGINES):
        raise UsageError(f"there is no engine {wanted!r}", "", f"there are auto, {', '.join(ENGINES)}")
    if strategy not in (None, *STRATEGIES):
        known = ", ".join(STRATEGIES)
        raise UsageError(f"engine deferred has no strategy {strategy!r}", "", f"it has {known}")
    if not rights().may_load:
        raise FaultinError(
            "no permission to load BPF programs",
            "this needs CAP_BPF and CAP_PERFMON",
            "run faultin as root, for example through sudo",
        )
    libbpf.library()
    features = probe()
    if options.task_work is None:
        options = replace(options, task_work=features.task_work)
    return Deferred(plans, options, arch, features)
