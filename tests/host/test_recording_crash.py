# SPDX-License-Identifier: Apache-2.0
"""A machine that stops: of its disk there is what had been sent to it, and of the page cache
nothing. The disk is an image with ext4 on it, copied in the middle of a recording."""

import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from recording import query, run
from running import command

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(os.geteuid() != 0, reason="a file system is mounted, which needs root"),
]
# What comes last is not synced by what comes after it.
OPENS = """
import time
for _ in range(50):
    [open('/etc/hostname').close() for _ in range(100)]
    time.sleep(0.02)
time.sleep(600)
"""
# In a mount namespace, whose mounts end with it; ext4 sends nothing by itself meanwhile.
CRASH = """
set -e
cd "$1"; shift
mkdir disk crashed kept
truncate -s 64M disk.img
mkfs.ext4 -q disk.img
mount -o loop,commit=300 disk.img disk
setsid "$@" & recorder=$!
trap 'kill -9 -- -$recorder 2>/dev/null || true' EXIT
parts() { find disk -name '*.part.parquet' | sort >"$1"; }
touch before
until parts listed && [ "$(wc -l <listed)" -ge 4 ] && cmp -s before listed; do mv listed before; sleep 1; done
echo "not synced" >disk/unsynced
cp --sparse=always disk.img crashed.img
kill -9 -- -$recorder
mount -o loop crashed.img crashed
cp -r crashed/. kept
"""


@pytest.mark.parametrize("name", ["t.parquet", "t"])
def test_what_a_machine_wrote_before_it_stopped_reads_well(name, tmp_path):
    record = command("record", "-o", f"disk/{name}", "-e", "openat", "--flush", "0.1",
                     "--", sys.executable, "-c", OPENS)  # fmt: skip
    ran = subprocess.run(["unshare", "--mount", "--propagation", "private", "bash", "-c", CRASH, "bash",
                          tmp_path, *record], capture_output=True, text=True, timeout=120)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    unsynced = tmp_path / "kept" / "unsynced"
    assert not unsynced.exists() or not unsynced.read_text(), "the page cache is on the disk: nothing is shown"
    listed = (tmp_path / "listed").read_text().split()
    kept = [tmp_path / part.replace("disk", "kept", 1) for part in listed]
    assert len(kept) >= 4 and all(part.exists() for part in kept), [p for p in kept if not p.exists()]
    assert all(pq.read_metadata(part).num_rows > 0 for part in kept)
    rows = sum(pq.read_metadata(part).num_rows for part in (tmp_path / "kept").rglob("*.part.parquet"))
    assert query(tmp_path / "kept" / name, "count()")[1]["events"] == rows
    assert "was cut short" in run("query", tmp_path / "kept" / name, "count()").stderr
