# SPDX-License-Identifier: Apache-2.0
"""Link: the C core's bitcode and a query's own LLVM IR become one BPF object.

In: the bitcode that the package was built with, and IR that defines the
constants and functions which the core leaves open (bpf/state.bpf.h). Out: an
ELF object as bytes, for kernel/. The two are optimised together, so that what
the query does not need is gone before the verifier sees it. llvmlite is
imported late, and LLVM only for what was not linked before: it takes longer than the rest.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path

from faultin.codegen.cache import cached
from faultin.codegen.query.linked import COUNTING, HELPERS, INLINED
from faultin.errors import FaultinError

_BUILT = Path(__file__).parents[1] / "_built"


def core_bitcode(engine: str, arch: str) -> bytes:
    """An engine's C core as LLVM bitcode, as compiled when the package was built."""
    name = f"{engine}.{arch}.bc"
    try:
        return (_BUILT / name).read_bytes()
    except FileNotFoundError:
        raise FaultinError(
            f"the BPF core {name} is not in this installation",
            "it is compiled when the package is built",
            "install faultin again, with pip, for this architecture",
        ) from None


@cache
def _llvm():
    from llvmlite import binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    machine = binding.Target.from_triple("bpfel").create_target_machine(cpu="v3", opt=2)
    return binding, machine


# What folding the constants in takes. The C core was optimised when it was built,
# so that all of O2 would find nothing more, in four times the time (bench/startup.py).
_PASSES = (
    "always_inliner",
    "ipsccp",
    "instruction_combine",
    "simplify_cfg",
    "new_gvn",
    "aggressive_dce",
    "global_dead_code_eliminate",
)


_LARGE = 2000  # lines of IR: many conditions
_CUT = "cut some conditions, or use startswith and glob"


def build(engine: str, arch: str, query_ir: str) -> bytes:
    """The BPF object of a query, linked now or kept from an earlier trace."""
    from llvmlite import __version__ as linker

    bitcode = core_bitcode(engine, arch)
    parts = [bitcode, query_ir.encode(), linker.encode(), "\n".join(_PASSES).encode()]
    made = link if query_ir.count("\n") < _LARGE else link_apart
    return cached(parts, lambda: made(bitcode, query_ir))


def link_apart(bitcode: bytes, query_ir: str) -> bytes:
    """link() in a process of its own: LLVM ends the process that asks too much of it."""
    words = [sys.executable, "-m", "faultin.codegen.link"]
    size = len(bitcode).to_bytes(8, "little")
    ran = subprocess.run(words, input=size + bitcode + query_ir.encode(), capture_output=True)
    if ran.returncode:
        lines = [line for line in ran.stderr.decode(errors="replace").splitlines() if line.strip()]
        why = lines[0].removeprefix("error: ") if lines else f"LLVM ended with {ran.returncode}"
        raise FaultinError("the query is too large for a BPF program", f"LLVM says: {why}", _CUT)
    return ran.stdout


def link(bitcode: bytes, query_ir: str) -> bytes:
    """The BPF object (ELF) of the core with the query's IR in it."""
    _, machine = _llvm()
    return machine.emit_object(linked(bitcode, query_ir, machine))


def linked(bitcode: bytes, query_ir: str, machine):
    """An LLVM module of the two, for a target machine, optimised."""
    from llvmlite import binding

    module = binding.parse_bitcode(bitcode)
    query = binding.parse_assembly(f'target triple = "{module.triple}"\n{query_ir}')
    query.data_layout = module.data_layout
    module.link_in(query)
    counts = "@count_add(" in query_ir
    defined = {function.name for function in module.functions}
    for name in defined & {*HELPERS, *COUNTING, *INLINED}:
        # The verifier looks at every global function, called or not.
        if name in INLINED or not (counts if name in COUNTING else f"@{name}(" in query_ir):
            module.get_function(name).linkage = "internal"
    passes = binding.create_new_module_pass_manager()
    for name in _PASSES:
        getattr(passes, f"add_{name}_pass")()
    builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options())
    passes.run(module, builder)
    return module


if __name__ == "__main__":  # for link_apart()
    given = sys.stdin.buffer.read()
    behind = 8 + int.from_bytes(given[:8], "little")
    sys.stdout.buffer.write(link(given[8:behind], given[behind:].decode()))
