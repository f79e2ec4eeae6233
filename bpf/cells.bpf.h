/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cells: the numbers that counters are made of (aggregate/functions.py). An amount changes
 * a cell by one of two operations, add or take the greater. Both are atomic, as a program
 * may be preempted, and another run on its CPU.
 *
 * Each group has its dense cells, those that counters always have, in shards, of which a
 * CPU uses one. Sparse cells (buckets) are made as amounts come for them.
 *
 * The functions of the query call these (codegen/query/counting.py); they are inlined.
 */
#ifndef FAULTIN_CELLS_BPF_H
#define FAULTIN_CELLS_BPF_H

#include "state.bpf.h"

#define TRIES_MAX (1 << 20)

/* Mapped by the consumer. What a group has, and how many there are, is set before load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u64));
} cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, u64);
} sparse SEC(".maps");

static __always_inline u32 shard_here(void)
{
	return bpf_get_smp_processor_id() & faultin_config.shards;
}

static __always_inline u64 *cells_of(u32 group)
{
	u32 index = shard_here() * faultin_config.groups + group;

	return bpf_map_lookup_elem(&cells, &index);
}

INLINED void count_add(u64 *cell, u64 amount)
{
	if (amount)
		__sync_fetch_and_add(cell, amount);
}

struct raising {
	u64 *cell;
	u64 value;
};

static long try_raise(u64 i, struct raising *raising)
{
	u64 before = *(volatile u64 *)raising->cell;

	return before >= raising->value ||
	       __sync_val_compare_and_swap(raising->cell, before, raising->value) == before;
}

__noinline u32 count_raised(u64 *cell, u64 value)
{
	struct raising raising = { cell, value };

	if (cell)
		bpf_loop(TRIES_MAX, try_raise, &raising, 0);
	return 0;
}

INLINED void count_raise(u64 *cell, u64 value)
{
	if (*(volatile u64 *)cell < value)
		count_raised(cell, value);
}

/* Not inlined, as the stack that this takes would be taken for each counter. */
static __noinline u64 *bucket_of(u64 key)
{
	u64 *cell = bpf_map_lookup_elem(&sparse, &key), zero = 0;

	if (cell)
		return cell;
	bpf_map_update_elem(&sparse, &key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&sparse, &key);
}

/* A bucket of a counter, or NULL where there is no room for one more. */
INLINED u64 *count_bucket(u32 group, u32 counter, u32 bucket)
{
	return bucket_of((u64)group << 32 | shard_here() << 24 | counter << 16 | (bucket & 0xffff));
}

/* The number of bits that a number takes: 0 of 0, 64 at the most. */
__noinline u32 count_bits(u64 value)
{
	u32 bits = 0;

#define HALF(n)                        \
	if (value >> n) {              \
		bits += n;             \
		value >>= n;           \
	}
	HALF(32) HALF(16) HALF(8) HALF(4) HALF(2) HALF(1)
#undef HALF
	return bits + value;
}

/* buckets.quantile_bucket() of a number that is not negative. */
INLINED u32 count_quantile(u64 value)
{
	u32 bits = count_bits(value), shift = bits > 5 ? bits - 5 : 0;

	return (shift << 4) + (u32)(value >> (shift & 63));
}

/* A digest whose bits are all as good as any other: what `uniq` counts by. */
INLINED u64 count_hash(u64 value)
{
	value ^= shared.seed;
	value = (value ^ value >> 33) * 0xff51afd7ed558ccdULL;
	value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return value ^ value >> 33;
}

#endif
