/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "seal.h"

#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "../keeper/output.h"
#include "layouts.h"

#define LENGTH_MAX 0x7fffffffULL
#define PATH_MAX 4096
#define STRING_MAX (ROOM_LARGE + 1)
#define BIG (~0ULL)

enum { CLONE3 = 435, SETXATTRAT = 463 };

static void *in_room(const struct copying *copying, u64 at)
{
	return copying->room->base + at;
}

/* Bytes at *pointer, which is in the room itself, are copied, and it is pointed at them. */
static enum copied redirect(struct copying *copying, u64 *pointer, u64 size)
{
	enum copied how;
	u64 at;

	if (!*pointer || !size)
		return COPIED;
	how = copy_bytes(copying, *pointer, size, &at);
	*pointer = copying->room->addr + at;
	return how;
}

/* *size: of what it points at, NUL included. */
static enum copied redirect_string(struct copying *copying, u64 *pointer, u64 limit, u64 *size)
{
	enum copied how;
	u64 at;

	how = copy_string(copying, *pointer, limit, &at);
	*pointer = copying->room->addr + at;
	*size = copying->room->used - at;
	return how;
}

static enum copied redirect_strings(struct copying *copying, u64 *pointer, u64 *size)
{
	u64 at, count, i, ignored;
	enum copied how = copy_pointers(copying, *pointer, &at, &count);

	*pointer = copying->room->addr + at;
	*size = how ? 0 : 8 * count;
	for (i = 0; !how && i < count; i++)
		how = redirect_string(copying, (u64 *)in_room(copying, at) + i, STRING_MAX, &ignored);
	return how;
}

/* What is beyond the most that the kernel takes it refuses, without a look at it. */
static enum copied redirect_iovec(struct copying *copying, u64 *pointer, u64 count)
{
	struct user_iovec *array = NULL;
	enum copied how;
	u64 i;

	if (!*pointer || !count)
		return COPIED;
	if (count > IOV_MAX)
		count = IOV_MAX;
	how = redirect(copying, pointer, count * sizeof(*array));
	array = in_room(copying, *pointer - copying->room->addr);
	for (i = 0; !how && i < count; i++)
		how = redirect(copying, &array[i].base, array[i].len);
	return how;
}

static enum copied redirect_message(struct copying *copying, u64 *pointer)
{
	struct user_msghdr *message;
	enum copied how = redirect(copying, pointer, sizeof(*message));
	u64 size;

	if (how)
		return how;
	message = in_room(copying, *pointer - copying->room->addr);
	size = message->namelen < NAME_MAX_BYTES ? message->namelen : NAME_MAX_BYTES;
	how = redirect(copying, &message->name, size);
	if (!how)
		how = redirect(copying, &message->control, message->controllen);
	if (!how)
		how = redirect_iovec(copying, &message->iov, message->iovlen);
	return how;
}

/* One term of a length, as bpf/capture.bpf.h has it. */
static u64 term(const struct entered *call, u32 kind, u32 value, u32 plus, u32 self)
{
	u64 arg = value < 6 ? call->args[value] : 0;

	switch (kind) {
	case TERM_CONST:
		return value + plus;
	case TERM_ARG:
		return arg > LENGTH_MAX ? BIG : arg + plus;
	case TERM_SELF:
		return self + plus;
	case TERM_BITS:
		return ((u32)arg + 63) / 64 * 8;
	case TERM_PAGES:
		return arg > LENGTH_MAX ? BIG : (arg + 4095) / 4096;
	case TERM_NODES:
		return arg > LENGTH_MAX ? BIG : arg ? (arg + 62) / 64 * 8 : 0;
	}
	return BIG; /* no input has another */
}

/* The length that stands in the object itself is read once, and counts from then on. */
static enum copied read_self(struct copying *copying, const struct op *op, u64 addr, u32 *self)
{
	enum copied how;
	u64 at;

	if (op->term_kind[0] != TERM_SELF)
		return COPIED;
	how = copy_bytes(copying, addr + op->term_value[0], sizeof(*self), &at);
	if (!how)
		*self = *(u32 *)in_room(copying, at);
	return how;
}

static enum copied seal_memory(struct copying *copying, const struct entered *call, const struct op *op,
			       u64 *pointer, u64 *size)
{
	u32 self = 0;
	enum copied how = read_self(copying, op, *pointer, &self);
	u64 length = 1;

	if (how)
		return how;
	if (op->term_kind[0])
		length = term(call, op->term_kind[0], op->term_value[0], op->term_plus[0], self);
	if (length == BIG)
		return COPY_BIG;
	if (op->kind == OP_IOVEC) {
		*size = (length < IOV_MAX ? length : IOV_MAX) * sizeof(struct user_iovec);
		return redirect_iovec(copying, pointer, length);
	}
	if (op->flags & OP_COUNTED || !op->term_kind[0])
		length *= op->size;
	*size = length;
	how = redirect(copying, pointer, length);
	if (!how && op->term_kind[0] == TERM_SELF && length >= op->term_value[0] + sizeof(self))
		*(u32 *)in_room(copying, *pointer - copying->room->addr + op->term_value[0]) = self;
	return how;
}

static enum copied seal_input(struct copying *copying, const struct entered *call, const struct op *op,
			      u64 *pointer, u64 *size)
{
	switch (op->kind) {
	case OP_STRING:
		return redirect_string(copying, pointer, PATH_MAX, size);
	case OP_STRINGS:
		return redirect_strings(copying, pointer, size);
	case OP_MSGHDR:
		*size = sizeof(struct user_msghdr);
		return redirect_message(copying, pointer);
	}
	return seal_memory(copying, call, op, pointer, size);
}

u64 seal_clone_flags(const struct guarded *guarded)
{
	u64 addr = guarded->sealed.args[0], flags = 0;

	if (guarded->sealed.nr == CLONE3 && guarded->room.base && addr >= guarded->room.addr &&
	    addr - guarded->room.addr < guarded->room.size)
		memcpy(&flags, guarded->room.base + (addr - guarded->room.addr), sizeof(flags));
	return flags;
}

/* A child that asks to be left untraced would be left without a guard. */
static enum copied seal_clone(struct copying *copying, const struct guarded *guarded)
{
	u64 at = guarded->sealed.args[0] - copying->room->addr;
	struct clone_args *args = in_room(copying, at);

	if (guarded->passed.args[1] < offsetof(struct clone_args, pidfd))
		return COPIED;
	args->flags &= ~(u64)CLONE_UNTRACED;
	if (guarded->passed.args[1] < offsetof(struct clone_args, cgroup))
		return COPIED;
	if (args->set_tid_size > 64)
		return COPIED; /* the kernel refuses it */
	return redirect(copying, &args->set_tid, args->set_tid_size * sizeof(s32));
}

/* Structures that name one more buffer each, with its length. */
static const struct inner {
	s64 nr;
	u8 arg;
	u8 pointer;    /* where in the structure */
	u8 length;
	u8 length_size;
	u8 each;       /* bytes of what is counted */
} inners[] = {
	{ SYS_pselect6, 5, 0, 8, 8, 1 },         /* a set of signals */
	{ SYS_io_pgetevents, 5, 0, 8, 8, 1 },
	{ SETXATTRAT, 4, 0, 8, 4, 1 },           /* xattr_args */
	{ SYS_seccomp, 2, 8, 0, 2, 8 },          /* sock_fprog, and its instructions */
};

static enum copied seal_inner(struct copying *copying, s64 nr, u32 arg, const struct span *span)
{
	u8 *bytes = in_room(copying, span->at);
	u64 length = 0;
	u32 i;

	for (i = 0; i < sizeof(inners) / sizeof(inners[0]); i++) {
		const struct inner *inner = &inners[i];

		if (inner->nr != nr || inner->arg != arg || span->size < inner->pointer + sizeof(u64) ||
		    span->size < (u64)inner->length + inner->length_size)
			continue;
		memcpy(&length, bytes + inner->length, inner->length_size);
		if (length > ROOM_LARGE)
			return COPY_BIG;
		return redirect(copying, (u64 *)(bytes + inner->pointer), length * inner->each);
	}
	return COPIED;
}

/* Where outputs go is an input: the array is sealed, and names the program's own memory. */
static enum copied seal_targets(struct copying *copying, const struct guarded *guarded, const struct op *op,
				u64 *pointer)
{
	u64 count = term(&guarded->passed, op->term_kind[0], op->term_value[0], op->term_plus[0], 0);

	return redirect(copying, pointer, (count < IOV_MAX ? count : IOV_MAX) * sizeof(struct user_iovec));
}

static enum copied seal_one(struct copying *copying, struct guarded *guarded, const struct op *op, u32 i)
{
	u64 *pointer = &guarded->sealed.args[op->arg];
	struct span *span = &guarded->spans[i];
	enum copied how;

	span->size = 0;
	if (!*pointer)
		return COPIED;
	if (op->flags & OP_OUT)
		return seal_targets(copying, guarded, op, pointer);
	how = seal_input(copying, &guarded->passed, op, pointer, &span->size);
	span->at = *pointer - copying->room->addr;
	return how ? how : seal_inner(copying, guarded->passed.nr, op->arg, span);
}

static enum copied seal_all(struct copying *copying, struct guarded *guarded, const struct plan *plan)
{
	enum copied how = COPIED;
	u32 i;

	guarded->sealed = guarded->passed;
	for (i = 0; !how && i < plan->ops; i++)
		how = seal_one(copying, guarded, &the_trace.ops[plan->first + i], i);
	if (!how && guarded->passed.nr == CLONE3 && guarded->passed.args[0])
		how = seal_clone(copying, guarded);
	return how;
}

enum copied seal_call(struct task *task, const struct plan *plan, struct range *absent)
{
	struct guarded *guarded = task->guarded;
	struct copying copying = { task->space, task->pid, &guarded->room, .touched = guarded->touched };
	bool large = guarded->room.base && guarded->room.size == ROOM_LARGE;
	enum copied how;

	for (;;) {
		if (!guarded->arena || (!guarded->room.base && !room_take(guarded->arena, large, &guarded->room)))
			return COPY_ROOM;
		guarded->room.used = 0;
		how = seal_all(&copying, guarded, plan);
		*absent = copying.absent;
		if (how != COPY_BIG || large)
			return how;
		room_return(guarded->arena, &guarded->room);
		large = true;
	}
}
