# SPDX-License-Identifier: Apache-2.0
"""`faultin doctor`: what this kernel and these rights allow, and what said so."""

import argparse
import json
import sys

from faultin.engines.choose import ladder
from faultin.kernel.features import findings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as one JSON object")


def _mark(usable: bool) -> str:
    return "yes" if usable else "no "


def run(arguments: argparse.Namespace) -> int:
    """0 when some engine is usable, else 1."""
    found, rungs = findings(), ladder()
    chosen = next((rung.engine for rung in rungs if rung.usable), None)
    if arguments.json:
        report = {
            "findings": [
                {"name": f.name, "usable": f.usable, "reason": f.reason} for f in found
            ],
            "engines": [
                {
                    "engine": r.engine, "usable": r.usable, "reason": r.reason,
                    "strategies": r.strategies,
                } for r in rungs
            ],
            "auto": chosen,
        }
        print(json.dumps(report, indent=2))
    else:
        for finding in found:
            print(f"{_mark(finding.usable)}  {finding.name:<24} {finding.reason}")
        print()
        for rung in rungs:
            print(f"{_mark(rung.usable)}  engine {rung.engine:<17} {rung.reason}")
        print(f"\n--engine auto takes: {chosen or 'none, as no engine is usable here'}")
    sys.stdout.flush()
    return 0 if chosen else 1
