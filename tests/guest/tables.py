# SPDX-License-Identifier: Apache-2.0
"""Tables of what the guests found: on the console of the suite, and docs/kernels.md.

In: results folders, one a kernel. Out: text. `tests/run --guests all --kernels-page
docs/kernels.md` writes the page; nothing in it is typed.
"""

import json
from pathlib import Path

_HEAD = """\
# What is captured on which kernel

Made by `tests/run --guests KERNELS --kernels-page docs/kernels.md` (tests/guest/tables.py);
not typed. The corpus makes its calls with every argument on a page that is not mapped in
(cold), and once more with all of them present (warm). A cell says how many of the pointer
arguments that carry data were captured with the value that was passed, by class of
argument. What is not among them says `gone`: engine `deferred` cannot have what the call
itself has written over by the time it can be read. Without task work (before 6.18) what
is absent at exit too is read from outside, in a race with the program: there a few more
are `gone`, not the same in each run, and fewer on a machine than in these guests, whose
two CPUs one thread emulates.

Columns are engine, strategy, and cold or warm.
"""


def _results(folder: Path, kind: str) -> dict[str, dict]:
    """By engine and strategy, in order of the names."""
    found = sorted(folder.glob(f"{kind}-*.json"))
    return {path.stem.removeprefix(f"{kind}-"): json.loads(path.read_text()) for path in found}


def verifier(folder: Path) -> str:
    """Instructions that the verifier walked through, a line an engine and strategy."""
    lines = []
    for name, counts in _results(folder, "verifier").items():
        programs = ", ".join(f"{program} {count}" for program, count in sorted(counts.items()))
        lines.append(f"  verifier, {name}: {programs}")
    return "\n".join(lines)


def corpus(folder: Path) -> str:
    """Captured of all, a line an engine, strategy and mode."""
    lines = []
    for name, run in _results(folder, "corpus").items():
        lines.append(f"  corpus, {name}: {_total(run['classes'])}")
    return "\n".join(lines)


def _total(classes: dict[str, dict[str, int]]) -> str:
    captured, total = (sum(c[key] for c in classes.values()) for key in ("captured", "total"))
    return f"{captured}/{total}"


def _corpus_table(folder: Path) -> list[str]:
    runs = _results(folder, "corpus")
    classes = list(dict.fromkeys(name for run in runs.values() for name in run["classes"]))
    classes = [name for name in classes if any(r["classes"].get(name, {}).get("total") for r in runs.values())]
    lines = ["| class | " + " | ".join(runs) + " |", "|---" * (len(runs) + 1) + "|"]
    for name in classes:
        cells = [run["classes"].get(name, {"captured": 0, "total": 0}) for run in runs.values()]
        lines.append(f"| {name} | " + " | ".join(f"{c['captured']}/{c['total']}" for c in cells) + " |")
    lines.append("| **all** | " + " | ".join(_total(run["classes"]) for run in runs.values()) + " |")
    return lines


def _verifier_table(folder: Path) -> list[str]:
    found = _results(folder, "verifier")
    if not found:
        return ["Not counted: the suite was ended before it came to that."]
    programs = sorted({name for counts in found.values() for name in counts})
    lines = ["Instructions that the verifier walked through:", ""]
    lines += ["| engine, strategy, traced | " + " | ".join(programs) + " |"]
    lines.append("|---" * (len(programs) + 1) + "|")
    for name, counts in found.items():
        cells = [str(counts.get(program, "")) for program in programs]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _ladder(folder: Path) -> list[str]:
    doctor = json.loads((folder / "doctor.json").read_text())
    lines = ["| engine | strategies | usable | why |", "|---|---|---|---|"]
    for rung in doctor["engines"]:
        usable = "yes" if rung["usable"] else "no"
        lines.append(f"| {rung['engine']} | {', '.join(rung['strategies'])} | {usable} | {rung['reason']} |")
    return lines


def page(folders: list[Path]) -> str:
    """docs/kernels.md."""
    parts = [_HEAD]
    for folder in folders:
        doctor = json.loads((folder / "doctor.json").read_text())
        kernel = next(f["reason"] for f in doctor["findings"] if f["name"] == "kernel")
        parts += [f"## {folder.name}: {kernel}\n", *_ladder(folder), ""]
        parts += ["The corpus:\n", *_corpus_table(folder), ""]
        parts += [*_verifier_table(folder), ""]
    return "\n".join(parts)
