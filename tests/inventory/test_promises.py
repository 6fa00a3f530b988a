"""Goods that are expected: promised by priority and age, never more than comes, kept when they come, dealt out anew when anything moves."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError

from erp.core.models import StaffTask
from erp.inventory import selectors, services
from erp.inventory.models import Hold, Promise
from erp.inventory.selectors import HeldSku, WantedPieces
from erp.inventory.services import ExpectedLine, HoldDemand, PhysicalLine, ReceiptLine
from tests.inventory.factories import CLERK, NOON, channel, figures, location, sku, stock

pytestmark = pytest.mark.django_db
SEPTEMBER, OCTOBER = dt.date(2027, 9, 1), dt.date(2027, 10, 1)


def expect(place, item, pieces, day, purchase="PO-1"):
    return services.expect_receipt(
        external_id=purchase,
        location_id=place.pk,
        lines=[ExpectedLine(1, item.pk, pieces, day, Decimal(500))],
        at=NOON,
        by=CLERK,
    )[0]


def want(site, document, item, pieces, priority=50, minute=0):
    since = NOON + dt.timedelta(minutes=minute)
    return WantedPieces("ORDER", document, 1, item.pk, site.pk, pieces, priority, since)


def promise(item, *demands):
    return services.promise(sku_ids=[item.pk], demands=demands, at=NOON, by=CLERK)


def promised():
    rows = Promise.objects.filter(quantity__gt=0).order_by("document_id", "promised_date")
    return [(row.document_id, row.quantity, row.promised_date) for row in rows]


def receive(place, item, pieces, expected, external_id="R-1"):
    return services.receive(
        external_id=external_id,
        location_id=place.pk,
        lines=[ReceiptLine(1, item.pk, pieces, Decimal(500), expected)],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )


def customer_order(site, item, pieces, ref="K-1", **options):
    return services.place_hold(
        channel_id=site.pk, ref=ref, lines=[HoldDemand(item.pk, pieces)], kind="CUSTOMER_ORDER", owner_label="佐藤様",
        owner_phone="090-0000-0000", at=NOON, by=CLERK, **options,
    )  # fmt: skip


@pytest.fixture
def shop():
    warehouse, shirt = location(), sku()
    return channel(warehouse), warehouse, shirt


def test_deals_out_by_priority_then_age_and_never_more_than_comes(shop):
    site, warehouse, shirt = shop
    expect(warehouse, shirt, 3, OCTOBER, "PO-2")
    expect(warehouse, shirt, 2, SEPTEMBER)

    promise(
        shirt,
        want(site, 1, shirt, 2),
        want(site, 2, shirt, 2, minute=1),
        want(site, 3, shirt, 3, priority=10, minute=2),
    )

    assert promised() == [(1, 2, OCTOBER), (3, 2, SEPTEMBER), (3, 1, OCTOBER)]
    assert (
        promise(shirt, want(site, 1, shirt, 2), want(site, 2, shirt, 2, minute=1), want(site, 3, shirt, 3, 10, 2)) == 0
    )


def test_what_a_channel_does_not_sell_from_is_not_promised_to_it(shop):
    site, _warehouse, shirt = shop
    expect(location(), shirt, 3, SEPTEMBER)

    assert promise(shirt, want(site, 1, shirt, 2)) == 0


def test_a_date_that_moves_moves_the_promise_and_a_lower_number_takes_the_last_ones_back(shop):
    site, warehouse, shirt = shop
    expect(warehouse, shirt, 3, SEPTEMBER)
    demands = want(site, 1, shirt, 2), want(site, 2, shirt, 1, minute=1)
    promise(shirt, *demands)

    expect(warehouse, shirt, 2, OCTOBER)
    assert promised() == [(1, 2, SEPTEMBER)]
    assert selectors.differs(sku_ids=[shirt.pk], demands=demands, at=NOON)
    promise(shirt, *demands)

    assert promised() == [(1, 2, OCTOBER)]
    services.cancel_expected(external_id="PO-1", at=NOON, by=CLERK)
    assert promised() == []


def test_the_database_refuses_a_promise_of_more_than_comes(shop):
    site, warehouse, shirt = shop
    expect(warehouse, shirt, 2, SEPTEMBER)
    promise(shirt, want(site, 1, shirt, 1))

    with pytest.raises(IntegrityError, match="promised beyond what it brings"):
        Promise.objects.update(quantity=3)


def test_goods_that_come_are_reserved_for_whom_they_were_promised(shop):
    site, warehouse, shirt = shop
    expected = expect(warehouse, shirt, 3, SEPTEMBER)
    promise(shirt, want(site, 7, shirt, 2), want(site, 8, shirt, 1, minute=1))

    receive(warehouse, shirt, 2, expected)

    assert figures(shirt, warehouse) == (2, 2)
    assert [(part.document_id, part.quantity) for part in selectors.reserved("ORDER", [7, 8])] == [(7, 2)]
    assert promised() == [(8, 1, SEPTEMBER)]
    assert selectors.arrived_documents("ORDER", limit=9) == [7]
    services.forget_arrived(document_type="ORDER", document_ids=[7])
    assert list(Promise.objects.values_list("document_id", "quantity", "arrived")) == [(8, 1, 0)]


def test_defective_goods_keep_no_promise(shop):
    site, warehouse, shirt = shop
    expected = expect(warehouse, shirt, 2, SEPTEMBER)
    promise(shirt, want(site, 7, shirt, 2))
    broken = location("DEFECT")

    receive(broken, shirt, 1, expected)

    assert figures(shirt, broken) == (1, 0)
    assert promised() == [(7, 1, SEPTEMBER)]


def test_a_customer_order_waits_with_the_orders_and_is_filled_by_the_receipt(shop, settings):
    site, warehouse, shirt = shop
    stock(shirt, warehouse, 1)
    kept = customer_order(site, shirt, 3, priority=10)
    expected = expect(warehouse, shirt, 3, SEPTEMBER)
    promise(shirt, want(site, 7, shirt, 2))
    assert kept.lines == (HeldSku(shirt.pk, 1),)
    assert sorted(promised()) == sorted([(kept.id, 2, SEPTEMBER), (7, 1, SEPTEMBER)])

    receive(warehouse, shirt, 3, expected)

    assert selectors.hold(channel_id=site.pk, ref="K-1").lines == (HeldSku(shirt.pk, 3),)
    assert figures(shirt, warehouse) == (4, 4)
    assert services.fill_customer_orders(at=NOON, by=CLERK) == 1
    hold = Hold.objects.get()
    assert (hold.filled_at, hold.expires_at) == (NOON, NOON + settings.HOLD_PICKUP)


def test_customer_orders_get_what_came_without_notice_by_priority(shop):
    site, warehouse, shirt = shop
    customer_order(site, shirt, 2, "K-1")
    customer_order(site, shirt, 2, "K-2", priority=10)
    stock(shirt, warehouse, 3)

    assert services.fill_customer_orders(at=NOON, by=CLERK) == 1

    held = {ref: selectors.hold(channel_id=site.pk, ref=ref).lines for ref in ("K-1", "K-2")}
    assert held == {"K-1": (HeldSku(shirt.pk, 1),), "K-2": (HeldSku(shirt.pk, 2),)}
    assert figures(shirt, warehouse) == (3, 3)


def test_a_customer_order_that_is_given_up_is_promised_nothing(shop):
    site, warehouse, shirt = shop
    customer_order(site, shirt, 2)
    expect(warehouse, shirt, 2, SEPTEMBER)
    promise(shirt)

    services.release_hold(channel_id=site.pk, ref="K-1", at=NOON, by=CLERK)

    assert promised() == []


@pytest.mark.parametrize("kind", ["CART", "QUOTE", "KEEP", "CUSTOMER_ORDER"])
def test_a_hold_runs_as_long_as_its_kind_where_nobody_says_how_long(shop, settings, kind):
    site, warehouse, shirt = shop
    stock(shirt, warehouse, 1)

    kept = services.place_hold(
        channel_id=site.pk, ref="H", lines=[HoldDemand(shirt.pk, 1)], kind=kind, at=NOON, by=CLERK
    )

    assert kept.expires_at == NOON + settings.HOLD_LIFETIMES[kind]


def lose(place, item, pieces, number="D-1"):
    services.record_physical_fact(
        source_type="DAMAGE", external_id=number, location_id=place.pk, lines=[PhysicalLine(1, item.pk, pieces)],
        reason_code="DAMAGE", occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip


def open_losses():
    return list(StaffTask.objects.filter(kind="HOLD_LOST", closed_at=None).values_list("subject_label", flat=True))


def test_of_customer_orders_the_least_important_loses_its_pieces_and_is_no_task_once_it_has_them_again(shop):
    site, warehouse, shirt = shop
    stock(shirt, warehouse, 2)
    customer_order(site, shirt, 1, "K-1")
    customer_order(site, shirt, 1, "K-2", priority=10)
    services.fill_customer_orders(at=NOON, by=CLERK)

    lose(warehouse, shirt, 1)
    assert open_losses() == ["K-1"]
    stock(shirt, warehouse, 1)
    services.fill_customer_orders(at=NOON, by=CLERK)

    assert (open_losses(), figures(shirt, warehouse)) == ([], (2, 2))
