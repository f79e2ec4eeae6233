/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that nothing inlines or leaves early, so that a test knows the frames. */
#ifndef DEEP_H
#define DEEP_H

typedef void leaf(void *context);

/* The compiler is told to make no call a jump: -fno-optimize-sibling-calls. */
#define KEPT __attribute__((noinline, noclone))

/* In the shared library: it calls back. */
void library_call(leaf *then, void *context);

#endif
