# SPDX-License-Identifier: Apache-2.0
"""Pages: man pages and completion for shells, from the command line's own help.

In: the parsers of main.py. Out: files for share/, by name. It runs when the package is built
(hatch_build.py), where argparse-manpage and shtab are: what is installed needs neither.
"""

import argparse
import re
from collections.abc import Iterator
from typing import Any

from faultin import __version__
from faultin.cli.main import COMMANDS, parser

SHELLS = {
    "bash": "bash-completion/completions/faultin",
    "zsh": "zsh/site-functions/_faultin",
    "fish": "fish/vendor_completions.d/faultin.fish",
}
_FILES = ("CMD", "FILE", "SOURCE", "TARGET")  # metavars of what a shell completes as files
_NOT_A_MACRO = re.compile(r"^(?=\.\.\.|')", re.MULTILINE)  # help that begins as a macro does
_TITLE = re.compile(r'^\.TH .*? "1" "(\S+)" .*$', re.MULTILINE)
_NAME = re.compile(r"^\.SH NAME\n.*?(?=^\.SH )", re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    """By the path in share/: each page, and the completion of each shell."""
    found = {f"man/man1/{name}.1": text for name, text in _man_pages()}
    return found | {path: completion(shell) for shell, path in SHELLS.items()}


def _subparsers(root: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    action = next(a for a in root._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


# Man pages


def _man_pages() -> Iterator[tuple[str, str]]:
    """(name, text) of faultin(1), which names the others, and of a page for each command."""
    root = parser()
    subparsers = _subparsers(root)
    commands = "".join(
        f".TP\n\\fBfaultin\\-{name}\\fR(1)\n{_escaped(text)}\n"
        for name, text in COMMANDS.items()
    )
    yield "faultin", _page(_without_commands(root), root.description or "", "COMMANDS", commands)
    for name, sub in subparsers.items():
        pages = ["faultin", *(f"faultin\\-{each}" for each in COMMANDS if each != name)]
        see = " ,\n".join(f".BR {page} (1)" for page in pages) + "\n"
        yield f"faultin-{name}", _page(sub, COMMANDS[name], "SEE ALSO", see)


def _without_commands(root: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """They have pages of their own."""
    plain = argparse.ArgumentParser(
        prog=root.prog, usage=f"{root.prog} COMMAND ...", description=root.description
    )
    plain.add_argument("--version", action="version", help="show the version, and exit")
    return plain


def _page(of: argparse.ArgumentParser, what: str, heading: str, more: str) -> str:
    """The library's page, with a title and a name as whatis and mandoc read them, and one
    more section."""
    from argparse_manpage.manpage import Manpage

    name = of.prog.replace(" ", "-")
    data = {"project_name": "faultin", "prog": of.prog, "version": __version__,
            "manual_section": "1", "manual_title": "User commands"}  # fmt: skip
    text = _NOT_A_MACRO.sub(lambda _: "\\&", str(Manpage(of, data)))
    found = _TITLE.search(text)
    assert found, "argparse-manpage writes another title than it did"
    date = found[1].replace("\\-", "-")
    title = f'.TH "{name.upper()}" "1" "{date}" "faultin {__version__}" "User commands"'
    text = text.replace(found[0], title, 1)
    line = f".SH NAME\n{_escaped(name)} \\- {_escaped(what.rstrip('.'))}\n"
    text = _NAME.sub(lambda _: line, text)
    return f"{text.rstrip()}\n.SH {heading}\n{more}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


# Completion


def completion(shell: str) -> str:
    """The script of a shell."""
    import shtab

    root = parser()
    for sub in _subparsers(root).values():
        for action in sub._actions:
            _completed(action, shtab.FILE)
    return shtab.complete(root, shell=shell)


def _completed(action: Any, files: Any) -> None:
    """Tells shtab what a value is."""
    if action.metavar in _FILES:
        action.complete = files
