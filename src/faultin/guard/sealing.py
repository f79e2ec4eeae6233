# SPDX-License-Identifier: Apache-2.0
"""Sealing: which inputs of a call are copied to where nobody can write them.

In: plans of the syscall table. Out: for each, the operations that native/guard/seal.c
performs. All that is an input and nothing else is sealed; the few exceptions are below.
What the call writes over as well cannot be: the copy is for reading only.
"""

from faultin.codegen.plan import Op, OpKind, Plan
from faultin.syscalls.rows import Direction

# Memory that the kernel knows by its address, and not by what it holds.
_BY_ADDRESS = {
    ("futex", "uaddr"), ("futex_wait", "uaddr"), ("rseq", "rseq"), ("io_cancel", "iocb"),
    ("vmsplice", "uiov"),  # its pages stay in the pipe
}  # fmt: skip


def is_sealed(plan: Plan, op: Op) -> bool:
    """Whether what an operation captures is sealed before the call is decided."""
    argument = plan.arguments[op.position]
    if op.is_output or argument.direction is not Direction.IN or op.kind is OpKind.IOCTL:
        return False
    return (plan.syscall.name, argument.name) not in _BY_ADDRESS


def sealed(plan: Plan) -> frozenset[int]:
    """The operations of a plan that are sealed, as indexes into plan.ops."""
    return frozenset(bit for bit, op in enumerate(plan.ops) if is_sealed(plan, op))


def unsealed(plan: Plan) -> list[str]:
    """The names of the arguments through which a call reads memory that is not sealed."""
    found = [
        plan.arguments[op.position].name
        for op in plan.ops
        if not op.is_output and not is_sealed(plan, op)
    ]
    return list(dict.fromkeys(found))
