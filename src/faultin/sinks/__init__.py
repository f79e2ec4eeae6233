# SPDX-License-Identifier: Apache-2.0
"""Sinks: from events to text and JSON Lines. They never read the tables."""
