# SPDX-License-Identifier: Apache-2.0
"""Reads a CTF trace with babeltrace2's own Python, and knows nothing of faultin.

In: the folder of a trace. Out: a JSON object for each message. Bytes, and arrays of them, are
{"hex": ...}; what an optional field has not is null.
"""

import json
import sys

import bt2
from bt2 import native_bt


def structure(field):
    return {name: plain(field[name]) for name in field}


def array(field):
    """Of bytes too, which CTF 1.8 has no other way for: without an object for each."""
    if len(field) and type(field[0]) is bt2._UnsignedIntegerFieldConst:
        element = native_bt.field_array_borrow_element_field_by_index_const
        value = native_bt.field_integer_unsigned_get_value
        return [value(element(field._ptr, index)) for index in range(len(field))]
    return [plain(element) for element in field]


def string(field):
    """2.0.4 has in an empty one what was in the last."""
    return str(field) if len(field) else ""


_PLAIN = {
    "_StructureFieldConst": structure,
    "_StringFieldConst": string,
    "_UnsignedIntegerFieldConst": int,
    "_SignedIntegerFieldConst": int,
}


def plain(field):
    """The value of any field."""
    name = type(field).__name__
    if "Option" in name:
        return plain(field.field) if field.has_field else None
    if "Blob" in name:
        return {"hex": bytes(field.data).hex()}
    return array(field) if "Array" in name else _PLAIN[name](field)


def ns(snapshot):
    return snapshot.ns_from_origin


def main(path):
    for message in bt2.TraceCollectionMessageIterator(path):
        if type(message) is bt2._EventMessageConst:
            event = message.event
            found = {
                "event": event.name,
                "ts": ns(message.default_clock_snapshot),
                "stream": event.stream.id,
            }
            for key, field in (
                ("common", event.common_context_field),
                ("specific", event.specific_context_field),
                ("payload", event.payload_field),
            ):
                found[key] = plain(field) if field is not None else {}
        elif type(message) is bt2._DiscardedEventsMessageConst:
            found = {"discarded": message.count}
        elif type(message) is bt2._StreamBeginningMessageConst:
            trace = message.stream.trace
            environment = {name: plain_value(trace.environment[name]) for name in trace.environment}
            clock = message.stream.cls.default_clock_class
            found = {
                "stream": message.stream.id,
                "environment": environment,
                "uid": identity(trace),
                "clock": {"name": clock.name, "frequency": clock.frequency,
                          "unix": clock.origin_is_unix_epoch},
            }  # fmt: skip
        else:
            continue
        print(json.dumps(found))


def identity(trace):
    """The UUID of CTF 1.8; of CTF 2 what took its place."""
    try:
        return str(trace.uuid)
    except ValueError:
        return trace.uid


def plain_value(value):
    return int(value) if isinstance(value, bt2._IntegerValueConst) else str(value)


main(sys.argv[1])
