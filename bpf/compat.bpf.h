/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Everything that differs between kernels and architectures: the kernel's own
 * structures (fields relocated at load time), kfuncs that moved, registers. */
#ifndef FAULTIN_COMPAT_BPF_H
#define FAULTIN_COMPAT_BPF_H

#include "helpers.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r10, r9, r8, cx, dx, si, di, orig_ax, ip, sp;
};
struct thread_info {
	u32 status;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 sp;
	u64 pc;
	u64 orig_x0;
	s32 syscallno;
};
struct thread_info {
	unsigned long flags;
};
#endif

struct dentry;
struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct qstr {
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
};

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

typedef struct {
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

struct cred {
	kuid_t uid;
	kgid_t gid;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	struct thread_info thread_info;
	s32 pid;
	s32 tgid;
	s32 exit_code;
	char comm[16];
	struct mm_struct *mm;
	struct sigpending pending;
	struct task_struct *real_parent;
	const struct cred *cred;
	struct css_set *cgroups;
};

struct linux_binprm {
	const char *filename;
	const char *interp;
	const char *fdpath; /* what filename is for an execveat that is relative to a descriptor */
};

struct bpf_iter_meta;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* Whether SIGKILL awaits the task: it will never see user mode again, and its faults fail
 * where they would have waited. */
static __always_inline bool is_killed(struct task_struct *task)
{
	return task->pending.signal.sig[0] >> (SIGKILL - 1) & 1;
}

static __always_inline void context_of(struct context *context, struct task_struct *task)
{
	context->ppid = task->real_parent->tgid;
	context->uid = task->cred->uid.val;
	context->gid = task->cred->gid.val;
	context->pad = 0;
	context->cgroup = task->cgroups->dfl_cgrp->kn->id;
}

struct kernel_siginfo {
	u8 bytes[48];
};

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 2 /* arch/x86/include/asm/thread_info.h: a 32-bit syscall is active */
#define X32_SYSCALL_BIT 0x40000000
static __always_inline bool is_32bit(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

static __always_inline bool is_x32(s64 nr)
{
	return nr >= X32_SYSCALL_BIT;
}

static __always_inline void native_args(u64 *args, struct pt_regs *regs)
{
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}

/* i386 by int 0x80 and the 32-bit sysenter; x32 takes the registers of x86-64. */
static __always_inline void syscall_args(u64 *args, struct task_struct *task, struct pt_regs *regs)
{
	if (is_32bit(task)) {
		args[0] = (u32)regs->bx;
		args[1] = (u32)regs->cx;
		args[2] = (u32)regs->dx;
		args[3] = (u32)regs->si;
		args[4] = (u32)regs->di;
		args[5] = (u32)regs->bp;
		return;
	}
	native_args(args, regs);
}

static __always_inline s64 syscall_number(struct pt_regs *regs)
{
	return regs->orig_ax;
}

static __always_inline void registers_of(struct registers *found, struct pt_regs *regs)
{
	*found = (struct registers){ regs->ip, regs->sp, regs->bp, regs->bx,
				     regs->r12, regs->r13, regs->r14, regs->r15 };
}
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h */
#define X32_SYSCALL_BIT 0
static __always_inline bool is_32bit(struct task_struct *task)
{
	return task->thread_info.flags & (1UL << TIF_32BIT);
}

static __always_inline bool is_x32(s64 nr)
{
	return false;
}

static __always_inline void native_args(u64 *args, struct pt_regs *regs)
{
	args[0] = regs->orig_x0;
	args[1] = regs->regs[1];
	args[2] = regs->regs[2];
	args[3] = regs->regs[3];
	args[4] = regs->regs[4];
	args[5] = regs->regs[5];
}

static __always_inline void syscall_args(u64 *args, struct task_struct *task, struct pt_regs *regs)
{
	native_args(args, regs);
}

static __always_inline s64 syscall_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline void registers_of(struct registers *found, struct pt_regs *regs)
{
	*found = (struct registers){ .ip = regs->pc, .sp = regs->sp, .bp = regs->regs[29] };
}
#endif

/* Where the environment ends that the program was begun with, which is above its stack. */
static __always_inline u64 env_end_of(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;

	return mm ? mm->env_end : 0;
}

/* A callback in the task's own context on its way back to user mode.
 * commit "bpf: task work scheduling kfuncs" (in v6.18);
 * the program's own argument became implicit, and the suffix went away, in v7.0. */
struct bpf_task_work {
	u64 opaque;
} __attribute__((aligned(8)));

/* Complete, as libbpf compares a kfunc's types with the kernel's by kind. */
struct bpf_map {
	u32 id;
};
typedef int (*bpf_task_work_callback_t)(struct bpf_map *map, void *key, void *value);
extern int bpf_task_work_schedule_resume_impl(struct task_struct *task, struct bpf_task_work *work,
					      void *map__map, bpf_task_work_callback_t callback,
					      void *aux__prog) __weak __ksym;
extern int bpf_task_work_schedule_resume(struct task_struct *task, struct bpf_task_work *work,
					 void *map__map,
					 bpf_task_work_callback_t callback) __weak __ksym;
/* commit "bpf: Add bpf_copy_from_user_str kfunc" (in v6.12) */
extern int bpf_copy_from_user_str(void *dst, u32 size, const void *src, u64 flags) __weak __ksym;
/* commit "bpf: Implement dynptr copy kfuncs" (in v6.16); offset and size are u64 since v6.19 */
extern int bpf_probe_read_user_dynptr(struct bpf_dynptr *to, u64 offset, u64 size,
				      const void *src) __weak __ksym;
extern int bpf_copy_from_user_dynptr(struct bpf_dynptr *to, u64 offset, u64 size,
				     const void *src) __weak __ksym;

#endif
