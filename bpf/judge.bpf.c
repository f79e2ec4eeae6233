/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Not an engine: the functions of a query alone, run by the tests on a state of theirs
 * (tests/host/test_query_kernel.py). */
#include "query.bpf.h"

#define PLACES_MAX 64

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct subject {
		struct task_state state;
		u32 returned;
		u32 count;
		u32 possible;
		u32 verdict;
		u32 certain;
		u32 admits;
		u32 places[PLACES_MAX];
		u64 keys[PLACES_MAX];
	});
} subjects SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__noinline u64 query_clock_offset(void)
{
	return 0;
}

static __always_inline int send(void *data, u32 size, bool urgent)
{
	return 0;
}

static __always_inline bool is_counted(struct task_state *state, u32 type)
{
	return false;
}

static __always_inline int send_trigger(void *data, u32 size)
{
	return 0;
}

SEC("syscall")
int judge_subject(void *ctx)
{
	u32 zero = 0, i;
	struct subject *subject = bpf_map_lookup_elem(&subjects, &zero);

	if (!subject)
		return 0;
	for (i = 0; i < PLACES_MAX; i++) {
		if (i >= subject->count)
			break;
		see(&subject->state, subject->places[i], subject->keys[i]);
	}
	subject->admits = faultin_admits(subject->state.record.args, subject->state.record.nr);
	subject->possible = possible(&subject->state);
	subject->certain = certain(&subject->state);
	subject->verdict = judge(&subject->state, subject->returned);
	return 0;
}
