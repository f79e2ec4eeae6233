# SPDX-License-Identifier: Apache-2.0
"""A trigger survives a burst: what overruns ordinary recording loses no notification.

Two threads open another path as fast as they can. The query has a part that the kernel
cannot decide, so that each of these calls is recorded, and judged by faultin; the ring
buffer is the smallest there is. Meanwhile a third opens the path that is watched for.
"""

import re
import subprocess
import sys

import pytest
from running import command

pytestmark = pytest.mark.kernel

OPENED = 200
BURST = """
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static volatile int over;

static void *opens(void *unused)
{
	while (!over)
		close(open("/nowhere/else", O_RDONLY));
	return unused;
}

int main(int argc, char **argv)
{
	static char payload[16384] = "payload:";
	int null = open("/dev/null", O_WRONLY), i;
	pthread_t threads[2];

	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, opens, NULL);
	for (i = 0; i < OPENED; i++) {
		usleep(5000);
		payload[8] = 'a' + i % 26;
		payload[sizeof(payload) - 1] = payload[8];
		open(argv[1], O_RDONLY);
		write(null, payload, sizeof(payload));
	}
	over = 1;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
""".replace("OPENED", str(OPENED))


@pytest.fixture(scope="module")
def burst(tmp_path_factory):
    program = tmp_path_factory.mktemp("burst") / "burst"
    words = ["gcc", "-O2", "-pthread", "-w", "-x", "c", "-", "-o", program]
    subprocess.run(words, input=BURST, text=True, check=True)
    return program


def watched(program, path, where, *words):
    """(the lines, how many records found the ring buffer full)."""
    asking = f'({where}) or path.startswith("/nowhere/") and exe == "/nothing"'
    ran = subprocess.run(
        command("watch", "-w", asking, "--engine", "deferred", *words,
                "--", program, path),
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    sys.stderr.write(ran.stderr)
    lost = re.search(r"(\d+) .*ring buffer", ran.stderr)
    return ran.stdout.splitlines(), int(lost[1]) if lost else 0


def test_no_notification_is_lost_in_a_burst(burst, tmp_path):
    path = tmp_path / "watched"
    path.write_text("")
    words = ("-e", "openat", "--capture", "path", "--buffer", "64k")
    lines, lost = watched(burst, path, f'path == "{path}"', *words)
    assert lost > OPENED, "the burst did not overrun the ring buffer"
    assert len(lines) == OPENED


def test_nor_is_a_payload_larger_than_a_record(burst, tmp_path):
    """It leaves in several records, all of them ahead of the others."""
    path = tmp_path / "watched"
    path.write_text("")
    words = ("-e", "openat,write", "--capture", "buf", "-s", "16k", "--format", "jsonl", "--buffer", "64k")
    lines, lost = watched(burst, path, 'buf.startswith("payload:")', *words)
    assert lost > OPENED, "the burst did not overrun the ring buffer"
    assert len(lines) == OPENED
    for n, line in enumerate(lines):
        assert f'"buf":"payload:{chr(97 + n % 26)}' in line and line.endswith(f'{chr(97 + n % 26)}"}}')
    assert min(map(len, lines)) > 16384
