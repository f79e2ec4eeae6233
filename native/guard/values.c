/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "values.h"

#include <string.h>

#include "layouts.h"

#define INET 2
#define INET6 10
#define NO_FAMILY 0xffff

static const struct value missing;

static struct value number(u64 value, const u64 *node)
{
	return (struct value){ .kind = VALUE_NUMBER, .is_unsigned = SMALL(*node), .number = value };
}

static struct value text(const u8 *bytes, u64 size)
{
	return (struct value){ .kind = VALUE_TEXT, .bytes = bytes, .size = size };
}

/* From an address in the process, which has to be of the room. */
static const u8 *at_address(const struct guarded *guarded, u64 addr)
{
	const struct room *room = &guarded->room;

	return addr >= room->addr && addr - room->addr < room->size ? room->base + (addr - room->addr) : NULL;
}

static u64 signed_of(u64 value, u32 bits, bool is_signed)
{
	u64 sign = bits ? 1ULL << (bits - 1) : 0;

	if (bits < 64)
		value &= (1ULL << bits) - 1;
	return is_signed ? (value ^ sign) - sign : value;
}

static struct value register_value(const struct guarded *guarded, const u64 *node)
{
	u32 where = MIDDLE(*node);
	u64 value = guarded->passed.args[where & 0xf];

	return number(signed_of(value, where >> 4 & 0xff, where >> 12 & 1), node);
}

/* A string as a query has it: at most so many bytes of it. */
static struct value string_at(const u8 *bytes, u64 size)
{
	u64 limit = size < PIECE_MAX - 1 ? size : PIECE_MAX - 1;

	return bytes ? text(bytes, strnlen((const char *)bytes, limit)) : missing;
}

static struct value string_value(const struct guarded *guarded, u32 op)
{
	const struct span *span = &guarded->spans[op];

	return span->size ? string_at(guarded->room.base + span->at, span->size) : missing;
}

struct value value_item(const struct guarded *guarded, u32 op, u64 index)
{
	const struct span *span = &guarded->spans[op];
	const u8 *bytes;
	u64 addr;

	if (index >= span->size / 8)
		return missing;
	memcpy(&addr, guarded->room.base + span->at + 8 * index, sizeof(addr));
	bytes = at_address(guarded, addr);
	return string_at(bytes, bytes ? guarded->room.base + guarded->room.size - bytes : 0);
}

/* The memory of an operation, or of the name in its message: at most so much as a query sees. */
static struct value memory_of(const struct guarded *guarded, u32 op, u32 role)
{
	const struct span *span = &guarded->spans[op];
	const u8 *bytes = guarded->room.base + span->at;
	struct user_msghdr message;
	u64 size = span->size;

	if (!size)
		return missing;
	if (role == ROLE_NAME) {
		memcpy(&message, bytes, sizeof(message));
		bytes = message.name ? at_address(guarded, message.name) : NULL;
		size = message.namelen < NAME_MAX_BYTES ? message.namelen : NAME_MAX_BYTES;
	}
	return bytes ? text(bytes, size < PIECE_MAX ? size : PIECE_MAX) : missing;
}

static u32 family_of(const struct value *memory)
{
	return memory->size >= 2 ? memory->bytes[0] | memory->bytes[1] << 8 : NO_FAMILY;
}

static bool is_of(const struct value *memory, u64 families)
{
	u32 family = family_of(memory), i;

	if ((families & 0xffff) == NO_FAMILY)
		return true;
	for (i = 0; i < 4; i++)
		if (family != NO_FAMILY && (families >> 16 * i & 0xffff) == family)
			return true;
	return false;
}

static struct value int_value(const struct guarded *guarded, const u64 *node)
{
	u64 where = node[1], value = 0;
	struct value memory = memory_of(guarded, MIDDLE(*node), WHERE_ROLE(where));
	u32 offset = WHERE_OFFSET(where), size = WHERE_SIZE(where), i;

	if (!memory.kind || memory.size < offset + size || !is_of(&memory, node[2]))
		return missing;
	for (i = 0; i < size; i++)
		value |= (u64)memory.bytes[offset + i] << 8 * (WHERE_BIG(where) ? size - 1 - i : i);
	return number(signed_of(value, 8 * size, WHERE_SIGNED(where)), node);
}

static struct value part_value(const struct guarded *guarded, const u64 *node)
{
	u64 where = node[1], size = WHERE_SIZE(where), offset = WHERE_OFFSET(where);
	struct value memory = memory_of(guarded, MIDDLE(*node), WHERE_ROLE(where));

	if (!memory.kind || memory.size < offset || !is_of(&memory, node[2]))
		return missing;
	if (size > memory.size - offset)
		size = memory.size - offset;
	size = strnlen((const char *)memory.bytes + offset, size);
	if (!size && (node[2] & 0xffff) != NO_FAMILY)
		return missing;
	return text(memory.bytes + offset, size);
}

/* An IPv4 address inside IPv6 is IPv4. */
static struct value address_value(const struct guarded *guarded, const u64 *node)
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct value memory = memory_of(guarded, MIDDLE(*node), WHERE_ROLE(node[1]));
	u32 family = memory.kind ? family_of(&memory) : NO_FAMILY;

	if (family == INET && memory.size >= 8)
		return text(memory.bytes + 4, 4);
	if (family != INET6 || memory.size < 24)
		return missing;
	if (!memcmp(memory.bytes + 8, mapped, sizeof(mapped)))
		return text(memory.bytes + 20, 4);
	return text(memory.bytes + 8, 16);
}

/* All iovecs of an operation, or of its message. */
static struct value vector_value(const struct guarded *guarded, const u64 *node)
{
	struct value memory = memory_of(guarded, MIDDLE(*node), 0);
	const u8 *array = memory.bytes;
	struct user_msghdr message;
	struct user_iovec each;
	u64 count, total = 0, i;

	count = guarded->spans[MIDDLE(*node)].size / sizeof(each);
	if (!guarded->passed.args[SMALL(node[1])])
		return missing;
	if (node[1] >> 8 && memory.kind) { /* a message */
		memcpy(&message, memory.bytes, sizeof(message));
		array = at_address(guarded, message.iov);
		count = array ? (message.iovlen < IOV_MAX ? message.iovlen : IOV_MAX) : 0;
	}
	for (i = 0; i < count; i++) {
		memcpy(&each, array + i * sizeof(each), sizeof(each));
		total += each.len < 0xffffffff ? each.len : 0xffffffff;
	}
	return number(KIND(*node) == NODE_TOTAL ? total : count, node);
}

struct value value_of(const struct guarded *guarded, const u64 *node)
{
	switch (KIND(*node)) {
	case NODE_NUMBER:
		return number(node[1], node);
	case NODE_TEXT:
		return text((const u8 *)(node + 1), MIDDLE(*node));
	case NODE_REGISTER:
		return register_value(guarded, node);
	case NODE_STRING:
		return string_value(guarded, MIDDLE(*node));
	case NODE_INT:
		return int_value(guarded, node);
	case NODE_PART:
		return part_value(guarded, node);
	case NODE_ADDRESS:
		return address_value(guarded, node);
	case NODE_ITEM:
		return value_item(guarded, MIDDLE(*node), node[1]);
	case NODE_TOTAL:
	case NODE_COUNT:
		return vector_value(guarded, node);
	default:
		return missing;
	}
}
