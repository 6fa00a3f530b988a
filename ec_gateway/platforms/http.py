"""HTTP as we speak it to sites: one connection kept per site, a limit in time and size for each answer, and errors in the gateway's words."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from ec_gateway.platforms.interface import PlatformError

CONNECT_TIMEOUT_S = 3.0
LARGEST_ANSWER = 20_000_000
PATIENCE_S = 2.0
# Nobody stands behind the door: a proxy answers for a site that is gone.
_GONE = (502, 503, 504)
_AGAIN = (408, 425)
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Raises PlatformError for what is no JSON: the work may have been done, so it may be asked again."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            told = _("HTTP %(status)d, but not JSON: %(body)s") % {
                "status": self.status,
                "body": _beginning(self.body),
            }
            raise PlatformError(told) from error


class HttpClient:
    """Calls one site. Safe to share between threads; keeps its connections open between calls."""

    def __init__(self, base_url: str, *, headers: Mapping[str, str], timeout_s: float) -> None:
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            headers={"User-Agent": "Mamori", "Accept": "application/json", **headers},
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s)),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=4, keepalive_expiry=30),
            # Which proxy is used is a setting of ours, not of whoever started the worker.
            proxy=settings.EC_HTTP_PROXY or None,
            trust_env=False,
        )
        # A platform that nobody uses any more takes its open connections with it.
        weakref.finalize(self, self._client.close)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> Answer:
        """Returns a 2xx answer, or one whose status is in ``accept``. Raises PlatformError for everything else."""
        content = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        sent = {"Content-Type": "application/json"} if content is not None else {}
        try:
            answer = self._exchange(method, path, params, content, {**sent, **(headers or {})})
        except httpx.TimeoutException as error:
            told = _("%(call)s: no answer in time (%(error)s)") % {"call": f"{method} {path}", "error": _name(error)}
            raise PlatformError(told, is_unreachable=True) from error
        except httpx.TransportError as error:
            told = _("%(call)s: no connection (%(error)s)") % {"call": f"{method} {path}", "error": _name(error)}
            raise PlatformError(told, is_unreachable=True) from error
        except httpx.RequestError as error:
            told = _("%(call)s: the answer cannot be read (%(error)s)") % {
                "call": f"{method} {path}",
                "error": _name(error),
            }
            raise PlatformError(told) from error
        if 200 <= answer.status < 300 or answer.status in accept:
            return answer
        raise _refusal(f"{method} {path}", answer)

    def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        # The client's own time-out begins anew with each piece: a site that drips must not hold us longer than one that is silent.
        deadline = time.monotonic() + self._timeout_s
        with self._client.stream(
            method, self._base_url + path, params=params, content=content, headers=headers
        ) as response:
            pieces, size = [], 0
            for piece in response.iter_bytes():
                pieces.append(piece)
                size += len(piece)
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer never ended")
                if size > LARGEST_ANSWER:
                    raise httpx.ReadError(f"the answer is longer than {LARGEST_ANSWER} bytes")
            return Answer(response.status_code, response.headers, b"".join(pieces))


def _refusal(what: str, answer: Answer) -> PlatformError:
    told = f"{what}: HTTP {answer.status} {_beginning(answer.body)}".strip()
    status, wait_s = answer.status, retry_after_s(answer.headers.get("retry-after"), now=dt.datetime.now(dt.UTC))
    if status == 429:
        return PlatformError(told, retry_after_s=PATIENCE_S if wait_s is None else wait_s)
    if status >= 500 or status in _AGAIN:
        return PlatformError(told, is_unreachable=status in _GONE and wait_s is None, retry_after_s=wait_s)
    return PlatformError(told, is_retryable=False, is_unauthorised=status in (401, 403))


def retry_after_s(value: str | None, *, now: dt.datetime) -> float | None:
    """What ``Retry-After`` asks for, as seconds (RFC 9110 has whole ones, Shopify sends ``2.0``) or as a date; None for what is neither."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return float(value.strip()[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max((moment - now).total_seconds(), 0.0)


def _beginning(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace").replace("\x00", "").replace("\n", " ")


def _name(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
