/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The path of the program that makes a call, as /proc/PID/exe has it: bpf_d_path() is not
 * for tracepoints, so its dentries are walked, from the file up to the root of its mounts.
 * Another task may rename one of its folders meanwhile, which the kernel's own walk would
 * notice (rename_lock), and this one would not. */
#ifndef FAULTIN_EXE_BPF_H
#define FAULTIN_EXE_BPF_H

#include "piece.bpf.h"

#define COMPONENT_MAX 256 /* NAME_MAX and its NUL */
#define STEPS_MAX 512     /* components and mounts; one of a byte each takes 2 of PATH_MAX */

struct climb {
	u8 *names;
	u64 dentry;
	u64 mount;
	u32 used;
	u32 state;
};

#define READ(into, from) bpf_probe_read_kernel(&(into), sizeof(into), (void *)(from))
/* The address of a member of what the kernel has at `base`. */
#define MEMBER(type, base, member) ((u64)&((struct type *)(base))->member)

static long next_component(u64 i, struct climb *climb)
{
	u64 mount = climb->mount, root = 0, parent = 0, name = 0;
	u32 used = climb->used;
	long size;

	if (READ(root, MEMBER(mount, mount, mnt.mnt_root)))
		return 1;
	if (climb->dentry == root) {
		if (READ(parent, MEMBER(mount, mount, mnt_parent)))
			return 1;
		if (parent == mount) {
			climb->state |= EXE_WHOLE;
			return 1;
		}
		climb->mount = parent;
		return READ(climb->dentry, MEMBER(mount, mount, mnt_mountpoint)) != 0;
	}
	if (READ(parent, MEMBER(dentry, climb->dentry, d_parent)) ||
	    READ(name, MEMBER(dentry, climb->dentry, d_name.name)))
		return 1;
	bounded(used);
	if (used > PIECE_MAX - COMPONENT_MAX)
		return 1;
	size = bpf_probe_read_kernel_str(climb->names + used, COMPONENT_MAX, (void *)name);
	if (size <= 0)
		return 1;
	climb->used = used + size;
	if (parent == climb->dentry) { /* in no folder: a memfd */
		climb->state |= EXE_WHOLE;
		return 1;
	}
	climb->dentry = parent;
	return 0;
}

/* A piece of the record, behind what else is said of the caller. */
__noinline int capture_exe(struct task_state *state, u64 file)
{
	struct climb climb = {};
	struct piece *piece;
	u64 mnt = 0, pprev = 0;
	u32 used;

	if (!state)
		return 0;
	piece = new_piece(state);
	if (!piece || READ(mnt, MEMBER(file, file, f_path.mnt)) ||
	    READ(climb.dentry, MEMBER(file, file, f_path.dentry)))
		return 0;
	if (!READ(pprev, MEMBER(dentry, climb.dentry, d_hash.pprev)) && !pprev)
		climb.state = EXE_DELETED; /* in no table of names */
	climb.names = piece->data;
	climb.mount = mnt - MEMBER(mount, 0, mnt);
	bpf_loop(STEPS_MAX, next_component, &climb, 0);
	used = climb.used;
	bounded(used);
	if (used > PIECE_MAX)
		return 0;
	label(piece, climb.state, KEY(CONTEXT_OP, ROLE_EXE, HOW_ENTRY), used, used);
	state->used += sizeof(*piece) + ((used + 7) & ~7);
	return 0;
}

static __always_inline void add_exe(struct task_state *state, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	u64 file = 0; /* as a number: a global function is given no pointer to it */

	if (mm && !READ(file, &mm->exe_file) && file)
		capture_exe(state, file);
}

#endif
