# SPDX-License-Identifier: Apache-2.0
"""Frames: a result as a table of the libraries that people analyse with.

In: an object that has to_arrow(). Out: the same as Polars and pandas have it.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from faultin.extras import need

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa


class Frames(ABC):
    """What can be had as a table. MissingExtra names the extra that is not installed."""

    @abstractmethod
    def to_arrow(self) -> "pa.Table": ...

    def to_polars(self) -> "polars.DataFrame":
        found = need("polars", "to_polars()").from_arrow(self.to_arrow())
        return found

    def to_pandas(self) -> "pandas.DataFrame":
        """Numbers that may be missing have pandas' own nullable types, so that none is
        rounded to a float."""
        pandas = need("pandas", "to_pandas()")
        return self.to_arrow().to_pandas(types_mapper=_nullable(pandas))


def _nullable(pandas):
    pa = need("pyarrow", "to_pandas()")
    kinds = {
        pa.int8(): pandas.Int8Dtype(), pa.int16(): pandas.Int16Dtype(),
        pa.int32(): pandas.Int32Dtype(), pa.int64(): pandas.Int64Dtype(),
        pa.uint8(): pandas.UInt8Dtype(), pa.uint16(): pandas.UInt16Dtype(),
        pa.uint32(): pandas.UInt32Dtype(), pa.uint64(): pandas.UInt64Dtype(),
    }  # fmt: skip
    return kinds.get
