# SPDX-License-Identifier: Apache-2.0
"""Top: counters on a terminal while they grow, and the calls behind them."""
