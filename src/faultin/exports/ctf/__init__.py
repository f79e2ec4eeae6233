# SPDX-License-Identifier: Apache-2.0
"""CTF: the Common Trace Format, of version 2 and of version 1.8."""
