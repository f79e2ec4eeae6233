# SPDX-License-Identifier: Apache-2.0
"""Remote: what was absent for the kernel's side, read from here.

In: records with pieces missing. Out: more pieces, read in the traced process with its
faults taken, by the same code as everywhere (bpf/capture.bpf.h), on memory as it is now.
"""

from collections.abc import Iterable
from struct import Struct

from faultin.decode.reader import Reader
from faultin.drain.wire import Piece, Record, head, pieces, stack_pointer

_SP = Struct("=Q")


def fill(reader: Reader, records: Iterable[Record]) -> list[list[Piece]]:
    """Of each what its operations miss, unless that memory is gone; if nobody has read
    anything yet, all its inputs."""
    wishes = [(record.pid, head(record) + _SP.pack(stack_pointer(record))) for record in records]
    return [pieces(found) for found in reader.read(wishes)]
