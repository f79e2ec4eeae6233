# SPDX-License-Identifier: Apache-2.0
"""Real programs do under a guard of every call what they do without: their output is the same.

All come from the system's packages, which tests/run installs. FAULTIN_LONG=1 runs pgbench for
longer.
"""

import os
import pwd
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest
from guarded import ALL, HERE, words
from unprivileged import command_as_nobody, nobody, open_folder

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="it guards x86-64 only")
LONG = bool(os.environ.get("FAULTIN_LONG"))


def run(*command: Any, **options: Any) -> tuple[int, str, str]:
    ran = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=300, **options
    )
    return ran.returncode, ran.stdout, ran.stderr


def guarded(*command: Any, **options: Any) -> tuple[int, str, str]:
    return run(*words(ALL, "--audit", "/dev/null"), "--", *command, **options)


def both(*command: Any, **options: Any) -> tuple[int, str, str]:
    """The same either way: status and both streams."""
    without = run(*command, **options)
    assert guarded(*command, **options) == without
    return without


def needs(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.fail(f"{name} is not installed: apt-get install it, for a comparison with it")
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def test_git(folder):
    for name, runner in (("without", run), ("guarded", guarded)):
        at = folder / name / "repository"
        at.mkdir(parents=True)
        (at / "file").write_text("text\n" * 1000)
        dates = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
        env = {**os.environ, **dates, "HOME": str(folder), "GIT_CONFIG_GLOBAL": "/dev/null"}
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
        for step in (
            ["init", "-q"],
            ["add", "."],
            ["commit", "-qm", "first"],
            ["gc", "-q"],
            ["fsck"],
        ):
            assert runner("git", *who, *step, cwd=at, env=env)[0] == 0, (name, step)
    logs = [
        run("git", "-c", "safe.directory=*", "log", "--stat", cwd=folder / name / "repository")
        for name in ("without", "guarded")
    ]
    assert logs[0] == logs[1] and logs[0][0] == 0


def test_make_with_two_jobs_and_gcc(folder):
    sources = [f"f{n}" for n in range(6)]
    for name in sources:
        (folder / f"{name}.c").write_text(f"int {name}(int x) {{ return x + {len(name)}; }}\n")
    calls = " + ".join(f"{name}(1)" for name in sources)
    heads = "".join(f"int {name}(int);\n" for name in sources)
    main = f'#include <stdio.h>\n{heads}int main(void) {{ printf("%d\\n", {calls}); return 0; }}\n'
    (folder / "main.c").write_text(main)
    objects = " ".join(f"{name}.o" for name in [*sources, "main"])
    (folder / "Makefile").write_text(
        f"prog: {objects}\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -c -o $@ $<\n"
    )
    found = []
    for runner in (run, guarded):
        assert runner("make", "-s", "-j2", cwd=folder) == (0, "", "")
        found.append({path.name: path.read_bytes() for path in folder.glob("*.o")})
        assert run(folder / "prog") == (0, "18\n", "")
        for path in [*folder.glob("*.o"), folder / "prog"]:
            path.unlink()
    assert found[0] == found[1] and len(found[0]) == 7


def test_python_with_threads_and_programs(folder):
    status, output, _ = both(sys.executable, HERE / "threads.py", folder)
    assert status == 0 and output.count("\n") == 16


def test_a_shell(folder):
    script = (
        "for i in 1 2 3; do (echo $i; exit $i) | cat || true; done; ls / | wc -l; kill -TERM $$"
    )
    assert both("bash", "-c", script)[0] == -15


def test_as_any_user():
    with open_folder() as own:
        policy = own / "policy.toml"
        policy.write_text(ALL)
        script = (
            "import subprocess; print(subprocess.run(['id', '-u'], capture_output=True).stdout)"
        )
        command = nobody("python3", "-c", script)[-3:]
        without = run(*nobody(*command), cwd="/")
        options = ["guard", "--policy", policy, "--audit", own / "audit", "--", *command]
        assert run(*command_as_nobody(*options), cwd="/") == without
        assert without[0] == 0 and (own / "audit").stat().st_size > 1000


@contextmanager
def server(folder: Path) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, HERE / "serve.py", folder], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as serving:  # fmt: skip
        assert serving.stdout
        try:
            yield int(serving.stdout.readline())
        finally:
            serving.terminate()


def test_curl(folder):
    curl = needs("curl")
    (folder / "page").write_text("content\n" * 50_000)
    with server(folder) as port:
        status, output, _ = both(curl, "-s", f"http://127.0.0.1:{port}/page")
    assert status == 0 and len(output) == 400_000


def test_node(folder):
    node = needs("node")
    script = """
    const fs = require('fs'), { execFile } = require('child_process'), http = require('http');
    fs.writeFileSync(process.argv[2] + '/file', 'x'.repeat(2000000));
    const served = http.createServer((q, a) => a.end(fs.readFileSync(process.argv[2] + '/file')));
    served.listen(0, '127.0.0.1', () => http.get({ port: served.address().port }, answer => {
      let size = 0;
      answer.on('data', part => size += part.length).on('end', () => {
        served.close();
        execFile('echo', ['done', size], (error, out) => console.log(error, out));
      });
    }));
    """
    (folder / "script.js").write_text(script)
    status, output, _ = both(node, folder / "script.js", folder)
    assert status == 0 and "done 2000000" in output


def postgres() -> Path:
    """Where its programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail("postgres is not installed: apt-get install postgresql, for a comparison")
    return found[-1].parent


def database(own: Path, before: list[str]) -> dict[str, str]:
    """A server in a folder, a benchmark of it, and its end: what all of them said, without the
    folder's name, and without figures where they are measured."""
    binaries, seconds = postgres(), 20 if LONG else 2
    script = f"""
    set -e
    {binaries}/initdb -N -D {own}/data -A trust > {own}/initdb.log
    {binaries}/pg_ctl -D {own}/data -l {own}/server.log -w \\
        -o "-k {own} -c listen_addresses=''" start > /dev/null
    {binaries}/createdb -h {own} bench
    {binaries}/pgbench -h {own} -q -i bench 2> /dev/null
    {binaries}/pgbench -h {own} -c 4 -j 2 -T {seconds} bench > {own}/bench.log 2>&1
    {binaries}/psql -h {own} -At bench -c 'select sum(abalance) = (select sum(delta)
        from pgbench_history), count(*) from pgbench_accounts'
    {binaries}/pg_ctl -D {own}/data -w stop > /dev/null
    """
    ran = run(*before, "sh", "-c", script, cwd="/")
    assert ran == (0, "t|100000\n", ""), (ran, list(own.glob("*.log")))
    log = (own / "bench.log").read_text()
    print(next(line for line in log.splitlines() if line.startswith("tps")))
    return {
        "initdb": (own / "initdb.log").read_text().replace(str(own), "HERE"),
        "pgbench": re.sub(r"(?<== )[\d.]+|(?<=processed: )\d+", "N", log),
    }


def test_postgres():
    """It does not run as root: then it runs as the user that its package made."""
    root = os.geteuid() == 0
    found = []
    for before in (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if root else [],
        [*words(ALL, "--audit", "/dev/null", *(["-u", "postgres"] if root else [])), "--"],
    ):
        with open_folder() as own:
            if root:
                owner = pwd.getpwnam("postgres")
                os.chown(own, owner.pw_uid, owner.pw_gid)
            found.append(database(own, before))
    assert found[0] == found[1]
    assert "number of failed transactions: 0 (0.000%)" in found[1]["pgbench"]
