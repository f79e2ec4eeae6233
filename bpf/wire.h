/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wire format: what the BPF core writes into the ring buffer and what the
 * generated program gives to the core. Python mirrors it in
 * src/faultin/drain/wire.py and src/faultin/codegen/plan.py; a test compares
 * sizes, offsets and numbers of both.
 *
 * A record is a fixed head, then pieces: each one range of user memory, with
 * the address it came from, how it was read, and as many bytes as were wanted
 * and had. Everything is 8-byte aligned and in the byte order of the host.
 */
#ifndef FAULTIN_WIRE_H
#define FAULTIN_WIRE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;

#define PIECE_MAX 4096  /* bytes of one piece: PATH_MAX, one page */
#define RANGE_MAX (1024 * 1024) /* bytes captured of one buffer, at the most */
/* Bytes of pieces that a task holds before it spills: all of a task_state and the
 * kernel's own head must fit into 8 KiB, the most that task-local storage gets
 * since it allocates with kmalloc_nolock() (6.18 gives 64 KiB; 7.3 was seen to refuse
 * 16 KiB). */
#define HEAP_SIZE 3072
#define IOV_MAX 1024    /* UIO_MAXIOV, for iovec and mmsghdr arrays */
#define VARIANTS_LOG2 12 /* of the variants of one syscall, at the most */
#define NUMBERS 512     /* of syscalls; then those of the 32-bit ABI, then the plans of variants */
#define PLAN_NONE 0xffff /* of a number that the table does not know */
#define OPS_MAX 12      /* operations of one plan: six arguments, in and out */
#define ALL_OPS 0xfff
#define EXEC_BLOCK_MAX (256 * 1024) /* bytes of argv, and of envp, after an exec */
#define ARENA_CHUNK (1 << 20) /* bytes of an element of the map of texts, which no text crosses */
#define STRINGS_MAX 4096 /* strings captured of one argv or envp */
#define STACK_MAX (1024 * 1024) /* bytes copied of one stack */

enum record_type {
	RECORD_CALL = 1,    /* a system call that returned */
	RECORD_NORETURN = 2, /* one that never will: exit, a killed thread */
	RECORD_BLOCKED = 3, /* one still running when somebody looked */
	RECORD_PART = 4,    /* pieces that did not fit; the call's record follows */
	RECORD_SIGNAL = 5,  /* a signal about to be delivered; args[0] is its number */
	RECORD_EXIT = 6,    /* a task has ended; ret is its wait status */
	RECORD_GROUP = 64,   /* added to the type: the first of a group that the kernel counts from now on */
	RECORD_JUDGED = 128, /* added to the type: the query was found to hold, in the kernel */
};

enum record_flag {
	RECORD_COMPAT = 1,    /* entered as int 0x80 (i386), or with the bit of x32 in its number */
	RECORD_EXECED = 2,    /* the address space was replaced during the call */
	RECORD_SCRIPT = 4,    /* ... by an interpreter's: argv is not what was passed */
	RECORD_SPILLED = 8,   /* parts were sent ahead */
	RECORD_PART_LOST = 16, /* ... and one of them found the ring buffer full */
	RECORD_LATE = 32,     /* tracing began while the call was running */
	RECORD_SETTLED = 64,  /* faults were taken: what is missing now, is not there */
	RECORD_DIRECT = 128,  /* a part that is one piece; what follows its bytes is nothing */
};

struct record {
	u8 type;
	u8 flags;
	u16 plan;    /* index of the plan that captured it: a syscall, a variant, PLAN_NONE */
	u32 nr;
	u32 pid;     /* thread group */
	u32 tid;
	u64 ts;      /* CLOCK_MONOTONIC ns at entry */
	u64 latency; /* ns from entry to exit */
	s64 ret;     /* of a user event: a bit for each argument that could not be read */
	u64 args[6];
	char comm[16];
	u32 seq;     /* counts the calls of a task, so that parts find their record */
	u16 missed;  /* a bit for each operation of the plan with a piece still missing */
	u16 gone;    /* ... and for each whose memory is no more what was passed */
};

enum piece_how {
	HOW_MISSED = 0,   /* not present when looked for: somebody may still read it */
	HOW_ENTRY = 1,
	HOW_EXIT = 2,
	HOW_DEFERRED = 3, /* in the task's own context, after the call */
	HOW_REMOTE = 4,   /* by the consumer (process_vm_readv) */
	HOW_EXEC = 5,     /* the kernel's own copy, at sched_process_exec */
};

enum piece_role {
	ROLE_DATA = 0,    /* what the argument points at */
	ROLE_ITEM = 1,    /* what an element of its array points at */
	ROLE_ARRAY = 2,   /* an element that could not be read itself */
	ROLE_END = 3,     /* the NULL that ends an array of strings */
	ROLE_HEADER = 4,  /* msghdr, mmsghdr */
	ROLE_NAME = 5,
	ROLE_CONTROL = 6,
	ROLE_BLOCK = 7,   /* strings packed end to end, as exec leaves them */
	ROLE_LENGTH = 8,  /* a length behind a pointer that could not be read */
	ROLE_CONTEXT = 9, /* not of an operation: struct context */
	ROLE_TOTAL = 10,  /* never sent: all of an iovec was seen (query.bpf.h) */
	ROLE_GROUP = 11,  /* not of an operation: addr is the number of the call's group */
	ROLE_REGISTERS = 12, /* not of an operation: struct registers */
	ROLE_EXE = 13, /* not of an operation: names from the caller's program up to the root, a
			* NUL behind each; addr is an exe_state */
};

struct piece {
	u64 addr;
	u16 op;
	u8 role;
	u8 how;
	u16 index; /* element of an array */
	u16 outer; /* message of an mmsghdr array */
	u32 want;  /* bytes there are */
	u32 len;   /* bytes that follow, padded to 8 */
	u8 data[];
};

/* What to do for a syscall, as the table says it: read-only data of the
 * generated program. */

enum op_kind {
	OP_MEMORY = 1,
	OP_STRING = 2,
	OP_STRINGS = 3,
	OP_IOVEC = 4,
	OP_MSGHDR = 5,
	OP_MMSGHDR = 6,
	OP_IOCTL = 7,
	OP_STACK = 8, /* of no argument: the stack from the stack pointer up */
};

enum op_flag {
	OP_OUT = 1,
	OP_CAPPED = 2,     /* a buffer: at most config.max_bytes of it */
	OP_COUNTED = 4,    /* terms count elements of `size`, not bytes */
	OP_EXEC_PATH = 8,
	OP_EXEC_ARGV = 16,
	OP_EXEC_ENVP = 32,
	OP_NARROW = 64, /* its pointers and lengths have 32 bits */
};

enum term_kind {
	TERM_NONE = 0,
	TERM_CONST = 1,
	TERM_ARG = 2,
	TERM_RET = 3,
	TERM_DEREF = 4, /* the u32 that argument `value` points at */
	TERM_SELF = 5,  /* the u32 at offset `value` of the object itself */
	TERM_BITS = 6,  /* bytes of an fd_set for argument `value` descriptors */
	TERM_PAGES = 7, /* pages that argument `value` bytes touch */
	TERM_NODES = 8, /* bytes of a node mask whose size is argument `value`, less one */
};

struct op {
	u8 kind;
	u8 arg;
	u8 flags;
	u8 term_kind[2];
	u8 pad[3];
	u16 term_value[2];
	u16 term_plus[2]; /* added to it */
	u32 size;
};

enum plan_flag {
	PLAN_TRACED = 1,
	PLAN_NORETURN = 2,
	PLAN_EXEC = 4,
	PLAN_IOCTL = 8, /* its command says whether the input is written over */
	PLAN_OTHER_ABI = 16, /* the 32-bit ABI has a traced call of this number */
	PLAN_NOT_X32 = 32, /* x32 has no call of this number */
	PLAN_EARLY = 64, /* what is counted of its calls is known as they begin */
	PLAN_REGISTERS = 128, /* the query may rule its calls out by their registers alone */
};

struct plan {
	u16 first;         /* of its operations: inputs, then outputs */
	u8 inputs;
	u8 ops;            /* both together */
	/* Outputs that the call writes, a bit each, by the sign of what it returns ... */
	u16 on_failure;
	u16 on_zero;
	u16 on_positive;
	/* ... and inputs that are no more once it has succeeded, or failed */
	u16 overwritten;
	u16 overwritten_on_failure;
	u16 asked; /* operations that the query looks at: of the inputs they run first */
	u8 flags;
	u8 selector;       /* argument that picks a variant */
	u16 variants;      /* number of them, by rising value */
	u32 first_variant;
	u32 selector_mask;
};

#define CONTEXT_OP 0xffff /* in place of an operation's index */

enum context_of {
	CONTEXT_WHO = 1,
	CONTEXT_EXE = 2,
};

enum exe_state {
	EXE_PART = 0,    /* the walk did not reach the root */
	EXE_WHOLE = 1,
	EXE_DELETED = 2, /* whole, and there is no such name any more */
};

/* Who makes the call, where the query asks for it. */
struct context {
	s32 ppid;
	u32 uid; /* real ones */
	u32 gid;
	u32 pad;
	u64 cgroup;
};

/* Where the call was made from, and what its callers are to find in registers again: those
 * that a function keeps (x86-64: rbx, rbp, r12 to r15). */
struct registers {
	u64 ip;
	u64 sp;
	u64 bp;
	u64 bx;
	u64 r12;
	u64 r13;
	u64 r14;
	u64 r15;
};

/* A string or bytes of the query. Patterns are found by an automaton: bit n of its state
 * says that the first n elements match what ends here. */
struct automaton {
	u64 step[256]; /* by byte: which elements it matches */
	u64 loop;      /* states that any byte keeps: before a * */
	u64 accept;    /* the state in which all has matched */
};

struct variant {
	u32 value;
	u32 plan;
};

/* Counters of the core and requests of the consumer, in memory both map. */
struct shared {
	u64 lost_ring;   /* records that found the ring buffer full */
	u64 lost_tasks;  /* tasks that got no state: all their calls are lost */
	u64 lost_returns; /* calls whose return was not seen */
	s64 live;        /* traced tasks that have not ended */
	u64 scan_before; /* scan: report calls that began before, or 0 */
	u32 scan_pid;    /* scan: begin to trace this process, or 0 */
	u32 scan_phase;  /* ... in this phase */
	u32 scan_type;   /* scan: as this type; RECORD_BLOCKED once a call, RECORD_NORETURN at last */
	u32 counted;     /* scan: traced tasks that it has seen alive */
	u64 fell_back_late; /* calls whose absent inputs could not be read at entry, though faults may be taken */
	u64 fell_back_full; /* reads that found no room for a direct record, and used the heap */
	u64 fell_back_gone; /* ... and whose page went away each time it had been touched */
	u64 clock_offset; /* from CLOCK_MONOTONIC to ns since the epoch */
	/* Of counters kept in the kernel (count.bpf.h). */
	u64 seed;        /* of digests: odd, and another in each run */
	u64 groups;      /* numbers given to groups */
	u64 arena;       /* bytes given to their texts */
	u64 lost_groups; /* calls of groups that found no number */
	u64 collisions;  /* calls whose key has the digest of another */
	u64 other_fields; /* user events of a wanted name that have other fields (events.bpf.h) */
};

enum strategy {
	STRATEGY_COPY = 0,     /* into the task's heap, faults taken */
	STRATEGY_PREFAULT = 1, /* touched, then nofault into a reserved record */
	STRATEGY_RING = 2,     /* into a reserved record, faults taken */
};

enum phase {
	PHASE_IDLE = 0,
	PHASE_ARMED = 1,    /* the command before its first execve: nothing else counts */
	PHASE_ATTACHED = 2, /* found running: it may be inside a call we saw no entry of */
	PHASE_CALL = 3,     /* between entry and exit */
	PHASE_WORK = 4,     /* has returned; task work reads what is still missing */
	PHASE_READ = 5,     /* its memory is being read, which may take as long as a page does */
	PHASE_ENDED = 6,    /* the task has ended */
	PHASE_REJECTED = 7, /* in a call of which nothing more is wanted: the query does not
			     * want it, or it has been counted */
};

struct config {
	u32 max_bytes;    /* of one buffer (-s) */
	u32 plans;        /* how many of each there are */
	u32 ops;
	u32 variants;
	u32 wake_bytes;   /* wake the consumer when so much waits in the ring buffer */
	u32 retry_at_exit; /* 0: entry reads only, as other tracers do (for comparison) */
	u32 foreign;      /* record calls of other ABIs and of unknown number too */
	u32 task_work;    /* 0: none, 1: names of 6.18, 2: of 7.0 and later */
	u32 copy_string;  /* whether there is bpf_copy_from_user_str */
	u32 copy_dynptr;  /* ... bpf_copy_from_user_dynptr and its nofault sibling */
	u32 strategy;     /* of the programs that may sleep */
	u32 faults;       /* whether there are any */
	u32 twins;        /* whether the programs at entry and exit have twins */
	u32 context;      /* whether records have a struct context: CONTEXT_EXE, the program too */
	u32 judges;       /* whether there is a query that the kernel decides */
	u32 sees;         /* ... and it looks at memory */
	u32 texts;        /* bytes of faultin_texts, a power of two */
	u32 automata;
	u32 triggers;     /* whether what the query wants has a ring buffer of its own */
	u32 who;          /* whether time and caller of each call are noted as it begins, wanted or not */
	u32 counts;       /* whether calls are counted here (count.bpf.h) */
	u32 key_texts;    /* how many parts of a key are texts */
	u32 groups;       /* how many there can be */
	u32 overflows;    /* whether calls of other groups are lost; else faultin is sent them */
	u32 shards;       /* of the cells, less one: a power of two less one */
	u32 arena;        /* bytes of the arena */
	u32 stack_bytes;  /* of the stack of each call, a multiple of 8, or 0 */
	u32 events;       /* whether there are user events */
};

#endif
