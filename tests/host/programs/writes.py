# SPDX-License-Identifier: Apache-2.0
"""Writes events with faultin.events: `writes.py many N` in two processes N each, `cold` with a
payload that is not present, `until FILE` until a file is there, numbered; `odd` values that do
not fit, among others that do; `strays FILE` after its descriptors have become that file's."""

import mmap
import os
import sys
from pathlib import Path

from faultin import events

said = events.register("said", "n: u64, text: string")
blob = events.register("blob", "data: bytes, n: int")


def many(each: int) -> None:
    first = 0 if os.fork() else each
    for n in range(first, first + each):
        said.write(n, "many")
    if first == 0:
        os.wait()


def cold() -> None:
    """Pages of a memfd that nobody has touched through this mapping."""
    fd = os.memfd_create("cold")
    os.write(fd, b"".join(bytes([65 + page]) * 4096 for page in range(4)))
    page = mmap.mmap(fd, 4 * 4096, mmap.MAP_PRIVATE)
    page.madvise(mmap.MADV_RANDOM)
    found = events.memory.Held(page)
    with open("/proc/self/pagemap", "rb") as pagemap:
        pagemap.seek(found.address // 4096 * 8)
        entries = pagemap.read(32)
    assert not any(entries[at + 7] & 0x80 for at in range(0, 32, 8)), "the pages are present"
    blob.write(memoryview(page)[2048 : 2 * 4096], -1)
    blob.write(b"", 2)


def until(file: Path) -> None:
    n = 0
    while not file.exists():
        for _ in range(50):
            said.write(n, "on and on")
            n += 1
    print(n, said.enabled)


def strays(file: Path) -> None:
    """As a daemon does it. A new event's descriptor has an old one's number, or the file has."""
    os.closerange(3, 256)
    another = events.register("another", "n: u64")
    kept = [os.open(file, os.O_RDWR | os.O_CREAT) for _ in range(9)]
    events.register("third", "")
    said.write(1, "strays")
    another.write(2)
    print(said.failed, another.failed, file.stat().st_size, len(kept))


def odd() -> None:
    blob.write(None, -(2**31))
    for n in (2**31, "1", 1.0):
        blob.write(b"", n)
    for data in ("text", memoryview(b"abcd")[::2]):
        blob.write(data, 1)
    said.write(2**64 - 1, None)
    for n, text in ((-1, ""), (2**64, ""), (1, 1), (1, "\ud800")):
        said.write(n, text)
    said.write(True, "\udcff\0cut")
    print(blob.failed, said.failed)


if __name__ == "__main__":
    match sys.argv[1]:
        case "many":
            many(int(sys.argv[2]))
        case "cold":
            cold()
        case "until":
            until(Path(sys.argv[2]))
        case "strays":
            strays(Path(sys.argv[2]))
        case "odd":
            odd()
