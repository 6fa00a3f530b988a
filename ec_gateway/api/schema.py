"""How a view says in the OpenAPI text what it takes and answers. Serializers here describe; they neither read nor write.

``@operation`` adds what every call has in common: who may call, all the refusals, the rate-limit headers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.urls import reverse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework import serializers

from ec_gateway.api.errors import MEDIA_TYPE

View = TypeVar("View", bound=Callable[..., Any])
JSON = "application/json"


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "ec_gateway.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key <prefix>.<secret>`. A key belongs to one EC site and sees that sales channel only.",
        }


class Described(serializers.Serializer[Any]):
    """A shape of the contract. Each says whose facts it carries, so that every field has exactly one owner (``erp.core.ownership``):

    ``asset`` names the asset whose registered fields these are; ``within`` (such as ``product.color``) says that all of it belongs to one
    field; ``is_envelope`` that it carries no fact, only parts that do. A test fails for a shape that says nothing.
    """

    asset = ""
    within = ""
    is_envelope = False


class ProblemErrorSerializer(Described):
    is_envelope = True
    pointer = serializers.CharField(
        allow_blank=True, help_text="JSON pointer into the body; `/query/…` or `/header/…` for what is not in the body."
    )
    code = serializers.CharField(help_text="Stable, for machines.")
    detail = serializers.CharField(allow_blank=True, help_text="For people.")


class ShortageSerializer(Described):
    within = "stock.available"
    sku = serializers.CharField()
    wanted = serializers.IntegerField()
    available = serializers.IntegerField()


class ProblemSerializer(Described):
    """RFC 9457."""

    is_envelope = True

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable, for machines.")
    detail = serializers.CharField(allow_blank=True, help_text="For people.")
    errors = ProblemErrorSerializer(many=True, help_text="Every fault, not only the first.")  # type: ignore[assignment]
    shortages = ShortageSerializer(many=True, required=False, help_text="With the code insufficient_stock.")


REFUSALS = {
    400: "Malformed: JSON, parameters or content. `errors` names all of it.",
    401: "No key, or one that is unknown, revoked or expired.",
    403: "The key lacks the scope (`scope_missing`), or the other side owns the fact (`not_owner`).",
    404: "Nothing of this name in this channel.",
    406: "Answers are application/json.",
    409: "The same key with other content, or not possible now.",
    410: "The cursor belongs to an earlier life of the database: read the full list again.",
    413: "The body is too large.",
    415: "The body must be application/json.",
    429: "More requests than the key may send; see Retry-After.",
    503: "Not available at the moment; send it again.",
}
ALWAYS = (400, 401, 403, 406, 429, 503)
WITH_A_BODY = (413, 415)

RATE_HEADERS = [
    OpenApiParameter("RateLimit-Limit", OpenApiTypes.INT, OpenApiParameter.HEADER, response=True),
    OpenApiParameter("RateLimit-Remaining", OpenApiTypes.INT, OpenApiParameter.HEADER, response=True),
    OpenApiParameter("RateLimit-Reset", OpenApiTypes.INT, OpenApiParameter.HEADER, response=True),
]
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 100},
    OpenApiParameter.HEADER,
    description="The same request again under the same key gets the first answer with 200 and `Idempotent-Replay: true`.",
)

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="An ETag you have."
)


@dataclass(frozen=True)
class Example:
    """One call and its answer, shown in the docs and run by a test against the view. ``path`` and ``query`` fill the address."""

    name: str
    status: int = 200
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    request: Any = None
    response: Any = None


def operation(
    *,
    id: str,  # noqa: A002 - OpenAPI's word
    summary: str,
    tag: str,
    answers: Mapping[int, Any],
    description: str = "",
    request: Any = None,
    parameters: Iterable[OpenApiParameter] = (),
    refusals: Iterable[int] = (),
    is_write: bool = False,
    examples: Iterable[Example] = (),
) -> Callable[[View], View]:
    """``answers``: status → serializer, or None for an answer without a body. ``refusals``: which of ``REFUSALS`` besides ``ALWAYS``."""
    examples = list(examples)
    told: dict[Any, Any] = {}
    for status, serializer in answers.items():
        shown = OpenApiResponse(serializer, description=_ANSWERS.get(status, ""))
        told[status if serializer is None else (status, JSON)] = shown
    with_a_body = WITH_A_BODY if request is not None else ()
    for status in sorted({*ALWAYS, *refusals, *with_a_body}):
        told[status, MEDIA_TYPE] = OpenApiResponse(ProblemSerializer, description=REFUSALS[status])
    known = [*parameters, *([IDEMPOTENCY_KEY] if is_write else []), *RATE_HEADERS]
    decorate = extend_schema(
        operation_id=id,
        summary=summary,
        description=description,
        tags=[tag],
        request={JSON: request} if request is not None else None,
        parameters=known,
        responses=told,
        examples=[item for example in examples for item in _shown(example)],
        extensions={"x-examples": [_as_data(example) for example in examples]} if examples else None,
    )

    def mark(view: View) -> View:
        decorated: View = decorate(view)
        return decorated

    return mark


_ANSWERS = {
    200: "As asked; for a write also the first answer again (`Idempotent-Replay: true`).",
    201: "Done.",
    202: "Taken in. It waits: for its order, or for staff to decide.",
    304: "Nothing changed since the ETag.",
}


def _shown(example: Example) -> Iterable[OpenApiExample]:
    if example.request is not None:
        yield OpenApiExample(example.name, value=example.request, request_only=True, media_type=JSON)
    if example.response is not None:
        media_type = JSON if example.status < 400 else MEDIA_TYPE
        yield OpenApiExample(
            example.name,
            value=example.response,
            response_only=True,
            status_codes=[str(example.status)],
            media_type=media_type,
        )


def _as_data(example: Example) -> dict[str, Any]:
    return {
        "name": example.name,
        "status": example.status,
        "path": dict(example.path),
        "query": dict(example.query),
        "request": example.request,
        "response": example.response,
    }


def query(
    name: str, schema: Any = OpenApiTypes.STR, description: str = "", *, required: bool = False
) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, required=required)


NAME = "Any text; slashes as they are or as `%2F`."


def path(name: str, description: str = NAME) -> OpenApiParameter:
    schema = {"type": "string", "minLength": 1, "maxLength": 100}
    return OpenApiParameter(name, schema, OpenApiParameter.PATH, description=description)


def say_what_bodies_are(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """A call that takes a body takes no empty one, and nothing in it besides its fields: every reader of ours refuses a name it does not know."""
    for name, component in result["components"]["schemas"].items():
        if name.endswith("Request") and component.get("type") == "object" and "properties" in component:
            component.setdefault("additionalProperties", False)
    for item in result["paths"].values():
        for operation in item.values():
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
    return result


class SchemaView(SpectacularAPIView):
    """``/api/schema/``: for machines, and for whoever wants to write a client."""

    throttle_classes = ()


class DocsView(SpectacularSwaggerView):
    """``/api/docs/``: pages to read and to try a call, without anything from another host."""

    throttle_classes = ()

    def _get_schema_url(self, request: Any) -> str:
        return reverse("api-schema")
