# SPDX-License-Identifier: Apache-2.0
"""faultin.events: a Python program says what happens in it, to tracers that listen.

    from faultin import events
    paid = events.register("order_paid", "id: u64, amount: s64, customer: string")
    paid.write(7, 1250, "somebody")

In: a name and typed fields, then values. Out: nothing, while nobody listens: `write` then
reads one word and returns. `faultin trace --event order_paid` listens through a uprobe that
may sleep; where the kernel has user_events, ftrace and perf can, too (user_events.py).
"""

from faultin.events.event import Event, register

__all__ = ["Event", "register"]
