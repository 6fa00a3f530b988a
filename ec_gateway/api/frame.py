"""What every view of the API shares: who calls, how often, what may be sent and accepted, and how a write is answered once.

Answers are made here, not by DRF's renderers: there is one format, and the encoder that writes it is compiled.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAcceptable, NotFound, ParseError, Throttled, UnsupportedMediaType
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from ec_gateway.api import throttling
from ec_gateway.api.authentication import ApiKeyAuthentication, Client
from ec_gateway.api.permissions import HasScope, client_of
from ec_gateway.api.throttling import Allowance
from ec_gateway.json_reader import text_problems
from ec_gateway.services import idempotency
from erp.core import messages
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.retries import retried

JSON = "application/json"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,100}")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write is answered with. ``is_replay``: the natural key was known with the same content, so the status is 200."""

    status: int
    body: Any
    is_replay: bool = False


def json_answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Decimals become texts, times ISO 8601 with their offset."""
    return HttpResponse(_encode(body), status=status, content_type=JSON, headers=dict(headers or {}))


def plain(value: Decimal) -> str:
    """A decimal without the zeros that only its column has."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class TooManyRequests(Throttled):
    """In our words alone: DRF would add its own about the time to wait, which ``Retry-After`` says."""

    extra_detail_singular = extra_detail_plural = ""

    def __init__(self, wait_s: int, detail: str) -> None:
        super().__init__(detail=detail)
        self.wait = wait_s


class ApiView(APIView):
    """``scopes`` names what a key needs per method. Views are given ``self.client`` and ``self.at``, the moment of the request.

    A call that is a ``step`` behind a name (``…/cancel``) leaves the methods that it does not have to ``whole``, the call of the name itself:
    there the step is a part of the name.

    ``self.beside`` are the rows of ``question_beside``, which is asked together with the key.
    """

    scopes: ClassVar[Mapping[str, str]] = {}
    step: str = ""
    whole: Callable[..., HttpResponseBase] | None = None
    client: Client
    at: dt.datetime
    beside: list[Sequence[Any]]

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (HasScope,)
    parser_classes = (JSONParser,)  # for the OpenAPI text; bodies are read by ``json_body``
    renderer_classes = (JSONRenderer,)
    metadata_class = None
    http_method_names = ["get", "head", "post", "put", "delete"]
    _counted: Callable[[], Allowance] | None = None
    _allowance: Allowance | None = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.whole is not None and request.method in self._methods_of_whole() - set(self.allowed_methods):
            return self.whole(request, "/".join([*args, *kwargs.values(), self.step]))
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    def _methods_of_whole(self) -> set[str]:
        served: Any = getattr(self.whole, "view_class", None)  # as Django marks what ``as_view`` makes
        return {name.upper() for name in self.http_method_names if hasattr(served, "get" if name == "head" else name)}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.at = timezone.now()
        self.client = client_of(request)
        self._counted = throttling.ask(self.client.prefix, limit=self.client.requests_per_minute)
        if request.method not in ("GET", "HEAD") or throttling.is_known_to_exceed(self.client.prefix):
            self._refuse_beyond_limit()
        _refuse_other_formats(request)
        _refuse_nul(request)
        if request.method in self.allowed_methods:
            self.check_permissions(request)

    def question_beside(self) -> tuple[str, dict[str, Any]] | None:
        """What this view will want of the channel for certain, as a statement that reads its id from ``CHANNEL_COLUMN``, and its parameters."""
        return None

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def finalize_response(  # type: ignore[override] # DRF is content with any response of Django's
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        try:
            self._refuse_beyond_limit()
        except Throttled as refusal:
            response = self.handle_exception(refusal)
        if self._allowance is not None:
            for name, value in self._allowance.headers().items():
                response.headers[name] = value
        if response.status_code == 405:
            response.headers["Allow"] = ", ".join(self.allowed_methods)
        return response

    def _refuse_beyond_limit(self) -> None:
        """Raises Throttled. A call that only reads comes here with its answer in hand, see ``throttling``."""
        if self._counted is not None:
            counted, self._counted = self._counted, None
            self._allowance = counted()
            if self._allowance.is_exceeded:
                detail = _("This key has sent more than its %(limit)s requests of this minute.")
                raise TooManyRequests(self._allowance.reset_s, detail % {"limit": self._allowance.limit})

    def actor(self, request: Request) -> Actor:
        return self.client.actor(request)

    def json_body(self, request: Request) -> Any:
        """The body as sent, any JSON. Raises UnsupportedMediaType, ParseError, and RequestDataTooBig (413)."""
        content_type = request.META.get("CONTENT_TYPE", "")
        if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
            raise UnsupportedMediaType(content_type)
        return read_json(request._request.body)

    def json_object(self, request: Request) -> dict[str, Any]:
        """The body as an object whose texts a database can keep. Raises InvalidInput as well, naming every fault."""
        body = self.json_body(request)
        if not isinstance(body, dict):
            raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
        if problems := text_problems(body):
            raise InvalidInput(problems)
        return body

    def write(
        self, request: Request, body: Any, effect: Callable[[], Answer], *, commits_in_steps: bool = False
    ) -> HttpResponse:
        """Run ``effect`` (one domain call), again if it lost a deadlock, and only once per ``Idempotency-Key`` where one was sent.

        ``effect`` joins the transaction of that key; one that ``commits_in_steps`` by natural keys of its own does not.
        """
        key = _idempotency_key(request)
        if key is None:
            answer = retried(effect)
            return _written(_kept(answer))
        asked = idempotency.Request(
            self.client.site_id,
            key,
            f"{request.method} {request.get_full_path()}"[:300],
            messages.fingerprint(body),
        )
        once = idempotency.once_in_steps if commits_in_steps else idempotency.once
        return _written(
            retried(once, request=asked, effect=lambda: _kept(effect()), at=self.at, by=self.actor(request))
        )


def read_json(raw: bytes) -> Any:
    """Any JSON. What only a lenient reader understands (half a surrogate pair, NaN) is let through, for ``text_problems`` to name it."""
    try:
        return _decode(raw)
    except RecursionError as error:
        raise InvalidInput([Problem("", "too_deep", _("The JSON is nested too deeply."))]) from error
    except ValueError as strict:
        try:
            return json.loads(raw)
        except RecursionError as error:
            raise InvalidInput([Problem("", "too_deep", _("The JSON is nested too deeply."))]) from error
        except ValueError as error:
            detail = _("The body is not well-formed JSON: %(why)s") % {"why": strict}
            raise ParseError(detail) from error


def _kept(answer: Answer) -> idempotency.Kept:
    return idempotency.Kept(answer.status, _encode(answer.body).decode(), answer.is_replay)


def _written(kept: idempotency.Kept) -> HttpResponse:
    if not kept.is_replay:
        return HttpResponse(kept.body, status=kept.status, content_type=JSON)
    return HttpResponse(kept.body, status=200, content_type=JSON, headers={"Idempotent-Replay": "true"})


def _idempotency_key(request: Request) -> str | None:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        detail = _("1 to 100 visible ASCII characters are needed.")
        raise InvalidInput([Problem("/header/Idempotency-Key", "invalid", detail)])
    return str(key)


def _refuse_other_formats(request: Request) -> None:
    """406 for whoever accepts no JSON at all."""
    accept = request.META.get("HTTP_ACCEPT", "")
    if not accept or accept in ("*/*", JSON):
        return
    ranges = [item.partition(";") for item in accept.lower().split(",")]
    for media_range, _semicolon, parameters in ranges:
        is_refused = re.search(r"(^|;)\s*q=0(\.0*)?\s*(;|$)", parameters) is not None
        if media_range.strip() in ("*/*", "application/*", JSON) and not is_refused:
            return
    raise NotAcceptable(_("Answers are application/json."))


def _refuse_nul(request: Request) -> None:
    """No text of PostgreSQL holds NUL, so nothing can be found under it."""
    if "\x00" in request.path:
        raise NotFound
    if "%00" in request.META.get("QUERY_STRING", ""):
        problems = [
            Problem(f"/query/{name}", "nul_character", _("The text contains the character NUL (U+0000)."))
            for name, value in request._request.GET.items()
            if "\x00" in name or "\x00" in value
        ]
        if problems:
            raise InvalidInput(problems)


class UnknownPath(APIView):
    """Whatever lies below ``/api/v1/`` and is no call."""

    authentication_classes = ()
    permission_classes = ()
    schema = None
    renderer_classes = (JSONRenderer,)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        from ec_gateway.api.errors import problem

        return problem(404, "not_found", _("There is no such call."))
