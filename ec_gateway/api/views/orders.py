"""Orders: sent, amended, read. One view makes one domain call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from ec_gateway.api import order_answers as told
from ec_gateway.api.etags import unless_known
from ec_gateway.api.frame import Answer, json_answer
from ec_gateway.api.order_answer_schema import (
    BulkAnswerSerializer,
    OrdersPageSerializer,
    OrderViewSerializer,
    PlacedSerializer,
)
from ec_gateway.api.order_calls import MOST_ORDERS, ListCall, OrderCall, id_in
from ec_gateway.api.order_examples import EXAMPLES
from ec_gateway.api.order_schema import AmendedOrderSerializer, BulkSerializer, OrderSerializer
from ec_gateway.api.pagination import cursor_behind
from ec_gateway.api.questions import Question
from ec_gateway.api.schema import IF_NONE_MATCH, operation, path, query
from ec_gateway.models import ApiKey
from ec_gateway.order_document import read_order
from ec_gateway.services.intake import place
from erp.core import changes
from erp.core.errors import InvalidInput, Problem
from erp.orders import selectors
from erp.orders.services import OrderInput, OrderOutcome, find_problems, place_orders

Scope = ApiKey.Scope
USUAL_ORDERS = 100


class OrderIntake(OrderCall):
    """An order that comes in, new or as a newer revision."""

    def place(self, request: Request, body: Any, *, named: str | None = None) -> HttpResponse:
        """``named`` is the number in the address, if there is one."""

        def effect() -> Answer:
            order = read_order(body) if named is None else _read_named(body, self.named(named))
            outcome = place(
                channel=self.client.channel_code, order=order, body=body, at=self.at, by=self.actor(request)
            )  # fmt: skip
            return answered(self.client.channel_code, outcome)

        return self.kept(request, id_in(body) if named is None else named, body, effect)


def _read_named(body: Any, named: str) -> OrderInput:
    """The order under the number of the address. Raises InvalidInput."""
    others = []
    if isinstance(body, dict) and body["external_id"] != named:
        others.append(Problem("/external_id", "other_order", _("The address names another order.")))
    try:
        order = read_order(body)
    except InvalidInput as refusal:
        raise InvalidInput([*others, *refusal.problems]) from refusal
    if others:
        raise InvalidInput([*others, *find_problems(order)])
    return order


class Orders(OrderIntake):
    scopes: ClassVar = {"GET": Scope.ORDERS_READ, "POST": Scope.ORDERS_WRITE}

    @operation(
        id="place_order",
        summary="Send an order",
        tag="orders",
        description=(
            "201 for a new order, 200 with `Idempotent-Replay: true` for the same content again, 409 `idempotency_conflict` for other content under"
            " the same revision. A higher revision amends (200), also when it is paid, or becomes a task for staff once the warehouse has it (202;"
            " the same again is 200 with the same `outcome`). One that is lower than a known one is kept and changes nothing (200, `outcome` stale)."
            " Money that is here stays with the payment of the same method, provider and reference; where more is to be paid than is here, the order"
            " waits (`payment_difference`) until you tell of the rest. A well-formed order always enters: what is odd about it is named in `holds`."
        ),
        request=OrderSerializer,
        answers={200: PlacedSerializer, 201: PlacedSerializer, 202: PlacedSerializer},
        refusals=(409,),
        is_write=True,
        examples=EXAMPLES["place_order"],
    )
    def post(self, request: Request) -> HttpResponse:
        body = self.json_body(request)
        return self.place(request, body)

    @operation(
        id="list_orders",
        summary="Orders of which something changed, or all",
        tag="orders",
        description=(
            "With `changed_after` the orders of which something changed since (their shipments and returns too), each as it is now. Without it all"
            " orders in pages; the first page carries `feed_cursor`, from which to follow the changes afterwards."
        ),
        answers={200: OrdersPageSerializer},
        parameters=[
            query("changed_after", description="A `cursor` or `feed_cursor` of this call."),
            query("cursor", description="Of the next page of the full list."),
            query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_ORDERS}),
        ],
        refusals=(410,),
        examples=EXAMPLES["list_orders"],
    )
    def get(self, request: Request) -> HttpResponse:
        asked = Question(request)
        mode, limit = asked.only_one_of("changed_after", "cursor"), asked.limit(usual=USUAL_ORDERS, most=MOST_ORDERS)
        behind = asked.key_behind()
        asked.close()
        if mode != "changed_after":
            return self._page(behind, limit)
        after = asked.feed_cursor("changed_after")
        changed = selectors.changed_orders(channel=self.client.channel_code, after=after, limit=limit)
        items = self._bodies(changed.external_ids)
        return json_answer({"items": items, "cursor": str(changed.cursor), "has_more": changed.has_more})

    def _page(self, after: str, limit: int) -> HttpResponse:
        feed = {} if after else {"feed_cursor": str(changes.current_cursor())}
        page = selectors.listed_orders(channel=self.client.channel_code, after=after, limit=limit)
        following = cursor_behind(page[-1]) if len(page) == limit else None
        return json_answer({"items": self._bodies(page), "next_cursor": following, **feed})

    def _bodies(self, external_ids: Sequence[str]) -> list[dict[str, Any]]:
        found = selectors.orders_view(channel=self.client.channel_code, external_ids=external_ids)
        return [told.order_body(found[key]) for key in external_ids if key in found]


def answered(channel: str, outcome: OrderOutcome) -> Answer:
    what = told.outcome_of(outcome)
    if what == told.STALE:
        body = told.stale_body(selectors.order_view(channel=channel, external_id=outcome.external_id))
    else:
        body = told.placed_body(outcome, what)
    return Answer(told.status_of(outcome), body, is_replay=outcome.is_replay)


class BulkOrders(ListCall):
    scopes: ClassVar = {"POST": Scope.ORDERS_WRITE}

    @operation(
        id="place_orders",
        summary="Send up to 500 orders",
        tag="orders",
        description=(
            "One result per order, in the order sent, each with the status that `POST /orders` would have answered; one bad order harms no other."
            " What fails here is kept, and answered 500 in its own result. Committed in steps: when the call breaks off, send it again."
        ),
        request=BulkSerializer,
        answers={200: BulkAnswerSerializer},
        refusals=(409,),
        is_write=True,
        examples=EXAMPLES["place_orders"],
    )
    def post(self, request: Request) -> HttpResponse:
        body = self.json_body(request)
        return self.listed(request, body, "orders", lambda items: self._place(request, items))

    def _place(self, request: Request, items: Sequence[Any]) -> Answer:
        results: dict[int, dict[str, Any]] = {}
        orders: dict[int, OrderInput] = {}
        refused = []
        for index, item in enumerate(items):
            try:
                orders[index] = read_order(item)
            except InvalidInput as refusal:
                results[index] = told.refused_body(id_in(item), refusal)
                refused.append((id_in(item), item, refusal))
        if refused:
            self.keep(request, refused)

        def step(places: Sequence[int]) -> list[dict[str, Any]]:
            outcomes = place_orders(
                channel=self.client.channel_code,
                orders=[orders[place] for place in places],
                bodies=[items[place] for place in places],
                at=self.at,
                by=self.actor(request),
            )
            return _results(self.client.channel_code, outcomes)

        results |= self.in_steps(request, items, orders, step)
        return Answer(200, {"results": [results[index] for index in range(len(items))]})


def _results(channel: str, outcomes: Sequence[OrderOutcome]) -> list[dict[str, Any]]:
    stale = [item.external_id for item in outcomes if told.outcome_of(item) == told.STALE]
    views = selectors.orders_view(channel=channel, external_ids=stale) if stale else {}
    results = []
    for item in outcomes:
        what = told.outcome_of(item)
        if item.refusal is not None and what != told.STALE:
            results.append(told.refused_body(item.external_id, item.refusal))
        elif what == told.STALE:
            results.append({"status": 200, **told.stale_body(views[item.external_id])})
        else:
            results.append({"status": told.status_of(item), **told.placed_body(item, what)})
    return results


class OneOrder(OrderIntake):
    scopes: ClassVar = {"GET": Scope.ORDERS_READ, "PUT": Scope.ORDERS_WRITE}

    @operation(
        id="get_order",
        summary="Where an order stands",
        tag="orders",
        description="State, holds, what is reserved, shipments with carrier and tracking, returns, payments, tax per rate: ours and as stated.",
        answers={200: OrderViewSerializer, 304: None},
        parameters=[path("external_id"), IF_NONE_MATCH],
        refusals=(404,),
        examples=EXAMPLES["get_order"],
    )
    def get(self, request: Request, external_id: str) -> HttpResponse:
        view = selectors.order_view(channel=self.client.channel_code, external_id=self.named(external_id))
        return unless_known(request, told.order_body(view))

    @operation(
        id="amend_order",
        summary="Send a newer revision of an order",
        tag="orders",
        description="As `POST /orders`, with the order's number in the address. An order that is not known yet is placed (201).",
        request=AmendedOrderSerializer,
        answers={200: PlacedSerializer, 201: PlacedSerializer, 202: PlacedSerializer},
        parameters=[path("external_id")],
        refusals=(404, 409),
        is_write=True,
        examples=EXAMPLES["amend_order"],
    )
    def put(self, request: Request, external_id: str) -> HttpResponse:
        body = self.json_body(request)
        if isinstance(body, dict):
            body = {"external_id": external_id, **body}
        return self.place(request, body, named=external_id)
