# SPDX-License-Identifier: Apache-2.0
"""The process that reader.py runs, on its own: it may be held up, and then is killed.

In: requests on stdin. Out: on stdout one byte once it is ready, then the bytes of each
reply. It ends with whoever started it.
"""

import ctypes
import os
import signal
from struct import Struct

REQUEST = Struct("<IQI")  # task, address, size
REPLY = Struct("<i")      # bytes that follow
_PR_SET_PDEATHSIG = 1


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def _readv():
    function = ctypes.CDLL(None).process_vm_readv
    function.restype = ctypes.c_ssize_t
    vector = ctypes.POINTER(_Vector)
    number = ctypes.c_ulong
    function.argtypes = [ctypes.c_int, vector, number, vector, number, number]
    return function


def _exactly(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := os.read(fd, size - len(data))):
        data += part
    return data


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def serve(requests: int, replies: int) -> None:
    """Answers requests until there are no more."""
    readv = _readv()
    _write(replies, b"!")
    while len(request := _exactly(requests, REQUEST.size)) == REQUEST.size:
        tid, address, size = REQUEST.unpack(request)
        buffer = ctypes.create_string_buffer(size)
        local, remote = _Vector(ctypes.addressof(buffer), size), _Vector(address, size)
        got = max(readv(tid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0), 0)
        _write(replies, REPLY.pack(got) + buffer.raw[:got])


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    serve(0, 1)
