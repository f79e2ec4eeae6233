# SPDX-License-Identifier: Apache-2.0
"""A cluster of Spark on this machine's loopback, for the tests of --engine pyspark."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXECUTORS = 2
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # made for a minute, not for days
SETTINGS = {
    "spark.master": f"local-cluster[{EXECUTORS},1,1024]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    # Most of a short query's time is its compilation, by two compilers one after the other.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": _JAVA,
    "spark.executor.extraJavaOptions": _JAVA,
}


def missing() -> str:
    """What there is not, in a line; "" if all is there."""
    if not shutil.which("java"):
        return "Spark needs Java 17: apt install default-jre-headless"
    if importlib.util.find_spec("pyspark") is None:
        return "Spark needs pyspark: pip install 'faultin[spark]'"
    return ""


def local() -> dict[str, str]:
    """The environment in which Spark stays on loopback."""
    return {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}


def executors() -> int:
    """How many processes of this cluster run tasks."""
    driver = os.getpid()
    found = 0
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if b"CoarseGrainedExecutorBackend" in (each / "cmdline").read_bytes():
                found += driver in _ancestors(each)
        except OSError:
            continue  # it has ended
    return found


def _ancestors(process: Path) -> set[int]:
    found: set[int] = set()
    while process.name != "0":
        parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
        found.add(int(parent))
        process = process.parent / parent
    return found


@contextmanager
def started() -> Iterator[Any]:
    """A connection of Ibis to it. Sessions that are asked for meanwhile are of it."""
    from faultin.lowering import spark

    os.environ.update(local())
    connection, _ = spark.connect(SETTINGS)
    try:
        yield connection
    finally:
        spark.disconnect(connection)
