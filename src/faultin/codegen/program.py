# SPDX-License-Identifier: Apache-2.0
"""Program: the LLVM IR that completes the C core for one trace.

In: Plans and Options. Out: IR text for link(). It holds constants only, and the
query's function; the C core has all the logic.
"""

from dataclasses import dataclass
from struct import pack, pack_into

from faultin.codegen.capacity import capacity
from faultin.codegen.plan import ASKED, FLAGS, PLAN_BYTES, PlanFlag, Plans
from faultin.codegen.query.linked import NOTHING, Counts, Functions, declarations


_TRIGGERS_LEAST = 4 << 20
STRATEGIES = ("copy", "prefault", "ring")  # enum strategy of bpf/wire.h


@dataclass(frozen=True, slots=True)
class Options:
    """What a trace fixes in its program. Sizes in bytes.

    task_work: the generation of its kfuncs (kernel/features.py), 0 to do without,
    None for what the kernel has. copy_string: whether it has bpf_copy_from_user_str;
    copy_dynptr: ... and bpf_copy_from_user_dynptr. faults: whether programs that may
    sleep read at entry what is absent; twins: whether those at entry and exit run twice
    (bpf/core.bpf.h). triggers: what the query wants has a ring buffer of its own, and
    wakes the consumer. retry_at_exit: False reads at entry
    only, as other tracers do, and loses what is cold; it is there to compare with.
    stack_bytes: the most that is copied of the stack of each call, 0 for none.
    """

    max_bytes: int = 4096
    strategy: str = "copy"
    ring_bytes: int = 32 << 20
    retry_at_exit: bool = True
    task_work: int | None = None
    copy_string: bool = False
    copy_dynptr: bool = False
    faults: bool = False
    twins: bool = False
    triggers: bool = False
    stack_bytes: int = 0
    query: Functions = NOTHING

    @property
    def parts_bytes(self) -> int:
        """Of the ring buffer of direct parts, which a page that is never served can fill."""
        return self.ring_bytes // 4

    @property
    def triggers_bytes(self) -> int:
        """Of the ring buffer of what notifies; it has room while its reader waits for a CPU."""
        return max(self.ring_bytes // 4, _TRIGGERS_LEAST)


def _constant(name: str, data: bytes) -> str:
    text = "".join(f"\\{byte:02x}" for byte in data)
    return f'@faultin_{name} = constant [{len(data)} x i8] c"{text}", align 8\n'


def config_image(plans: Plans, options: Options) -> bytes:
    """struct config of bpf/wire.h."""
    counts = plans.counts
    return pack(
        "<28I",
        options.max_bytes,
        counts["plans"],
        counts["ops"],
        counts["variants"],
        options.ring_bytes // 8,
        options.retry_at_exit,
        plans.foreign,
        options.task_work or 0,
        options.copy_string,
        options.copy_dynptr,
        STRATEGIES.index(options.strategy),
        options.faults,
        options.twins,
        options.query.context,
        options.query.judges,
        options.query.sees,
        options.query.texts,
        options.query.automata,
        options.triggers,
        options.query.who,
        *_counting(options.query.counts),
        options.stack_bytes,
        bool(plans.events),
    )


def _counting(counts: Counts | None) -> tuple[int, ...]:
    """Of struct config, what the kernel has to know to count."""
    if counts is None:
        return (0,) * 6
    room = capacity(counts)
    return 1, counts.texts, room.groups, room.overflows, room.shards - 1, room.arena


def _asking(plans: bytes, query: Functions) -> bytes:
    """The image of the plans, with the operations that the query looks at, and flags for
    those whose calls can be counted as they begin, or ruled out by registers."""
    image = bytearray(plans)
    for index, bits in query.asked.items():
        if index * PLAN_BYTES < len(image):  # not of calls that no table has
            pack_into("<H", image, index * PLAN_BYTES + ASKED, bits)
    early = query.counts.early if query.counts else frozenset()
    for flag, indexes in ((PlanFlag.EARLY, early), (PlanFlag.REGISTERS, query.registers)):
        for index in indexes:
            if index * PLAN_BYTES < len(image):
                image[index * PLAN_BYTES + FLAGS] |= flag
    return bytes(image)


def program_ir(plans: Plans, options: Options) -> str:
    """IR that defines faultin_config, faultin_plans, ... and the query's functions."""
    query = options.query
    # Without events their program is not loaded, and refers to nothing.
    events = {"probes": bytes(8), **plans.images}
    images = {**events, **query.images, "config": config_image(plans, options)}
    images["plans"] = _asking(images["plans"], query)
    constants = "".join(_constant(name, data) for name, data in images.items())
    return constants + declarations(query.ir) + query.ir
