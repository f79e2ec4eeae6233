# SPDX-License-Identifier: Apache-2.0
"""Webhook: each notification is a POST of its JSON to a URL.

In: notifications. Out: requests, one at a time, in the order of submission. What fails in
a way that may pass is tried again, later and later; each try carries the same
Idempotency-Key. Invariant: an answer that says no (4xx, a redirect) is not asked again.
"""

import http.client
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from faultin import __version__
from faultin.actions.base import CAPACITY, ActionReport, Notification
from faultin.actions.lines import json_line
from faultin.actions.workers import Workers
from faultin.errors import UsageError

_TIMEOUT = 10.0       # seconds without a byte from the server
_TRIES = 6            # over some 15 seconds
_FIRST, _MOST = 0.5, 30.0  # seconds between tries; doubled each time
_LONGEST = 3600.0     # of a Retry-After
_AGAIN = (408, 429)   # the 4xx that may pass


@dataclass(frozen=True, slots=True)
class _Answer:
    """Of a server: why not ("" when it took it), whether to try again, not before when."""

    reason: str = ""
    again: bool = False
    after: float = 0.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would follow with a GET, and lose what was to be posted."""

    def redirect_request(self, *_) -> None:
        return None


class Webhook:
    """UsageError if the URL is none. wait: sleeps, and says whether time is over."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        capacity: int = CAPACITY,
        timeout: float = _TIMEOUT,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._url = _checked(url)
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"faultin/{__version__}",
            **(headers or {}),
        }
        self._timeout, self._wait = timeout, wait
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._workers = Workers("webhook", self._deliver, 1, capacity)

    def submit(self, notification: Notification) -> None:
        self._workers.submit(notification)

    def close(self, deadline: float) -> ActionReport:
        return self._workers.close(deadline)

    def _deliver(self, notification: Notification, ended: threading.Event) -> str:
        headers = {**self._headers, "Idempotency-Key": str(uuid.uuid4())}
        request = urllib.request.Request(self._url, json_line(notification), headers)
        answer = self._post(request)
        for tried in range(1, _TRIES):
            if not answer.again or self._wait(ended, _delay(tried, answer.after)):
                break
            answer = self._post(request)
        return answer.reason

    def _post(self, request: urllib.request.Request) -> _Answer:
        try:
            with self._opener.open(request, timeout=self._timeout):
                return _Answer()
        except urllib.error.HTTPError as error:
            with error:
                again = error.code in _AGAIN or error.code >= 500
                after = _seconds(error.headers.get("Retry-After", ""))
                return _Answer(f"HTTP status {error.code}", again, after)
        except (OSError, http.client.HTTPException) as error:
            return _Answer(_cause(getattr(error, "reason", error)), again=True)


def _checked(url: str) -> str:
    advice = "give one such as https://host/path"
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise UsageError(f"--webhook {url}", str(error), advice) from None
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(f"--webhook {url}", "that is no http or https URL", advice)
    if "@" in parts.netloc:
        why = "a URL with a password in it is not supported"
        raise UsageError("--webhook", why, "give it with --header 'Authorization: ...'")
    return url


def _cause(error: Exception | str) -> str:
    """Nothing of what the server sent, which an HTTPException repeats."""
    if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
        return type(error).__name__
    return getattr(error, "strerror", None) or str(error)


def _delay(tried: int, after: float) -> float:
    """Seconds to the next try: doubled with each, half of it by chance, so that many
    senders do not come at the same moment; never before the server wants it."""
    longest = min(_FIRST * 2 ** (tried - 1), _MOST)
    return max(random.uniform(longest / 2, longest), after)


def _seconds(retry_after: str) -> float:
    """Of a Retry-After: a number of seconds or a date (RFC 9110, 10.2.3)."""
    if retry_after.isdecimal():
        return min(float(retry_after), _LONGEST)
    try:
        seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), _LONGEST)
