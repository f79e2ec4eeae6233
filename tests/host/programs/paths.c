/* SPDX-License-Identifier: Apache-2.0 */
/* As many processes as are asked for, each of which calls access() with so many paths in
 * turn, at full speed: paths PROCESSES CALLS PATHS. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long processes = atol(argv[1]), calls = atol(argv[2]), paths = atol(argv[3]), i, n;
	char (*names)[64] = calloc(paths, sizeof(*names));

	for (i = 0; i < paths; i++)
		snprintf(names[i], sizeof(*names), "/nowhere/%ld/of/%ld/paths", i, paths);
	for (n = 0; n < processes; n++) {
		if (fork())
			continue;
		for (i = 0; i < calls; i++)
			access(names[i % paths], F_OK);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
