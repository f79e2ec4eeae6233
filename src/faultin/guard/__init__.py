# SPDX-License-Identifier: Apache-2.0
"""Guard: calls whose inputs cannot change between the check and the call."""
