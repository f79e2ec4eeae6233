# SPDX-License-Identifier: Apache-2.0
"""Times: those of a recording's calls are ns since 1970, as no format has others.

In: a batch of rows, whose file anybody may have written. Out: nothing, or a FaultinError.
"""

import pyarrow as pa
import pyarrow.compute as pc

from faultin.errors import FaultinError

_END = 1 << 63


def check_times(batch: pa.RecordBatch) -> None:
    """FaultinError for a call without an entry, or whose entry or return no clock can have."""
    times, latencies = batch.column("ts"), batch.column("latency")
    least, last = pc.min_max(times).as_py().values()
    shortest, longest = pc.min_max(latencies).as_py().values()
    if times.null_count or (least or 0) < 0 or (shortest or 0) < 0:
        raise FaultinError("the recording", "a call in it has a time that no clock has")
    if (last or 0) + (longest or 0) >= _END:
        raise FaultinError("the recording", "a call in it ends after the last time there is")
