# SPDX-License-Identifier: Apache-2.0
"""Endpoints of --otlp: what is one, and what is told of the others."""

import pytest

from faultin.errors import UsageError
from faultin.telemetry import endpoint


@pytest.mark.parametrize("text, target, is_grpc, secure", [
    ("http://localhost:4318", "http://localhost:4318", False, False),
    ("https://collector/otlp/", "https://collector/otlp", False, True),
    ("grpc://localhost", "localhost:4317", True, False),
    ("grpcs://[::1]:99", "[::1]:99", True, True),
])  # fmt: skip
def test_an_endpoint(text: str, target: str, is_grpc: bool, secure: bool) -> None:
    found = endpoint(text)
    assert (found.url, found.target) == (text, target)
    assert (found.is_grpc, found.secure) == (is_grpc, secure)


@pytest.mark.parametrize("text, says", [
    ("localhost:4318", "no OTLP endpoint"),
    ("ftp://localhost", "no OTLP endpoint"),
    ("http://", "no OTLP endpoint"),
    ("http://localhost:0", "no OTLP endpoint"),
    ("http://localhost:99999", "range"),
    ("http://[::1", "IPv6"),
    ("http://localhost:4318/?token=secret", "nothing can be added"),
    ("grpc://localhost:4317/#x", "nothing can be added"),
])  # fmt: skip
def test_what_is_none(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        endpoint(text)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_HEADERS") as caught:
        endpoint("http://me:secret@localhost:4318")
    assert "secret" not in str(caught.value)
