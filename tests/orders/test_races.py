"""Two clients at once: what each lock of the order room is for."""

import pytest

from erp.inventory.models import CostBalance, Location, StockBalance
from erp.inventory.services import Count, record_count
from erp.orders.models import Order, ShipmentLine
from erp.orders.services import ShipRequest, SoldUnits, allocate_orders, place_order, release_orders, report_sales, ship
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import channel, location, sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, shipped, shop
from tests.racing import once_another_waits, race
from tests.unlocked import fails_without

pytestmark = pytest.mark.django_db(transaction=True)


@fails_without("orders.amending.amend[lock_for_exchange()]", "inventory.balances._LOCK_FOR_EXCHANGE")
def test_two_amendments_that_swap_their_skus_do_not_deadlock():
    channel, warehouse = shop()
    hat, shirt, cap = sku(), sku(), sku()
    for item in (hat, shirt, cap):
        stock(item, warehouse, 5)
    placed(channel, order(line(shirt), external_id="A-1"))
    placed(channel, order(line(cap), external_id="A-2"))

    def amending(external_id, *goods):
        sent = order(*[line(item) for item in goods], external_id=external_id, revision=2)
        return lambda: place_order(channel=channel.code, order=sent, at=NOON, by=DESK)

    # Both wait for the hat. Locked one after the other, each would hold by then what the other wants next.
    outcomes = race(amending("A-1", hat, cap), amending("A-2", hat, shirt), hold=StockBalance.objects.filter(sku=hat))

    assert [getattr(outcome, "revision", outcome) for outcome in outcomes] == [2, 2]
    assert list(Order.objects.order_by("external_id").values_list("state", flat=True)) == ["READY", "READY"]
    balances = StockBalance.objects.order_by("pk").values_list("on_hand", "allocated")
    assert list(balances) == [(5, 2), (5, 1), (5, 1)]


@pytest.fixture
def crossing():
    """A cap that channel A sells and a hat that channel B sells, reserved for an order each; channel C sells both. The hat comes first."""
    here, there = location(), location()
    a, b, c = channel(there), channel(here), channel(here, there)
    hat, cap = sku(), sku()
    waiting = [placed(a, order(line(cap), external_id="A-1")), placed(b, order(line(hat), external_id="B-1"))]
    stock(hat, here, 5)
    stock(cap, there, 5)

    def buys_both():
        both = order(line(hat), line(cap), external_id="C-1")
        return place_order(channel=c.code, order=both, at=NOON, by=DESK)

    return [record.pk for record in waiting], buys_both, StockBalance.objects.filter(sku=hat)


@fails_without("orders.allocation.allocate_locked[lock_for_channels()]", "inventory.balances._LOCK_SELLABLE_OF_MANY")
def test_serving_orders_of_several_channels_does_not_deadlock_with_a_sale_of_what_both_sell(crossing):
    ids, buys_both, hat = crossing

    # The sale stands at the hat first. Locked channel by channel, the others would hold the cap by then, which the sale wants next.
    outcomes = race(buys_both, once_another_waits(lambda: allocate_orders(order_ids=ids, at=NOON, by=DESK)), hold=hat)

    assert [getattr(outcomes[0], "state", outcomes[0]), outcomes[1]] == ["READY", dict.fromkeys(ids, "READY")]


@fails_without("orders.shipping._issue[lock_ahead_of_issues()]")
def test_shipping_for_several_channels_does_not_deadlock_with_a_sale_of_what_both_sell(crossing):
    ids, buys_both, hat = crossing
    allocate_orders(order_ids=ids, at=NOON, by=DESK)
    parcels = [key for made in release_orders(order_ids=ids, at=NOON, by=DESK).values() for key in made]

    leaving = [ShipRequest(key) for key in parcels]
    outcomes = race(buys_both, once_another_waits(lambda: ship(requests=leaving, at=NOON, by=DESK)), hold=hat)

    assert [getattr(outcomes[0], "state", outcomes[0]), outcomes[1]] == ["READY", dict.fromkeys(parcels, "SHIPPED")]


@fails_without("orders.outside.sell[lock_ahead()]")
def test_sales_reported_for_two_accounts_do_not_deadlock_with_a_count_at_one_of_them():
    channel_, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    goods = sku()
    stock(goods, place, 4)
    parts = []
    for code in ("AC1", "AC2"):
        account(code, bill_to=bill_to(f"B-{code}", credit_group=credit_group(f"G-{code}")))
        shipped(placed(channel_, order(line(goods, 2), external_id=code, account_code=code, payments=())))
        parts.append(SoldUnits(ShipmentLine.objects.latest("pk").pk, 1))
    there = Location.objects.filter(kind="CONSIGNED").latest("pk")

    def reporting():
        return report_sales(channel=channel_.code, external_id="SR-1", lines=parts, at=NOON, by=DESK)

    def counting():
        return record_count(
            external_id="C-1", location_id=there.pk, counts=[Count(1, goods.pk, 2)], occurred_at=NOON, at=NOON, by=DESK
        )

    # The report stands at the value. Taken account by account, it would want the second's pieces next, which the count holds by then.
    outcomes = race(reporting, once_another_waits(counting), hold=CostBalance.objects.filter(sku=goods))

    assert [type(outcome).__name__ for outcome in outcomes] == ["SalesReport", "Booked"]
