/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "condition.h"

#include <string.h>

#include "values.h"

#define TOKEN_WORDS 5

static struct value evaluate(const struct task *task, const u64 *node)
{
	struct value value = { .kind = VALUE_NUMBER, .is_unsigned = SMALL(*node) }, right;

	switch (KIND(*node)) {
	case NODE_PID:
		value.number = task->tgid;
		return value;
	case NODE_TID:
		value.number = task->pid;
		return value;
	case NODE_LENGTH:
		value = evaluate(task, node + 1);
		return value.kind ? (struct value){ .kind = VALUE_NUMBER, .number = value.size } : value;
	case NODE_BINARY:
		break;
	default:
		return value_of(task->guarded, node);
	}
	value = evaluate(task, node + 1);
	right = evaluate(task, node + 1 + WORDS(node[1]));
	if (!value.kind || !right.kind)
		return (struct value){ .kind = VALUE_MISSING };
	value.is_unsigned = SMALL(*node);
	switch (MIDDLE(*node)) {
	case '+':
		value.number += right.number;
		break;
	case '-':
		value.number -= right.number;
		break;
	case '*':
		value.number *= right.number;
		break;
	case '&':
		value.number &= right.number;
		break;
	case '|':
		value.number |= right.number;
		break;
	case '^':
		value.number ^= right.number;
		break;
	}
	return value;
}

/* Mathematically, whatever their signs. */
static int order(const struct value *left, const struct value *right)
{
	__int128 first = left->is_unsigned ? (__int128)left->number : (__int128)(s64)left->number;
	__int128 second = right->is_unsigned ? (__int128)right->number : (__int128)(s64)right->number;

	return (first > second) - (first < second);
}

static bool compare(const struct task *task, const u64 *node)
{
	struct value left = evaluate(task, node + 1), right = evaluate(task, node + 1 + WORDS(node[1]));
	int sign;

	if (!left.kind || !right.kind)
		return false;
	if (left.kind == VALUE_TEXT)
		sign = left.size != right.size || memcmp(left.bytes, right.bytes, left.size);
	else
		sign = order(&left, &right);
	switch ((enum relation)SMALL(*node)) {
	case RELATION_EQ:
		return !sign;
	case RELATION_NE:
		return sign;
	case RELATION_LT:
		return sign < 0;
	case RELATION_LE:
		return sign <= 0;
	case RELATION_GT:
		return sign > 0;
	case RELATION_GE:
		return sign >= 0;
	}
	return false;
}

static bool is_in_network(const struct value *value, const struct value *base, u32 bits)
{
	u32 whole = bits / 8, rest = bits % 8;

	if (value->size != base->size || memcmp(value->bytes, base->bytes, whole))
		return false;
	return !rest || !((value->bytes[whole] ^ base->bytes[whole]) >> (8 - rest));
}

static bool matches(const u64 *node, enum node how, const struct value *value)
{
	u64 size = MIDDLE(*node);
	const u8 *bytes = (const u8 *)(node + 1);

	switch (how) {
	case NODE_PREFIX:
		return value->size >= size && !memcmp(value->bytes, bytes, size);
	case NODE_SUFFIX:
		return value->size >= size && !memcmp(value->bytes + value->size - size, bytes, size);
	case NODE_CONTAINS:
		return !size || memmem(value->bytes, value->size, bytes, size);
	case NODE_NETWORKS:
		return is_in_network(value, &(struct value){ .bytes = bytes, .size = size }, SMALL(*node));
	default:
		return value->size == size && !memcmp(value->bytes, bytes, size);
	}
}

/* Of several texts one is enough. */
static bool match(const struct task *task, const u64 *node)
{
	const u64 *end = node + WORDS(*node), *each = node + 1;
	struct value value = evaluate(task, each);

	for (each += WORDS(*each); value.kind && each < end; each += WORDS(*each))
		if (matches(each, KIND(*node), &value))
			return true;
	return false;
}

static bool has(const struct task *task, const u64 *node)
{
	struct value value;
	u64 i;

	for (i = 0;; i++) {
		value = value_item(task->guarded, MIDDLE(*node), i);
		if (!value.kind)
			return false;
		if (matches(node + 1, NODE_HAS, &value))
			return true;
	}
}

static bool is_member(const u64 *token, u8 byte)
{
	return token[1 + byte / 64] >> byte % 64 & 1;
}

/* A star takes no more than it has to; if what is behind it then fails, one byte more. */
static bool glob(const struct task *task, const u64 *node)
{
	struct value value = evaluate(task, node + 1);
	const u64 *tokens = node + 1 + WORDS(node[1]), *end = node + WORDS(*node);
	const u64 *token = tokens + 1, *star = NULL;
	u64 at = 0, from = 0;

	if (!value.kind)
		return false;
	while (at < value.size || token < end) {
		if (token < end && !*token) {
			star = ++token;
			from = at;
		} else if (token < end && at < value.size && is_member(token, value.bytes[at])) {
			token += TOKEN_WORDS;
			at++;
		} else if (star && from < value.size) {
			token = star;
			at = ++from;
		} else {
			return false;
		}
	}
	return true;
}

bool condition_holds(const struct task *task, const u64 *node)
{
	const u64 *end = node + WORDS(*node), *each;
	bool or = KIND(*node) == NODE_OR;

	switch (KIND(*node)) {
	case NODE_AND:
	case NODE_OR:
		for (each = node + 1; each < end; each += WORDS(*each))
			if (condition_holds(task, each) == or)
				return or;
		return !or;
	case NODE_NOT:
		return !condition_holds(task, node + 1);
	case NODE_MISSING:
		return !evaluate(task, node + 1).kind;
	case NODE_COMPARE:
		return compare(task, node);
	case NODE_HAS:
		return has(task, node);
	case NODE_GLOB:
		return glob(task, node);
	default:
		return match(task, node);
	}
}
