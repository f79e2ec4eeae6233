# SPDX-License-Identifier: Apache-2.0
"""C headers: what the compiler says of the kernel's constants and structures.

In: C expressions. Out: their values, of those that the headers of this machine
know. Headers that exclude each other are asked in separate groups.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_ERROR = re.compile(r"values\.c:(\d+):\d+: (?:fatal )?error")

LINUX = """
linux/types.h linux/time.h linux/time_types.h linux/socket.h linux/const.h linux/fcntl.h
linux/openat2.h linux/stat.h linux/fs.h linux/falloc.h linux/fadvise.h linux/magic.h linux/xattr.h
linux/inotify.h linux/fanotify.h linux/mount.h linux/mman.h linux/memfd.h linux/mempolicy.h
linux/userfaultfd.h linux/membarrier.h linux/sched.h linux/sched/types.h linux/wait.h linux/pidfd.h
linux/kcmp.h linux/resource.h linux/ioprio.h linux/personality.h linux/futex.h linux/rseq.h
linux/capability.h linux/prctl.h asm/prctl.h linux/securebits.h linux/seccomp.h linux/ptrace.h
asm/ptrace-abi.h linux/elf.h linux/lsm.h linux/landlock.h linux/keyctl.h asm/signal.h asm/siginfo.h
linux/timerfd.h linux/timex.h linux/times.h linux/poll.h linux/eventpoll.h linux/eventfd.h
linux/signalfd.h linux/in.h linux/in6.h linux/tcp.h linux/udp.h linux/netlink.h linux/if_packet.h
linux/tls.h linux/ipc.h linux/shm.h linux/sem.h linux/msg.h linux/mqueue.h linux/reboot.h
linux/module.h linux/kexec.h linux/quota.h linux/dqblk_xfs.h linux/perf_event.h
linux/hw_breakpoint.h linux/bpf.h linux/filter.h linux/io_uring.h linux/aio_abi.h asm/termbits.h
asm/termios.h asm/ioctls.h linux/tty.h linux/serial.h linux/loop.h linux/sockios.h linux/kd.h
linux/vt.h linux/hdreg.h linux/cdrom.h linux/blkpg.h linux/blkzoned.h linux/dm-ioctl.h linux/nbd.h
linux/btrfs.h linux/fuse.h linux/fscrypt.h linux/fsverity.h linux/nsfs.h linux/random.h linux/rtc.h
linux/ptp_clock.h linux/watchdog.h linux/hidraw.h linux/kvm.h
linux/vhost.h linux/vfio.h linux/usbdevice_fs.h linux/gpio.h linux/fiemap.h linux/fd.h
linux/iommufd.h linux/ppp_defs.h linux/ppp-ioctl.h linux/utime.h linux/utsname.h
linux/sysinfo.h linux/nvme_ioctl.h linux/pr.h linux/mtio.h linux/ublk_cmd.h linux/dma-buf.h
linux/sync_file.h linux/lirc.h linux/media.h linux/dma-heap.h linux/udmabuf.h
linux/tee.h linux/rfkill.h linux/pps.h linux/hpet.h linux/fsmap.h linux/msdos_fs.h linux/i2c-dev.h
linux/seccomp.h asm/ldt.h linux/ext4.h linux/f2fs.h linux/kcov.h linux/user_events.h
asm/mtrr.h asm/sgx.h linux/fb.h linux/blk-crypto.h
""".split()
NETWORK = """
linux/ioctl.h sys/socket.h linux/netfilter_ipv4.h linux/netfilter_ipv4/ip_tables.h linux/if.h
linux/if_arp.h linux/if_tun.h linux/route.h netinet/tcp.h
""".split()
LIBRARY = """
sys/socket.h sys/stat.h sys/wait.h sys/mount.h sys/swap.h sys/epoll.h sys/eventfd.h sys/signalfd.h
sys/timerfd.h sys/inotify.h sys/shm.h sys/sem.h sys/msg.h sys/uio.h sys/statvfs.h sys/time.h
sys/resource.h sys/timex.h sys/utsname.h sys/user.h dirent.h fcntl.h poll.h sched.h signal.h
time.h unistd.h sys/mman.h netinet/in.h scsi/sg.h sys/file.h utime.h sys/times.h sys/sysinfo.h
""".split()
DEVICES = """
sys/time.h linux/ioctl.h linux/input.h linux/uinput.h linux/joystick.h linux/videodev2.h drm/drm.h
sound/asound.h mtd/mtd-abi.h linux/auto_fs.h linux/auto_dev-ioctl.h linux/vm_sockets.h
""".split()
GROUPS = (LINUX, NETWORK, LIBRARY, DEVICES)


def c_values(
    folder: Path, expressions: Iterable[str], headers: list[str], *flags: str
) -> dict[str, int]:
    """The values of those expressions that compile after the headers, as 64 unsigned bits.
    flags: more of them for the compiler."""
    found = _includes(folder, headers, flags)
    names = list(expressions)
    first = found.count("\n") + 1
    for _ in range(8):
        lines = [f"__extension__ unsigned long long v{i} = (unsigned long long)(long long)({name});"
                 for i, name in enumerate(names)]  # fmt: skip
        assembly, errors = _compile(folder, found + "\n".join(lines) + "\n", flags)
        if assembly is not None:
            return _read(assembly, names)
        wrong = {int(line) - first for line in _ERROR.findall(errors)}
        assert wrong and min(wrong) >= 0, errors[:2000]
        names = [name for i, name in enumerate(names) if i not in wrong]
    raise AssertionError(errors[:2000])


def _includes(folder: Path, headers: list[str], flags: tuple[str, ...]) -> str:
    """Includes of the headers, without those that do not compile here."""
    headers = list(headers)
    while True:
        lines = "".join(f"#include <{h}>\n" for h in headers if _exists(folder, h))
        text = "#define _GNU_SOURCE\n#include <stddef.h>\n" + lines
        assembly, errors = _compile(folder, text, flags)
        if assembly is not None:
            return text
        guilty = [h for h in headers if f"/{h}:" in errors or f"<{h}>" in errors]
        assert guilty, errors[:2000]
        headers.remove(guilty[-1])


def _exists(folder: Path, header: str) -> bool:
    return any((root / header).exists() for root in _roots())


def _roots() -> list[Path]:
    return [Path("/usr/include"), *Path("/usr/include").glob("*-linux-gnu*")]


def _compile(folder: Path, text: str, flags: tuple[str, ...]) -> tuple[str | None, str]:
    """The assembly, or None and the errors."""
    source = folder / "values.c"
    source.write_text(text)
    command = ["gcc", "-w", "-S", "-fmax-errors=0", *flags, "-o", "-", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout if done.returncode == 0 else None), done.stderr


def _read(assembly: str, names: list[str]) -> dict[str, int]:
    """A value is one .quad, two .long (lower half first), or .zero."""
    found = {}
    value = r"^v(\d+):\n\s+\.(quad|long|zero)\s+(-?\d+)(?:\n\s+\.long\s+(-?\d+))?"
    for index, kind, number, upper in re.findall(value, assembly, re.M):
        low, high = int(number) if kind != "zero" else 0, int(upper or 0)
        found[names[int(index)]] = (low if kind == "quad" else low % (1 << 32) + (high << 32)) % (1 << 64)
    return found
