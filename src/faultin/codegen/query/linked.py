# SPDX-License-Identifier: Apache-2.0
"""Linked: what of a query the link and the BPF core have to know.

In: nothing, this is the noun. Out: Functions, and NOTHING of a trace without a query. It
imports nothing, as every trace needs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# What texts.bpf.h has; the link takes out those that no query of the trace calls.
HELPERS = {
    "query_load": "i64 (ptr, i32)",
    "query_equal": "i32 (ptr, i32, i32, i32)",
    "query_same": "i32 (ptr, i32, i32, i32)",
    "query_length": "i32 (ptr, i32, i32)",
    "query_match": "i32 (ptr, i32, i32, i32)",
    "query_clock_offset": "i64 ()",
}
_NO_FUNCTIONS = (
    "define i32 @faultin_see(ptr %state, i32 %at, i64 %key) alwaysinline {\n  ret i32 0\n}\n"
    "define i32 @faultin_possible(ptr %state) alwaysinline {\n  ret i32 1\n}\n"
    "define i32 @faultin_certain(ptr %state) alwaysinline {\n  ret i32 1\n}\n"
    "define i32 @faultin_keep(ptr %state, i32 %returned) alwaysinline {\n  ret i32 1\n}\n"
)

@dataclass(frozen=True, slots=True)
class Functions:
    """judges, sees, context: the flags of struct config. asked: operations of each plan."""

    ir: str
    images: Mapping[str, bytes]
    texts: int
    automata: int
    judges: bool = False
    sees: bool = False
    context: bool = False
    asked: Mapping[int, int] = field(default_factory=dict)

NOTHING = Functions(_NO_FUNCTIONS, {"texts": bytes(16), "automata": bytes(258 * 8)}, 8, 0)


def declarations(ir: str) -> str:
    """Of the helpers that the functions call."""
    used = [name for name in HELPERS if f"@{name}(" in ir]
    lines = []
    for name in used:
        result, arguments = HELPERS[name].split(" ", 1)
        lines.append(f"declare {result} @{name}{arguments}\n")
    lines += [f"declare i{n} @llvm.bswap.i{n}(i{n})\n" for n in (16, 32, 64) if f"@llvm.bswap.i{n}(" in ir]
    return "".join(lines)


