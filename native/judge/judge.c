/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of a query alone, for codegen/native.py: compiled to bitcode when the package
 * is built, and linked with those of one query in memory. bpf/judge.bpf.c is the same for the
 * kernel. */
#define FAULTIN_JUDGE
#include "../../bpf/query.bpf.h"

struct answers {
	u32 possible;
	u32 certain;
	u32 verdict;
	u32 admits;
};

u64 judge_clock_offset;

__noinline u64 query_clock_offset(void)
{
	return judge_clock_offset;
}

/* Nothing is captured here. */
static __always_inline int send(void *data, u32 size, bool urgent)
{
	return -1;
}

static __always_inline int send_trigger(void *data, u32 size)
{
	return -1;
}

/* Nor counted. */
static __always_inline bool is_counted(struct task_state *state, u32 type)
{
	return false;
}

/* As the core calls them in one system call: each piece is shown as it is captured. */
void judge_call(struct task_state *state, u32 returned, u32 count, const u32 *places, const u64 *keys,
		struct answers *answers)
{
	u32 i;

	for (i = 0; i < count; i++)
		see(state, places[i], keys[i]);
	answers->admits = faultin_admits(state->record.args, state->record.nr);
	answers->possible = possible(state);
	answers->certain = certain(state);
	answers->verdict = judge(state, returned);
}
