/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capture: one operation of a plan becomes pieces in the task's heap.
 *
 * Included by nofault.bpf.h for programs that may not sleep, and once more by
 * faulting.bpf.h for those that may. Functions are global, so that the verifier looks at each once,
 * whoever calls it, and bits and lengths that they leave behind stay in memory, where it
 * does not follow every combination of them.
 */
/* One piece with `size` (at most PIECE_MAX) of the `want` bytes at `addr`.
 * Returns 1 when they could not be read. */
__noinline int capture(struct task_state *state, u64 addr, u64 want, u64 key, u32 size)
{
	struct piece *piece;

	if (!state)
		return 0;
	piece = new_piece(state);
	if (!piece)
		return 0;
	if (size > want)
		size = want;
	if (size > PIECE_MAX)
		size = PIECE_MAX;
	label(piece, addr, key, want, size);
#if FAULTS
	if (is_direct() && size) {
		long err = send_direct(state, piece, masked(size, PIECE_MAX));

		if (err != NO_ROOM)
			return err ? miss(state, addr, want, key, size) : 0;
	}
#endif
	if (size && read_user(piece->data, masked(size, PIECE_MAX), (void *)addr))
		return miss(state, addr, want, key, size);
	state->used += sizeof(*piece) + ((size + 7) & ~7);
	return 0;
}

/* A string of at most PATH_MAX bytes, its NUL included. */
__noinline int capture_string(struct task_state *state, u64 addr, u64 key)
{
	struct piece *piece;
	long size;

	if (!state)
		return 0;
	piece = new_piece(state);
	if (!piece)
		return 0;
#if FAULTS
	if (is_direct()) {
		label(piece, addr, key, 0, 0);
		size = send_direct(state, piece, 0);
		if (size != NO_ROOM)
			return size ? miss(state, addr, 0, key, 0) : 0;
	}
#endif
	size = read_user_string(piece->data, PIECE_MAX, (void *)addr);
	if (size < 0)
		return miss(state, addr, 0, key, 0);
	label(piece, addr, key, size, size);
	state->used += sizeof(*piece) + (((u32)size + 7) & ~7);
	return 0;
}

/* The first `limit` of the `want` bytes at `addr`, in as many pieces as it takes. */
__noinline int capture_range(struct task_state *state, u64 addr, u64 want, u64 key, u32 limit)
{
	u32 done, missed = 0;

	if (!state)
		return 0;
	if (limit > want)
		limit = want;
	if (limit <= PIECE_MAX)
		return capture(state, addr, want, key, limit);
	for (done = 0; done < RANGE_MAX; done += PIECE_MAX) {
		if (done >= limit)
			break;
		missed |= capture(state, addr + done, want - done, key, limit - done);
	}
	return missed;
}

/* ... of a call that a query may look at: what comes first decides, before there is no more
 * room for it. */
__noinline int capture_asked(struct task_state *state, u64 addr, u64 want, u64 key, u32 limit)
{
	u32 place = next_place(state);
	int missed;

	if (!state)
		return 0;
	missed = seen(state, place, capture(state, addr, want, key, PIECE_MAX));
	if (!decide(state))
		return missed;
	return missed | capture_range(state, addr + PIECE_MAX, want - PIECE_MAX, key, limit - PIECE_MAX);
}

/* A pointer of the program's width. */
static __always_inline long read_pointer(u64 *addr, u64 at, u32 narrow)
{
	u32 half = 0;
	long err;

	if (!narrow)
		return read_user(addr, sizeof(*addr), (void *)at);
	err = read_user(&half, sizeof(half), (void *)at);
	*addr = half;
	return err;
}

static __always_inline long read_iovec(struct user_iovec *iov, u64 at, u32 narrow)
{
	struct narrow_iovec half = {};
	long err;

	if (!narrow)
		return read_user(iov, sizeof(*iov), (void *)at);
	err = read_user(&half, sizeof(half), (void *)at);
	iov->base = half.base;
	iov->len = half.len;
	return err;
}

static long next_string(u64 i, struct walk *walk)
{
	u32 size = walk->narrow ? sizeof(u32) : sizeof(u64);
	u64 key = walk->key | KEY_INDEX(i & 0xffff), at = walk->base + size * i, addr = 0;
	struct task_state *state = walk->state;
	u32 place = next_place(state);

	if (read_pointer(&addr, at, walk->narrow)) {
		walk->missed = miss(walk->state, at, size, KEY_ROLE(key, ROLE_ARRAY), size);
		return 1;
	}
	if (!addr) {
		note(walk->state, at, 0, KEY_ROLE(key, ROLE_END));
		if (faultin_config.sees)
			see(state, 0, KEY_ROLE(key, ROLE_END));
		return 1;
	}
	walk->missed |= capture_string(state, addr, key);
	if (faultin_config.sees)
		see(state, place, 0);
	return 0;
}

static long next_iovec(u64 i, struct walk *walk)
{
	u32 size = walk->narrow ? sizeof(struct narrow_iovec) : sizeof(struct user_iovec);
	u64 key = walk->key | KEY_INDEX(i & 0xffff), at = walk->base + size * i;
	struct task_state *state = walk->state;
	struct user_iovec iov = {};
	u64 have;

	if (read_iovec(&iov, at, walk->narrow)) {
		blur(state);
		walk->missed = miss(walk->state, at, size, KEY_ROLE(key, ROLE_ARRAY), size);
		return 1;
	}
	have = iov.len;
	state->vector_bytes += have > 0xffffffff ? 0xffffffff : have;
	state->vector_count++;
	if (walk->out && have > state->left_bytes)
		have = state->left_bytes;
	state->left_bytes -= have;
	if (have > walk->limit)
		have = walk->limit;
	walk->missed |= capture_range(walk->state, iov.base, iov.len, key, have);
	return 0;
}

/* An array of iovec and the buffers it names; of an output no more than `left`
 * bytes, in the order in which the kernel fills them. */
static __always_inline int capture_iovec(struct task_state *state, u64 base, u64 count, u64 key, u64 left,
					 u32 narrow)
{
	struct walk walk = { state, base, KEY_ROLE(key, ROLE_ITEM), 0, faultin_config.max_bytes, 0,
			     left != ~0ULL, narrow };

	if (!state)
		return 0;
	state->left_bytes = left;
	expect_iovec(base, count, narrow);
	bpf_loop(count > IOV_MAX ? IOV_MAX : count, next_iovec, &walk, 0);
	if (faultin_config.sees)
		see(state, 0, KEY_ROLE(key, ROLE_TOTAL));
	return walk.missed;
}

/* A msghdr (or mmsghdr, if `left` is to come from it) and all that it names. A function of
 * its own, as its header would be on the stack of each that calls it. */
__noinline int capture_message(struct task_state *state, u64 addr, u64 key, u64 left, u32 size)
{
	struct user_msghdr msg = {};
	u32 place, missed = 0;

	if (!state)
		return 0;
	if (size > sizeof(msg))
		size = sizeof(msg);
	if (read_user(&msg, masked(size, sizeof(msg)), (void *)addr))
		return blur(state) | miss(state, addr, size, KEY_ROLE(key, ROLE_HEADER), size);
	place = next_place(state);
	missed |= capture(state, addr, size, KEY_ROLE(key, ROLE_HEADER), size);
	if (faultin_config.sees)
		see(state, place, 0);
	if (msg.name) {
		place = next_place(state);
		missed |= capture(state, msg.name, msg.namelen, KEY_ROLE(key, ROLE_NAME), PIECE_MAX);
		if (faultin_config.sees)
			see(state, place, 0);
	}
	if (left != ~0ULL && size == sizeof(msg))
		left = msg.len;
	missed |= capture_iovec(state, msg.iov, msg.iovlen, key, left, 0);
	if (msg.control)
		missed |= capture_range(state, msg.control, msg.controllen,
					      KEY_ROLE(key, ROLE_CONTROL), 65536);
	return missed;
}

static long next_message(u64 i, struct walk *walk)
{
	walk->missed |= capture_message(walk->state, walk->base + sizeof(struct user_msghdr) * i,
					      walk->key | KEY_OUTER(i & 0xffff), walk->left,
					      sizeof(struct user_msghdr));
	return 0;
}

/* One term of a length. Returns -1 when it lies in memory that is absent. */
__noinline s64 term(struct task_state *state, u32 kind, u32 operand, u64 base, u64 key)
{
	u32 value = operand & 0xffff, plus = operand >> 16, length = 0;
	u64 arg = 0;

	if (!state)
		return 0;
	if (value < 6)
		arg = state->record.args[value];
	switch (kind) {
	case TERM_CONST:
		return value + plus;
	case TERM_ARG:
		return (arg > 0x7fffffff ? 0x7fffffff : arg) + plus;
	case TERM_RET:
		return (state->record.ret > 0 ? state->record.ret : 0) + plus;
	case TERM_DEREF:
		if (arg && read_user(&length, sizeof(length), (void *)arg))
			return -(s64)miss(state, arg, sizeof(length), key, sizeof(length));
		return length + plus;
	case TERM_SELF:
		if (read_user(&length, sizeof(length), (void *)(base + value)))
			return -(s64)miss(state, base + value, sizeof(length), key, sizeof(length));
		return length + plus;
	case TERM_BITS:
		return ((u32)arg + 63) / 64 * 8;
	case TERM_PAGES:
		return (arg + 4095) / 4096;
	case TERM_NODES:
		return arg ? (arg + 62) / 64 * 8 : 0;
	}
	return 0x7fffffff;
}

/* A page at a time, so that one that is absent takes no other with it. */
static long next_stack_page(u64 i, struct walk *walk)
{
	u64 addr = i ? (walk->base & ~(u64)(PAGE - 1)) + PAGE * i : walk->base;
	u32 size = PAGE - (addr & (PAGE - 1));

	if (addr >= walk->left)
		return 1;
	if (size > walk->left - addr)
		size = walk->left - addr;
	walk->missed |= capture(walk->state, addr, walk->left - addr, walk->key, size);
	/* With its fault taken: there is no page, and nothing of this stack behind it. */
	return FAULTS && walk->missed;
}

/* The stack from the stack pointer up to where it is known to end, `limit` bytes at the most. */
static __always_inline int capture_stack(struct task_state *state, u64 key, u32 limit)
{
	u64 sp = state->sp, end = sp + limit;
	struct walk walk = { state, sp, key, end, 0, 0, 0, 0 };

	if (sp && state->stack_end > sp && state->stack_end < end)
		walk.left = state->stack_end;
	if (sp && end > sp)
		bpf_loop(limit / PAGE + 2, next_stack_page, &walk, 0);
	return walk.missed;
}

/* Performs one operation, an index into faultin_ops. Returns 1 if a piece is
 * missing. */
__noinline int perform(struct task_state *state, u32 index, u32 how)
{
	const struct op *op;
	u64 base, key, count, left;
	s64 length, second;
	u32 arg, place;

	if (!state || index >= faultin_config.ops)
		return 0;
	bounded(index);
	if (index >= faultin_config.ops)
		return 0;
	op = &faultin_ops[index];
	if (faultin_config.stack_bytes && op->kind == OP_STACK)
		return capture_stack(state, KEY(index, ROLE_DATA, how), faultin_config.stack_bytes);
	arg = op->arg;
	if (arg >= 6)
		return 0;
	base = state->record.args[arg];
	if (!base)
		return 0;
	key = KEY(index, ROLE_DATA, how);
	state->vector_bytes = 0;
	state->vector_count = 0;
	place = next_place(state);

	if (op->kind == OP_STRING)
		return seen(state, place, capture_string(state, base, key));
	if (op->kind == OP_STRINGS) {
		struct walk walk = { state, base, KEY_ROLE(key, ROLE_ITEM), 0, 0, 0, 0, op->flags & OP_NARROW };

		bpf_loop(STRINGS_MAX, next_string, &walk, 0);
		return walk.missed;
	}
	if (op->kind == OP_IOCTL) {
		/* _IOC_DIR says who writes, _IOC_SIZE how much (uapi/asm-generic/ioctl.h). */
		u32 command = state->record.args[1];

		if (!(command >> 30 & (op->flags & OP_OUT ? 2 : 1)))
			return 0;
		length = command >> 16 & 0x3fff;
		return seen(state, place, capture_range(state, base, length, key, length));
	}

	length = 1;
	if (op->term_kind[0])
		length = term(state, op->term_kind[0], op->term_value[0] | op->term_plus[0] << 16, base, KEY_ROLE(key, ROLE_LENGTH));
	second = length;
	if (op->term_kind[1])
		second = term(state, op->term_kind[1], op->term_value[1] | op->term_plus[1] << 16, base, KEY_ROLE(key, ROLE_LENGTH));
	if (length < 0 || second < 0)
		return 1;
	if (length > second)
		length = second;
	left = op->flags & OP_OUT ? (state->record.ret > 0 ? state->record.ret : 0) : ~0ULL;

	if (op->kind == OP_IOVEC)
		return capture_iovec(state, base, length, key, left, op->flags & OP_NARROW);
	if (op->kind == OP_MSGHDR)
		return capture_message(state, base, key, left, op->size);
	if (op->kind == OP_MMSGHDR) {
		struct walk walk = { state, base, key, left, 0, 0, 0, 0 };

		bpf_loop(length > IOV_MAX ? IOV_MAX : length, next_message, &walk, 0);
		return walk.missed;
	}
	count = op->flags & OP_COUNTED || !op->term_kind[0] ? (u64)length * op->size : length;
	arg = op->flags & OP_CAPPED ? faultin_config.max_bytes : 65536;
	if (faultin_config.sees && arg > PIECE_MAX && count > PIECE_MAX)
		return capture_asked(state, base, count, key, arg);
	return seen(state, place, capture_range(state, base, count, key, arg));
}

/* Runs those of the first `count` operations of the plan whose bits are set, and
 * sets the bits of those with a piece missing. The bits are read from memory anew
 * each time, where the verifier does not follow their combinations. */
static __always_inline void run_some(struct task_state *state, u32 count, u32 bits, u32 how)
{
	const struct plan *plan = plan_at(state->record.plan);
	u32 i, first;

	state->todo = bits;
	if (!plan)
		return;
	first = plan->first;
	expect_ops(state, first, count, bits);
	for (i = 0; i < OPS_MAX; i++) {
		if (i >= count)
			break;
		if (*(volatile u32 *)&state->todo >> i & 1 && perform(state, first + i, how))
			state->record.missed |= 1u << i;
	}
}

static __always_inline void run_all(struct task_state *state, u32 count, u32 bits, u32 how)
{
	begin_run(state);
	run_some(state, count, bits, how);
}
