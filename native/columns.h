/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What src/faultin/columnar/native.py tells columns.c: which argument of which plan goes
 * into which column. Python packs these structures; a test compares their sizes.
 */
#ifndef FAULTIN_COLUMNS_H
#define FAULTIN_COLUMNS_H

#include "../bpf/wire.h"

#define NO_COLUMN 0xffff

/* Columns of every call, by number; those of arguments follow. */
enum common_column {
	COLUMN_TS = 0,
	COLUMN_PID,
	COLUMN_TID,
	COLUMN_PPID,
	COLUMN_UID,
	COLUMN_GID,
	COLUMN_CGROUP,
	COLUMN_COMM,    /* index into the names of the batch */
	COLUMN_PLAN,
	COLUMN_RET,
	COLUMN_ERRNO,
	COLUMN_LATENCY,
	COLUMN_ABI,     /* 1: i386, 2: x32 */
	COLUMNS_COMMON,
};

/* A number in a register. */
struct number {
	u8 position;
	u8 width; /* bytes of the column */
	u16 column;
};

enum capture_kind {
	CAPTURE_TEXT = 1,   /* before its NUL; in column `bytes` if it is not UTF-8 */
	CAPTURE_PATH = 2,   /* the same, and whole unless the kernel refused it */
	CAPTURE_MEMORY = 3, /* bytes */
	CAPTURE_OTHER = 4,  /* for the caller: see struct left */
};

/* What an operation has captured. */
struct capture {
	u8 kind;
	u8 position;
	u8 output;
	u8 pad;
	u16 op;
	u16 value;  /* columns */
	u16 bytes;
	u16 length; /* of a value that was cut: -1 if it is not known */
	u16 word;
	u16 out;    /* and of what was left in an argument that was read, too */
	u16 out_bytes;
	u16 out_length;
	u32 size; /* that lengths count in */
};

/* The numbers and captures of one plan, in two arrays; without a plan none. */
struct layout {
	u32 first_number;
	u32 first_capture;
	u8 numbers;
	u8 captures;
	u16 pad;
};

/* What was left to the caller: operations of a row (a bit each), or a record that is in no
 * row or not yet to be believed. */
struct left {
	u32 at;  /* in the chunk */
	u32 row; /* NO_ROW: it has none */
	u32 ops; /* ALL_LEFT: all of them, as the record is not whole or not judged */
};
#define NO_ROW 0xffffffff
#define ALL_LEFT 0xffffffff

/* A column as it stands. `offsets` is NULL for numbers. */
struct column {
	u8 *values;     /* numbers, or bytes end to end */
	u32 *offsets;   /* rows + 1 */
	u8 *valid;      /* a bit a row */
	u64 used;       /* bytes of `values`, if they have offsets */
	u64 room;
	u32 width;      /* of a number, 0 for bytes */
	u32 rows;       /* up to which offsets are written */
	u32 count;      /* rows that have a value: none, and the column is not in the batch */
	u32 pad;
};

#endif
