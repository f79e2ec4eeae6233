/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stubs: functions that do nothing, and words that say who listens. A Python program that writes a
 * user event (faultin.events) calls the stub of the event's slot with the event's id and its
 * values; faultin has a uprobe there. The low half of a slot's word is the probe's semaphore,
 * which the kernel raises; in the high half user_events sets a bit for each event of the slot.
 *
 * The words are in .data, not .bss: a semaphore has to have an offset in the file. They have a
 * page of it to themselves, as the kernel raises a semaphore in the first mapping of that page
 * that can be written: another segment's, if it shared the page.
 */
#define SLOTS "64"

__asm__(".pushsection .data\n"
	".balign 4096\n"
	".globl faultin_event_words\n"
	".type faultin_event_words, %object\n"
	".size faultin_event_words, 4 * " SLOTS "\n"
	"faultin_event_words: .fill 4096\n"
	".popsection\n"
	".pushsection .text\n"
	".altmacro\n"
	".macro stub n\n"
	".balign 8\n"
	".globl faultin_event_\\n\n"
	".type faultin_event_\\n, %function\n"
	"faultin_event_\\n: nop\n" /* which the kernel need not step through */
	"ret\n"
	".size faultin_event_\\n, . - faultin_event_\\n\n"
	".endm\n"
	".set slot, 0\n"
	".rept " SLOTS "\n"
	"stub %slot\n"
	".set slot, slot + 1\n"
	".endr\n"
	".popsection\n");
