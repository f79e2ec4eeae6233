# SPDX-License-Identifier: Apache-2.0
"""Codegen: from the syscall table and a query to a BPF object. Needs no root and no kernel."""
