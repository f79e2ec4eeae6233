# SPDX-License-Identifier: Apache-2.0
"""Decode: from records to events. It never prints."""
