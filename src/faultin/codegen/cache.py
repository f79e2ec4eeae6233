# SPDX-License-Identifier: Apache-2.0
"""Cache: a BPF object that was linked before need not be linked again.

In: what an object is made from, and how to make it. Out: the object. It is kept
under the user's cache folder by a hash of all that it depends on. A folder that
somebody else could write to is not used, as what is in it goes into the kernel;
without one, every trace links anew.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import Callable

_KEPT = 32  # objects; the ones not used for longest go first


def _folder() -> Path | None:
    """The cache folder, ours alone; None if there cannot be one."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(base) / "faultin"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return folder if ours and not found.st_mode & 0o022 else None


def cached(parts: list[bytes], make: Callable[[], bytes]) -> bytes:
    """The object made from these parts, from the cache or from `make`."""
    folder = _folder()
    if folder is None:
        return make()
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    path = folder / f"{digest.hexdigest()}.o"
    try:
        image = path.read_bytes()
        os.utime(path)
        return image
    except OSError:
        image = make()
    _keep(folder, path, image)
    return image


def _keep(folder: Path, path: Path, image: bytes) -> None:
    """Whole or not at all; a full disk only costs the next trace its time."""
    try:
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(image)
        part.replace(path)
        objects = sorted(folder.glob("*.o"), key=lambda p: p.stat().st_mtime)
        for old in objects[:-_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        pass
