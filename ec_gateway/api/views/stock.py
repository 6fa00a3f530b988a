"""What this channel may sell. ``available_to_promise`` is the one place that knows; here it gets its names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from catalog import selectors as catalog
from ec_gateway.api.authentication import CHANNEL_COLUMN
from ec_gateway.api.etags import unless_known
from ec_gateway.api.feed import with_kits
from ec_gateway.api.frame import ApiView, json_answer
from ec_gateway.api.pagination import cursor_behind
from ec_gateway.api.questions import MOST, Question
from ec_gateway.api.schema import IF_NONE_MATCH, Described, Example, operation, path, query
from ec_gateway.models import ApiKey
from erp.core import changes
from erp.core.errors import NotFound
from erp.inventory.selectors import (
    SOLD_FROM,
    Availability,
    TermKind,
    answer_of_code,
    available_to_promise,
    by_kind_of_place,
    question_of_code,
)


class TermSerializer(Described):
    within = "stock.terms"

    kind = serializers.ChoiceField(
        choices=[kind.lower() for kind in TermKind if kind is not TermKind.NOT_COUNTED],
        help_text=(
            "What adds or takes: pieces of places (`on_hand`, `allocated`, `expired_holds`) or what a kit's `components` make;"
            " then the rules that act, in this order: `quotas` set aside for other channels, `buffer_percent` and `buffer` kept back,"
            " `floor` (gives back what would be less than nothing), `last_pieces` (too few are left to show any),"
            " `cap` (above the most that is shown)."
        ),
    )
    quantity = serializers.IntegerField(help_text="Signed.")
    location_kind = serializers.ChoiceField(
        choices=[kind.lower() for kind in SOLD_FROM],
        allow_null=True,
        help_text="In all places of which kind; null for the channel's own terms. Which places there are is not told.",
    )


class ComponentSerializer(Described):
    within = "stock.components"

    sku = serializers.CharField()
    quantity = serializers.IntegerField(help_text="Pieces that go into one kit.")
    available = serializers.IntegerField(help_text="Pieces of it that this channel may sell.")
    makes = serializers.IntegerField(help_text="Kits they are enough for.")


class StockSerializer(Described):
    asset = "stock"

    sku = serializers.CharField()
    available = serializers.IntegerField(min_value=0)
    version = serializers.IntegerField(
        min_value=0, max_value=2**53 - 1, help_text="Never falls: ignore an answer with a lower one than you have."
    )
    next_change_at = serializers.DateTimeField(allow_null=True, help_text="When it will change by the clock.")


class ExplainedStockSerializer(StockSerializer):
    terms = TermSerializer(many=True, required=False, help_text="With `explain=1`: they add up to `available`.")
    components = ComponentSerializer(many=True, required=False, help_text="With `explain=1`: of a kit.")


class StockListSerializer(Described):
    """One of three lists: of named SKUs (`unknown`), of changed ones (`cursor`, `has_more`), of all (`next_cursor`, `feed_cursor`)."""

    is_envelope = True

    items = StockSerializer(many=True)
    unknown = serializers.ListField(child=serializers.CharField(), required=False, help_text="Codes nobody knows.")
    cursor = serializers.CharField(required=False, help_text="Continue with `changed_after`.")
    has_more = serializers.BooleanField(required=False, help_text="There is more to read at once.")
    next_cursor = serializers.CharField(required=False, allow_null=True, help_text="Of the next page; null: the last.")
    feed_cursor = serializers.CharField(
        required=False, help_text="On the first page, taken before it was read: `changed_after` once all pages are."
    )


class StockList(ApiView):
    scopes: ClassVar = {"GET": ApiKey.Scope.STOCK_READ}

    @operation(
        id="stock_list",
        summary="What this channel may sell: of named SKUs, of changed ones, or of all",
        description=(
            "Give `sku`, or `changed_after`, or neither for the full list in pages. A constant number of queries each. Answers that carry a cursor of"
            " the feed (the first page, what changed) have no ETag; named SKUs and the pages behind the first have one."
        ),
        tag="stock",
        parameters=[
            query("sku", description="SKU codes, separated by commas; at most 1000."),
            query(
                "changed_after", description="A cursor of the feed. Answers each SKU that changed since, as it is now."
            ),
            query("cursor", description="Of the next page of the full list."),
            query("limit", {"type": "integer", "minimum": 1, "maximum": MOST}),
            IF_NONE_MATCH,
        ],
        answers={200: StockListSerializer, 304: None},
        refusals=[410],
        examples=[
            Example(
                "two SKUs",
                query={"sku": "TS-001-WH-M,NO-SUCH"},
                response={
                    "items": [
                        {
                            "sku": "TS-001-WH-M",
                            "available": 10,
                            "version": 3000000002,
                            "next_change_at": "2026-11-23T03:15:00Z",
                        }
                    ],
                    "unknown": ["NO-SUCH"],
                },
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        asked = Question(request)
        mode, limit = asked.only_one_of("sku", "changed_after", "cursor"), asked.limit()
        codes = asked.codes("sku", most=MOST) if mode == "sku" else []
        after = asked.id_behind()
        asked.close()
        if mode == "sku":
            return self._named(request, codes)
        if mode == "changed_after":
            return self._changed(asked.feed_cursor("changed_after"), limit)
        return self._page(request, after, limit)

    def _named(self, request: Request, codes: list[str]) -> HttpResponse:
        known = catalog.sku_ids(codes)
        found = self._ask(known.values())
        items = [_item(code, found[known[code]]) for code in codes if code in known]
        return unless_known(request, {"items": items, "unknown": [code for code in codes if code not in known]})

    def _changed(self, after: changes.Cursor, limit: int) -> HttpResponse:
        page = changes.read_page(after, limit=limit, topics=["stock"], audience=self.client.channel_code)
        codes = catalog.sku_codes(with_kits(int(item.key) for item in page.changes)) if page.changes else {}
        found = self._ask(codes)
        items = [_item(code, found[sku_id]) for sku_id, code in codes.items()]
        return json_answer({"items": items, "cursor": str(page.cursor), "has_more": page.has_more})

    def _page(self, request: Request, after: int, limit: int) -> HttpResponse:
        """The first page carries a cursor of the feed, which must be new each time: nobody is told to go on with an old one."""
        feed = {} if after else {"feed_cursor": str(changes.current_cursor())}
        page = catalog.sku_page(after_id=after, limit=limit)
        found = self._ask([sku_id for sku_id, _code in page])
        items = [_item(code, found[sku_id]) for sku_id, code in page]
        following = cursor_behind(str(page[-1][0])) if len(page) == limit else None
        body = {"items": items, "next_cursor": following, **feed}
        return unless_known(request, body) if after else json_answer(body)

    def _ask(self, sku_ids: Iterable[int]) -> dict[int, Availability]:
        wanted = list(sku_ids)
        if not wanted:
            return {}
        return available_to_promise(channel_id=self.client.channel_id, sku_ids=wanted, at=self.at)


class StockOfSku(ApiView):
    scopes: ClassVar = {"GET": ApiKey.Scope.STOCK_READ}

    def question_beside(self) -> tuple[str, dict[str, Any]]:
        return question_of_code(code=self.kwargs["sku"], at=self.at, channel=CHANNEL_COLUMN)

    @operation(
        id="stock_read",
        summary="What this channel may sell of one SKU, and why",
        description=(
            "With `explain=1` the terms that add up to `available`, by kind of place, and the components of a kit. The places themselves,"
            " and what lies where nothing is sold from, are for the back office only."
        ),
        tag="stock",
        parameters=[
            path("sku"),
            query("explain", {"type": "string", "enum": ["0", "1"]}),
            IF_NONE_MATCH,
        ],
        answers={200: ExplainedStockSerializer, 304: None},
        refusals=[404],
        examples=[
            Example(
                "explained",
                path={"sku": "TS-001-WH-M"},
                query={"explain": "1"},
                response={
                    "sku": "TS-001-WH-M",
                    "available": 10,
                    "version": 3000000002,
                    "next_change_at": "2026-11-23T03:15:00Z",
                    "terms": [
                        {"kind": "on_hand", "quantity": 16, "location_kind": "warehouse"},
                        {"kind": "allocated", "quantity": -4, "location_kind": "warehouse"},
                        {"kind": "buffer", "quantity": -2, "location_kind": None},
                    ],
                    "components": [],
                },
            ),
            Example(
                "a kit",
                path={"sku": "SET-001"},
                query={"explain": "1"},
                response={
                    "sku": "SET-001",
                    "available": 5,
                    "version": 5000000002,
                    "next_change_at": "2026-11-23T03:15:00Z",
                    "terms": [{"kind": "components", "quantity": 5, "location_kind": None}],
                    "components": [{"sku": "TS-001-WH-M", "quantity": 2, "available": 10, "makes": 5}],
                },
            ),
        ],
    )
    def get(self, request: Request, sku: str) -> HttpResponse:
        asked = Question(request)
        explain = asked.flag("explain")
        asked.close()
        found = answer_of_code(self.beside, channel_id=self.client.channel_id, at=self.at)
        if found is None:
            raise NotFound(_("There is no SKU %(code)s.") % {"code": sku})
        item = _item(sku, found)
        if explain:
            parts = {part.sku_id for part in found.components}
            item |= _explanation(found, catalog.sku_codes(parts) if parts else {})
        return unless_known(request, item)


def _item(code: str, found: Availability) -> dict[str, Any]:
    return {
        "sku": code,
        "available": found.available,
        "version": found.version,
        "next_change_at": found.next_change_at,
    }


def _explanation(found: Availability, codes: Mapping[int, str]) -> dict[str, Any]:
    return {
        "terms": [
            {"kind": kind.lower(), "quantity": quantity, "location_kind": place.lower() or None}
            for kind, quantity, place in by_kind_of_place(found)
        ],
        "components": [
            {
                "sku": codes[part.sku_id],
                "quantity": part.quantity,
                "available": part.availability.available,
                "makes": part.makes,
            }
            for part in found.components
        ],
    }
