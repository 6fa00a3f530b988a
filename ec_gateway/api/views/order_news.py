"""What a channel tells about an order it sent: cancellation, return, payment. Before its order each is parked (202), never lost."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from ec_gateway.api import order_answers as told
from ec_gateway.api.frame import Answer
from ec_gateway.api.order_answer_schema import OrderStateSerializer, ReturnedSerializer
from ec_gateway.api.order_calls import OrderCall, id_in
from ec_gateway.api.order_examples import EXAMPLES
from ec_gateway.api.order_schema import CancellationSerializer, PaymentEventSerializer, ReturnSerializer
from ec_gateway.api.schema import operation, path
from ec_gateway.models import ApiKey
from ec_gateway.order_news_document import read_cancellation, read_payment_event, read_return
from erp.orders import selectors
from erp.orders.selectors import OrderView
from erp.orders.services import hear_cancellation, hear_payment_news, record_channel_return

Scope = ApiKey.Scope


class OrderNews(OrderCall):
    scopes: ClassVar = {"POST": Scope.ORDERS_WRITE}

    def view_of(self, external_id: str) -> OrderView | None:
        return selectors.orders_view(channel=self.client.channel_code, external_ids=[external_id]).get(external_id)


class Cancellation(OrderNews):
    kind = "cancel"

    @operation(
        id="cancel_order",
        summary="Cancel an order",
        tag="orders",
        description=(
            "What has not left the house is cancelled: stock is released, its money is owed back. 202 while the warehouse picks it (a task for"
            " staff) or before the order has come (parked); 409 `not_cancellable` when everything left: that is a return. Of an order that"
            " left in part the rest is cancelled; `state` is then SHIPPED, and staff are told what is out. 200 `replayed` when it is"
            " cancelled already, or staff have decided on this very cancellation (the same `message_id` and `reason`); then `state` says how."
            " Without a `message_id` each one is decided anew."
        ),
        request=CancellationSerializer,
        answers={200: OrderStateSerializer, 202: OrderStateSerializer},
        parameters=[path("external_id")],
        refusals=(404, 409),
        is_write=True,
        examples=EXAMPLES["cancel_order"],
    )
    def post(self, request: Request, external_id: str) -> HttpResponse:
        body = self.json_body(request)

        def effect() -> Answer:
            wanted = self.named(external_id)
            reason, message_id = read_cancellation(body)
            outcome = hear_cancellation(
                channel=self.client.channel_code,
                external_id=wanted,
                reason=reason,
                message_id=message_id,
                at=self.at,
                by=self.actor(request),
            )
            if outcome.state is None:
                return Answer(202, told.state_body(wanted, None, told.PARKED))
            if outcome.is_task:
                return Answer(202, told.state_body(wanted, self.view_of(wanted), told.STAFF))
            what = told.REPLAYED if outcome.is_replay else told.RECORDED
            return Answer(200, told.state_body(wanted, self.view_of(wanted), what), is_replay=outcome.is_replay)

        return self.kept(request, external_id, body, effect)


class Returns(OrderNews):
    kind = "return"

    @operation(
        id="return_order",
        summary="Take goods of an order back",
        tag="orders",
        description=(
            "Units by the order's own line ids; they come back from the parcels in the order they left, at the amounts of the sale. 409"
            " `not_returnable` names every line of which fewer left than came back. Before its order the return is parked (202): staff hear of it"
            " when the order comes; send it again once goods have left."
        ),
        request=ReturnSerializer,
        answers={200: ReturnedSerializer, 201: ReturnedSerializer, 202: ReturnedSerializer},
        parameters=[path("external_id")],
        refusals=(404, 409),
        is_write=True,
        examples=EXAMPLES["return_order"],
    )
    def post(self, request: Request, external_id: str) -> HttpResponse:
        body = self.json_body(request)

        def effect() -> Answer:
            wanted = self.named(external_id)
            asked = read_return(body, at=self.at)
            outcome = record_channel_return(
                channel=self.client.channel_code,
                external_id=wanted,
                request=asked,
                body=body,
                at=self.at,
                by=self.actor(request),
            )
            answer = told.return_body(wanted, asked, outcome)
            if outcome.document is None:
                return Answer(202, answer)
            return Answer(201, answer, is_replay=outcome.is_replay)

        return self.kept(request, id_in(body), body, effect)


class PaymentEvents(OrderNews):
    kind = "payment"

    @operation(
        id="tell_payment",
        summary="Tell news about a payment",
        tag="orders",
        description=(
            "authorized and failed (与信 OK・NG), paid and captured (money is here), refunded. The same `event_id` again changes nothing; with other"
            " content it is 409. Before its order the news is parked (202)."
        ),
        request=PaymentEventSerializer,
        answers={200: OrderStateSerializer, 202: OrderStateSerializer},
        parameters=[path("external_id")],
        refusals=(404, 409),
        is_write=True,
        examples=EXAMPLES["tell_payment"],
    )
    def post(self, request: Request, external_id: str) -> HttpResponse:
        body = self.json_body(request)

        def effect() -> Answer:
            wanted = self.named(external_id)
            news = read_payment_event(body, currency=self.client.currency)
            outcome = hear_payment_news(
                channel=self.client.channel_code, external_id=wanted, event=news, at=self.at, by=self.actor(request)
            )
            if outcome.state is None:
                return Answer(202, told.state_body(wanted, None, told.PARKED))
            what = told.REPLAYED if outcome.is_replay else told.RECORDED
            return Answer(200, told.state_body(wanted, self.view_of(wanted), what), is_replay=outcome.is_replay)

        return self.kept(request, external_id, body, effect)
