# SPDX-License-Identifier: Apache-2.0
"""Columnar: records become Arrow columns, and rows of them become events again."""
