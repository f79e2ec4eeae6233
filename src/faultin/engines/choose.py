# SPDX-License-Identifier: Apache-2.0
"""Choose: the engine for a trace, by what was probed.

In: the engine that was asked for, or `auto`. Out: an attachable Engine. `ladder`
says of each engine whether it would serve, and what it lacks: the best first.
"""

from dataclasses import replace
from types import ModuleType

from faultin.codegen.plan import Plans
from faultin.codegen.program import STRATEGIES, Options
from faultin.engines import deferred, fentry, ptrace, tracepoint
from faultin.engines.base import Engine, Rung
from faultin.errors import FaultinError, UnsupportedKernel, UsageError
from faultin.kernel import libbpf
from faultin.kernel.rights import rights

_ENGINES: tuple[ModuleType, ...] = (tracepoint, fentry, deferred, ptrace)  # the best first
ENGINES = tuple(engine.NAME for engine in _ENGINES)


def _no_rights() -> FaultinError:
    return FaultinError(
        "no permission to load BPF programs",
        "this needs CAP_BPF and CAP_PERFMON",
        "run faultin as root, for example through sudo, or take --engine ptrace",
    )


def _rung(engine: ModuleType) -> Rung:
    if engine is ptrace:
        return engine.rung()
    if not rights().may_load:
        reason = "needs CAP_BPF and CAP_PERFMON: run as root"
        return Rung(engine.NAME, engine.STRATEGIES, False, reason)
    try:
        libbpf.library()
        return engine.rung()
    except FaultinError as error:
        return Rung(engine.NAME, engine.STRATEGIES, False, str(error))


def ladder() -> list[Rung]:
    """Every engine, the most complete first."""
    return [_rung(engine) for engine in _ENGINES]


def choose(
    wanted: str, strategy: str | None, plans: Plans, options: Options, arch: str
) -> Engine:
    """The engine, loaded and not yet attached."""
    if wanted not in ("auto", *ENGINES):
        raise UsageError(f"there is no engine {wanted!r}", "", f"there are auto, {', '.join(ENGINES)}")
    if strategy not in (None, *STRATEGIES):
        raise UsageError(
            f"there is no strategy {strategy!r}", "", f"there are {', '.join(STRATEGIES)}"
        )
    if plans.events and wanted == ptrace.NAME:
        raise UsageError("engine ptrace has no user events", "they need BPF", "take --engine auto")
    engine = _asked_for(wanted) if wanted != "auto" else _best(strategy, plans)
    if strategy not in (None, *engine.STRATEGIES):
        known = ", ".join(engine.STRATEGIES)
        raise UsageError(f"engine {engine.NAME} has no strategy {strategy!r}", "", f"it has {known}")
    return engine.make(plans, replace(options, strategy=strategy or engine.STRATEGIES[0]), arch)


def _asked_for(wanted: str) -> ModuleType:
    engine = _ENGINES[ENGINES.index(wanted)]
    if engine is not ptrace:
        if not rights().may_load:
            raise _no_rights()
        libbpf.library()
    found = engine.rung()
    if not found.usable:
        raise UnsupportedKernel(f"engine {wanted} does not work here", found.reason)
    return engine


def _best(strategy: str | None, plans: Plans) -> ModuleType:
    """The first of the ladder that serves this trace."""
    for engine in _ENGINES:
        if plans.events and engine is ptrace:
            break
        if strategy in (None, *engine.STRATEGIES) and _rung(engine).usable:
            if engine is not fentry or fentry.fits(plans):
                return engine
    if strategy and any(rung.usable for rung in ladder()):
        raise UsageError(f"no engine that works here has strategy {strategy!r}", "", "see faultin doctor")
    if plans.events:
        raise UnsupportedKernel("user events cannot be traced here", _rung(deferred).reason)
    raise UnsupportedKernel("no engine works here", ladder()[-1].reason, "see faultin doctor")
