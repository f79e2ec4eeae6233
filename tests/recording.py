# SPDX-License-Identifier: Apache-2.0
"""faultin record and faultin query, as a user runs them."""

import json
import subprocess

from running import command


def run(*words, **options):
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=120, **options)


def query(*words):
    """The rows or events, and the summary."""
    ran = run("query", *words, "--json")
    assert ran.returncode == 0, ran.stderr
    *lines, last = [json.loads(line) for line in ran.stdout.splitlines()]
    return lines, last["summary"]
