/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How user memory is read: nofault, or in the programs that may sleep (FAULTS),
 * taking the fault. The capture code above does not know which. */
#ifndef FAULTIN_READ_BPF_H
#define FAULTIN_READ_BPF_H

#include "state.bpf.h"

#ifndef FAULTS
#define FAULTS 0
#endif

#define PAGE 4096

/* `size` bytes at `src`, or a negative error. */
static __always_inline long read_user(void *dst, u32 size, const void *src)
{
	if (FAULTS)
		return bpf_copy_from_user(dst, size, src);
	return bpf_probe_read_user(dst, size, src);
}

/* Before v6.12 nothing reads a string and takes its faults: what is absent is
 * faulted in by its first byte, and the string read again. It lies in two pages at
 * the most, as it has no more than PIECE_MAX bytes. */
static __always_inline long fault_in_string(void *dst, u32 room, const void *src)
{
	u64 next = ((u64)src | (PAGE - 1)) + 1;
	u8 byte;
	long size;

	size = bpf_probe_read_user_str(dst, room, src);
	if (size >= 0 || bpf_copy_from_user(&byte, 1, src))
		return size;
	size = bpf_probe_read_user_str(dst, room, src);
	if (size >= 0 || bpf_copy_from_user(&byte, 1, (void *)next))
		return size;
	return bpf_probe_read_user_str(dst, room, src);
}

/* The string at `src` with its NUL, `room` bytes at the most: its size, or a negative
 * error. */
static __always_inline long read_user_string(void *dst, u32 room, const void *src)
{
	if (!FAULTS)
		return bpf_probe_read_user_str(dst, room, src);
	if (faultin_config.copy_string)
		return bpf_copy_from_user_str(dst, room, src, 0);
	return fault_in_string(dst, room, src);
}

#endif
