# SPDX-License-Identifier: Apache-2.0
"""Exports: recordings in the formats of other tools."""
