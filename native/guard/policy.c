/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "policy.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

const struct policy *the_policy;

int policy_open(int fd)
{
	struct stat st;
	void *memory;

	if (fstat(fd, &st))
		return -1;
	memory = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -1;
	the_policy = memory;
	return 0;
}

const struct guarded_call *policy_call(s64 nr)
{
	return nr >= 0 && nr < NUMBERS && the_policy->calls[nr].guarded ? &the_policy->calls[nr] : NULL;
}

const struct step *policy_step(u32 index)
{
	return (const struct step *)(the_policy + 1) + index;
}

const u64 *policy_code(u32 at)
{
	return (const u64 *)policy_step(the_policy->steps) + at;
}

u32 policy_unsealed(u32 plan)
{
	const u8 *arguments = (const u8 *)(policy_code(0) + the_policy->code);

	return plan < the_policy->plans ? arguments[plan] : 0;
}
