"""Worked examples of closing and due dates: the open item of what was shipped on a day, under each set of terms and each holiday rule."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting.selectors import open_items
from erp.core.business_days import carried_over, closing_date
from erp.orders.models import Shipment
from erp.orders.services import ShipRequest, place_order, release_orders, ship
from tests.inventory.factories import sku
from tests.orders.factories import DESK, shop
from tests.worked_examples.stage import account, noon, on_account, opening_stock

EXAMPLES = [
    ("2026-11-20", "20日締め翌月末", (20, 1, 31), "2026-11-20", "2026-12-31", "2026-12-30", "2027-01-04"),
    ("2026-11-21", "20日締め翌月末", (20, 1, 31), "2026-12-20", "2027-01-31", "2027-01-29", "2027-02-01"),
    ("2026-11-23", "月末締め翌月末", (31, 1, 31), "2026-11-30", "2026-12-31", "2026-12-30", "2027-01-04"),
    ("2026-01-31", "月末締め翌月末", (31, 1, 31), "2026-01-31", "2026-02-28", "2026-02-27", "2026-03-02"),
    ("2026-02-28", "月末締め翌々月10日", (31, 2, 10), "2026-02-28", "2026-04-10", "2026-04-10", "2026-04-10"),
]
CASES = [
    pytest.param(day, terms, rule, closing, due, id=f"{day} {name} {rule}")
    for day, name, terms, closing, *dues in EXAMPLES
    for rule, due in zip(("SAME", "PREVIOUS", "NEXT"), dues, strict=True)
]


@pytest.mark.django_db
@pytest.mark.parametrize(("day", "terms", "rule", "closing", "due"), CASES)
def test_what_is_shipped_on_a_day_is_due_by_its_terms(day, terms, rule, closing, due):
    closing_day, offset, payment_day = terms
    buyer = account(closing_day=closing_day, payment_month_offset=offset, payment_day=payment_day, holiday_rule=rule)
    site, place = shop(kind="WHOLESALE")
    goods = sku()
    how = {"at": noon(day), "by": DESK}
    opening_stock(goods, place, 1, 600, at=noon(day))
    outcome = place_order(channel=site.code, order=on_account(buyer, goods, price=1_000, ordered_at=noon(day)), **how)
    release_orders(order_ids=[outcome.order_id], **how)
    parcel = Shipment.objects.get()

    ship(requests=[ShipRequest(parcel.pk)], **how)

    [item] = open_items(document_type="SHIPMENT", document_ids=[parcel.pk])
    assert (item.item_date, item.due_date) == (dt.date.fromisoformat(day), dt.date.fromisoformat(due))
    assert closing_date(item.item_date, closing_day) == dt.date.fromisoformat(closing)


def test_a_bill_carries_over_what_was_not_paid_or_adjusted():
    """前回 330,000, 入金 329,560, 調整 440: 繰越 0; 売上 285,000 + 税 28,500 is 313,500."""
    carried = carried_over(billed_before=Decimal(330_000), received=Decimal(329_560), adjusted=Decimal(440))

    assert (carried, carried + 285_000 + 28_500) == (0, 313_500)
