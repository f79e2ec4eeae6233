# SPDX-License-Identifier: Apache-2.0
"""About: what a file of a recording says of itself, in the metadata of its schema.

In: About. Out: bytes for the metadata, and back. A file without them, or of a version that
is not ours, is refused by name.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from faultin.errors import FaultinError

SCHEMA_VERSION = 1
_KEY = b"faultin"


@dataclass(frozen=True, slots=True)
class About:
    """calls: which were traced, as -e has them; where: the filter, "" for none. summary: of
    the trace, in the file that was written last; empty in the others."""

    arch: str
    host: str
    run: str
    calls: str
    where: str
    faultin: str
    kernel: str
    schema: int = SCHEMA_VERSION
    summary: dict[str, Any] = field(default_factory=dict)


class NoRecording(FaultinError):
    """A file that is no recording, or one of another version."""


def metadata_of(about: About) -> dict[bytes, bytes]:
    return {_KEY: orjson.dumps(asdict(about))}


def about_of(schema: pa.Schema, name: str) -> About:
    """NoRecording if it is none that this faultin reads; `name` is what errors call it."""
    text = (schema.metadata or {}).get(_KEY)
    if text is None:
        raise NoRecording(name, "it is no recording of faultin")
    found = orjson.loads(text)
    if found.get("schema") != SCHEMA_VERSION:
        why = f"its schema has version {found.get('schema')}, this faultin reads {SCHEMA_VERSION}"
        raise NoRecording(name, why, f"it was made by faultin {found.get('faultin', '?')}")
    return About(**found)
