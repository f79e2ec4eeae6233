# SPDX-License-Identifier: Apache-2.0
"""Tree: processes in the order of a tree, each with its depth.

In: rows of processes. Out: the same rows, parents before their children. Whose parent is
not among them stands at the left. Invariant: each is there once, whatever the rows say.
"""

from collections import defaultdict

from faultin.report.facts import Row


def in_order(processes: list[Row]) -> list[tuple[int, Row]]:
    """(depth, row). A number that was used twice cannot make a circle: it is visited once."""
    known = {row["pid"] for row in processes}
    children: dict[int | None, list[Row]] = defaultdict(list)
    for row in processes:
        parent = row["ppid"] if row["ppid"] in known and row["ppid"] != row["pid"] else None
        children[parent].append(row)
    found: list[tuple[int, Row]] = []
    seen: set[int] = set()
    for start in [*children[None], *processes]:
        waiting = [(0, start)]
        while waiting:
            depth, row = waiting.pop()
            if row["pid"] not in seen:
                seen.add(row["pid"])
                found.append((depth, row))
                waiting += [(depth + 1, child) for child in reversed(children[row["pid"]])]
    return found
