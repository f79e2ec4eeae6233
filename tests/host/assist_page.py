# SPDX-License-Identifier: Apache-2.0
"""The table of docs/assist.md: what tracers have of the cold corpus, without assist and with it.

In: what the tests found on one kernel. Out: the page with these rows in place of the ones
that it had of the same tracers there; the others stay, as no kernel has all tracers.
"""

import os
from pathlib import Path

HEADER = "| tracer | Linux | cold inputs | without | with assist |"
RULE = "|---|---|---|---|---|"

# (tracer, which inputs) -> by whether there was assist, what it had of them.
Found = dict[tuple[str, str], dict[bool, str]]


def _rows(found: Found) -> dict[tuple[str, ...], str]:
    kernel = ".".join(os.uname().release.split(".")[:2])
    rows = {}
    for (tracer, inputs), had in found.items():
        cells = (tracer, kernel, inputs, had[False], had[True])
        rows[cells[:3]] = f"| {' | '.join(cells)} |"
    return rows


def update(page: Path, found: Found) -> None:
    """Writes what was found into the page."""
    before, _, rest = page.read_text().partition(HEADER)
    assert rest, f"{page} has no table that begins with {HEADER}"
    table, _, after = rest.partition("\n\n")
    lines = table.strip().splitlines()[1:]
    rows = {tuple(cell.strip() for cell in line.split("|")[1:4]): line for line in lines}
    rows |= _rows(found)
    made = "\n".join([HEADER, RULE, *(rows[key] for key in sorted(rows))])
    page.write_text(f"{before}{made}\n\n{after}")
