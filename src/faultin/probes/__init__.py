# SPDX-License-Identifier: Apache-2.0
"""User events: places in programs, and what is passed there."""
