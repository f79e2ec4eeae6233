/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that no file has: made vdso, made jit NAME... The first has the kernel's own code make the
 * call (clock_gettime of this process's time), the second code that it writes itself, and names in
 * /tmp/perf-PID.map; that file is its reader's to remove. For each further name it runs itself
 * again half a second later, with code of that name at the same address.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* push %rbp; mov %rsp,%rbp; xor %edi,%edi; mov $121,%eax (getpgid); syscall; pop %rbp; ret */
static const unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0x31, 0xff, 0xb8, 0x79,
				      0,    0,	  0,	0x0f, 0x05, 0x5d, 0xc3 };

static void jit(const char *name)
{
	char path[64];
	FILE *file;
	void *made = mmap((void *)0x10000000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	memcpy(made, code, sizeof(code));
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	file = fopen(path, "w");
	fprintf(file, "%lx %zx %s\n", (unsigned long)made, sizeof(code), name);
	fclose(file);
	((void (*)(void))made)();
	__asm__ volatile("" ::: "memory");
}

int main(int count, char **words)
{
	struct timespec ts;

	if (strcmp(words[1], "jit")) {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
		return count != 2;
	}
	jit(words[2]);
	if (count > 3) {
		usleep(500000);
		words[2] = "jit";
		words[1] = words[0];
		execv("/proc/self/exe", words + 1);
	}
	return count != 3;
}
