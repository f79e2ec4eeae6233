# SPDX-License-Identifier: Apache-2.0
"""Guest: boots a kernel in QEMU over this machine's root file system, and runs `inside`.

In: a kernel's image and a folder for results. Out: a Result. The guest sees the root
read-only through two 9p mounts: virtme-ng's own, which it boots from, and one that
caches, in which `inside` runs, as reading Python from the first takes twice as long.
Its two CPUs are emulated by one thread: with a thread each, a CPU now and then runs an
instruction that the other has already patched back, and the guest's kernel dies of it.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from packages import Unavailable

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_LIMIT = 3600  # seconds: emulation is slow, and the machine may be busy
_QEMU = (
    "-accel tcg,thread=single "
    "-fsdev local,id=fast,path=/,security_model=none,readonly=on,multidevs=remap "
    "-device virtio-9p-pci,fsdev=fast,mount_tag=fast"
)


@dataclass(frozen=True)
class Result:
    """What a guest did: what the console showed, the seconds it took, its results."""

    console: str
    seconds: float
    folder: Path


def _vng() -> str:
    """virtme-ng of the environment that runs the tests; Unavailable without it or QEMU."""
    if not shutil.which("qemu-system-x86_64"):
        raise Unavailable("this machine has no qemu-system-x86_64")
    vng = shutil.which("vng", path=str(Path(sys.executable).parent))
    if not vng:
        raise Unavailable("virtme-ng is not installed")
    return vng


def run(image: Path, folder: Path, steps: list[str]) -> Result:
    """Boots the image and runs the steps of `inside` there; what they leave is in `folder`."""
    vng = _vng()
    script = folder / "start"
    words = [HERE / "inside", folder, sys.executable, ROOT, *steps]
    path = shlex.quote(os.environ.get("PYTHONPATH", ""))
    script.write_text(f"#!/bin/sh\nPYTHONPATH={path} exec {shlex.join(map(str, words))}\n")
    script.chmod(0o755)
    command = [
        vng, "--disable-kvm", "--force-9p", "--run", str(image), "--rwdir", str(folder),
        "--memory", "2G", "--cpus", "2", "--verbose", f"--qemu-opts={_QEMU}", "--exec", str(script),
    ]  # fmt: skip
    path = f"{Path(vng).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
    started = time.monotonic()
    with open(folder / "console", "wb") as console:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": path}, start_new_session=True, cwd="/",
        )  # fmt: skip
        try:
            process.wait(_LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 15)
            process.wait()
    text = (folder / "console").read_text(errors="replace")
    return Result(text, time.monotonic() - started, folder)
