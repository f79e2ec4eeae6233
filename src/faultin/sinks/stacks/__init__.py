# SPDX-License-Identifier: Apache-2.0
"""Sinks of many stacks: folded text, a flame graph, speedscope."""
