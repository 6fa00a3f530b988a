"""Calls of the API need nothing that pages need: no session, no form token, no messages, no user to sign for. They go to their view at once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase
from django.urls import resolve

BELOW = "/api/v1/"
# Every line of a call carries its id.
LONGEST_ID = 200
log = structlog.get_logger(__name__)


class ApiShortcut:
    """Stands behind the security middleware, before everything for pages. Logs one line per call, with an id that every line of it carries.

    Keeps what the middleware it leaves out would do for an API: the check of the host, and the length of the answer.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(BELOW):
            return self._get_response(request)
        request.get_host()
        found = resolve(request.path_info, getattr(request, "urlconf", None))
        request.resolver_match = found
        began = time.monotonic()
        request_id = request.META.get("HTTP_X_REQUEST_ID", "")[:LONGEST_ID] or uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            answer: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
            took_ms = round(1000 * (time.monotonic() - began), 1)
            log.info("api_call", method=request.method, path=request.path, status=answer.status_code, took_ms=took_ms)
        if "Content-Length" not in answer.headers and not answer.streaming:
            answer.headers["Content-Length"] = str(len(answer.content))  # type: ignore[attr-defined]
        return answer
