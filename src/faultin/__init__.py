# SPDX-License-Identifier: Apache-2.0
"""faultin: a Linux system call tracer that never loses user data to a page fault."""

__version__ = "0.1.0"
