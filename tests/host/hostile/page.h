/* SPDX-License-Identifier: Apache-2.0 */
/* A page that stalls whoever touches it: until it is served, or for ever. */
#ifndef HOSTILE_PAGE_H
#define HOSTILE_PAGE_H

#define PAGE 4096
#define NEVER (-1L)

/* Ends with the errno of what failed. */
_Noreturn void die(const char *what);

/* A page under userfaultfd. After `delay` ms of the first touch a thread serves it, with `text`
 * at its start; never, if the delay is NEVER. */
char *userfault_page(long delay, const char *text);

/* The first page of a file, mapped. `alone`: without read-ahead, so that the fault itself waits
 * for the answer, not for the lock of a page that somebody else reads. */
char *file_page(const char *path, int alone);

#endif
