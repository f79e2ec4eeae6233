/* SPDX-License-Identifier: Apache-2.0 */
/* execve and execveat: path, argv, envp, their arrays and every string each on its own page. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

enum { MANY = 40 };

static const char *const few[] = {"argv-zero", "--exec-child", "third argument", NULL};
static const char *const environment[] = {"CORPUS=first", "LANG=C", "EMPTY=", NULL};
static const char *const none[] = {NULL};

static void fails_missing(const char *name, const char *const argv[], const char *const envp[])
{
	begin(name);
	CALL(execve, in_path("filename", "missing-program"), in_strings("argv", argv), in_strings("envp", envp));
	fails(ENOENT);
}

/* `long_at` is 3,000 bytes long, the others a few dozen. */
static const char *const *many_strings(int long_at)
{
	static const char *strings[MANY + 1];

	for (int i = 0; i < MANY; i++)
		strings[i] = json("string %d %s", i, pattern('a', i == long_at ? 3000 : 30));
	strings[1] = "--exec-child";
	return strings;
}

/* The array of pointers itself lies across two pages. */
static void split_array(void)
{
	const char *argv[5];

	begin("execve_missing_argv_second_page_absent");
	for (int i = 0; i < 4; i++)
		argv[i] = place(json("argv[%d]", i), few[i % 3], strlen(few[i % 3]) + 1);
	argv[4] = NULL;
	arg_raw("argv", strings_json(argv));
	capture("argv", "read");
	CALL(execve, in_path("filename", "missing-program"), place_split("argv", argv, sizeof(argv)),
	     in_strings("envp", none));
	fails(ENOENT);
}

static void execveat_fails(void)
{
	begin("execveat_missing");
	arg_json("fd", "'AT_FDCWD'");
	CALL(execveat, AT_FDCWD, in_path("filename", "missing-program"), in_strings("argv", few),
	     in_strings("envp", environment), 0);
	fails(ENOENT);

	begin("execveat_flags_refused");
	CALL(execveat, AT_FDCWD, in_path("filename", "missing-program"), in_strings("argv", few),
	     in_strings("envp", environment), 0x40000000);
	fails(EINVAL);
}

/* Not a program: the kernel reads its first bytes and refuses. */
static void not_a_program(void)
{
	begin("execve_not_a_program");
	CALL(execve, in_path("filename", "broken"), in_strings("argv", few), in_strings("envp", environment));
	fails(ENOEXEC);
}

void cases_exec_fails(void)
{
	fails_missing("execve_missing", few, environment);
	fails_missing("execve_missing_empty_arrays", none, none);
	fails_missing("execve_missing_many", many_strings(20), environment);
	split_array();
	execveat_fails();
	not_a_program();
}

static void runs(const char *name, enum child how, const char *path, const char *const argv[], const char *const envp[])
{
	begin(name);
	CALL_IN_CHILD(how, execve, in_path("filename", path), in_strings("argv", argv), in_strings("envp", envp));
}

/* The kernel gives the interpreter another argv: its name, its option and the script's path for argv[0]. */
static void scripts(void)
{
	static const char *const by_name[] = {SCRIPT, "script argument", NULL};
	static const char *const by_other_name[] = {"not-the-script's-name", "script argument", NULL};

	runs("execve_script", FORK, SCRIPT, by_name, environment);
	runs("execve_script_other_name", FORK, SCRIPT, by_other_name, environment);
}

static void at_descriptor(void)
{
	int dir = open(".", O_PATH | O_DIRECTORY), program = open(PROGRAM, O_PATH);

	begin("execveat_dir");
	arg_int("fd", dir);
	CALL_IN_CHILD(FORK, execveat, dir, in_path("filename", PROGRAM), in_strings("argv", few),
		      in_strings("envp", environment), 0);

	begin("execveat_empty_path");
	arg_int("fd", program);
	arg_json("flags", "'AT_EMPTY_PATH'");
	CALL_IN_CHILD(FORK, execveat, program, in_path("filename", ""), in_strings("argv", few),
		      in_strings("envp", environment), AT_EMPTY_PATH);
	close(program);
	close(dir);
}

void cases_exec(void)
{
	runs("execve", FORK, PROGRAM, few, environment);
	runs("execve_vfork", VFORK, PROGRAM, few, environment);
	runs("execve_many", FORK, PROGRAM, many_strings(-1), environment);
	runs("execve_long_argument", FORK, PROGRAM, many_strings(20), environment);
	runs("execve_no_environment", FORK, PROGRAM, few, none);
	at_descriptor();
	scripts();
}
