/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call by two ways: 30 times below often(), 4 times below seldom(). With a word, the page of
 * the path is dropped before every second one.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, noclone))

static int is_cold, calls;

static KEPT int ask(const char *path)
{
	int found;

	if (is_cold && calls++ % 2)
		madvise((void *)((uintptr_t)path & ~(uintptr_t)4095), 4096, MADV_DONTNEED);
	found = access(path, F_OK);
	__asm__ volatile("" ::: "memory");
	return found;
}

static KEPT void often(void)
{
	int i;

	for (i = 0; i < 30; i++)
		ask("/often");
	__asm__ volatile("" ::: "memory");
}

static KEPT void seldom(void)
{
	int i;

	for (i = 0; i < 4; i++)
		ask("/seldom");
	__asm__ volatile("" ::: "memory");
}

int main(int count, char **words)
{
	is_cold = count > 1;
	often();
	seldom();
	return 0;
}
