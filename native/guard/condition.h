/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition of a rule, as guard/code.py writes it: a tree in which a node is a word, and
 * behind it what it is made of.
 *
 *     bits 0-7 what it is, 8-15 `small`, 16-31 `middle`, 32-63 words of the whole node
 *
 * It means what query/evaluate.py says that it means, on sealed memory.
 */
#ifndef FAULTIN_CONDITION_H
#define FAULTIN_CONDITION_H

#include "guarded.h"

enum node {
	/* conditions */
	NODE_AND = 1,
	NODE_OR = 2,
	NODE_NOT = 3,
	NODE_MISSING = 4,
	NODE_COMPARE = 5, /* small: enum relation; two values */
	NODE_PREFIX = 6,  /* a value, then texts, of which one is enough; as the next two */
	NODE_SUFFIX = 7,
	NODE_CONTAINS = 8,
	NODE_GLOB = 9,    /* a value, then a NODE_TOKENS */
	NODE_NETWORKS = 10, /* a value, then texts; bits of each in `small` */
	NODE_HAS = 11,    /* middle: operation, of which some string is the text */
	/* values */
	NODE_NUMBER = 20, /* small: whether it is unsigned; a word. So in all that are numbers */
	NODE_TEXT = 21,   /* middle: bytes, which follow */
	NODE_REGISTER = 22, /* middle: position, bits << 4, signed << 12 */
	NODE_STRING = 23, /* middle: operation */
	NODE_INT = 24,    /* middle: operation; a word of where, and families */
	NODE_PART = 25,   /* the same; text */
	NODE_ADDRESS = 26, /* middle: operation; a word of where */
	NODE_ITEM = 27,   /* middle: operation; a word: which */
	NODE_TOTAL = 28,  /* middle: operation */
	NODE_COUNT = 29,
	NODE_LENGTH = 30, /* of a value */
	NODE_BINARY = 31, /* middle: the operator, as C writes it; two values */
	NODE_NONE = 32,   /* missing */
	NODE_PID = 33,
	NODE_TID = 34,
	NODE_TOKENS = 40, /* each a word that is 0 for *, or is not and has 4 behind it: its bytes */
};

/* bits of the word of NODE_INT, NODE_PART, NODE_ADDRESS */
#define WHERE_OFFSET(word) ((u32)(word) & 0xffff)
#define WHERE_SIZE(word) ((u32)((word) >> 16) & 0xffff)
#define WHERE_ROLE(word) ((u32)((word) >> 32) & 0xff)
#define WHERE_SIGNED(word) ((u32)((word) >> 40) & 1)
#define WHERE_BIG(word) ((u32)((word) >> 41) & 1)
/* ... and behind it a word with up to four families, 16 bits each; 0xffff: none */

enum relation { RELATION_EQ, RELATION_NE, RELATION_LT, RELATION_LE, RELATION_GT, RELATION_GE };

/* Whether a condition holds for the call whose inputs are in the room. */
bool condition_holds(const struct task *task, const u64 *node);

#endif
