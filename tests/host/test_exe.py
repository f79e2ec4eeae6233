# SPDX-License-Identifier: Apache-2.0
"""`exe` is the path of the program that makes a call, however soon it ends: what the kernel
itself would show in /proc, which the programs read of themselves here."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from engines import Way, every_way
from running import command, faultin

pytestmark = pytest.mark.kernel
WAYS = [way for way in every_way() if way.strategy == "copy" and way.engine != "ptrace"]
each_way = pytest.mark.parametrize("way", WAYS, ids=str)
EACH = 50

# Programs that are run from where no path, or an odd one, leads to them.
ODD = """
import os, sys
folder = sys.argv[1]
with open(f"{folder}/read link", "rb") as file:
    image = file.read()

def run(fd):
    if not (pid := os.fork()):
        os.execve(fd, ["readlink", "/proc/self/exe"], {})
    os.waitpid(pid, 0)

fd = os.memfd_create("in memory", 0)
os.write(fd, image)
run(fd)
with open(f"{folder}/gone", "wb") as file:
    file.write(image)
os.chmod(f"{folder}/gone", 0o755)
fd = os.open(f"{folder}/gone", os.O_PATH)
os.unlink(f"{folder}/gone")
run(fd)
"""


@pytest.fixture
def programs(tmp_path):
    """A folder with copies of readlink(1), by plain names, links and long ways."""
    found = shutil.which("readlink")
    assert found, "readlink is not installed: it tells what a program is called"
    deep = tmp_path / ("d" * 200) / ("e" * 200) / ("f" * 200)
    deep.mkdir(parents=True)
    for copy in (tmp_path / "read link", deep / "deep"):
        shutil.copy(os.path.realpath(found), copy)
    (tmp_path / "link").symlink_to("read link")
    (tmp_path / "folder").symlink_to(deep)
    return tmp_path


def stats(way: Way, *words) -> tuple[dict, dict]:
    """Counts by exe, and what the traced programs printed."""
    ran = subprocess.run(command("stats", "count()", "--by", "exe", "--json", "-o", "/dev/stderr", *way.options[:2],
                                 *words), capture_output=True, text=True, timeout=120)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stderr.splitlines()]
    assert rows[-1]["summary"]["lost"] == {}
    return {row["exe"]: row["count()"] for row in rows[:-1]}, Counter(ran.stdout.splitlines())


@each_way
def test_each_of_200_short_lived_processes_has_its_own(way: Way, programs):
    names = ["read link", "link", "folder/deep", "folder/./deep"]
    script = 'cd "$1"; shift; for i in $(seq 50); do for name; do "./$name" /proc/self/exe; done; done'
    counted, printed = stats(way, "-e", "exit_group", "-w", "not missing(exe)", "--",
                             "sh", "-c", script, "sh", programs, *names)  # fmt: skip
    assert sum(printed.values()) == EACH * len(names)
    assert {exe: counted.get(exe) for exe in printed} == printed


@each_way
def test_programs_that_no_path_leads_to(way: Way, programs):
    counted, printed = stats(way, "-e", "exit_group", "--", sys.executable, "-c", ODD, programs)
    assert "/memfd:in memory (deleted)" in printed and f"{programs}/gone (deleted)" in printed
    assert {exe: counted.get(exe) for exe in printed} == printed


@each_way
def test_a_filter_matches_all_and_nothing_else(way: Way, programs):
    script = 'for i in $(seq 20); do "$1/link" /proc/self/exe; /bin/true; done'
    run = faultin("-e", "exit_group", "-w", f'exe == "{programs}/read link"', *way.options,
                  "--", "sh", "-c", script, "sh", programs)  # fmt: skip
    assert len(run.events) == 20 and {event["comm"] for event in run.events} <= {"link"}


@each_way
def test_an_execve_is_made_by_the_program_before_it(way: Way, programs):
    counted, _ = stats(way, "-e", "execve", "-w", 'path.endswith("/link")', "--",
                       "sh", "-c", '"$1/link" x; true', "sh", programs)  # fmt: skip
    assert counted == {os.path.realpath(shutil.which("sh")): 1}
