# SPDX-License-Identifier: Apache-2.0
"""A receiver of OTLP on loopback, by HTTP and by gRPC, of OpenTelemetry's own protobufs."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc


def plain(value: Any) -> Any:
    """An AnyValue as Python has it."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "array_value":
            return [plain(each) for each in value.array_value.values]
        case "kvlist_value":
            return attributes(value.kvlist_value.values)
    return getattr(value, kind)


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: plain(pair.value) for pair in pairs}


class Received:
    """What has come. status: that HTTP answers with, each in turn, then 200."""

    def __init__(self) -> None:
        self.logs: list[Any] = []
        self.metrics: list[Any] = []
        self.status: list[int] = []
        self.url = ""

    def records(self) -> list[Any]:
        return [record for request in self.logs for resource in request.resource_logs
                for scope in resource.scope_logs for record in scope.log_records]  # fmt: skip

    def last(self) -> dict[str, Any]:
        """By name, the metrics of the last request."""
        return {metric.name: metric for resource in self.metrics[-1].resource_metrics
                for scope in resource.scope_metrics for metric in scope.metrics}  # fmt: skip


@contextmanager
def by_http() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            status = received.status.pop(0) if received.status else 200
            if status == 200 and self.path == "/v1/logs":
                received.logs.append(logs.ExportLogsServiceRequest.FromString(data))
            elif status == 200 and self.path == "/v1/metrics":
                received.metrics.append(metrics.ExportMetricsServiceRequest.FromString(data))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def by_grpc() -> Iterator[Received]:
    received = Received()

    class Logs(logs_grpc.LogsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            received.logs.append(request)
            return logs.ExportLogsServiceResponse()

    class Metrics(metrics_grpc.MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:
            received.metrics.append(request)
            return metrics.ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    logs_grpc.add_LogsServiceServicer_to_server(Logs(), server)
    metrics_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    received.url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()
