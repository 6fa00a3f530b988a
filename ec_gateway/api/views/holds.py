"""Holds: pieces kept for a cart, a quote or a customer until a time. A kit is held as its components, all lines or none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from catalog import selectors as catalog
from ec_gateway.api.frame import Answer, ApiView, json_answer
from ec_gateway.api.schema import Described, Example, operation, path
from ec_gateway.json_reader import JsonReader
from ec_gateway.models import ApiKey
from erp.core.errors import InvalidInput, Problem
from erp.inventory import selectors
from erp.inventory.selectors import HoldView
from erp.inventory.services import HoldDemand, demanded, extend_hold, place_hold, release_hold

LONGEST_S = 90 * 24 * 3600
MOST_LINES = 500
MOST_PIECES = 1_000_000
KINDS = {"cart": "CART", "quote": "QUOTE", "keep": "KEEP", "customer_order": "CUSTOMER_ORDER"}


class HoldLineRequestSerializer(Described):
    within = "stock.holds"

    sku = serializers.CharField(max_length=40)
    quantity = serializers.IntegerField(min_value=1, max_value=MOST_PIECES)


class HoldRequestSerializer(Described):
    within = "stock.holds"

    hold_ref = serializers.CharField(
        max_length=100, help_text="Your own name for it: again with the same content, one hold."
    )
    lines = serializers.ListField(child=HoldLineRequestSerializer(), min_length=1, max_length=MOST_LINES)
    expires_in = serializers.IntegerField(
        min_value=1,
        max_value=LONGEST_S,
        required=False,
        help_text="Seconds from now. Without it as long as its kind runs here.",
    )
    kind = serializers.ChoiceField(
        choices=list(KINDS),
        required=False,
        help_text="cart (default), quote, keep; customer_order waits for what is not there yet.",
    )


class ExtensionRequestSerializer(Described):
    within = "stock.holds"

    expires_in = serializers.IntegerField(min_value=1, max_value=LONGEST_S, help_text="Seconds from now.")


class HeldSerializer(Described):
    within = "stock.holds"

    sku = serializers.CharField(help_text="What has stock: of a kit its components.")
    wanted = serializers.IntegerField()
    held = serializers.IntegerField(
        help_text="Fewer than wanted once the hold has expired, the goods turned out to be gone, or a customer order still waits."
    )


class HoldSerializer(Described):
    within = "stock.holds"

    hold_ref = serializers.CharField()
    kind = serializers.ChoiceField(choices=list(KINDS))
    status = serializers.ChoiceField(
        choices=["active", "expired", "closed"], help_text="closed: released, or became an order."
    )
    expires_at = serializers.DateTimeField()
    pieces = HeldSerializer(many=True)


_REQUEST = {"hold_ref": "cart-9", "lines": [{"sku": "SET-001", "quantity": 2}], "expires_in": 900}
_HOLD = {
    "kind": "cart",
    "status": "active",
    "expires_at": "2026-11-23T03:15:00Z",
    "pieces": [{"sku": "TS-001-WH-M", "wanted": 4, "held": 4}],
}


class HoldList(ApiView):
    scopes: ClassVar = {"POST": ApiKey.Scope.HOLDS_WRITE}

    @operation(
        id="hold_place",
        summary="Keep pieces until a time, all lines or none",
        description="A `customer_order` (客注) keeps what is there and is given the rest as it comes, before later orders. "
        "A kit is held as its components. 409 `insufficient_stock` names every short SKU with what is left (`shortages`).",
        tag="holds",
        request=HoldRequestSerializer,
        answers={200: HoldSerializer, 201: HoldSerializer},
        refusals=[409],
        is_write=True,
        examples=[
            Example("two kits", status=201, request=_REQUEST, response={"hold_ref": "cart-9", **_HOLD}),
            Example(
                "too many",
                status=409,
                request={**_REQUEST, "lines": [{"sku": "TS-001-WH-M", "quantity": 11}]},
                response={
                    "type": "about:blank",
                    "title": "Conflict",
                    "status": 409,
                    "code": "insufficient_stock",
                    "detail": "在庫が足りません。",
                    "errors": [
                        {
                            "pointer": "/sku/TS-001-WH-M",
                            "code": "insufficient_stock",
                            "detail": "必要数 11 に対し、残りは 10 です。",
                        }
                    ],
                    "shortages": [{"sku": "TS-001-WH-M", "wanted": 11, "available": 10}],
                },
            ),
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        body = self.json_object(request)

        def effect() -> Answer:
            ref, kind, expires_in, demands, kits = _read(body)
            lifetime = None if expires_in is None else dt.timedelta(seconds=expires_in)
            placed = place_hold(
                channel_id=self.client.channel_id,
                ref=ref,
                lines=demands,
                expires_at=None if lifetime is None else self.at + lifetime,
                lifetime=lifetime,
                kind=kind,
                kits=kits,
                at=self.at,
                by=self.actor(request),
            )
            return Answer(201, _body(placed, at=self.at), placed.is_replay)

        return self.write(request, body, effect)


class HoldOfRef(ApiView):
    scopes: ClassVar = {"GET": ApiKey.Scope.HOLDS_WRITE, "DELETE": ApiKey.Scope.HOLDS_WRITE}

    @operation(
        id="hold_read",
        summary="A hold as it stands",
        tag="holds",
        parameters=[path("ref")],
        answers={200: HoldSerializer},
        refusals=[404],
        examples=[Example("a cart", path={"ref": "cart-1"}, response={"hold_ref": "cart-1", **_HOLD})],
    )
    def get(self, request: Request, ref: str) -> HttpResponse:
        return json_answer(_body(selectors.hold(channel_id=self.client.channel_id, ref=ref), at=self.at))

    @operation(
        id="hold_release",
        summary="Give the pieces back",
        description="Again, nothing more happens.",
        tag="holds",
        parameters=[path("ref")],
        answers={200: HoldSerializer},
        refusals=[404, 409],
        is_write=True,
        examples=[
            Example(
                "a cart",
                path={"ref": "cart-1"},
                response={
                    "hold_ref": "cart-1",
                    **_HOLD,
                    "status": "closed",
                    "pieces": [{"sku": "TS-001-WH-M", "wanted": 4, "held": 0}],
                },
            )
        ],
    )
    def delete(self, request: Request, ref: str) -> HttpResponse:
        def effect() -> Answer:
            release_hold(channel_id=self.client.channel_id, ref=ref, at=self.at, by=self.actor(request))
            return Answer(200, _body(selectors.hold(channel_id=self.client.channel_id, ref=ref), at=self.at))

        return self.write(request, None, effect)


class HoldExtension(ApiView):
    scopes: ClassVar = {"POST": ApiKey.Scope.HOLDS_WRITE}

    @operation(
        id="hold_extend",
        summary="Keep the pieces longer, and get back those that are gone",
        description="All or none: on 409 `insufficient_stock` the hold stays as it was. What is gone is had again by the rules of a new hold: of a "
        "kit that lacks pieces no more than is shown. A closed hold is not extended (`not_allowed_now`).",
        tag="holds",
        parameters=[path("ref")],
        request=ExtensionRequestSerializer,
        answers={200: HoldSerializer},
        refusals=[404, 409],
        is_write=True,
        examples=[
            Example(
                "half an hour",
                path={"ref": "cart-1"},
                request={"expires_in": 1800},
                response={"hold_ref": "cart-1", **_HOLD, "expires_at": "2026-11-23T03:30:00Z"},
            )
        ],
    )
    def post(self, request: Request, ref: str) -> HttpResponse:
        body = self.json_object(request)

        def effect() -> Answer:
            problems: list[Problem] = []
            reader = JsonReader(body, "", problems)
            expires_in = _read_expiry(reader, problems)
            reader.refuse_unknown()
            if problems:
                raise InvalidInput(problems)
            until = self.at + dt.timedelta(seconds=expires_in)
            held = extend_hold(
                channel_id=self.client.channel_id, ref=ref, expires_at=until, at=self.at, by=self.actor(request)
            )
            return Answer(200, _body(held, at=self.at))

        return self.write(request, body, effect)


def _read(body: dict[str, Any]) -> tuple[str, str, int | None, list[HoldDemand], dict[int, int]]:
    """Reference, kind, seconds, the pieces wanted, and how many kits they are for. Raises InvalidInput naming every fault, unknown SKUs too."""
    problems: list[Problem] = []
    reader = JsonReader(body, "", problems)
    ref = reader.text("hold_ref", required=True)
    if "hold_ref" in body and isinstance(body["hold_ref"], str) and not 1 <= len(ref) <= 100:
        problems.append(Problem("/hold_ref", "invalid", _("1 to 100 characters are needed.")))
    kind = reader.choice("kind", KINDS, default="CART")
    expires_in = _read_expiry(reader, problems) if "expires_in" in body else None
    lines = reader.children("lines", required=True)
    if isinstance(body.get("lines"), list) and not 1 <= len(lines) <= MOST_LINES:
        problems.append(Problem("/lines", "invalid", _("From 1 to %(most)s lines are needed.") % {"most": MOST_LINES}))
        lines = lines[:MOST_LINES]
    asked = [_read_line(line, index, problems) for index, line in enumerate(lines)]
    reader.refuse_unknown()
    known = catalog.sku_facts(sku for sku, _quantity in asked if sku)
    problems += [
        Problem(f"/lines/{index}/sku", "unknown_sku", _("There is no SKU %(code)s.") % {"code": sku})
        for index, (sku, _quantity) in enumerate(asked)
        if sku and not (sku in known and known[sku].components)
    ]
    if problems:
        raise InvalidInput(problems)
    demands, kits = demanded((known[sku], quantity) for sku, quantity in asked)
    return ref, kind, expires_in, demands, kits


def _read_line(line: JsonReader, index: int, problems: list[Problem]) -> tuple[str, int]:
    sku = line.text("sku", required=True)
    if not sku and isinstance(line.value.get("sku"), str):
        problems.append(Problem(f"/lines/{index}/sku", "required", _("This field is required.")))
    quantity = line.integer("quantity", required=True, default=1)
    if not 1 <= quantity <= MOST_PIECES:
        detail = _("A whole number from 1 to %(most)s is needed.") % {"most": MOST_PIECES}
        problems.append(Problem(f"/lines/{index}/quantity", "invalid", detail))
    line.refuse_unknown()
    return sku, quantity


def _read_expiry(reader: JsonReader, problems: list[Problem]) -> int:
    seconds = reader.integer("expires_in", required=True, default=1)
    if not 1 <= seconds <= LONGEST_S:
        detail = _("A whole number from 1 to %(most)s is needed.") % {"most": LONGEST_S}
        problems.append(Problem("/expires_in", "invalid", detail))
    return seconds


def _body(hold: HoldView, *, at: dt.datetime) -> dict[str, Any]:
    codes = catalog.sku_codes(item.sku_id for item in hold.wanted)
    held = {item.sku_id: item.quantity for item in hold.lines}
    is_over = hold.expires_at <= at
    return {
        "hold_ref": hold.ref,
        "kind": hold.kind.lower(),
        "status": "closed" if hold.is_closed else "expired" if is_over else "active",
        "expires_at": hold.expires_at,
        "pieces": list(_pieces(hold, codes, {} if is_over else held)),
    }


def _pieces(hold: HoldView, codes: dict[int, str], held: dict[int, int]) -> Iterable[dict[str, Any]]:
    """Sorted by code, so that the same hold always reads the same. An expired hold keeps nothing, swept or not."""
    for item in sorted(hold.wanted, key=lambda item: codes[item.sku_id]):
        yield {"sku": codes[item.sku_id], "wanted": item.quantity, "held": held.get(item.sku_id, 0)}
