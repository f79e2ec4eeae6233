# SPDX-License-Identifier: Apache-2.0
"""What this kernel and this process can do, found out by trying it: why a test is skipped."""

import ctypes
import os
from pathlib import Path

_USERFAULTFD = {"x86_64": 323, "aarch64": 282}
SYS_RAWIO = 17  # capabilities(7)


def no_userfaultfd() -> str:
    """Why none can be opened that sees the kernel's faults too; empty if one can."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(_USERFAULTFD[os.uname().machine], os.O_CLOEXEC)
    if fd < 0:
        return f"userfaultfd(2): {os.strerror(ctypes.get_errno())}"
    os.close(fd)
    return ""


def has_capability(number: int) -> bool:
    """Whether it is in effect."""
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in status if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> number & 1)
