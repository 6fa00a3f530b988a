"""Orders: sent, amended, read. One view makes one domain call; a refused message is kept in a second transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from ec_gateway.api import order_answers as told
from ec_gateway.api.etags import unless_known
from ec_gateway.api.feed import feed_cursor_of
from ec_gateway.api.frame import Answer, ApiView, json_answer
from ec_gateway.api.order_answer_schema import (
    BulkAnswerSerializer,
    OrdersPageSerializer,
    OrderViewSerializer,
    PlacedSerializer,
)
from ec_gateway.api.order_examples import EXAMPLES
from ec_gateway.api.order_schema import AmendedOrderSerializer, BulkSerializer, OrderSerializer
from ec_gateway.api.pagination import cursor_behind, key_of, limit_of
from ec_gateway.api.schema import IF_NONE_MATCH, operation, path, query
from ec_gateway.models import ApiKey
from ec_gateway.order_document import read_order
from ec_gateway.services.intake import keep_refused, place
from erp.core import changes
from erp.core.errors import DomainError, InvalidInput, Problem
from erp.core.retries import retried
from erp.orders import selectors
from erp.orders.exceptions import OrderNotFound
from erp.orders.services import OrderInput, OrderOutcome, place_orders

Scope = ApiKey.Scope
MOST_ORDERS, CHUNK = 500, 100
USUAL_ORDERS = 100


class OrderCall(ApiView):
    """What calls about orders share: the order's number in the address, and refused messages that are kept."""

    kind: ClassVar = "order"

    def named(self, external_id: str) -> str:
        if len(external_id) > 100:
            raise OrderNotFound(_("There is no such order."))
        return external_id

    def json_body(self, request: Request) -> Any:
        try:
            return super().json_body(request)
        except (ParseError, InvalidInput) as error:
            refusal = (
                error if isinstance(error, DomainError) else InvalidInput([Problem("", "malformed_json", str(error))])
            )
            self.keep(request, [("", _raw(request), refusal)])
            raise

    def keep(self, request: Request, refused: Sequence[tuple[str, Any, DomainError]]) -> None:
        keep_refused(
            channel_id=self.client.channel_id, kind=self.kind, refused=refused, at=self.at, by=self.actor(request)
        )  # fmt: skip

    def kept(self, request: Request, external_id: str, body: Any, effect: Any) -> HttpResponse:
        """Run ``effect`` as ``write`` does, and keep the message when it is refused: nothing that was sent is lost."""
        try:
            return self.write(request, body, effect)
        except DomainError as refusal:
            is_kept_whole = _ONLY_RAW.isdisjoint(problem.code for problem in refusal.problems)
            self.keep(request, [(external_id, body if is_kept_whole else _raw(request), refusal)])
            raise


# What JSON of ours cannot say is kept as the text that came.
_ONLY_RAW = frozenset({"not_a_number", "number_too_large", "nul_character", "lone_surrogate"})


def _raw(request: Request) -> str:
    return request._request.body.decode("utf-8", "replace")


class OrderIntake(OrderCall):
    """An order that comes in, new or as a newer revision."""

    def place(self, request: Request, body: Any) -> HttpResponse:
        def effect() -> Answer:
            order = read_order(body)
            outcome = place(
                channel=self.client.channel_code, order=order, body=body, at=self.at, by=self.actor(request)
            )  # fmt: skip
            return answered(self.client.channel_code, outcome)

        return self.kept(request, id_in(body), body, effect)


class Orders(OrderIntake):
    scopes: ClassVar = {"GET": Scope.ORDERS_READ, "POST": Scope.ORDERS_WRITE}

    @operation(
        id="place_order",
        summary="Send an order",
        tag="orders",
        description=(
            "201 for a new order, 200 with `Idempotent-Replay: true` for the same content again, 409 `idempotency_conflict` for other content under"
            " the same revision. A higher revision amends (200), or becomes a task for staff once the warehouse has it (202); a lower one is kept"
            " and changes nothing (200, `outcome` stale). A well-formed order always enters: what is odd about it is named in `holds`."
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
        if "changed_after" not in request.query_params:
            return self._page(request)
        if "cursor" in request.query_params:
            detail = _("Only one of changed_after and cursor is possible.")
            raise InvalidInput([Problem("/query/cursor", "invalid", detail)])
        limit = limit_of(request, usual=USUAL_ORDERS, most=MOST_ORDERS)
        after = feed_cursor_of(request, "changed_after")
        changed = selectors.changed_orders(channel=self.client.channel_code, after=after, limit=limit)
        items = self._bodies(changed.external_ids)
        return json_answer({"items": items, "cursor": str(changed.cursor), "has_more": changed.has_more})

    def _page(self, request: Request) -> HttpResponse:
        after, limit = key_of(request), limit_of(request, usual=USUAL_ORDERS, most=MOST_ORDERS)
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
    return Answer(told.STATUS[what], body, is_replay=what == told.REPLAYED)


def id_in(body: Any) -> str:
    """The order's number as far as a message says one, for the message log."""
    found = body.get("external_id") if isinstance(body, dict) else None
    return found if isinstance(found, str) and "\x00" not in found and found.isprintable() else ""


class BulkOrders(OrderCall):
    scopes: ClassVar = {"POST": Scope.ORDERS_WRITE}

    @operation(
        id="place_orders",
        summary="Send up to 500 orders",
        tag="orders",
        description=(
            "One result per order, in the order sent, each with the status that `POST /orders` would have answered; one bad order harms no other."
            " Committed in steps: when the call breaks off, send it again."
        ),
        request=BulkSerializer,
        answers={200: BulkAnswerSerializer},
        refusals=(409,),
        is_write=True,
        examples=EXAMPLES["place_orders"],
    )
    def post(self, request: Request) -> HttpResponse:
        body = self.json_body(request)
        try:
            items = items_of(body, "orders", MOST_ORDERS)
        except InvalidInput as refusal:
            self.keep(request, [("", body, refusal)])
            raise
        return self.write(request, body, lambda: self._place(request, items), commits_in_steps=True)

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
        in_order = sorted(orders, key=lambda index: (orders[index].external_id, index))
        for first in range(0, len(in_order), CHUNK):
            chunk = in_order[first : first + CHUNK]
            outcomes = retried(
                place_orders,
                channel=self.client.channel_code,
                orders=[orders[index] for index in chunk],
                bodies=[items[index] for index in chunk],
                at=self.at,
                by=self.actor(request),
            )
            results |= dict(zip(chunk, _results(self.client.channel_code, outcomes), strict=True))
        return Answer(200, {"results": [results[index] for index in range(len(items))]})


def items_of(body: Any, name: str, most: int) -> list[Any]:
    """The list of a bulk call. Raises InvalidInput."""
    if not isinstance(body, dict):
        raise InvalidInput([Problem("", "not_an_object", _("A JSON object is needed."))])
    items = body.get(name)
    problems = [
        Problem(f"/{key[:100]}", "unknown_field", _("The contract has no such field.")) for key in body if key != name
    ]
    if not isinstance(items, list):
        problems.append(Problem(f"/{name}", "not_a_list", _("A JSON array is needed.")))
    elif not 1 <= len(items) <= most:
        detail = _("1 to %(most)s are possible at once.") % {"most": most}
        problems.append(Problem(f"/{name}", "bad_count", detail))
    if problems:
        raise InvalidInput(problems)
    return list(items or ())


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
            results.append({"status": told.STATUS[what], **told.placed_body(item, what)})
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
        wanted = self.named(external_id)
        if isinstance(body, dict):
            body = {"external_id": wanted, **body}
            if body["external_id"] != wanted:
                detail = _("The address names another order.")
                refusal = InvalidInput([Problem("/external_id", "other_order", detail)])
                self.keep(request, [(wanted, body, refusal)])
                raise refusal
        return self.place(request, body)
