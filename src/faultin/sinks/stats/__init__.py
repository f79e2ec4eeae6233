# SPDX-License-Identifier: Apache-2.0
"""Sinks of `faultin stats`: a table of counters becomes text, JSON Lines or CSV."""
