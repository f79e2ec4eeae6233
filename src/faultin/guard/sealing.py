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

# Written only to say that it was wrong: it then fails with EFAULT, and not with EINVAL.
_HARDLY_WRITTEN = {("capset", "header")}
# Outputs that say in the same structure where they go: recvmsg writes there.
_HEADERS = (OpKind.MSGHDR, OpKind.MMSGHDR)
UNSEALED_IOCTL = 0x80  # of native/guard/policy.h


def is_sealed(plan: Plan, op: Op) -> bool:
    """Whether what an operation captures is sealed before the call is decided."""
    argument = plan.arguments[op.position]
    name = plan.syscall.name, argument.name
    if op.is_output or op.kind is OpKind.IOCTL:
        return False
    return name in _HARDLY_WRITTEN or argument.direction is Direction.IN and name not in _BY_ADDRESS


def sealed(plan: Plan) -> frozenset[int]:
    """The operations of a plan that are sealed, as indexes into plan.ops."""
    return frozenset(bit for bit, op in enumerate(plan.ops) if is_sealed(plan, op))


def performed(plan: Plan) -> frozenset[int]:
    """These, and arrays of where outputs go, of which no rule and no audit knows: the array
    is sealed, and what it names is the program's own."""
    arrays = (bit for bit, op in enumerate(plan.ops) if op.is_output and op.kind is OpKind.IOVEC)
    return sealed(plan).union(arrays)


def unsealed_bits(plan: Plan) -> int:
    """A bit for each argument through which a call reads memory that is not sealed, and
    UNSEALED_IOCTL if only the number of the ioctl tells whether it does."""
    found = 0
    for op in plan.ops:
        if op.kind in _HEADERS if op.is_output else not is_sealed(plan, op):
            found |= 1 << op.position | UNSEALED_IOCTL * (op.kind is OpKind.IOCTL)
    return found


def unsealed(plan: Plan) -> list[str]:
    """The names of those arguments."""
    bits = unsealed_bits(plan)
    return [argument.name for bit, argument in enumerate(plan.arguments) if bits >> bit & 1]
