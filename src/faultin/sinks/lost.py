# SPDX-License-Identifier: Apache-2.0
"""Lost: what to say of what was lost, for every sink.

In: a cause and a count. Out: one line, with the option that helps.
"""

_HELP = {
    "return_not_seen": "results of calls: a probe was busy on that CPU",
    "fork_not_seen": "tasks, at the most: a probe was busy on that CPU",
    "ring_full": "the ring buffer was full: give it more with --buffer, or trace less with -e",
    "no_task_state": "no memory for a task's state: all calls of those tasks are missing",
    "mappings": "of code into memory: frames there have no names",
    "key_not_seen": "calls by a key that never came: please report this",
    "tracer_killed": "the native tracer was killed under tasks, so many: their traced calls fail",
    "map_full": "calls with a key that found no place in the table: give it more with --max-keys",
}


def lost_line(cause: str, count: int) -> str:
    """What was lost, and which option helps."""
    return f"faultin: {count} events lost ({_HELP.get(cause, cause)})\n"


def lost_records(lost: dict[str, int]) -> int:
    """How many events are not there: other causes count results, tasks, mappings."""
    return lost.get("ring_full", 0)


def collision_line(calls: int) -> str:
    """Calls that were counted, but not by the kernel; "" for none."""
    why = "their keys have the digest of another, and were told apart by what they are"
    return f"faultin: {calls} events counted here and not in the kernel ({why})\n" if calls else ""
