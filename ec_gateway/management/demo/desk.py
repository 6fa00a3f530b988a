"""The order desk of the demo company: takes orders in, hears of money, resolves what waits for a person, cancels and changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby

from accounting.selectors import open_items
from ec_gateway.management.demo.company import SHOPS
from ec_gateway.management.demo.plan import Act, Deal, Kind, moment
from ec_gateway.management.demo.stage import DESK, OFFICE, Stage, chunks
from ec_gateway.order_document import read_order
from ec_gateway.shop_sale_document import read_receipt
from erp.core.actors import Actor
from erp.core.retries import retried
from erp.orders.models import OVER, Order, OrderHold, OrderPayment, Return
from erp.orders.services import (
    PaymentNews,
    advance_due_orders,
    allocate_waiting,
    cancel_order,
    confirm_refund,
    hear_payment_news,
    hold_order,
    place_orders,
    reconsider_lost_reservations,
    record_shop_sales,
    resolve_hold,
)

Reason = OrderHold.Reason
RESOLUTIONS = {
    Reason.SUSPICIOUS_ADDRESS: "お客様に電話で番地を確認",
    Reason.CUSTOMER_NOTE: "ご要望を倉庫へ伝達済み",
    Reason.CREDIT_EXCEEDED: "経理の承認を得て出荷",
    Reason.CREDIT_WARNING: "経理へ連絡済み",
}


CANCELS, LATE = (Kind.CANCEL,), Kind.CANCEL_LATE


def take_in(stage: Stage, deals: Sequence[Deal], *, at: dt.datetime) -> None:
    """What the channels sent until ``at``, one call per channel and hundred orders."""
    online = sorted((deal for deal in deals if deal.channel not in SHOPS), key=lambda deal: deal.key)
    for channel, found in groupby(online, key=lambda deal: deal.channel):
        for chunk in chunks(list(found)):
            outcomes = retried(
                place_orders,
                channel=channel,
                orders=[read_order(deal.document) for deal in chunk],
                bodies=[deal.document for deal in chunk],
                at=at,
                by=Actor.channel(channel),
            )
            for deal, outcome in zip(chunk, outcomes, strict=True):
                assert outcome.order_id is not None, f"{deal.external_id}: {outcome.refusal}"
                stage.order_ids[deal.key] = outcome.order_id


def take_in_sales(stage: Stage, deals: Sequence[Deal], *, at: dt.datetime) -> None:
    """The tills send their day when the shops have closed."""
    sold = sorted((deal for deal in deals if deal.channel in SHOPS), key=lambda deal: (deal.channel, deal.ordered_at))
    for channel, found in groupby(sold, key=lambda deal: deal.channel):
        for chunk in chunks(list(found)):
            sales = [read_receipt(deal.document, at=at).sale for deal in chunk]
            retried(
                record_shop_sales,
                channel=channel,
                sales=[sale for sale in sales if sale is not None],
                bodies=[deal.document for deal in chunk],
                at=at,
                by=Actor.channel(channel),
            )


def hear_of_money(stage: Stage, day: dt.date) -> None:
    """決済通知: paid at the till or by transfer, credit granted or refused after all."""
    at = moment(day, 9)
    words = {Kind.PAY: "PAID", Kind.PAY_PART: "PAID", Kind.CREDIT_OK: "AUTHORIZED", Kind.CREDIT_NG: "FAILED"}
    for act in stage.acts(day, *words):
        amount = act.detail.get("amount")
        news = PaymentNews(
            event_id=f"{act.deal.external_id}-{act.kind}",
            kind=words[act.kind],
            occurred_at=max(at - dt.timedelta(hours=2), act.deal.ordered_at + dt.timedelta(minutes=1)),
            amount=None if amount is None else Decimal(amount),
            reference=act.deal.external_id,
        )
        retried(
            hear_payment_news, channel=act.deal.channel, external_id=act.deal.external_id, event=news, at=max(at, news.occurred_at),
            by=Actor.channel(act.deal.channel),
        )  # fmt: skip


def resolve(stage: Stage, day: dt.date) -> None:
    """確認待ち: what a call or a colleague settles by the next morning."""
    at = moment(day, 9, 10)
    waiting = OrderHold.objects.filter(resolved_at__isnull=True, reason__in=list(RESOLUTIONS), opened_at__lt=at)
    for order_id, reason in list(
        waiting.exclude(order__in=stage.left_alone).order_by("pk").values_list("order_id", "reason")
    ):
        resolution = RESOLUTIONS[Reason(reason)]
        retried(resolve_hold, order_id=order_id, reason=reason, resolution=resolution, at=at, by=DESK)


def put_on_hold(stage: Stage, day: dt.date) -> None:
    for act in stage.acts(day, Kind.HOLD):
        detail, order_id = act.detail["reason"], stage.order_ids[act.deal.key]
        retried(hold_order, order_id=order_id, detail=detail, at=moment(day, 9, 15), by=DESK)


def cancel(stage: Stage, acts: Iterable[Act], *, at: dt.datetime) -> None:
    """キャンセル by the channel, as long as something of the order is in the house."""
    acts = list(acts)
    states = _states(stage, [act.deal for act in acts])
    for act in acts:
        if states[act.deal.key] not in OVER:
            retried(
                cancel_order, channel=act.deal.channel, external_id=act.deal.external_id, reason=act.detail["reason"], at=at,
                by=Actor.channel(act.deal.channel),
            )  # fmt: skip


def amend(acts: Iterable[Act], *, at: dt.datetime) -> None:
    """受注変更: the channel sends the next revision."""
    for act in acts:
        document = act.detail["document"]
        retried(
            place_orders, channel=act.deal.channel, orders=[read_order(document)], bodies=[document], at=at,
            by=Actor.channel(act.deal.channel),
        )  # fmt: skip


def refund(stage: Stage, day: dt.date) -> None:
    """What is owed back for cancelled orders and returns goes back to the customers."""
    wanted = stage.ids(act.deal for act in stage.acts(day, Kind.REFUND))
    if not wanted:
        return
    returns = dict(Return.objects.filter(order__in=wanted).values_list("pk", "order_id"))
    owed = {
        returns.get(item.document_id, 0) if kind == "RETURN" else item.document_id
        for kind, ids in (("ORDER", wanted), ("RETURN", list(returns)))
        for item in open_items(document_type=kind, document_ids=ids, roles=["refunds_payable"])
        if item.party.kind == "CUSTOMER"
    }
    payments = OrderPayment.objects.filter(order__in=owed, amount__gt=0).order_by("order_id", "-line_no")
    for payment_id in dict(payments.values_list("order_id", "pk")).values():
        retried(confirm_refund, payment_id=payment_id, at=moment(day, 14), by=OFFICE)


def serve_waiting(*, at: dt.datetime) -> None:
    """What the clock does in a running company: lost pieces, goods that came, dates that have come."""
    job = Actor.job("waiting-orders")
    retried(reconsider_lost_reservations, at=at, by=job)
    allocate_waiting(at=at, by=job)


def advance(*, at: dt.datetime) -> None:
    advance_due_orders(at=at, by=Actor.job("due-orders"))


def _states(stage: Stage, deals: Sequence[Deal]) -> dict[tuple[str, str], str]:
    ids = {stage.order_ids[deal.key]: deal.key for deal in deals}
    return {ids[key]: state for key, state in Order.objects.filter(pk__in=ids).values_list("pk", "state")}
