# SPDX-License-Identifier: Apache-2.0
"""Lowering: queries become Ibis expressions over the columns of recordings."""
