# SPDX-License-Identifier: Apache-2.0
"""`faultin assist`: what is run with it goes as without it, whatever happens to it.

What other tracers gain is in test_assist_tracers.py.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from probes import no_userfaultfd
from running import command, wait_for
from unprivileged import NOBODY, command_as_nobody, nobody, open_folder

HERE = Path(__file__).parent
NO_USERFAULTFD = no_userfaultfd()


@pytest.fixture(scope="module")
def folder():
    with open_folder() as made:
        yield made


@pytest.fixture(scope="module")
def life(folder):
    source, target = HERE / "programs" / "life.c", folder / "life"
    words = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-O1", "-pthread"]
    subprocess.run(["gcc", *words, "-o", target, source], check=True)
    return target


WHATS = ["threads", "forks", "clones", "exec-by-thread", "signals", "job-control", "restarts", "killed"]


@pytest.mark.parametrize("what", WHATS)
def test_all_goes_as_without_it(what, life):
    ran = subprocess.run(
        command_as_nobody("assist", "--", life, what), capture_output=True, text=True, timeout=60, cwd="/"
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize("script, status", [("exit 3", 3), ("kill -TERM $$", -15), ("kill -KILL $$", 137)])
def test_the_status_is_the_commands(script, status):
    ran = subprocess.run(command_as_nobody("assist", "--", "sh", "-c", script), timeout=60, cwd="/")
    assert ran.returncode == status


def test_errors_are_one_line(folder):
    broken = folder / "broken"
    broken.write_bytes(b"\x7fELF nothing more")
    broken.chmod(0o755)
    for words, status, says in (
        (["assist"], 2, "nothing to assist"),
        (["assist", "-e", "opnat", "--", "true"], 2, "openat"),
        (["assist", "--", "no-such-command-anywhere"], 127, "not found"),
        (["assist", "--", broken], 126, "cannot be run"),
    ):
        ran = subprocess.run(command_as_nobody(*words), capture_output=True, text=True, timeout=60, cwd="/")
        assert ran.returncode == status and says in ran.stderr and ran.stderr.count("\n") == 1, ran


@pytest.mark.parametrize("names", [[], ["-e", "openat"]], ids=["all", "some"])
def test_a_build_outlives_the_supervisor(names, folder):
    """Killed in the middle: whatever call it held goes on, as do all that follow."""
    project = folder / "project"
    project.mkdir()
    units = [f"unit{number}" for number in range(30)]
    for unit in units:
        (project / f"{unit}.c").write_text(f"#include <stdio.h>\nint {unit}(void) {{ return 1; }}\n")
    (project / "Makefile").write_text(f"all: {' '.join(f'{unit}.o' for unit in units)}\n")
    if os.geteuid() == 0:
        shutil.chown(project, NOBODY, NOBODY)
    build_it = f"make -j2 -C {project}; echo $? > {project}/status"
    supervisor = subprocess.Popen(
        command_as_nobody("assist", *names, "--", "sh", "-c", build_it),
        stdout=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    wait_for(lambda: len(list(project.glob("*.o"))) > 3)
    supervisor.kill()
    supervisor.wait(30)
    status = project / "status"
    assert not status.exists()
    assert wait_for(lambda: status.exists() and status.read_text()) == "0\n"
    assert len(list(project.glob("*.o"))) == 30
    shutil.rmtree(project)


@pytest.mark.skipif(bool(NO_USERFAULTFD), reason=NO_USERFAULTFD)
def test_a_page_that_never_comes_stalls_only_who_passed_it(folder):
    hostile = folder / "hostile"
    sources = [HERE / "hostile" / name for name in ("hostile.c", "others.c", "page.c")]
    subprocess.run(["gcc", "-O1", "-pthread", "-o", hostile, *sources], check=True)
    script = f"{hostile} userfault -1 200 badwrite & sleep 1; ls / | wc -l; kill -KILL $!; wait; echo end"
    ran = subprocess.run(command("assist", "--", "sh", "-c", script), capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and "returned" not in ran.stdout
    assert ran.stdout.endswith("end\n") and int(ran.stdout.split()[-2]) > 5


def test_without_any_rights_in_a_user_namespace():
    words = command_as_nobody("assist", "--", "cat", "/etc/hostname")
    inner = words[words.index("env") :]
    ran = subprocess.run(nobody("unshare", "-Ur", *inner), capture_output=True, text=True, timeout=60, cwd="/")
    assert ran.returncode == 0 and ran.stdout == Path("/etc/hostname").read_text(), ran.stderr
