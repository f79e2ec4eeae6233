# SPDX-License-Identifier: Apache-2.0
"""Events without loss: a loop that makes calls at a given rate, traced with the
default buffer into JSON Lines and into nothing.

    sudo python bench/throughput.py [EVENTS PER SECOND] [SECONDS]
"""

import subprocess
import sys
import time

from common import SINK, faultin, loop


def main() -> None:
    rate = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    program = loop()
    rounds = int(rate * seconds / 2)
    for form in ("jsonl", "none"):
        words = faultin("--format", form, "-e", "openat,close", "--", program, "open", rounds, rate // 2)
        started = time.monotonic()
        ran = subprocess.run(words, capture_output=True, text=True, check=True)
        took = time.monotonic() - started
        events = SINK.read_text().count("\n") - 1 if form == "jsonl" else 2 * rounds
        print(f"{form:<6} {rate} events/s for {seconds:g} s: {events} events, "
              f"done after {took:.1f} s; {ran.stderr.strip() or 'nothing lost'}")
    SINK.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
