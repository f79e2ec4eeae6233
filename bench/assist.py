# SPDX-License-Identifier: Apache-2.0
"""What assist costs the program: ns added to each notified call (openat, of a round of
openat and close), and to one beside it that is not (getppid).

    sudo python bench/assist.py [ROUNDS]
"""

import os
import statistics
import subprocess
import sys

from common import first_number, loop, spread

PASSES = 5
PINNED = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]


def contestants() -> dict[str, list[str]]:
    assist = [sys.executable, "-m", "faultin", "assist", "-e", "openat", "--"]
    return {"bare": [], "assist": assist, "assist, one CPU": [*PINNED, *assist]}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    program = loop()
    for kind in ("open", "getppid"):
        found: dict[str, list[float]] = {}
        for _ in range(PASSES):
            for name, words in contestants().items():
                run = [*words, str(program), kind, str(rounds)]
                ran = subprocess.run(run, capture_output=True, text=True)
                if (value := first_number(ran.stdout)) is not None:
                    found.setdefault(name, []).append(value)
        bare = statistics.median(found["bare"])
        print(f"\n{kind}: ns per round, median of {PASSES} (least .. most), and added to bare")
        for name, values in found.items():
            print(f"  {name:<20} {spread(values):<36} +{statistics.median(values) - bare:.0f}")


if __name__ == "__main__":
    main()
