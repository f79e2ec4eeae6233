# SPDX-License-Identifier: Apache-2.0
"""Firing: whether a condition holds for any call of a batch.

In: the plans of a trace, and a condition. Out: a function of batches. UsageError, before the
trace begins, for what recordings do not have.
"""

from collections.abc import Callable
from typing import Any

import ibis
import pyarrow as pa

from faultin.codegen.plan import Plans
from faultin.columnar.layout import Layout
from faultin.lowering.expressions import Lowering
from faultin.lowering.slots import Slots
from faultin.query.query import Query


def firing(query: Query, plans: Plans) -> Callable[[pa.RecordBatch], bool]:
    """query: has the condition as its `where`."""
    connection = ibis.duckdb.connect()

    def holds(table: pa.Table) -> bool:
        rows: Any = connection.create_table("batch", table, overwrite=True, temp=True)
        condition = Lowering(Slots(query, plans, rows).value).condition(query.where)
        return bool(rows.filter(condition).count().to_pyarrow().as_py())

    holds(Layout(plans).schema.empty_table())
    return lambda batch: holds(pa.Table.from_batches([batch]))
