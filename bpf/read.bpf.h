/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How user memory is read: nofault, or by programs that may sleep (FAULTS), taking the
 * fault. The capture code does not know which. Included with it. */

/* `size` bytes at `src`, or a negative error. */
static __always_inline long read_user(void *dst, u32 size, const void *src)
{
#if FAULTS
	return bpf_copy_from_user(dst, size, src);
#else
	return bpf_probe_read_user(dst, size, src);
#endif
}

#if FAULTS
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
#endif

/* The string at `src` with its NUL, `room` bytes at the most: its size, or a negative
 * error. */
static __always_inline long read_user_string(void *dst, u32 room, const void *src)
{
#if FAULTS
	if (faultin_config.copy_string)
		return bpf_copy_from_user_str(dst, room, src, 0);
	return fault_in_string(dst, room, src);
#else
	return bpf_probe_read_user_str(dst, room, src);
#endif
}
