# SPDX-License-Identifier: Apache-2.0
"""--otlp of watch and stats: what a collector gets, and what happens if there is none."""

import os
import socket
import subprocess
import sys
import time

import pytest
from otlp_receiver import attributes, by_grpc, by_http
from running import command

from faultin.errors import UsageError
from faultin.telemetry import endpoint

pytestmark = pytest.mark.kernel
OPENS = [sys.executable, "-c", "for i in range(3): open('/etc/hostname').close()"]
WATCH = ["watch", "-e", "openat", "-w", 'path == "/etc/hostname"', "--capture", "path,buf", "--otlp"]
STATS = ["stats", "count(), sum(ret), hist(ret), quantiles(ret, 0.5)", "--by", "path", "-e",
         "openat", "-w", 'path == "/etc/hostname"', "--json", "--otlp"]  # fmt: skip


def run(*words):
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=60)


@pytest.fixture
def nobody():
    """A port of loopback where nobody listens, for as long as it is held."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize("receiver", [by_http, by_grpc])
def test_notifications_are_log_records(receiver):
    began = time.time_ns()
    with receiver() as received:
        ran = run(*WATCH[:-3], "--capture", "path,uid", "--otlp", received.url, "--", *OPENS)
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "")
    records = received.records()
    assert len(records) == 3
    for record in records:
        found = attributes(record.attributes)
        assert found["faultin.path"] == "/etc/hostname" and found["faultin.syscall"] == "openat"
        assert found["process.pid"] == found["thread.id"] > 0 and "python" in found["thread.name"]
        assert began < record.time_unix_nano < time.time_ns()
        assert 'openat path="/etc/hostname"' in record.body.string_value
    of = attributes(received.logs[0].resource_logs[0].resource.attributes)
    assert (of["service.name"], of["host.name"]) == ("faultin", os.uname().nodename)


@pytest.mark.parametrize("receiver", [by_http, by_grpc])
def test_counters_are_metrics(receiver):
    with receiver() as received:
        ran = run(*STATS, received.url, "--", *OPENS)
    assert (ran.returncode, ran.stderr) == (0, "") and '"count()":3' in ran.stdout
    found = received.last()
    (count,) = found["faultin.count"].sum.data_points
    assert count.as_int == 3 and found["faultin.count"].sum.is_monotonic
    assert attributes(count.attributes) == {"faultin.path": "/etc/hostname"}
    assert not found["faultin.sum.ret"].sum.is_monotonic
    (bars,) = found["faultin.hist.ret"].histogram.data_points
    assert bars.count == 3 == sum(bars.bucket_counts)
    assert len(bars.bucket_counts) == len(bars.explicit_bounds) + 1
    (median,) = found["faultin.quantiles.ret.0.5"].gauge.data_points
    assert attributes(median.attributes)["quantile"] == "p50" and median.as_int >= 3


def test_what_may_pass_is_tried_again():
    with by_http() as received:
        received.status = [503]
        ran = run(*STATS, received.url, "--", *OPENS)
    assert ran.stderr == "" and len(received.metrics) == 1


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_an_endpoint_that_is_down_costs_no_output(scheme, nobody):
    url, began = f"{scheme}://{nobody}", time.monotonic()
    ran = run(*STATS, url, "--", *OPENS)
    assert ran.returncode == 0 and '"count()":3' in ran.stdout
    why = "Connection refused" if scheme == "http" else "gRPC status UNAVAILABLE"
    assert ran.stderr == f"faultin: --otlp {url}: the counters were not sent: {why}\n"
    assert time.monotonic() - began < 20


def test_nor_lines_beside_it(nobody, tmp_path):
    output = tmp_path / "lines"
    ran = run(*WATCH[:-3], "-o", str(output), "--grace", "2", "--otlp", f"http://{nobody}", "--", *OPENS)
    assert ran.returncode == 0 and len(output.read_text().splitlines()) == 3
    (line,) = ran.stderr.splitlines()
    assert line.startswith("faultin: otlp: 3 of 3 not done (")


def test_what_is_no_endpoint_is_told():
    for wrong in ("collector", "ftp://host", "http://", "http://host:0", "http://[x"):
        with pytest.raises(UsageError, match="--otlp"):
            endpoint(wrong)
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_HEADERS"):
        endpoint("http://me:secret@host")
    assert endpoint("grpc://host").target == "host:4317"
    assert endpoint("https://host/otlp/").target == "https://host/otlp"
