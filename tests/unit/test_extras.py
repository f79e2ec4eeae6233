# SPDX-License-Identifier: Apache-2.0
"""What is missing is named, with the extra that brings it."""

import os
import subprocess
import sys

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


def test_a_part_of_a_package_that_others_share():
    """opentelemetry is a name that several packages have."""
    with pytest.raises(MissingExtra, match=r"it needs xml\.no_such_part, .*faultin\[otlp\]"):
        need("xml.no_such_part.more", "--otlp", "otlp")


@pytest.mark.parametrize(
    "words, missing, what, extra",
    [
        (["record", "-o", "none.parquet", "--", "true"], "pyarrow", "faultin record", "analysis"),
        (["query", "none.parquet"], "pyarrow", "faultin query", "analysis"),
        (["query", "none.parquet"], "duckdb", "faultin query", "analysis"),
        (["convert", "none.parquet", "-o", "none.json"], "pyarrow", "faultin convert", "analysis"),
        (["report", "none.parquet", "-o", "o.html"], "jinja2", "faultin report", "analysis"),
        (["top", "-p", "1"], "textual", "faultin top", "tui"),
        (["stats", "--otlp", "http://localhost:1", "--", "true"], "opentelemetry", "--otlp", "otlp"),
        (["watch", "--otlp", "http://localhost:1", "-w", "pid > 0", "--", "true"],
         "opentelemetry", "--otlp", "otlp"),
    ],
)  # fmt: skip
def test_commands_say_it_in_one_line(words, missing, what, extra, tmp_path):
    """A package that cannot be imported is as good as none."""
    stub = tmp_path / f"{missing}.py"
    stub.write_text(f"raise ModuleNotFoundError({missing!r}, name={missing!r})")
    ran = subprocess.run(
        command(*words), capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"faultin: {what}: it needs {missing}, which is not installed; pip install 'faultin[{extra}]'\n"
    )


def test_an_engine_that_is_not_there(monkeypatch):
    from faultin.lowering import spark

    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingExtra, match=r"--engine pyspark: .*faultin\[spark\]"):
        spark.connect({})
