# SPDX-License-Identifier: Apache-2.0
"""A query as LLVM IR, for the BPF core and for the tests' JIT."""
