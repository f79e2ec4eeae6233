# SPDX-License-Identifier: Apache-2.0
"""Man pages and completion, as the wheel has installed them, in the programs that read them."""

import subprocess
import sys
from pathlib import Path

import pytest

from faultin.cli.main import COMMANDS

SHARE = Path(sys.prefix) / "share"
PAGES = ["faultin", *(f"faultin-{name}" for name in COMMANDS)]
BASH = """
. "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
_shtab_faultin
printf '%s\\n' "${COMPREPLY[@]}"
"""


def output(*words):
    ran = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.parametrize("name", PAGES)
def test_a_page_renders_without_a_warning(name):
    page = SHARE / "man" / "man1" / f"{name}.1"
    text = page.read_text()
    assert f".SH NAME\n{name}".replace("-", "\\-") in text and "faultin 0" in text
    assert ".SH OPTIONS" in text
    assert output("mandoc", "-Tlint", "-Wwarning", str(page)) == ""
    assert name.upper() in output("man", "--warnings", "-l", str(page))


def test_every_command_and_option_has_a_place():
    first = (SHARE / "man" / "man1" / "faultin.1").read_text()
    for name, text in COMMANDS.items():
        assert f"faultin\\-{name}" in first
    page = (SHARE / "man" / "man1" / "faultin-record.1").read_text()
    assert "\\-\\-snapshot\\-on" in page and "\n\\&... or after so long" in page


@pytest.mark.parametrize(
    "words, wanted",
    [
        (["faultin", "re"], ["record"]),
        (["faultin", "record", "--rot"], ["--rotate-size", "--rotate-time"]),
        (["faultin", "trace", "--format", ""], ["text", "jsonl", "none"]),
        (["faultin", "record", "-o", "/etc/hostn"], ["/etc/hostname"]),
    ],
)
def test_bash_offers(words, wanted):
    script = SHARE / "bash-completion" / "completions" / "faultin"
    found = output("bash", "-c", BASH, "bash", str(script), *words).split()
    assert [each for each in found if each in wanted] == wanted and len(found) <= len(wanted) + 1


def test_fish_offers():
    script = SHARE / "fish" / "vendor_completions.d" / "faultin.fish"
    for line, wanted in (("faultin ", set(COMMANDS)), ("faultin record --rot", {
        "--rotate-size", "--rotate-time"})):  # fmt: skip
        found = output("fish", "-c", f"source {script}; complete -C '{line}'")
        assert wanted <= {each.partition("\t")[0] for each in found.splitlines()}


def test_zsh_takes_it():
    folder = SHARE / "zsh" / "site-functions"
    code = f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; print $_comps[faultin]"
    assert output("zsh", "-f", "-c", code) == "_faultin\n"
    assert output("zsh", "-n", str(folder / "_faultin")) == ""
