# SPDX-License-Identifier: Apache-2.0
"""Data: the text of the table files beside this module.

In: a file's name. Out: its text. importlib.resources would do the same, and take
15 ms of every start to be imported.
"""

import os

_FOLDER = os.path.dirname(__file__)


def read_table(name: str) -> str:
    """The text of a .tbl file; FileNotFoundError if there is none."""
    with open(os.path.join(_FOLDER, name), encoding="ascii") as file:
        return file.read()
