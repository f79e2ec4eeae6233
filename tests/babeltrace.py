# SPDX-License-Identifier: Apache-2.0
"""Babeltrace: an independent reader of CTF, by the packages of a Debian suite.

In: the folder of a trace. Out: its messages, as babeltrace_reader.py tells them. The
packages are only unpacked, into the cache beside those of the guests, and run with the C
library and the Python that they were built for: nothing is installed.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from packages import Unavailable, unpacked

_READER = Path(__file__).with_name("babeltrace_reader.py")
_COMMON = ("libc6", "libpcre2-8-0", "zlib1g", "liblzma5", "libbz2-1.0", "libffi8", "libexpat1",
           "libbabeltrace2-0", "babeltrace2", "python3-bt2", "libzstd1", "libatomic1", "libgcc-s1",
           "libstdc++6")  # fmt: skip
_SUITES = {
    "trixie": (*_COMMON, "libglib2.0-0t64", "libelf1t64", "libdw1t64", "libpython3.13-minimal",
               "libpython3.13-stdlib", "python3.13-minimal", "libpopt0"),
    "bookworm": (*_COMMON, "libglib2.0-0", "libelf1", "libdw1", "libpython3.11-minimal",
                 "libpython3.11-stdlib", "python3.11-minimal", "libpopt0"),
}  # fmt: skip


def _libraries(root: Path) -> str:
    return ":".join(str(root / each) for each in
                    ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))  # fmt: skip


def _loader(root: Path) -> Path:
    return next(path for each in ("usr/lib64", "lib64", "lib/x86_64-linux-gnu",
                                  "usr/lib/x86_64-linux-gnu")
                if (path := root / each / "ld-linux-x86-64.so.2").is_file())  # fmt: skip


def messages(trace: Path, suite: str) -> list[dict[str, Any]]:
    """All messages of a trace, in order; the test is skipped where there is no babeltrace2."""
    try:
        root = unpacked(f"babeltrace-{suite}", suite, _SUITES[suite])
    except Unavailable as why:
        pytest.skip(f"no babeltrace2 of {suite}: {why}")
    (python,) = root.glob("usr/bin/python3.*")
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONHOME": str(root / "usr"),
        "PYTHONPATH": str(root / "usr/lib/python3/dist-packages"),
        "BABELTRACE_PLUGIN_PATH": str(root / "usr/lib/x86_64-linux-gnu/babeltrace2/plugins"),
        "LD_LIBRARY_PATH": _libraries(root),
    }
    ran = subprocess.run(
        [_loader(root), "--library-path", _libraries(root), python, _READER, trace],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]
