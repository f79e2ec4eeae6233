# SPDX-License-Identifier: Apache-2.0
"""Actions: what happens on a notification. Slow ones never hold up who notifies."""
