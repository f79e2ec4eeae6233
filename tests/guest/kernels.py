# SPDX-License-Identifier: Apache-2.0
"""The kernels that the suite runs on, and what a probe must find on each of them.

Stock images of Debian, the newest of each series that the mirror has; and one that is
built with what other distributions enable and Debian does not.
"""

from dataclasses import dataclass

_SLEEPABLE = ("tracepoint", "fentry", "deferred")


@dataclass(frozen=True)
class Kernel:
    """A series of a Debian suite. engines: those of BPF that must be usable, the best first.
    Engine ptrace is behind them on every kernel.

    task_work: whether absent memory is read in the task's own context. build: it is
    built from the series' source with error-injection.config.
    """

    name: str
    suite: str
    series: str
    engines: tuple[str, ...]
    task_work: bool
    build: bool = False

    def __str__(self) -> str:
        return self.name


KERNELS = (
    Kernel("6.1", "bookworm", "6.1", ("deferred",), task_work=False),
    Kernel("6.12", "trixie", "6.12", ("deferred",), task_work=False),
    Kernel("6.12-inject", "trixie", "6.12", ("fentry", "deferred"), task_work=False, build=True),
    Kernel("7.2", "sid", "7.2", _SLEEPABLE, task_work=True),
    Kernel("7.3", "trixie-backports", "7.3", _SLEEPABLE, task_work=True),
)
CI = ("6.1", "6.12", "7.3")


def chosen(which: str) -> list[Kernel]:
    """The kernels of `--guests`: none, ci, all, or names with commas between."""
    names = {"none": (), "ci": CI, "all": [k.name for k in KERNELS]}.get(which, which.split(","))
    unknown = set(names) - {kernel.name for kernel in KERNELS}
    if unknown:
        raise ValueError(f"there is no guest {', '.join(sorted(unknown))}")
    return [kernel for kernel in KERNELS if kernel.name in names]
