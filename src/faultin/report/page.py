# SPDX-License-Identifier: Apache-2.0
"""Page: facts become one HTML file that needs nothing else.

In: Facts, and what the recordings say of themselves. Out: bytes. Invariant: all that a
program chose passes through bare_of(), which leaves no control character, and through the
template's escaping; none of it is in a script.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultin.extras import need
from faultin.report.charts import HEIGHT, LABEL, LEVELS, duration, heat_map, timeline
from faultin.report.facts import Facts, Top
from faultin.report.tree import in_order
from faultin.sinks.lost import lost_line
from faultin.sinks.stacks.flame import flame
from faultin.sinks.stacks.weights import Weights
from faultin.sinks.stats.view import number_text
from faultin.sinks.text_values import bare_of

_TEMPLATE = Path(__file__).with_name("page.html")
_WHY = ("gone", "fault", "unset")
_LONGEST = 300  # characters of a text in a table; it is said where one is cut


@dataclass(frozen=True, slots=True)
class Heading:
    """What the recordings are. cut_short: runs whose end is not in them, so that what they
    lost is not known."""

    source: str
    where: str
    host: str
    kernel: str
    engine: str
    lost: dict[str, int]
    cut_short: tuple[str, ...]


def page(heading: Heading, facts: Facts) -> bytes:
    jinja = need("jinja2", "faultin report")
    made = jinja.Environment(autoescape=True, undefined=jinja.StrictUndefined, trim_blocks=True,
                             lstrip_blocks=True)  # fmt: skip
    made.filters |= {"shown": shown, "number": number, "duration": duration, "exact": exact}
    template = made.from_string(_TEMPLATE.read_text())
    totals = facts.totals
    return template.render(
        heading=heading, facts=facts, totals=totals, cell_height=HEIGHT - 2, label=LABEL,
        levels=range(1, LEVELS + 1), began=_moment(totals["first"]),
        losses=[lost_line(cause, n).strip() for cause, n in heading.lost.items()],
        lines=[("By process", timeline(facts.by_process, totals),
                "processes, each counted by name and number"),
               ("By system call", timeline(facts.by_syscall, totals), "system calls")],
        heat=heat_map(facts.latencies, totals), tree=in_order(facts.processes.rows),
        capture=_capture(facts), flame=_flame(facts.stacks),
    ).encode()  # fmt: skip


def shown(value: Any) -> str:
    """A text of the traced program, for a cell."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            pass
    text = bare_of(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def number(value: int | None) -> str:
    return "–" if value is None else number_text(value, "", human=True)


def exact(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _moment(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09} UTC"


def _capture(facts: Facts) -> dict[str, Any]:
    """How many pointer arguments have their data, and for each argument how, if not all of it
    was read at entry."""
    by: dict[str, dict[str, int]] = {}
    for row in facts.captured:
        by.setdefault(row["argument"], {})[row["word"]] = row["n"]
    words = sorted({word for each in by.values() for word in each})
    why = {word: sum(each.get(word, 0) for each in by.values()) for word in _WHY}
    total = sum(sum(each.values()) for each in by.values())
    return {"words": words, "by": sorted(by.items()), "why": why, "total": total,
            "cut": sum(row["n"] for row in facts.cut)}  # fmt: skip


def _flame(stacks: Top | None) -> str:
    """A page of its own, to stand in a frame."""
    if stacks is None or not stacks.rows:
        return ""
    weights = Weights("calls by stack", "")
    for row in stacks.rows:
        path = [row["comm"], *row["ustack"].split(";"), row["syscall"]]
        weights.add(tuple(map(bare_of, path)), row["n"])
    return flame(weights).decode()
