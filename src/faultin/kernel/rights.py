# SPDX-License-Identifier: Apache-2.0
"""Rights: the capabilities that this process has in effect."""

from dataclasses import dataclass

_SYS_PTRACE, _SYS_ADMIN, _PERFMON, _BPF = 19, 21, 38, 39  # capabilities(7)


@dataclass(frozen=True, slots=True)
class Rights:
    """What loading programs and looking into other processes takes."""

    bpf: bool
    perfmon: bool
    ptrace: bool

    @property
    def may_load(self) -> bool:
        return self.bpf and self.perfmon


def rights() -> Rights:
    """From /proc/self/status; CAP_SYS_ADMIN implies CAP_BPF and CAP_PERFMON."""
    with open("/proc/self/status") as status:
        effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff"))
    admin = bool(effective >> _SYS_ADMIN & 1)
    return Rights(
        bpf=admin or bool(effective >> _BPF & 1),
        perfmon=admin or bool(effective >> _PERFMON & 1),
        ptrace=bool(effective >> _SYS_PTRACE & 1),
    )
