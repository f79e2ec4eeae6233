# SPDX-License-Identifier: Apache-2.0
"""Syscalls: the tables that say what each system call is, and their loaders. Leaves."""
