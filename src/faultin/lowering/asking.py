# SPDX-License-Identifier: Apache-2.0
"""Asking: the text of a query becomes a Query of a source, and what lowers it.

In: texts, a Source, and the Engine that has its files. Out: (Query, Lowering).
"""

from faultin.codegen.plan import plan
from faultin.lowering.dialect import dialect
from faultin.lowering.engine import Engine
from faultin.lowering.expressions import Lowering
from faultin.lowering.slots import Slots
from faultin.probes.recorded import probes
from faultin.query.query import Query, parse
from faultin.recordings.source import Source
from faultin.syscalls.table import load


def lowered(
    found: Source, engine: Engine, where: str = "", actions: str = "", by: str = ""
) -> tuple[Query, Lowering]:
    """QueryError for a text that is no query of what was recorded."""
    table = load(found.arch)
    traced = table.resolve(found.calls) if found.calls else frozenset()
    plans = plan(table, traced, events=probes(found.events))
    query = parse(plans, table, where, actions, by)
    return query, Lowering(Slots(query, plans, engine.table).value, dialect(engine.name))
