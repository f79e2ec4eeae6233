/* SPDX-License-Identifier: Apache-2.0 */
/* The USDT probe our:probe, whose second argument lies in memory that is not there, the first at
 * the very end of a page. Prints its semaphore. Then patched(n), 20 times, and a getppid after each. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
void patched(int n); /* begins with a nop of 5 bytes, as with -fpatchable-function-entry=5 */
__asm__(".text\n.globl patched\n.type patched, @function\n"
	"patched: .byte 0x0f, 0x1f, 0x44, 0, 0\n ret\n.size patched, . - patched\n");

static unsigned short sem __attribute__((section(".probes"), used));
int main(void)
{
	char *end = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
	munmap(end, 4096);
	*(uint32_t *)(end - 4) = 0xfffffffe;
	asm volatile("mov %0, %%r12\n mov $16, %%r13\n" /* the note is as sys/sdt.h writes it */
		"990: nop\n"
		".pushsection .note.stapsdt,\"?\",\"note\"\n .balign 4\n .4byte 992f-991f, 994f-993f, 3\n"
		"991: .asciz \"stapsdt\"\n992: .balign 4\n993: .8byte 990b\n .8byte _.stapsdt.base\n .8byte sem\n"
		".asciz \"our\"\n.asciz \"probe\"\n.asciz \"-4@-4(%%r12) 8@(%%r13) 4@$-1 2@$-1 8f@%%xmm0\"\n994: .balign 4\n.popsection\n"
		".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n.weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n.popsection\n"
		: : "r"(end) : "r12", "r13", "memory");
	printf("%d\n", *(volatile unsigned short *)&sem);
	for (int i = 0; i < 20; i++) {
		patched(i);
		getppid();
	}
	return 0;
}
