# SPDX-License-Identifier: Apache-2.0
"""Threads that each write a file of their own, one made after the other."""

import os
import threading


def work(name: str) -> None:
    with open(name, "wb") as file:
        file.write(name.encode() * 3)
    os.rename(name, name + ".done")
    os.stat(name + ".done")
    os.unlink(name + ".done")


threads = [threading.Thread(target=work, args=(f"thread{number}",)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
