# SPDX-License-Identifier: Apache-2.0
"""--webhook against a real server on loopback; only the waiting between tries is played."""

import json
import socket
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from faultin.actions.base import ActionReport
from faultin.actions.webhook import Webhook
from faultin.errors import UsageError

LONG = 60.0


def soon():
    return time.monotonic() + LONG


class Server:
    """Answers with the statuses that it is given, then with 204; keeps what it got."""

    def __init__(self):
        self.answers, self.got = [], []
        self.arrived, self.go = threading.Semaphore(0), None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, self.headers, body))
                outer.arrived.release()
                if outer.go:
                    outer.go.wait(LONG)
                status, headers = outer.answers.pop(0) if outer.answers else (204, {})
                if status == 0:  # the connection breaks
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?a=1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server()
    yield made
    made.close()


def waiting():
    """A wait that takes no time, and the delays that it was asked for."""
    delays = []

    def wait(ended, seconds):
        delays.append(seconds)
        return ended.is_set()

    return wait, delays


def run(url, count=1, **options):
    wait, delays = waiting()
    hook = Webhook(url, wait=wait, **options)
    for number in range(count):
        hook.submit({"pid": number, "path": "/etc/shadow", "buf": b"\xff"})
    return hook.close(soon()), delays


def test_each_is_a_post_of_its_json_in_order(server):
    report, delays = run(server.url, 3, headers={"Authorization": "Bearer x"})
    assert report == ActionReport(3, 0, 0) and delays == []
    for number, (path, headers, body) in enumerate(server.got):
        assert path == "/hook?a=1" and headers["Content-Type"] == "application/json"
        assert headers["Authorization"] == "Bearer x" and headers["User-Agent"].startswith(
            "faultin/"
        )
        assert json.loads(body) == {"pid": number, "path": "/etc/shadow", "buf": {"b64": "/w=="}}
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.got}) == 3


def test_what_may_pass_is_tried_again_ever_later(server):
    server.answers = [(500, {}), (0, {}), (429, {}), (408, {}), (503, {})]
    report, delays = run(server.url)
    assert report == ActionReport(1, 0, 0) and len(server.got) == 6
    assert all(0.25 * 2**n <= delay <= 0.5 * 2**n for n, delay in enumerate(delays)), delays
    assert len({headers["Idempotency-Key"] for _, headers, _ in server.got}) == 1


def test_it_gives_up_in_the_end(server):
    server.answers = [(500, {})] * 6
    report, delays = run(server.url, 2)
    assert report == ActionReport(1, 1, 0, {"HTTP status 500": 1}) and len(delays) == 5


@pytest.mark.parametrize("status", [400, 401, 404, 410, 301, 302, 307])
def test_a_no_is_a_no(server, status):
    server.answers = [(status, {"Location": server.url} if status < 400 else {})]
    report, delays = run(server.url)
    assert report == ActionReport(0, 1, 0, {f"HTTP status {status}": 1})
    assert len(server.got) == 1 and delays == []


@pytest.mark.parametrize(
    "value, least, most",
    [
        ("7", 7, 7),
        ("0", 0.25, 0.5),
        ("99999999", 3600, 3600),
        ("nonsense", 0.25, 0.5),
        ("-5", 0.25, 0.5),
        (1800, 900, 1800),
        (-100, 0.25, 0.5),
    ],
)
def test_retry_after_is_honoured(server, value, least, most):
    """A number stands for the date so many seconds from the test's own start."""
    if isinstance(value, int):
        value = formatdate(time.time() + value, usegmt=True)
    server.answers = [(429, {"Retry-After": value})]
    report, delays = run(server.url)
    assert report.done == 1 and len(delays) == 1 and least <= delays[0] <= most


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening: refused
        report, delays = run(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert report == ActionReport(0, 1, 0, {"Connection refused": 1}) and len(delays) == 5


def test_a_server_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        report, _ = run(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.01)
    assert report.failed == 1 and "timed out" in "".join(report.reasons).lower()


def test_the_queue_is_bounded_while_the_server_is_slow(server):
    server.go = threading.Event()
    hook = Webhook(server.url, capacity=2)
    hook.submit({})
    assert server.arrived.acquire(timeout=LONG)
    for _ in range(5):
        hook.submit({})
    server.go.set()
    assert hook.close(soon()) == ActionReport(3, 0, 3)


def test_the_deadline_ends_the_waiting_between_tries(server):
    server.answers = [(503, {"Retry-After": "3000"})]
    hook = Webhook(server.url)
    hook.submit({})
    hook.submit({})
    assert server.arrived.acquire(timeout=LONG)
    report = hook.close(time.monotonic() + 0.2)
    assert report.failed == 1 and report.dropped == 1 and len(server.got) == 1


@pytest.mark.parametrize(
    "url, says",
    [
        ("ftp://host/", "no http or https URL"),
        ("file:///etc/passwd", "no http or https URL"),
        ("host/path", "no http or https URL"),
        ("http://", "no http or https URL"),
        ("http://host/a b", "no http or https URL"),
        ("http://host:port/", "Port"),
        ("http://host/\r\nX: y", "no http or https URL"),
        ("https://user:secret@host/", "--header"),
    ],
)
def test_bad_urls(url, says):
    with pytest.raises(UsageError) as error:
        Webhook(url)
    assert says in str(error.value) and "secret" not in str(error.value)
