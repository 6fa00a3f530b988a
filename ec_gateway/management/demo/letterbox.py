"""受信箱 of the last evening: what the two sites sent, one message at least in each state, worked off as the worker of the inbox does it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings

from ec_gateway.inbox.beginning import begin
from ec_gateway.inbox.working import apply, next_events
from ec_gateway.management.demo.company import EC_MEN, EC_WOMEN
from ec_gateway.management.demo.plan import Deal, Kind, moment
from ec_gateway.management.demo.stage import Stage
from ec_gateway.models import EcSite, InboundEvent
from ec_gateway.platforms.interface import News, NewsKind
from ec_gateway.platforms.taking_in import take_in
from erp.core.actors import Actor
from erp.orders.models import Order, OrderState

State = InboundEvent.State
LAST_ORDERS = 12


def fill(stage: Stage) -> None:
    """Webhooks, each kept as it came. Orders that are known say nothing new; one changed its payment, one was sent again in an older state."""
    at = moment(stage.plan.last, 21)
    sites = {site.channel.code: site for site in EcSite.objects.select_related("channel")}
    for code, site in sorted(sites.items()):
        known = [deal for deal in stage.plan.deals if deal.channel == code and deal.key in stage.order_ids]
        for deal in known[-LAST_ORDERS:]:
            came = deal.ordered_at + dt.timedelta(seconds=40)
            _bring(site, NewsKind.ORDER, f"order-{deal.external_id}-1", deal.document, came)
    women, men = sites[EC_WOMEN], sites[EC_MEN]
    for deal in _amended(stage)[:1]:
        _bring(sites[deal.channel], NewsKind.ORDER, f"order-{deal.external_id}-again", _said_before(deal), at)
    # Its order never came: it waits for it (受注待ち).
    _bring(men, NewsKind.CANCEL, "cancel-TF-HELD-1", {"external_id": "TF-HELD-1", "reason": "お客様都合"}, at)
    # Neither lines nor an amount that is one.
    _bring(men, NewsKind.ORDER, "order-P2-2611-09901", _broken(at), at + dt.timedelta(minutes=4))
    paid, waiting = _awaiting_payment(women)
    _bring(women, NewsKind.PAYMENT, f"paid-{paid.external_id}", _paid(paid, at), at + dt.timedelta(minutes=9))
    for site in sites.values():
        _work_off(site, at + dt.timedelta(minutes=10))
    # The process that applied it was ended each time (out of memory): it is set aside, and waits for 再実行.
    failed = _bring(
        women, NewsKind.PAYMENT, f"paid-{waiting.external_id}", _paid(waiting, at), at + dt.timedelta(minutes=12)
    )
    for attempt in range(settings.INBOX_INTERRUPTED_ATTEMPTS + 1):
        begin(
            event_ids=failed, states=[State.RECEIVED], at=at + dt.timedelta(minutes=13 + attempt), by=_worker(women),
            jitter=lambda: 0.5,
        )  # fmt: skip
    # What came a moment ago nobody has looked at yet.
    _bring(men, NewsKind.HINT, "hint-last", {}, at + dt.timedelta(minutes=30))


def _bring(site: EcSite, kind: NewsKind, event_id: str, document: Any, at: dt.datetime) -> list[int]:
    external_id = str(document.get("external_id", ""))
    news = News(kind, event_id, external_id, at, document)
    return take_in(site_id=site.pk, news=[news], source=InboundEvent.Source.WEBHOOK, at=at)


def _work_off(site: EcSite, at: dt.datetime) -> None:
    while due := next_events(site_id=site.pk, at=at):
        apply(site=site, events=due, states=[State.RECEIVED], clock=lambda: at, by=_worker(site), jitter=lambda: 0.5)


def _worker(site: EcSite) -> Actor:
    return Actor.channel(site.channel.code, "inbox")


def _amended(stage: Stage) -> list[Deal]:
    """Orders of the sites that were changed after they had come."""
    acts = [act for acts in stage.plan.acts.values() for act in acts if act.kind == Kind.AMEND]
    return [act.deal for act in acts if act.deal.channel in (EC_WOMEN, EC_MEN) and act.deal.key in stage.order_ids]


def _said_before(deal: Deal) -> dict[str, Any]:
    """Its first revision, in other words than it was recorded: too old to count."""
    return {**deal.document, "customer_note": "(旧い版の再送)"}


def _broken(at: dt.datetime) -> dict[str, Any]:
    return {"external_id": "P2-2611-09901", "revision": 1, "ordered_at": at.isoformat(), "lines": [], "total": "三千円"}


def _awaiting_payment(site: EcSite) -> tuple[Order, Order]:
    """Two orders of a site whose money has not come."""
    waiting = Order.objects.filter(channel=site.channel, state=OrderState.AWAITING_PAYMENT).order_by("external_id")
    first, second = waiting[:2]
    return first, second


def _paid(order: Order, at: dt.datetime) -> dict[str, Any]:
    return {
        "external_id": order.external_id,
        "kind": "paid",
        "amount": str(order.amount_due),
        "occurred_at": at.isoformat(),
    }
