# SPDX-License-Identifier: Apache-2.0
"""Trace: what the metadata of both versions say, and what stands at the head of a packet.

In: nothing, these are the nouns. Out: Trace, the classes of packet headers and contexts, and
the bytes that a packet begins with.
"""

import struct
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from faultin.exports.ctf.classes import Class, Integer
from faultin.exports.ctf.records import Classes

CLOCK = "realtime"
CLOCK_ABOUT = "CLOCK_REALTIME of the recording: ns since 1970"
_MAGIC = 0xC1FC1FC1
# name, class, role in CTF 2; where metadata1.py needs one, a role there by the name
PACKET_CONTEXT: tuple[tuple[str, Class, str], ...] = (
    ("timestamp_begin", Integer(64, False), "default-clock-timestamp"),
    ("timestamp_end", Integer(64, False), "packet-end-default-clock-timestamp"),
    ("content_size", Integer(64, False), "packet-content-length"),
    ("packet_size", Integer(64, False), "packet-total-length"),
    ("packet_seq_num", Integer(64, False), "packet-sequence-number"),
    ("events_discarded", Integer(64, False), "discarded-event-record-counter-snapshot"),
    ("cpu_id", Integer(32, False), ""),
)
PACKET_HEADER: tuple[tuple[str, Class, str], ...] = (
    ("magic", Integer(32, False, 16), "packet-magic-number"),
    # the UUID stands here, as an array of 16 bytes
    ("stream_id", Integer(32, False), "data-stream-class-id"),
    ("stream_instance_id", Integer(64, False), "data-stream-id"),
)
EVENT_HEADER: tuple[tuple[str, Class, str], ...] = (
    ("id", Integer(32, False), "event-record-class-id"),
    ("timestamp", Integer(64, False), "default-clock-timestamp"),
)
_HEAD = struct.Struct("<I16sIQ QQQQQQI")


@dataclass(frozen=True)
class Trace:
    """environment: text and numbers, as LTTng calls them."""

    environment: dict[str, str | int]
    uuid: UUID = field(default_factory=uuid4)
    classes: Classes = field(default_factory=Classes)


@dataclass(slots=True)
class Stream:
    """One lane. discarded: events that were lost until now."""

    number: int
    packets: int = 0
    last: int = 0

    def packet(self, trace: Trace, begin: int, end: int, size: int, discarded: int) -> bytes:
        """What stands before `size` bytes of events."""
        bits = 8 * (_HEAD.size + size)
        head = _HEAD.pack(
            _MAGIC, trace.uuid.bytes, 0, self.number,
            begin, end, bits, bits, self.packets, discarded, self.number,
        )  # fmt: skip
        self.packets += 1
        self.last = end
        return head
