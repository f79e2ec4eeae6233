# SPDX-License-Identifier: Apache-2.0
"""Stacks: a copy of a stack becomes frames with names."""
