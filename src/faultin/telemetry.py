# SPDX-License-Identifier: Apache-2.0
"""Telemetry: what OTLP needs of everything that is sent: an exporter, and who sends.

In: the ENDPOINT of --otlp. Out: exporters of OpenTelemetry's own packages, and why one has
failed. Invariant: what those packages log goes to nobody but `Failures`: a trace's stderr is
not theirs.
"""

import logging
import os
import platform
import re
import urllib.parse
from dataclasses import dataclass
from typing import Any

from faultin import __version__
from faultin.errors import UsageError
from faultin.extras import need

TIMEOUT = 5.0  # seconds for one request with all its repetitions
_HTTP = "opentelemetry.exporter.otlp.proto.http"
_GRPC = "opentelemetry.exporter.otlp.proto.grpc"
_KINDS = {"logs": ("_log_exporter", "OTLPLogExporter"),
          "metrics": ("metric_exporter", "OTLPMetricExporter")}  # fmt: skip
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_STATUS = re.compile(r" code: (\d+)")
_GRPC_STATUS = re.compile(r"StatusCode\.(\w+)")
_TRANSIENT = re.compile(r"Transient error (.{1,80}?)(?: encountered|[(:])")
_ADVICE = "give one such as http://localhost:4318, or grpc://localhost:4317"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to: url as it was given; is_grpc: else by HTTP, with protobufs as well."""

    url: str
    is_grpc: bool
    secure: bool
    target: str

    def exporter(self, kind: str) -> Any:
        """Of `logs` or `metrics`; MissingExtra if the packages are not there."""
        module, name = _KINDS[kind]
        base = _GRPC if self.is_grpc else _HTTP
        made = getattr(need(f"{base}.{module}", "--otlp", "otlp"), name)
        if self.is_grpc:
            return made(endpoint=self.target, insecure=not self.secure, timeout=TIMEOUT)
        return made(endpoint=f"{self.target}/v1/{kind}", timeout=TIMEOUT)


def endpoint(text: str) -> Endpoint:
    """http, https, grpc or grpcs, a host, and perhaps a port and a path. UsageError if not."""
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"--otlp {text}", str(error), _ADVICE) from None
    if parts.scheme not in ("http", "https", "grpc", "grpcs") or not host or port == 0:
        raise UsageError(f"--otlp {text}", "that is no OTLP endpoint", _ADVICE)
    if "@" in parts.netloc:
        why = "a URL with a password in it is not supported"
        raise UsageError("--otlp", why, "give it in OTEL_EXPORTER_OTLP_HEADERS")
    if parts.query or parts.fragment:
        raise UsageError(f"--otlp {text}", "nothing can be added to a URL with a ? or a #", _ADVICE)
    if not parts.scheme.startswith("grpc"):
        return Endpoint(text, False, parts.scheme == "https", text.rstrip("/"))
    target = parts.netloc if port else f"{parts.netloc}:4317"
    return Endpoint(text, True, parts.scheme == "grpcs", target)


def resource() -> Any:
    """Who sends: OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say more, or otherwise."""
    resources = need("opentelemetry.sdk.resources", "--otlp", "otlp")
    return resources.Resource(
        {"service.name": "faultin", "service.version": __version__, "host.name": platform.node(),
         "host.arch": platform.machine(), "os.type": "linux"}
    ).merge(resources.OTELResourceDetector().detect())  # fmt: skip


def scope() -> Any:
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    return InstrumentationScope("faultin", __version__)


class Failures(logging.Handler):
    """Why a request has failed, from what the exporters log of it; their own lines, some of
    them several for one request, do not reach stderr."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reason = "no answer"
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if found := _ERRNO.search(text):
            self.reason = os.strerror(int(found[1]))
        elif found := _STATUS.search(text):
            self.reason = f"HTTP status {found[1]}"
        elif found := _GRPC_STATUS.search(text):
            self.reason = f"gRPC status {found[1]}"
        elif found := _TRANSIENT.search(text):
            self.reason = found[1]
