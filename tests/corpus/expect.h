/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expected events: one case is one marked system call and what a tracer should say of it.
 *
 * A case reads: begin("name"); in_...() and arg_...() for what goes in; CALL(...); works() or fails();
 * got_...() and after() for what came out. It ends where the next one begins.
 * JSON is written in printf formats with ' for ", as in "{'tv_sec': %d}".
 * Invariant: nothing reaches the file before expect_write(), and between the marker and the case's call
 * the thread makes no other call.
 */
#ifndef CORPUS_EXPECT_H
#define CORPUS_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "cold.h"

/*
 * The marker is getpriority(MARKER, N), N being the case's number, counted from 1 over the whole run: no
 * pointers, fails with EINVAL. The next call of that thread whose name is the case's is the case's event.
 */
enum { MARKER = 0x7fa0000, CAPTURED_BYTES = 4096 };

/* A JSON object under construction. Starts as {0}. */
struct object {
	char *text;
	size_t len;
};

void object_add(struct object *object, const char *key, const char *json);
char *object_text(struct object *object);

/* The bytes as a JSON string, or {"b64": ...} where they are not UTF-8. Never freed. */
char *json_bytes(const void *data, size_t len);
char *json_string(const char *text);

/* printf with ' turned into ". Never freed. */
char *json(const char *format, ...) __attribute__((format(printf, 1, 2)));

void set_class(const char *name);
void begin(const char *name);

/* The case cannot be had here (rights, address family): nothing is recorded. */
void skip(void);

/* What `args` must hold. */
void arg_int(const char *name, long value);
void arg_size(const char *name, unsigned long value);
void arg_raw(const char *name, const char *text);
#define arg_json(name, ...) arg_raw(name, json(__VA_ARGS__))

/* What `capture` must say: "read" stands for entry, exit, deferred, remote and exec; A|B for either. */
void capture(const char *name, const char *word);

/* Pointers without data: `args` holds null, `capture` the word. */
void is_null(const char *name);
void is_fault(const char *name);
void is_unset(const char *name);

/* Expects the bytes (cut at CAPTURED_BYTES), captured; the in_ forms also place them, on their own page. */
void expect_bytes(const char *name, const void *data, size_t len);
void expect_path(const char *name, const char *path);
void *in_bytes(const char *name, const void *data, size_t len);
char *in_path(const char *name, const char *path);
void *in_raw(const char *name, const void *data, size_t len, const char *text);
#define in_json(name, data, len, ...) in_raw(name, data, len, json(__VA_ARGS__))

/* An output that the call wrote: the value as read after the call. */
void got_bytes(const char *name, const void *data, size_t len);
void got_raw(const char *name, const char *text);
#define got_json(name, ...) got_raw(name, json(__VA_ARGS__))

/* What the call left in an argument that is both input and output. */
void after_raw(const char *name, const char *text);
#define after(name, ...) after_raw(name, json(__VA_ARGS__))

/* Arms the pages, marks, calls, records. The return value is -errno where the call failed. */
long perform(const char *name, long nr, const long args[6]);

/* The call went otherwise than the case needs: dies. */
void works(void);
void fails(int error);

/* The errno is one of these ("EINTR|ERESTARTSYS"); the return value is not compared. */
void fails_with_any(const char *names);

/* Makes the call in a child, for calls that do not return here; `how` is fork or vfork. */
enum child { FORK, VFORK };
void perform_in_child(enum child how, const char *name, long nr, const long args[6]);

/* The current case is known in full before its call (exit_group): ends it, and says its number. */
int expect_number(const char *syscall_name);

void mark(int number);
void expect_write(const char *path);

#define LONGS(a, b, c, d, e, f, ...) \
	(const long[6]){(long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)}
#define CALL(name, ...) perform(#name, SYS_##name, LONGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0))
#define CALL_IN_CHILD(how, name, ...) \
	perform_in_child(how, #name, SYS_##name, LONGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0))

#endif
