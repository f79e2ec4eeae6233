/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "utf8.h"

#include <string.h>

int is_utf8(const u8 *s, u64 size)
{
	u64 at = 0, word;

	while (at < size) {
		u32 more, low = 0x80, high = 0xbf;
		u8 first = s[at];

		if (at + 8 <= size && (memcpy(&word, s + at, 8), !(word & 0x8080808080808080))) {
			at += 8;
			continue;
		}
		at++;
		if (first < 0x80)
			continue;
		if (first < 0xc2 || first > 0xf4)
			return 0;
		more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
		if (first == 0xe0)
			low = 0xa0;
		else if (first == 0xed)
			high = 0x9f;
		else if (first == 0xf0)
			low = 0x90;
		else if (first == 0xf4)
			high = 0x8f;
		for (; more; more--, at++, low = 0x80, high = 0xbf)
			if (at >= size || s[at] < low || s[at] > high)
				return 0;
	}
	return 1;
}
