/* SPDX-License-Identifier: Apache-2.0 */
#include "deep.h"

static KEPT void library_inner(leaf *then, void *context)
{
	then(context);
	__asm__ volatile("" ::: "memory");
}

KEPT void library_call(leaf *then, void *context)
{
	library_inner(then, context);
	__asm__ volatile("" ::: "memory");
}
