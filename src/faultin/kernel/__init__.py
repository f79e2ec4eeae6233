# SPDX-License-Identifier: Apache-2.0
"""Kernel: the only place that touches libbpf, and what differs between kernels."""
