# SPDX-License-Identifier: Apache-2.0
"""Buffers: bytes become text, bytes, or the numbers of the bits that are set.

In: memory as it was captured. Out: values. Text is what is valid UTF-8, all else
stays bytes; a str from here never has lone surrogates.
"""

from faultin.values import Value

_BITS = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def text_or_bytes(data: bytes) -> str | bytes:
    """The buffer as text if it is UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def string(data: bytes) -> str | bytes:
    """What is before the first NUL; all of it if there is none."""
    end = data.find(0)
    return text_or_bytes(data if end < 0 else data[:end])


def octets(data: bytes) -> Value:
    """The bytes as numbers, for those that are no text: control characters of a terminal."""
    return list(data)


def bit_numbers(data: bytes) -> list[int]:
    """The numbers of the bits that are set, in order: descriptors, processors, nodes."""
    found: list[int] = []
    for index, byte in enumerate(data):
        if byte:
            found += [8 * index + bit for bit in _BITS[byte]]
    return found


def bits(data: bytes) -> Value:
    """bit_numbers, as a kind of memory."""
    return bit_numbers(data)
