/* SPDX-License-Identifier: Apache-2.0 */
/* Tries to move, replace or write the guard's memory, in all ways that there are. */
#include "arena.h"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGE 4096

static struct arena_place place;

static long try_munmap(void) { return munmap((void *)place.addr, PAGE); }
static long try_munmap_around(void) { return munmap((void *)(place.addr - PAGE), place.size + 2 * PAGE); }
static long try_mprotect(void) { return mprotect((void *)place.addr, PAGE, PROT_READ | PROT_WRITE); }
static long try_mprotect_none(void) { return mprotect((void *)place.addr, place.size, PROT_NONE); }

static long try_pkey_mprotect(void)
{
	return syscall(SYS_pkey_mprotect, place.addr, PAGE, PROT_NONE, -1);
}

static long try_mremap(void)
{
	void *to = mmap(NULL, place.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return (long)mremap((void *)place.addr, place.size, place.size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

static long try_mremap_onto(void)
{
	void *from = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return (long)mremap(from, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place.addr);
}

static long try_fixed(void)
{
	return (long)mmap((void *)place.addr, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static long try_fixed_around(void)
{
	return (long)mmap((void *)(place.addr - PAGE), place.size + 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static long try_remap_file_pages(void) { return syscall(SYS_remap_file_pages, place.addr, PAGE, 0, 1, 0); }

static long try_shmat(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	long ret = (long)shmat(id, (void *)place.addr, SHM_REMAP);
	int error = errno;

	shmctl(id, IPC_RMID, NULL);
	errno = error;
	return ret;
}

/* brk() says how far it is; the kernel keeps it off what is mapped. */
static long try_brk(void)
{
	uintptr_t end = place.addr + PAGE;

	if ((uintptr_t)syscall(SYS_brk, end) >= end)
		return 0;
	errno = ENOMEM;
	return -1;
}

/* Whether a child has no sealed memory, and something else could be put in its place. */
static long child_has_none(void)
{
	pid_t child = fork();
	struct arena_place own;
	int status, fd;

	if (!child) {
		own = arena();
		fd = open("/tmp/forbidden", O_RDONLY);
		_exit(!(own.addr && own.sealed && own.size >= place.size && fd < 0));
	}
	waitpid(child, &status, 0);
	errno = EACCES;
	return status ? 0 : -1;
}

static long try_dontfork(void)
{
	madvise((void *)place.addr, place.size, MADV_DONTFORK);
	return child_has_none();
}

static long try_dofork(void)
{
	madvise((void *)place.addr, place.size, MADV_DOFORK);
	return child_has_none();
}

static long try_process_madvise(void)
{
	int self = syscall(SYS_pidfd_open, getpid(), 0);
	struct iovec range = { (void *)place.addr, place.size };

	syscall(SYS_process_madvise, self, &range, 1L, MADV_DONTFORK, 0);
	return child_has_none();
}

static long write_at(const char *path)
{
	int fd = open(path, O_RDWR);

	return fd < 0 ? -1 : pwrite(fd, "/x", 2, place.addr);
}

static long try_self_mem(void) { return write_at("/proc/self/mem"); }

/* Both were forked from one program, and have the arena at the same address. */
static long try_other_mem(void)
{
	pid_t child = fork();
	char path[64];
	long ret;

	if (!child)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	ret = write_at(path);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return ret;
}

static long writev_to(pid_t pid, uintptr_t addr)
{
	struct iovec here = { "/x", 2 }, there = { (void *)addr, 2 };

	return process_vm_writev(pid, &here, 1, &there, 1, 0);
}

static long try_vm_writev(void) { return writev_to(getpid(), place.addr); }

static long try_read_into(void)
{
	int zero = open("/dev/zero", O_RDONLY);

	return read(zero, (void *)place.addr, 16);
}

static long try_traceme(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }

static long try_ptrace_sibling(void)
{
	pid_t child = fork();
	long ret;

	if (!child)
		for (;;)
			pause();
	ret = ptrace(PTRACE_SEIZE, child, 0, 0);
	if (ret < 0)
		ret = ptrace(PTRACE_ATTACH, child, 0, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return ret;
}

static int faults(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) {
		say("userfaultfd", "none");
		exit(3);
	}
	return fd;
}

static long try_uffd_arena(void)
{
	struct uffdio_register range = { .range = { place.addr, place.size },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };

	return ioctl(faults(), UFFDIO_REGISTER, &range);
}

static const struct {
	const char *name;
	long (*run)(void);
} tries[] = {
	{ "munmap", try_munmap },
	{ "munmap-around", try_munmap_around },
	{ "mprotect", try_mprotect },
	{ "mprotect-none", try_mprotect_none },
	{ "pkey_mprotect", try_pkey_mprotect },
	{ "mremap", try_mremap },
	{ "mremap-onto", try_mremap_onto },
	{ "fixed", try_fixed },
	{ "fixed-around", try_fixed_around },
	{ "remap_file_pages", try_remap_file_pages },
	{ "shmat", try_shmat },
	{ "brk", try_brk },
	{ "dontfork", try_dontfork },
	{ "dofork", try_dofork },
	{ "process_madvise", try_process_madvise },
	{ "self-mem", try_self_mem },
	{ "other-mem", try_other_mem },
	{ "vm_writev", try_vm_writev },
	{ "read-into", try_read_into },
	{ "traceme", try_traceme },
	{ "ptrace-sibling", try_ptrace_sibling },
	{ "uffd-arena", try_uffd_arena },
};

/* Whether it is where it was, as it was, after a try. */
static void say_still_there(const char *what)
{
	struct arena_place after = arena();
	char name[64];

	snprintf(name, sizeof(name), "%s.arena", what);
	say(name, after.addr == place.addr && after.size == place.size && after.sealed ? "ok" : "LOST");
}

int main(void)
{
	size_t i;

	place = arena();
	if (!place.addr || !place.sealed)
		return 2;
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		say_failed(tries[i].name, tries[i].run());
		say_still_there(tries[i].name);
	}
	say_open("allowed", "/dev/null");
	say_open("forbidden", "/tmp/forbidden");
	return 0;
}
