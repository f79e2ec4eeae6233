# SPDX-License-Identifier: Apache-2.0
"""Memory: where the bytes of a value are, without a copy of them.

In: anything with a buffer: bytes, memoryview, mmap, an array. Out: (address, size), which hold
while the buffer is held. Nothing is read: a page that is not present stays so until whoever
wants the bytes takes the fault.
"""

import ctypes
from typing import Any

_SIMPLE = 0  # PyBUF_SIMPLE: bytes, one behind the other


class _Buffer(ctypes.Structure):
    """Py_buffer of the stable ABI (Include/pybuffer.h)."""

    _fields_ = [
        ("buf", ctypes.c_void_p), ("obj", ctypes.c_void_p), ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p),
    ]  # fmt: skip


_get, _release = ctypes.pythonapi.PyObject_GetBuffer, ctypes.pythonapi.PyBuffer_Release
_get.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int]
_release.argtypes, _release.restype = [ctypes.c_void_p], None


class Held:
    """A buffer that stays where it is until this is let go; nothing at 0, of None."""

    __slots__ = ("_buffer", "address", "size")

    def __init__(self, value: Any) -> None:
        self._buffer: _Buffer | None = None
        if value is None:
            self.address = self.size = 0
            return
        buffer = _Buffer()
        _get(value, ctypes.byref(buffer), _SIMPLE)
        self._buffer, self.address, self.size = buffer, buffer.buf or 0, buffer.len

    def __del__(self) -> None:
        if self._buffer is not None:
            _release(ctypes.byref(self._buffer))
