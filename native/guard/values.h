/* SPDX-License-Identifier: Apache-2.0 */
/* What the fields of a condition are in a sealed call. */
#ifndef FAULTIN_VALUES_H
#define FAULTIN_VALUES_H

#include "condition.h"

enum value_kind { VALUE_MISSING = 0, VALUE_NUMBER, VALUE_TEXT };

struct value {
	enum value_kind kind;
	bool is_unsigned;
	u64 number;
	const u8 *bytes;
	u64 size;
};

#define KIND(word) ((enum node)((word) & 0xff))
#define SMALL(word) ((u32)((word) >> 8) & 0xff)
#define MIDDLE(word) ((u32)((word) >> 16) & 0xffff)
#define WORDS(word) ((u32)((word) >> 32))

/* Of a node that is a field. */
struct value value_of(const struct guarded *guarded, const u64 *node);
/* String number `index` of an array of them; missing behind its end. */
struct value value_item(const struct guarded *guarded, u32 op, u64 index);

#endif
