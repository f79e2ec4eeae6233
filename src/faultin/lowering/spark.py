# SPDX-License-Identifier: Apache-2.0
"""Spark: a session of a cluster, and the files of recordings as its executors read them.

In: settings of Spark, and places of files. Out: an Ibis connection; a table in it. Where the
cluster is, its own settings say: `spark.master`, here or in SPARK_HOME's spark-defaults.conf.
A session that this process has, as in a notebook, is used, and left as it is.
Invariant: executors read the files themselves, each its share; they have to see them by the
names that this machine has for them.
"""

import os
import re
import shutil
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from faultin.errors import FaultinError, UsageError
from faultin.extras import need
from faultin.recordings.places import Place

_ADVICE = "install Java 17, as in `apt install default-jre-headless`, or set JAVA_HOME"
_QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.app.name": "faultin query",
    # What is missing is null in a query, and no error: an index behind the end of a list.
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.sizeOfNull": "false",  # it was -1
    "spark.sql.session.timeZone": "UTC",
}
# Folders whose names are columns; others have names that somebody chose.
_PARTITIONS = re.compile(r"(?P<root>.*?)(?:/(?:host|date)=[^/]*)+/[^/]*")
_GLOB = re.compile(r"[][{}*?\\]")


def connect(settings: Mapping[str, str]) -> tuple[Any, bool]:
    """(a connection, whether its session is ours to end); FaultinError if there is no Java, or
    no cluster where the settings say."""
    need("pyspark", "--engine pyspark", "spark")
    from pyspark.sql import SparkSession

    # pyspark warns of versions of pandas, which does no work here.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"pyspark\.")
    there = SparkSession.getActiveSession()
    session = _started(settings) if there is None else _beside(there, settings)
    import ibis

    return ibis.pyspark.connect(session), there is None


def _started(settings: Mapping[str, str]) -> Any:
    home = os.environ.get("JAVA_HOME")
    if not shutil.which("java", path=f"{home}/bin" if home else None):
        raise FaultinError("--engine pyspark", "there is no java", _ADVICE)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    for name, value in {**_QUIET, **settings}.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
    except Exception as error:  # of Java, by way of py4j
        why = str(error).strip().partition("\n")[0]
        raise FaultinError("--engine pyspark", f"Spark does not start: {why}") from None
    return session


def _beside(there: Any, settings: Mapping[str, str]) -> Any:
    """A session of the same cluster, with tables and settings of its own."""
    session = there.newSession()
    for name, value in {**_QUIET, **settings}.items():
        if session.conf.isModifiable(name):
            session.conf.set(name, value)
        elif settings.get(name, session.conf.get(name, None)) != session.conf.get(name, None):
            why = "the Spark that runs in this process has another"
            raise UsageError(f"--engine-config {name}", why, "end it, or leave this out")
    return session


def disconnect(connection: Any) -> None:
    """The executors end with it."""
    connection._session.stop()


def table(connection: Any, places: Iterable[Place], name: str) -> Any:
    """The rows of all files. Columns that a file has not are null in it; those of the folders'
    names (host, date) are columns too."""
    session = connection._session
    roots: dict[str, list[str]] = defaultdict(list)
    for place in places:
        match = _PARTITIONS.fullmatch(place.path)
        roots[match["root"] if match else ""].append(_url(place.path))
    frames = []
    for root, paths in roots.items():
        reader = session.read.option("mergeSchema", "true")
        if root:
            reader = reader.option("basePath", _url(root))
        frames.append(reader.parquet(*paths))
    whole = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)
    whole.createOrReplaceTempView(name)
    return connection.table(name)


def _url(path: str) -> str:
    """A name that is no pattern."""
    return "file://" + _GLOB.sub(r"\\\g<0>", path)


def arrow(connection: Any, asked: Any) -> Any:
    """What an expression of Ibis gives, as Spark sends it: Ibis would go by way of pandas, where
    an integer that may be null is a float."""
    return sql(connection, connection.compile(asked))


def sql(connection: Any, text: str) -> Any:
    return connection._session.sql(text).toArrow()
