# SPDX-License-Identifier: Apache-2.0
"""Engines: how the capture gets at user memory. One protocol, one module each."""
