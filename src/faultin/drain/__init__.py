# SPDX-License-Identifier: Apache-2.0
"""Drain: from the ring buffer to records."""
