# SPDX-License-Identifier: Apache-2.0
"""Layout: where the functions of a query find things in a struct task_state.

In: nothing. Out: offsets in bytes, as bpf/task.bpf.h and bpf/wire.h have them; the tests
compare them with the C compiler's. A *place* counts from the record on.
"""

from faultin.drain.wire import HEAD, PIECE

KNOWN = 48
SLOTS = 56
SLOTS_MAX = 12
VECTOR_BYTES = 152
VECTOR_COUNT = 160
BLURRED = 164
KEY_TEXTS = 172
TEXTS_MAX = 4
RECORD = 464

# In struct record.
FLAGS, PLAN, PID, TID, TS, LATENCY, RET, ARGS, COMM = 1, 2, 8, 12, 16, 24, 32, 40, 88
COMM_BYTES = 16
# In struct piece.
PIECE_ADDR, PIECE_WANT, PIECE_LEN, PIECE_DATA = 0, 16, 20, PIECE.size
# The heap follows the record; a context is the first piece in it.
CONTEXT = HEAD.size + PIECE_DATA
CONTEXT_FIELDS = {"ppid": (0, True), "uid": (4, False), "gid": (8, False), "cgroup": (16, None)}
