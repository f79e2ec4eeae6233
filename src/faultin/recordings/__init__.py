# SPDX-License-Identifier: Apache-2.0
"""Recordings: Arrow batches kept as Parquet, and found again."""
