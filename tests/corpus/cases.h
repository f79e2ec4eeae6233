/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of cases, and what several of them share. */
#ifndef CORPUS_CASES_H
#define CORPUS_CASES_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

void cases_path(void);
void cases_two_paths(void);
void cases_where(void);
void cases_buffer_in(void);
void cases_buffer_out(void);
void cases_vector(void);
void cases_sockaddr(void);
void cases_message_in(void);
void cases_message_out(void);
void cases_socket(void);
void cases_stat(void);
void cases_name_out(void);
void cases_xattr(void);
void cases_poll(void);
void cases_epoll(void);
void cases_time(void);
void cases_timer(void);
void cases_signal(void);
void cases_limits(void);
void cases_wait(void);
void cases_identity(void);
void cases_sched(void);
void cases_sized(void);
void cases_fcntl(void);
void cases_ioctl(void);
void cases_futex(void);
void cases_pair(void);
void cases_exec_fails(void);
void cases_exec(void);
void cases_bad_pointer(void);
void cases_null(void);
void cases_thread(void);
void cases_exit(const char *expected_path);

/* No descriptor of the corpus has this number; nor has -1. */
enum { BAD_FD = 999 };

/* The work directory (current while the cases run) and what main.c put there. */
extern char work_dir[];
#define DATA_FILE "file"        /* DATA_FILE_SIZE bytes of pattern('a', ...) */
#define LINK_FILE "link"        /* symbolic link to DATA_FILE */
#define LIST_DIR "dir"          /* holds one, two and three */
#define PROGRAM "prog"          /* symbolic link to this program */
#define SCRIPT "script"         /* runs this program through #! */
enum { DATA_FILE_SIZE = 3 * 4096 };

/* `len` letters that begin with `first` and go round the alphabet; NUL-terminated, never freed. */
char *pattern(char first, size_t len);

/* Descriptors for one case; they die with a message rather than fail. */
int dev_null(void);
int data_file(int flags);
void make_pipe(int ends[2]);
void make_pair(int type, int ends[2]);
void close_both(const int ends[2]);

/*
 * Buffers, each on its own page, and the array that names them, on another: `NAME` and
 * `NAME[i].iov_base`. vector_json() is what a tracer should show of it.
 */
struct iovec *place_vector(const char *name, const char *const buffers[], size_t count);
struct iovec *room_vector(const char *name, const size_t lengths[], size_t count);
char *vector_json(const struct iovec *vector, size_t count);

/* A string each on its own page, and the NULL-terminated array on another; expects them. */
char **in_strings(const char *name, const char *const strings[]);
char *strings_json(const char *const strings[]);

#endif
