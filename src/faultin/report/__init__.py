# SPDX-License-Identifier: Apache-2.0
"""Report: recordings → one page that says what happened in them."""
