# SPDX-License-Identifier: Apache-2.0
"""The Python API: what the command line does, for programs. docs/python.md has examples."""
