"""What the practice sites know of the demo company: the goods on their shelves, and the orders that they are meant to have taken.

Written as files that a practice site reads when it starts; it learns nothing of Mamori by them.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from ec_gateway.management.demo.company import OWN_SITES
from ec_gateway.management.demo.goods import COLORS, Assortment
from ec_gateway.management.demo.papers import PERCENT
from ec_gateway.management.demo.plan import Kind, Plan, moment
from erp.core.clock import TOKYO
from erp.core.models import Channel
from erp.orders.models import OVER, Order, OrderState, PaymentStatus
from erp.orders.selectors import OrderView, orders_view

PRODUCTS, PAST = "products.json", "past.json"
REMEMBERED_DAYS = 35


def write_shelves(folder: Path, *, plan: Plan, assortment: Assortment) -> None:
    """Both files of each site, below ``folder`` under the site's channel code in lower case."""
    for channel, brands in OWN_SITES.items():
        its = folder / channel.lower()
        its.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(its / PRODUCTS, _products(assortment, brands))
        _write(its / PAST, _past(plan, channel))


def _write(path: Path, content: Any) -> None:
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    fresh.replace(path)


def _products(assortment: Assortment, brands: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            "sku": article.code,
            "style": article.style.code,
            "style_name": article.style.name,
            "description": f"{article.style.row['material']} {article.style.row['country_of_origin']}製".strip(),
            "shape": article.style.shape,
            "color": COLORS[article.color][0],
            "hex": COLORS[article.color][1],
            "size": "" if article.size == "F" else article.size,
            "price": article.sale_price,
            "tax_rate": PERCENT[article.style.tax_class],
        }
        for article in sorted(assortment.listed(brands), key=lambda item: (-item.style.popularity, item.style.code))
    ]


def _past(plan: Plan, channel: str) -> list[dict[str, Any]]:
    """Orders of the last weeks, and older ones that are not over."""
    channel_id = Channel.objects.get(code=channel).pk
    since = moment(plan.today - dt.timedelta(days=REMEMBERED_DAYS), 0)
    orders = Order.objects.filter(channel=channel_id)
    kept = orders.filter(ordered_at__gte=since) | orders.exclude(state__in=OVER)
    numbers = set(kept.values_list("external_id", flat=True))
    views = orders_view(channel=channel, external_ids=numbers)
    documents = {deal.external_id: deal.document for deal in plan.deals if deal.channel == channel}
    acts = [act for acts in plan.acts.values() for act in acts if act.deal.channel == channel]
    documents |= {act.deal.external_id: act.detail["document"] for act in acts if act.kind == Kind.AMEND}
    too_late = {act.deal.external_id for act in acts if act.kind == Kind.CANCEL_LATE}
    return [
        _order(views[number], documents[number], is_cancelled=number in too_late)
        for number in sorted(numbers & documents.keys())
    ]


def _order(view: OrderView, document: dict[str, Any], *, is_cancelled: bool) -> dict[str, Any]:
    """``is_cancelled``: there, though the parcel was being picked here."""
    sent_back: dict[str, int] = {}
    for back in view.returns:
        for line in back.lines:
            if line.line_id:
                sent_back[line.line_id] = sent_back.get(line.line_id, 0) + line.quantity
    shipments = [
        {
            "number": parcel.number,
            "carrier": parcel.carrier,
            "tracking_number": parcel.tracking_number,
            "shipped_at": parcel.shipped_at.astimezone(TOKYO).isoformat(),
            "lines": {line.line_id: line.quantity for line in parcel.lines},
        }
        for parcel in view.shipments
        if parcel.shipped_at is not None
    ]
    return {
        "document": document,
        "is_paid": any(
            payment.status in (PaymentStatus.PAID, PaymentStatus.CAPTURED, PaymentStatus.REFUNDED)
            for payment in view.payments
        ),
        "is_cancelled": is_cancelled or view.state == OrderState.CANCELLED,
        "changed_at": max([document["ordered_at"], *(parcel["shipped_at"] for parcel in shipments)]),
        "shipments": shipments,
        "sent_back": sent_back,
    }
