# SPDX-License-Identifier: Apache-2.0
"""Errno names: what the number in a failed call's return value is called.

In: the number, positive. Out: its name and its meaning. Beyond those of the C
library there are numbers that the kernel keeps to itself; a tracer sees them, as
it looks before the kernel has decided whether the call is to be restarted.
"""

import errno
import os

# include/linux/errno.h; the first texts are strace's
_KERNEL = {
    512: ("ERESTARTSYS", "To be restarted if SA_RESTART is set"),
    513: ("ERESTARTNOINTR", "To be restarted"),
    514: ("ERESTARTNOHAND", "To be restarted if no handler"),
    515: ("ENOIOCTLCMD", "No ioctl command"),
    516: ("ERESTART_RESTARTBLOCK", "Interrupted by signal"),
    517: ("EPROBE_DEFER", "Driver requests probe retry"),
    518: ("EOPENSTALE", "Open found a stale dentry"),
    519: ("ENOPARAM", "Parameter not supported"),
    521: ("EBADHANDLE", "Illegal NFS file handle"),
    522: ("ENOTSYNC", "Update synchronization mismatch"),
    523: ("EBADCOOKIE", "Cookie is stale"),
    524: ("ENOTSUPP", "Operation is not supported"),
    525: ("ETOOSMALL", "Buffer or request is too small"),
    526: ("ESERVERFAULT", "An untranslatable error occurred"),
    527: ("EBADTYPE", "Type not supported by server"),
    528: ("EJUKEBOX", "Request initiated, but will not complete before timeout"),
    529: ("EIOCBQUEUED", "iocb queued, will get completion event"),
    530: ("ERECALLCONFLICT", "Conflict with recalled state"),
    531: ("ENOGRACE", "NFS file lock reclaim refused"),
}
# Python has one name a number, and not always the kernel's
_PREFERRED = {"EDEADLOCK": "EDEADLK", "EWOULDBLOCK": "EAGAIN", "ENOTSUP": "EOPNOTSUPP"}


def errno_name(number: int) -> str:
    """Such as ENOENT; for a number without a name ERRNO_ and the number."""
    if number in _KERNEL:
        return _KERNEL[number][0]
    name = errno.errorcode.get(number, f"ERRNO_{number}")
    return _PREFERRED.get(name, name)


def errno_text(number: int) -> str:
    """What it means, such as "No such file or directory"."""
    if number in _KERNEL:
        return _KERNEL[number][1]
    return os.strerror(number)


def errno_number(name: str) -> int | None:
    """The number, positive, of a name such as ENOENT; None if there is none."""
    for number, (known, _) in _KERNEL.items():
        if known == name:
            return number
    number = getattr(errno, name, None) if name[:1] == "E" else None
    return number if isinstance(number, int) else None


def errno_names() -> list[str]:
    """All names, for those who look for one that is like another."""
    return [*errno.errorcode.values(), *_PREFERRED, *(name for name, _ in _KERNEL.values())]
