# SPDX-License-Identifier: Apache-2.0
"""OTLP: each notification is a log record of OpenTelemetry, sent to a collector.

In: notifications. Out: requests of one record each, in the order of submission; the exporter
tries again what may pass, for telemetry.TIMEOUT seconds. Invariant: an endpoint that is down
costs its own notifications, and no other output.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from faultin.actions.base import CAPACITY, ActionReport, Notification
from faultin.actions.fields import text_line
from faultin.actions.workers import Workers
from faultin.telemetry import Endpoint, Failures, resource, scope
from faultin.values import Missing, Truncated

EVENT = "faultin.notification"


class Otlp:
    """MissingExtra if OpenTelemetry's packages are not there."""

    def __init__(self, to: Endpoint, capacity: int = CAPACITY) -> None:
        self._exporter, self._failures = to.exporter("logs"), Failures()
        self._resource, self._scope = resource(), scope()
        self._url = to.url
        self._workers = Workers("otlp", self._deliver, 1, capacity, give_up=self._exporter.shutdown)

    def submit(self, notification: Notification) -> None:
        self._workers.submit(notification)

    def close(self, deadline: float) -> ActionReport:
        return self._workers.close(deadline)

    def _deliver(self, notification: Notification, ended: threading.Event) -> str:
        from opentelemetry.sdk._logs.export import LogRecordExportResult

        record = log_record(notification, self._resource, self._scope)
        if self._exporter.export([record]) is LogRecordExportResult.SUCCESS:
            return ""
        return f"{self._failures.reason} at {self._url}"


def log_record(notification: Notification, of: Any, scope: Any) -> Any:
    """Body: the line that --format text writes; attributes: the fields."""
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import ReadableLogRecord

    record = LogRecord(
        timestamp=notification.get("ts"), observed_timestamp=time.time_ns(),
        severity_number=SeverityNumber.INFO, severity_text="INFO", event_name=EVENT,
        body=text_line(notification), attributes=attributes(notification),
    )  # fmt: skip
    return ReadableLogRecord(record, of, scope)


def attributes(notification: Notification) -> dict[str, Any]:
    """Fields as faultin.NAME, but those that OpenTelemetry's conventions have a name for.
    What has no value is in faultin.missing, as NAME=why."""
    found: dict[str, Any] = {}
    missing = []
    for name, value in notification.items():
        if name == "ts":
            continue
        if value is None or isinstance(value, Missing):
            missing.append(f"{name}={'null' if value is None else value.reason}")
            continue
        found[_NAMES.get(name, f"faultin.{name}")] = attribute(value)
    return found | ({"faultin.missing": missing} if missing else {})


# comm is the name of a thread: prctl(PR_SET_NAME) changes it for one.
_NAMES: Mapping[str, str] = {"pid": "process.pid", "tid": "thread.id", "comm": "thread.name"}


def attribute(value: Any) -> Any:
    """A value in the types of OTLP; an integer that is too large for them as text."""
    match value:
        case Truncated():
            return {"value": attribute(value.value), "length": value.length}
        case Missing():
            return None
        case list():
            return [attribute(each) for each in value]
        case dict():
            return {name: attribute(each) for name, each in value.items()}
        case int() if not -(1 << 63) <= value < 1 << 63:
            return str(value)
    return value
