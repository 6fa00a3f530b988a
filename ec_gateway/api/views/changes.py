"""What changed, for whoever keeps a copy: gap-free, at least once, unordered. A change says only *that*; the reader fetches the present state."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from ec_gateway.api.feed import with_codes
from ec_gateway.api.frame import ApiView, json_answer
from ec_gateway.api.questions import MOST, Question
from ec_gateway.api.schema import Described, Example, operation, query
from ec_gateway.models import ApiKey
from erp.core import changes

# Which scope lets a key hear of which topic.
TOPICS: dict[str, str] = {
    "stock": ApiKey.Scope.STOCK_READ,
    "product": ApiKey.Scope.PRODUCTS_READ,
    "price": ApiKey.Scope.PRODUCTS_READ,
    "order": ApiKey.Scope.ORDERS_READ,
    "payment": ApiKey.Scope.ORDERS_READ,
    "shipment": ApiKey.Scope.ORDERS_READ,
    "return": ApiKey.Scope.ORDERS_READ,
    "segment": ApiKey.Scope.CUSTOMERS_READ,
}


class ChangeSerializer(Described):
    is_envelope = True

    topic = serializers.ChoiceField(choices=list(TOPICS))
    key = serializers.CharField(
        help_text="SKU code (stock, price), style number (product), your order id (order, payment), document number (shipment, return),"
        " your customer number (segment)."
    )


class ChangeListSerializer(Described):
    is_envelope = True

    changes = ChangeSerializer(many=True)
    cursor = serializers.CharField(help_text="Continue with `after`.")
    has_more = serializers.BooleanField(help_text="There is more to read at once.")


class ChangeList(ApiView):
    @operation(
        id="change_list",
        summary="What changed since a cursor",
        description=(
            "Everyone's changes and this channel's, each key once per page. Without `after`: no changes and the cursor of now. "
            "410 `cursor_expired` after a restore: read the full lists again, from their `feed_cursor` on. "
            "Without `topics`: all that the scopes of the key allow."
        ),
        tag="changes",
        parameters=[
            query("after", description="The `cursor` of the last answer."),
            query("topics", description="Separated by commas: " + ", ".join(TOPICS)),
            query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST},
                "A transaction that wrote more comes whole.",
            ),
        ],
        answers={200: ChangeListSerializer},
        refusals=[410],
        examples=[
            Example(
                "since the beginning",
                query={"after": "1.0", "topics": "price"},
                response={"changes": [{"topic": "price", "key": "TS-001-WH-M"}], "cursor": "1.1042", "has_more": False},
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        asked = Question(request)
        named, limit = asked.some_of("topics", TOPICS), asked.limit()
        asked.close()
        topics = self._allowed(named)
        if "after" not in asked:
            return json_answer({"changes": [], "cursor": str(changes.current_cursor()), "has_more": False})
        page = changes.read_page(
            asked.feed_cursor("after"), limit=limit, topics=topics, audience=self.client.channel_code
        )
        told = [{"topic": topic, "key": key} for topic, key in with_codes(page.changes)]
        return json_answer({"changes": told, "cursor": str(page.cursor), "has_more": page.has_more})

    def _allowed(self, named: list[str]) -> list[str]:
        """Raises PermissionDenied for a topic that the key may not hear of."""
        allowed = [topic for topic, scope in TOPICS.items() if scope in self.client.scopes]
        missing = {TOPICS[topic] for topic in named} - self.client.scopes if named or allowed else set(TOPICS.values())
        if missing:
            detail = _("This API key lacks the scope %(scope)s.") % {"scope": ", ".join(sorted(missing))}
            raise PermissionDenied(detail, "scope_missing")
        return named or allowed
