/* SPDX-License-Identifier: Apache-2.0 */
/* Tries to move, replace or take away the guard's memory, in all ways that there are. */
#include "tries.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/uio.h>
#include <sys/wait.h>

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

static long try_mremap_dontunmap(void)
{
	return (long)mremap((void *)place.addr, place.size, place.size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
}

/* Of shared memory, an old length of 0 asks for a second mapping. */
static long try_mremap_again(void) { return (long)mremap((void *)place.addr, 0, place.size, MREMAP_MAYMOVE); }

static long try_mremap_shrink(void) { return (long)mremap((void *)place.addr, place.size, PAGE, 0); }

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

/* A mapping of huge pages takes whole ones, however little is asked for. */
static long try_fixed_huge(void)
{
	uintptr_t huge = 2 << 20;

	if (place.addr % huge == 0) { /* none that begins below it can reach into it */
		errno = EACCES;
		return -1;
	}
	return (long)mmap((void *)((place.addr - 1) & ~(huge - 1)), PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB, -1, 0);
}

static long try_noreplace(void)
{
	return (long)mmap((void *)place.addr, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

static long try_shadow_stack(void) { return syscall(453, place.addr, PAGE, 0); }

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

/* The heap is said to reach beyond the arena, and is then given back. */
static long try_set_mm(void)
{
	uintptr_t heap = (uintptr_t)sbrk(0), beyond = place.addr + place.size;
	struct prctl_mm_map map = {
		.start_code = heap - 1, .end_code = heap, .start_data = heap - 1, .end_data = heap,
		.start_brk = heap, .brk = beyond, .start_stack = place.addr, .arg_start = heap - 1,
		.arg_end = heap, .env_start = heap - 1, .env_end = heap, .exe_fd = -1,
	};

	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0))
		return -1;
	syscall(SYS_brk, place.addr);
	return 0;
}

/* What discards pages of shared memory, or lets them go: they come back as they were. */
static long advise(int advice)
{
	return madvise((void *)place.addr, place.size, advice);
}

static long try_remove(void) { return advise(MADV_REMOVE); }
static long try_free(void) { return advise(MADV_FREE); }
static long try_wipeonfork(void) { return advise(MADV_WIPEONFORK); }
static long try_hwpoison(void) { return advise(MADV_HWPOISON); }
static long try_populate_write(void) { return advise(MADV_POPULATE_WRITE); }

/* Allowed, as nothing comes of it. */
static long harmless(int advice)
{
	advise(advice);
	errno = EACCES;
	return -1;
}

static long try_dontneed(void) { return harmless(MADV_DONTNEED); }
static long try_pageout(void) { return harmless(21); }
static long try_collapse(void) { return harmless(25); }

/* Linux 6.15 takes it for mappings of files: the kernel then reads nothing there, and the
 * program has denied itself all its calls. */
static long try_guard_pages(void)
{
	long ret = advise(102);
	int fd;

	if (ret < 0)
		return ret;
	fd = open("/tmp/forbidden", O_RDONLY);
	advise(103);
	errno = EACCES;
	return fd >= 0 ? fd : -1;
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

static const struct try tries[] = {
	{ "munmap", try_munmap },
	{ "munmap-around", try_munmap_around },
	{ "mprotect", try_mprotect },
	{ "mprotect-none", try_mprotect_none },
	{ "pkey_mprotect", try_pkey_mprotect },
	{ "mremap", try_mremap },
	{ "mremap-onto", try_mremap_onto },
	{ "mremap-dontunmap", try_mremap_dontunmap },
	{ "mremap-again", try_mremap_again },
	{ "mremap-shrink", try_mremap_shrink },
	{ "fixed", try_fixed },
	{ "fixed-around", try_fixed_around },
	{ "fixed-huge", try_fixed_huge },
	{ "noreplace", try_noreplace },
	{ "shadow-stack", try_shadow_stack },
	{ "remap_file_pages", try_remap_file_pages },
	{ "shmat", try_shmat },
	{ "brk", try_brk },
	{ "set-mm", try_set_mm },
	{ "remove", try_remove },
	{ "free", try_free },
	{ "wipeonfork", try_wipeonfork },
	{ "hwpoison", try_hwpoison },
	{ "populate-write", try_populate_write },
	{ "dontneed", try_dontneed },
	{ "pageout", try_pageout },
	{ "collapse", try_collapse },
	{ "guard-pages", try_guard_pages },
	{ "dontfork", try_dontfork },
	{ "dofork", try_dofork },
	{ "process_madvise", try_process_madvise },
};

int main(void)
{
	return try_all(tries, sizeof(tries) / sizeof(tries[0]));
}
