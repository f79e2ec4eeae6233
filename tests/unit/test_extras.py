# SPDX-License-Identifier: Apache-2.0
"""What is missing is named, with the extra that brings it."""

import os
import subprocess

import pytest
from running import command

from faultin.extras import MissingExtra, need


def test_a_module_that_is_there_is_given():
    assert need("json", "this").dumps(1) == "1"


def test_one_that_is_not_says_what_to_install():
    with pytest.raises(MissingExtra) as caught:
        need("no_such_package.part", "to_arrow()")
    assert str(caught.value) == (
        "to_arrow(): it needs no_such_package, which is not installed; "
        "pip install 'faultin[analysis]'"
    )


@pytest.mark.parametrize(
    "words, missing",
    [
        (["record", "-o", "none.parquet", "--", "true"], "pyarrow"),
        (["query", "none.parquet"], "pyarrow"),
        (["query", "none.parquet"], "duckdb"),
    ],
)
def test_commands_say_it_in_one_line(words, missing, tmp_path):
    """A package that cannot be imported is as good as none."""
    stub = tmp_path / f"{missing}.py"
    stub.write_text(f"raise ModuleNotFoundError({missing!r}, name={missing!r})")
    ran = subprocess.run(
        command(*words), capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"faultin: faultin {words[0]}: it needs {missing}, which is not installed; "
        "pip install 'faultin[analysis]'\n"
    )
