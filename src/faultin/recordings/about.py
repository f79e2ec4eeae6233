# SPDX-License-Identifier: Apache-2.0
"""About: what a file of a recording says of itself, in the metadata of its schema.

In: About. Out: bytes for the metadata, and back. A file without them, or of a version that
is not ours, is refused by name.
"""

from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, get_origin

import orjson
import pyarrow as pa

from faultin.errors import FaultinError
from faultin.probes.recorded import probes

SCHEMA_VERSION = 1
_KEY = b"faultin"


@dataclass(frozen=True, slots=True)
class About:
    """calls: which were traced, as -e has them; where: the filter, "" for none. summary: of
    the trace, in the file that was written last; empty in the others. events: user events that
    were traced, by name the text of their arguments (probes/recorded.py)."""

    arch: str
    host: str
    run: str
    calls: str
    where: str
    faultin: str
    kernel: str
    schema: int = SCHEMA_VERSION
    summary: dict[str, Any] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)


class NoRecording(FaultinError):
    """A file that is no recording, or one of another version."""


def metadata_of(about: About) -> dict[bytes, bytes]:
    return {_KEY: orjson.dumps(asdict(about))}


def about_of(schema: pa.Schema, name: str) -> About:
    """NoRecording if it is none that this faultin reads; `name` is what errors call it."""
    text = (schema.metadata or {}).get(_KEY)
    if text is None:
        raise NoRecording(name, "it is no recording of faultin")
    try:
        found = dict(orjson.loads(text))
    except (TypeError, ValueError):
        raise NoRecording(name, "what it says of itself cannot be read") from None
    version = found.get("schema")
    if type(version) is not int or version != SCHEMA_VERSION:
        why = f"its schema has version {version!r}, this faultin reads {SCHEMA_VERSION}"
        raise NoRecording(name, why, f"it was made by faultin {found.get('faultin', '?')}")
    try:
        about = About(**found)
    except TypeError:
        raise NoRecording(name, "what it says of itself is not whole") from None
    if wrong := [field.name for field in fields(About) if not _is_so(field, about)]:
        raise NoRecording(name, f"what it says of itself is not so: {', '.join(wrong)}")
    return about


def _is_so(field: Field, about: About) -> bool:
    value = getattr(about, field.name)
    if not isinstance(value, get_origin(field.type) or field.type):
        return False
    if field.name == "summary":
        return not value or _is_summary(value)
    return field.name != "events" or _are_events(value)


def _is_summary(found: dict[str, Any]) -> bool:
    counts = found.get("lost"), found.get("fell_back", {})
    return (
        isinstance(found.get("events"), int) and all(isinstance(each, dict) for each in counts)
        and all(isinstance(count, int) for each in counts for count in each.values())
        and all(isinstance(found.get(name), str) for name in ("engine", "strategy"))
    )  # fmt: skip


def _are_events(found: dict[str, Any]) -> bool:
    try:
        probes(found)
    except (TypeError, ValueError):
        return False
    return True
