# SPDX-License-Identifier: Apache-2.0
"""drain/wire.py and codegen/plan.py say what bpf/wire.h says."""

import re
import subprocess
from pathlib import Path

import pytest

from faultin.codegen import capacity, plan
from faultin.codegen.plan import OpFlag, OpKind, PlanFlag
from faultin.drain import wire
from faultin.engines.shared import Shared

HEADER = Path(__file__).parents[2] / "bpf" / "wire.h"

ENUMS = {
    "RECORD_": wire.RecordType,
    "ROLE_": wire.Role,
    "HOW_": wire.How,
    "OP_": OpKind,
    "PHASE_": wire.Phase,
}


def c_values(tmp_path: Path, expressions: list[str]) -> dict[str, int]:
    """What the C compiler says that these expressions are."""
    lines = "".join(f'printf("%lld\\n", (long long)({x}));' for x in expressions)
    source = tmp_path / "values.c"
    source.write_text(
        f'#include <stdio.h>\n#include <stddef.h>\n#include "{HEADER}"\nint main(void){{{lines}}}'
    )
    program = tmp_path / "values"
    subprocess.run(["gcc", "-o", program, source], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return dict(zip(expressions, map(int, output.split()), strict=True))


def test_sizes(tmp_path):
    sizes = {
        "sizeof(struct record)": wire.HEAD.size,
        "sizeof(struct piece)": wire.PIECE.size,
        "sizeof(struct plan)": plan._PLAN.size,
        "sizeof(struct op)": plan._OP.size,
        "sizeof(struct variant)": plan._VARIANT.size,
        "sizeof(struct config)": 28 * 4,
        "ARENA_CHUNK": capacity.ARENA_CHUNK,
        "PIECE_MAX": wire.PIECE_MAX,
        "RANGE_MAX": wire.RANGE_MAX,
        "IOV_MAX": wire.IOV_MAX,
        "STRINGS_MAX": wire.STRINGS_MAX,
        "OPS_MAX": wire.OPS_MAX,
        "PLAN_NONE": wire.PLAN_NONE,
        "NUMBERS": plan.NUMBERS,
        "offsetof(struct shared, live)": Shared.live.offset,
        "offsetof(struct shared, scan_type)": Shared.scan_type.offset,
        "offsetof(struct shared, fell_back_gone)": Shared.fell_back_gone.offset,
        "offsetof(struct shared, collisions)": Shared.collisions.offset,
        "offsetof(struct plan, flags)": plan.FLAGS,
        "offsetof(struct record, ret)": 32,
        "offsetof(struct record, args)": 40,
        "offsetof(struct record, seq)": 104,
        "offsetof(struct record, gone)": 110,
    }
    assert c_values(tmp_path, list(sizes)) == sizes


@pytest.mark.parametrize("prefix", ENUMS)
def test_numbers(tmp_path, prefix):
    expected = {f"{prefix}{member.name}": member.value for member in ENUMS[prefix]}
    assert c_values(tmp_path, list(expected)) == expected


def test_flags(tmp_path):
    expected = {
        **{f"OP_{flag.name}": flag.value for flag in OpFlag},
        **{f"PLAN_{flag.name}": flag.value for flag in PlanFlag},
        **{f"RECORD_{flag.name}": flag.value for flag in wire.RecordFlag},
        **{f"TERM_{kind.upper()}": number for kind, number in plan._TERMS.items()},
    }
    assert c_values(tmp_path, list(expected)) == expected


def test_every_number_of_the_header_is_known():
    """A new kind in C without its counterpart here would be misread in silence."""
    names = set(re.findall(r"^\t((?:RECORD|HOW|ROLE|OP|PLAN|PHASE)_\w+) = \d+", HEADER.read_text(), re.M))
    known = {f"{prefix}{member.name}" for prefix, enum in ENUMS.items() for member in enum}
    known |= {f"OP_{flag.name}" for flag in OpFlag} | {f"PLAN_{flag.name}" for flag in PlanFlag}
    known |= {f"RECORD_{flag.name}" for flag in wire.RecordFlag}
    assert names == known


def test_layout_of_the_state(tmp_path):
    """codegen/query/layout.py says what bpf/task.bpf.h says."""
    from faultin.codegen.query import layout

    source = tmp_path / "state.c"
    names = {
        "known": layout.KNOWN, "slots": layout.SLOTS, "vector_bytes": layout.VECTOR_BYTES,
        "vector_count": layout.VECTOR_COUNT, "blurred": layout.BLURRED, "record": layout.RECORD,
        "texts": layout.KEY_TEXTS,
    }  # fmt: skip
    (tmp_path / "shim.h").write_text(
        '#include <stdbool.h>\n#include <stddef.h>\n#include "' + str(HEADER) + '"\n'
        "#define __always_inline inline\n#define __noinline\n#define bounded(x)\n#define bpf_ktime_get_ns() 0\n"
        "struct task_struct { int tgid, pid; char comm[16]; };\n"
        "static struct task_struct *bpf_get_current_task_btf(void) { return 0; }\n"
        "static struct config faultin_config; static const struct plan *faultin_plans;\n"
    )
    lines = "".join(f'printf("%zu\\n", offsetof(struct task_state, {name}));' for name in names)
    task = HEADER.parent / "task.bpf.h"
    source.write_text(
        f'#include <stdio.h>\n#include "{task}"\n'
        "static int send(void *data, u32 size, bool urgent) { return 0; }\n"
        "static int send_trigger(void *data, u32 size) { return 0; }\n"
        "static u32 verdict_of(struct task_state *state, u32 type) { return 0; }\n"
        "static bool is_counted(struct task_state *state, u32 type) { return 0; }\n"
        f"int main(void) {{ {lines} return sizeof(struct task_state) > 8064; }}"
    )
    program = tmp_path / "state"
    subprocess.run(["gcc", "-w", f"-I{tmp_path}", "-o", program, source], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    assert dict(zip(names, map(int, output.split()), strict=True)) == names
