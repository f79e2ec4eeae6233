/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory whose pages are known to be absent (cold) or present (warm) just before a call.
 *
 * In:  the bytes that an argument points at. Out: an address on a page of its own, and, after
 * cold_arm(), the assurance that /proc/self/pagemap shows that page absent or present.
 * Invariant: cold_arm() returns only if every watched page is in the state asked for.
 */
#ifndef CORPUS_COLD_H
#define CORPUS_COLD_H

#include <stdbool.h>
#include <stddef.h>

enum mode { COLD, WARM };

extern enum mode mode;
extern size_t page_size;

/* Makes the arena and opens pagemap. Once a process. */
void cold_start(enum mode wanted);

/* In a forked child: pagemap is the one of whoever opened it, so open one's own. */
void cold_in_child(void);

/* Forgets the watched pages: a new case begins. */
void cold_forget(void);

/* Copies the bytes to the start of a page that nothing else uses, and watches it under `label`. */
void *place(const char *label, const void *data, size_t len);

/* The same, `offset` bytes into the page. */
void *place_at(const char *label, size_t offset, const void *data, size_t len);

/* The same, with a page border in the middle of the bytes; when cold, only the second page is absent. */
void *place_split(const char *label, const void *data, size_t len);

/* Room for `len` bytes of output, zeroed, on a private file page. */
void *room(const char *label, size_t len);

/* The same on anonymous memory that was never touched. */
void *room_anonymous(const char *label, size_t len);

/* Watches memory that exists already: a private file mapping, writable or not. */
void *watch(const char *label, const void *start, size_t len, bool writable);

/* Puts every watched page into its state, checks it in pagemap, and dies if it stays otherwise. */
void cold_arm(void);

/* {"label": absent, ...} as pagemap showed it in the last cold_arm(); to be freed. */
char *cold_report(void);

/* Ends the program with a message that names the case, the system's error and what to do. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
