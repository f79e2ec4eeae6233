# SPDX-License-Identifier: Apache-2.0
"""What is made of records: events, counters, or notifications."""
