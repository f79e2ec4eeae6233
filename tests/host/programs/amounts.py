# SPDX-License-Identifier: Apache-2.0
"""Calls with amounts and keys of every kind: amounts.py SEED FILE; the calls go to FILE, as
JSON: [name, amount, key], a path in hexadecimal.

lseek and read of a descriptor that there is not, whose offset and size are any number, and
faccessat of paths that are any bytes, NULL, or no pointer at all.
"""

import ctypes
import json
import random
import sys

NOWHERE = -7  # a descriptor
READ, LSEEK, FACCESSAT = 0, 8, 269

random.seed(int(sys.argv[1]))
syscall = ctypes.CDLL(None).syscall
calls = []

edges = [0, 1, -1, 31, 32, 33, -32, -33, 999, 1000, -100, -101, 2**31, 2**32 - 1, 2**63 - 1, -(2**63)]
numbers = edges + [random.randrange(-(1 << n), 1 << n) for n in range(1, 64) for _ in range(4)]
for value in numbers * 2:
    whence = random.randrange(3)
    syscall(LSEEK, NOWHERE, ctypes.c_long(value), whence)
    calls.append(("lseek", value, whence))
    syscall(READ, NOWHERE, None, ctypes.c_ulong(value))
    calls.append(("read", value % 2**64, None))

lengths = [0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 500, 4095]
paths = [bytes(random.choices(range(1, 256), k=length)) for length in lengths for _ in range(3)]
for path in [path for path in paths if path]:
    for at in (0, len(path) // 2, len(path) - 1):  # others of that length, by one byte
        paths.append(path[:at] + bytes([path[at] ^ 128 or 1]) + path[at + 1 :])
for path in paths * 3:
    syscall(FACCESSAT, NOWHERE, path, 0)
    calls.append(("faccessat", None, path.hex()))
for pointer in (None, ctypes.c_void_p(1), None) * 3:
    syscall(FACCESSAT, NOWHERE, pointer, 0)
    calls.append(("faccessat", None, None))

with open(sys.argv[2], "w") as told:
    json.dump(calls, told)
