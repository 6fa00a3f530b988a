"""What a client is told when a call is refused: RFC 9457 ``application/problem+json`` with a stable ``code`` and all problems.

The only place where a refusal of the house gets an HTTP status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.signals import got_request_exception
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework import exceptions

from erp.core import errors
from erp.core.changes import CursorExpired
from erp.core.retries import is_passing
from erp.inventory.exceptions import InsufficientStock

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"

# The first class that fits, along the class's own line of descent; a refusal nobody named here is a conflict with what is.
STATUS: dict[type[Exception], int] = {
    errors.InvalidInput: 400,
    errors.NotOwner: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotAllowedNow: 409,
    InsufficientStock: 409,
    CursorExpired: 410,
    errors.DomainError: 409,
}

# DRF's own refusals → our codes.
CODES: dict[type[exceptions.APIException], str] = {
    exceptions.ParseError: "malformed_json",
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "not_authenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "too_many_requests",
}


class PayloadTooLarge(exceptions.APIException):
    status_code = 413
    default_code = "payload_too_large"
    default_detail = "The body is too large."


def problem(
    status: int,
    code: str,
    detail: str = "",
    *,
    problems: Iterable[errors.Problem] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> HttpResponse:
    """``more`` are further members (RFC 9457 §3.2), such as the short SKUs of a shortage."""
    body = problem_body(status, code, detail, problems=problems, **more)
    return HttpResponse(msgspec.json.encode(body), status=status, content_type=MEDIA_TYPE, headers=dict(headers or {}))


def problem_body(
    status: int, code: str, detail: str = "", *, problems: Iterable[errors.Problem] = (), **more: Any
) -> dict[str, Any]:
    named = [{"pointer": item.pointer, "code": item.code, "detail": str(item.detail)} for item in problems]
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": str(detail),
        "errors": named,
        **more,
    }


def refusal_body(refusal: errors.DomainError) -> dict[str, Any]:
    """The body for one refusal; a bulk call answers with one per item."""
    return problem_body(
        status_of(refusal),
        refusal.code,
        refusal.detail or (_(_DETAILS[refusal.code]) if refusal.code in _DETAILS else ""),
        problems=refusal.problems,
        **_more(refusal),
    )


_DETAILS = {"invalid_input": gettext_noop("The input has faults; “errors” names all of them.")}


def status_of(refusal: errors.DomainError) -> int:
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def _more(refusal: errors.DomainError) -> dict[str, Any]:
    if isinstance(refusal, InsufficientStock):
        return {
            "shortages": [
                {"sku": item.sku_code, "wanted": item.wanted, "available": item.left} for item in refusal.shortages
            ]
        }
    return {}


def answer_for(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """DRF's ``EXCEPTION_HANDLER``. Nothing of a bug but that there was one goes out; the rest is in the log."""
    if isinstance(error, errors.DomainError):
        body = refusal_body(error)
        return HttpResponse(msgspec.json.encode(body), status=body["status"], content_type=MEDIA_TYPE)
    if isinstance(error, RequestDataTooBig):
        error = PayloadTooLarge(_("The body is too large."))
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return _drf_answer(error)
    request = context.get("request")
    if is_passing(error):
        log.warning("not_available", path=getattr(request, "path", ""), error=str(error))
        return problem(503, "unavailable", _("Please send it again in a moment."), headers={"Retry-After": "1"})
    body = bug_body(error, path=getattr(request, "path", ""))
    got_request_exception.send(sender=answer_for, request=getattr(request, "_request", request))
    return HttpResponse(msgspec.json.encode(body), status=500, content_type=MEDIA_TYPE)


def bug_body(error: Exception, *, path: str) -> dict[str, Any]:
    """Log a fault of ours with where it happened; returns what goes out of it."""
    log.error("bug", path=path, exc_info=error)
    return problem_body(500, "internal_error", _("Something went wrong here. It was noted; please send it again."))


def _drf_answer(error: exceptions.APIException) -> HttpResponse:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    kind = next((kind for kind in type(error).__mro__ if kind in CODES), None)
    default = CODES[kind] if kind is not None else error.default_code
    named = getattr(error.detail, "code", error.default_code)
    code = default if named == error.default_code else named
    return problem(error.status_code, code, str(error.detail), headers=headers)
