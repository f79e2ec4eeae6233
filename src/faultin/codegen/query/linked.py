# SPDX-License-Identifier: Apache-2.0
"""Linked: what of a query the link and the BPF core have to know.

In: nothing, this is the noun. Out: Functions, and NOTHING of a trace without a query. It
imports nothing, as every trace needs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# What texts.bpf.h has and is not inlined; the link takes out those that no query of the trace calls.
HELPERS = {
    "query_equal": "i32 (ptr, i32, i32, i32)",
    "query_same": "i32 (ptr, i32, i32, i32)",
    "query_length": "i32 (ptr, i32, i32)",
    "query_match": "i32 (ptr, i32, i32, i32)",
    "query_clock_offset": "i64 ()",
}
# What count.bpf.h and what it includes have. The link takes it out where the kernel does not
# count.
COUNTING = {
    "count_group": "i64 (ptr, i32)",
    "count_amounts": "i32 (ptr, i32, i32)",
    "count_digest": "i64 (ptr, i32, i32)",
    "count_alike": "i32 (ptr, i32, i32, i64)",
    "count_keep": "i32 (ptr, i32, i32, i64)",
    "count_bits": "i32 (i64)",
    "count_raised": "i32 (ptr, i64)",
}
INLINED = {
    "query_load": "i64 (ptr, i32)",
    "count_add": "void (ptr, i64)",
    "count_raise": "void (ptr, i64)",
    "count_bucket": "ptr (i32, i32, i32)",
    "count_quantile": "i32 (i64)",
    "count_hash": "i64 (i64)",
}
ADMITS = "define i32 @faultin_admits(ptr %args, i32 %nr) alwaysinline"
NO_ADMITTING = f"{ADMITS} {{\n  ret i32 1\n}}\n"
_NO_SEEING = (
    "define i32 @faultin_see(ptr %state, i32 %at, i64 %key) alwaysinline {\n  ret i32 0\n}\n"
)
NO_WHERE = (
    "define i32 @faultin_possible(ptr %state) alwaysinline {\n  ret i32 1\n}\n"
    "define i32 @faultin_certain(ptr %state) alwaysinline {\n  ret i32 1\n}\n"
    "define i32 @faultin_keep(ptr %state, i32 %returned) alwaysinline {\n  ret i32 1\n}\n"
)
NO_COUNTING = (
    "define i32 @faultin_key(ptr %state, ptr %key, i32 %returned) alwaysinline {\n  ret i32 0\n}\n"
    "define i32 @faultin_count(ptr %state, ptr %cells, i32 %group, i32 %returned) alwaysinline {\n"
    "  ret i32 0\n}\n"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What the kernel needs to count: bytes of a key, and how many texts are in it; dense
    cells of a group, and whether there are buckets. layout: for each counter its first dense
    cell, None for buckets. early: plans of whose calls all is known as they begin. keys: most
    groups."""

    key_bytes: int
    texts: int
    cells: int
    sparse: bool
    layout: tuple[int | None, ...]
    early: frozenset[int]
    keys: int = 65_536


@dataclass(frozen=True, slots=True)
class Functions:
    """judges, sees, context, who: the flags of struct config. asked: operations of each plan.
    registers: plans whose calls it may rule out by registers alone. counts: None where the
    kernel does not count."""

    ir: str
    images: Mapping[str, bytes]
    texts: int
    automata: int
    judges: bool = False
    sees: bool = False
    context: int = 0  # enum context_of
    asked: Mapping[int, int] = field(default_factory=dict)
    counts: Counts | None = None
    who: bool = True
    registers: frozenset[int] = frozenset()


NOTHING = Functions(NO_ADMITTING + _NO_SEEING + NO_WHERE + NO_COUNTING, {"texts": bytes(16), "automata": bytes(258 * 8)}, 8, 0)


def declarations(ir: str) -> str:
    """Of the helpers that the functions call."""
    known = HELPERS | COUNTING | INLINED
    used = [name for name in known if f"@{name}(" in ir]
    lines = []
    for name in used:
        result, arguments = known[name].split(" ", 1)
        lines.append(f"declare {result} @{name}{arguments}\n")
    lines += [f"declare i{n} @llvm.bswap.i{n}(i{n})\n" for n in (16, 32, 64) if f"@llvm.bswap.i{n}(" in ir]
    return "".join(lines)
