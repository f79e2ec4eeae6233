# SPDX-License-Identifier: Apache-2.0
"""Aggregate: from keys and amounts to counters, in cells that a kernel can keep too."""
