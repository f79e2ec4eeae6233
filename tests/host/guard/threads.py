# SPDX-License-Identifier: Apache-2.0
"""Threads that write, read and start programs, all at once: `threads.py FOLDER`."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def work(number: int) -> tuple[int, str, bytes]:
    path = Path(sys.argv[1]) / f"thread-{number}"
    path.write_bytes(bytes([number]) * 3_000_000)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    ran = subprocess.run(["sh", "-c", f"echo {number} | cat; exit {number}"], capture_output=True)
    return ran.returncode, digest, ran.stdout


with ThreadPoolExecutor(8) as pool:
    for line in pool.map(work, range(16)):
        print(*line)
