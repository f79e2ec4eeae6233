# SPDX-License-Identifier: Apache-2.0
"""Query: from text to a typed tree, and the plain back end that all others agree with.
Needs no root, no kernel and no LLVM."""
