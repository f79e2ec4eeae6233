/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls whose stacks a test knows: deep CASE. The call is getpgid() in function `leaf`.
 *
 * cold: the stack lies on a private file mapping, with a page between every two frames, and
 * those pages are dropped, as pagemap shows, but for the one that the call itself is on. With
 * another word it waits, that many microseconds, before it goes on.
 */
#define _GNU_SOURCE
#include "deep.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 1 << 20 };

static char *stack;
static int pagemap, file;
static ucontext_t here, there;
static int pause_us;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static KEPT void leaf_call(void *context)
{
	syscall(SYS_getpgid, 0);
	__asm__ volatile("" ::: "memory");
}

static KEPT void plain_2(void *context)
{
	leaf_call(context);
	__asm__ volatile("" ::: "memory");
}

static KEPT void plain_1(void *context)
{
	library_call(plain_2, context);
	__asm__ volatile("" ::: "memory");
}

static KEPT void deeper(int left)
{
	if (left)
		deeper(left - 1);
	else
		leaf_call(NULL);
	__asm__ volatile("" ::: "memory");
}

static void handler(int number)
{
	plain_2(NULL);
}

static KEPT void in_signal(void)
{
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	__asm__ volatile("" ::: "memory");
}

static int is_present(const char *page)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)page / PAGE * sizeof(entry)) != sizeof(entry))
		die("pagemap");
	return entry >> 63;
}

/* Puts what was written to the pages into the file below them, so that it comes back when
 * they are looked at, and drops them. */
static KEPT void drop(char *from)
{
	char *page;
	int absent = 0;

	if (pwrite(file, from, stack + SIZE - from, from - stack) != stack + SIZE - from)
		die("pwrite");
	for (page = from; page < stack + SIZE; page += PAGE)
		if (madvise(page, PAGE, MADV_DONTNEED))
			die("madvise");
	for (page = from; page < stack + SIZE; page += PAGE)
		absent += !is_present(page);
	if (absent != (stack + SIZE - from) / PAGE)
		die("pages are still present");
}

/* The registers of the call itself are on a page that stays. Nothing between the dropping
 * and the call touches what is above: no return, no local of a caller. */
static KEPT void cold_leaf(void *context)
{
	char *next = (char *)(((uintptr_t)__builtin_frame_address(0) + 2 * PAGE) & ~(uintptr_t)(PAGE - 1));

	drop(next);
	syscall(SYS_getpgid, 0);
	usleep(pause_us); /* nobody touches the stack above, until who reads it from outside has */
	__asm__ volatile("" ::: "memory");
}

static KEPT void cold_3(void *context)
{
	volatile char room[2 * PAGE];

	room[0] = room[PAGE] = 0;
	cold_leaf(context);
	__asm__ volatile("" ::: "memory");
}

static KEPT void cold_2(void *context)
{
	volatile char room[PAGE];

	room[0] = 0;
	cold_3(context);
	__asm__ volatile("" ::: "memory");
}

static KEPT void cold_1(void)
{
	volatile char room[PAGE];

	room[0] = 0;
	library_call(cold_2, NULL);
	__asm__ volatile("" ::: "memory");
}

static KEPT void coroutine(void)
{
	plain_1(NULL);
}

static void run_on(char *bottom, void (*function)(void))
{
	getcontext(&there);
	there.uc_stack.ss_sp = bottom;
	there.uc_stack.ss_size = SIZE;
	there.uc_link = &here;
	makecontext(&there, function, 0);
	swapcontext(&here, &there);
}

static void map_stack(void)
{
	file = memfd_create("stack", 0);
	if (file < 0 || ftruncate(file, SIZE))
		die("memfd");
	stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (stack == MAP_FAILED || pagemap < 0)
		die("mmap");
	madvise(stack, SIZE, MADV_RANDOM);
	madvise(stack, SIZE, MADV_NOHUGEPAGE);
}

int main(int count, char **words)
{
	const char *name = words[1];

	pause_us = count > 2 ? atoi(words[2]) : 0;
	if (!strcmp(name, "library"))
		plain_1(NULL);
	else if (!strcmp(name, "deep"))
		deeper(200);
	else if (!strcmp(name, "signal"))
		in_signal();
	else if (map_stack(), !strcmp(name, "coroutine"))
		run_on(stack, coroutine);
	else
		run_on(stack, cold_1);
	return 0;
}
