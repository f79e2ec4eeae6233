/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "detach.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../bpf/wire.h"

static const int ignored[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU,
			       SIGPIPE, SIGALRM, SIGUSR2, SIGXFSZ };

void detach_from_user(void)
{
	struct rlimit files;
	u32 i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	for (i = 0; i < 3; i++)
		close(i);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (chdir("/"))
		return; /* then its folder stays in use */
}
