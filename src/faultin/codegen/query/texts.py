# SPDX-License-Identifier: Apache-2.0
"""Texts: the constants of a query, as images for the BPF core.

In: bytes, and the tokens of patterns. Out: faultin_texts, one after the other, and
faultin_automata (struct automaton of bpf/wire.h).
"""

from struct import Struct

from faultin.query.globs import STAR, Token

ELEMENTS_MAX = 63  # of a pattern: an automaton has one state more, in 64 bits
_AUTOMATON = Struct("<256QQQ")
_ANY = (1 << 256) - 1


class Texts:
    """Collects constants; each is kept once."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._places: dict[bytes, int] = {}
        self._automata: dict[bytes, int] = {}

    def text(self, value: bytes) -> int:
        """Where it is in faultin_texts."""
        if value not in self._places:
            self._places[value] = len(self._bytes)
            self._bytes += value
        return self._places[value]

    def automaton(self, tokens: tuple[Token, ...]) -> int | None:
        """The index of what finds a pattern; None if it has too many elements."""
        image = automaton(tokens)
        if image is None:
            return None
        return self._automata.setdefault(image, len(self._automata))

    @property
    def size(self) -> int:
        """Of faultin_texts without what pads it: a power of two."""
        return 1 << max(3, (len(self._bytes) - 1).bit_length() if self._bytes else 0)

    @property
    def images(self) -> dict[str, bytes]:
        texts = bytes(self._bytes).ljust(self.size + 8, b"\0")  # the last word is read whole
        return {"texts": texts, "automata": b"".join(self._automata) or bytes(_AUTOMATON.size)}

    @property
    def automata(self) -> int:
        return len(self._automata)


def automaton(tokens: tuple[Token, ...]) -> bytes | None:
    """Its state n says that n elements have matched; a * before element n + 1 keeps it."""
    elements = [token for token in tokens if token is not STAR]
    if len(elements) > ELEMENTS_MAX:
        return None
    step, loop, at = [0] * 256, 0, 0
    for token in tokens:
        if token is STAR:
            loop |= 1 << at
            continue
        for byte in range(256):
            step[byte] |= (token >> byte & 1) << at
        at += 1
    return _AUTOMATON.pack(*step, loop, 1 << at)


def containing(text: bytes) -> tuple[Token, ...]:
    """The pattern *text*."""
    return (STAR, *(1 << byte for byte in text), STAR)
