"""Each lock of stock against two callers at once. What happens without the lock is in docs/guards/inventory.md."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from catalog.services import define_kit
from erp.core import checks
from erp.inventory import services
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.models import (
    ChannelQuota,
    CostBalance,
    ExpectedReceipt,
    Hold,
    Promise,
    Reservation,
    StockBalance,
    StockDocument,
    StockMovement,
)
from erp.inventory.selectors import WantedPieces
from erp.inventory.services import (
    ClaimMove,
    Demand,
    ExpectedLine,
    Granted,
    HoldDemand,
    Issue,
    Issued,
    PhysicalLine,
    ReceiptLine,
)
from tests.inventory.factories import CLERK, NOON, channel, figures, location, sku, stock, worth
from tests.racing import once_another_waits, race
from tests.unlocked import adds_up_without, fails_without

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOON + dt.timedelta(minutes=15)
SEPTEMBER, OCTOBER = dt.date(2027, 9, 1), dt.date(2027, 10, 1)


def reserving(site, *demands, **options):
    return lambda: services.reserve(
        channel_id=site.pk, document_type="ORDER", demands=demands, at=NOON, by=CLERK, **options
    )


def holding(site, item, pieces, ref):
    return lambda: services.place_hold(
        channel_id=site.pk, ref=ref, lines=[HoldDemand(item.pk, pieces)], expires_at=LATER, at=NOON, by=CLERK
    )


def receiving(place, external_id, *lines):
    return lambda: services.receive(
        external_id=external_id,
        location_id=place.pk,
        lines=[ReceiptLine(number, item.pk, pieces, Decimal(100)) for number, (item, pieces) in enumerate(lines, 1)],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )


def issuing(site, document_id, item, pieces):
    return lambda: services.issue_reserved(
        source_type="SHIPMENT",
        document_type="ORDER",
        issues=[Issue(document_id, document_id, document_id, 1, item.pk, pieces)],
        channel_id=site.pk,
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2") for fault in check.find()]


@fails_without("database.inventory_reserve")
def test_the_last_piece_is_sold_once():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 1)
    site = channel(warehouse)

    outcomes = race(
        reserving(site, Demand(1, 1, shirt.pk, 1, 50)),
        reserving(site, Demand(2, 1, shirt.pk, 1, 50)),
        hold=StockBalance.objects.all(),
    )

    assert sorted(len(granted) for granted in outcomes) == [0, 1]
    assert figures(shirt, warehouse) == (1, 1)
    assert Reservation.objects.count() == 1


def test_a_cart_and_an_order_do_not_both_get_the_last_piece():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 1)
    site = channel(warehouse)

    held, granted = race(
        holding(site, shirt, 1, "cart"),
        reserving(site, Demand(1, 1, shirt.pk, 1, 50)),
        hold=StockBalance.objects.all(),
    )

    assert isinstance(held, InsufficientStock) == (granted != [])
    assert figures(shirt, warehouse) == (1, 1)
    assert no_faults() == []


def test_one_hold_becomes_one_order():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 2)
    site = channel(warehouse)
    holding(site, shirt, 1, "cart")()
    reserving(site, Demand(9, 1, shirt.pk, 1, 50))()

    outcomes = race(
        reserving(site, Demand(1, 1, shirt.pk, 1, 50), hold_refs={1: "cart"}),
        reserving(site, Demand(2, 1, shirt.pk, 1, 50), hold_refs={2: "cart"}),
        hold=StockBalance.objects.all(),
    )

    assert sorted(len(granted) for granted in outcomes) == [0, 1]
    assert figures(shirt, warehouse) == (2, 2)
    assert no_faults() == []


def test_opposite_orders_of_the_same_skus_do_not_deadlock():
    warehouse, shirt, cap, hat = location(), sku(), sku(), sku()
    for item in (shirt, cap, hat):
        stock(item, warehouse, 1)
    site = channel(warehouse)

    def wanting(document_id, *goods):
        return reserving(site, *[Demand(document_id, number, item.pk, 1, 50) for number, item in enumerate(goods, 1)])

    # Both wait for the cap. Taken in the order of the lines, each would hold by then what the other wants next.
    outcomes = race(
        wanting(1, shirt, cap, hat),
        wanting(2, hat, cap, shirt),
        hold=StockBalance.objects.filter(sku=cap),
    )

    assert sorted(len(granted) for granted in outcomes) == [0, 3]
    assert [figures(item, warehouse) for item in (shirt, cap, hat)] == [(1, 1)] * 3


@fails_without("inventory.balances.LOCK_OF_RESERVATIONS")
def test_pieces_are_given_back_once():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 4)
    site = channel(warehouse)
    reserving(site, Demand(1, 1, shirt.pk, 2, 50), Demand(2, 1, shirt.pk, 2, 50))()

    def releasing():
        return services.release(document_type="ORDER", document_ids=[1], at=NOON, by=CLERK)

    outcomes = race(releasing, releasing, hold=StockBalance.objects.all())

    assert sorted(outcomes) == [0, 2]
    assert figures(shirt, warehouse) == (4, 2)


def test_a_shipment_and_an_order_on_one_balance_follow_each_other():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 3)
    site = channel(warehouse)
    reserving(site, Demand(1, 1, shirt.pk, 2, 50))()

    issued, granted = race(
        issuing(site, 1, shirt, 2), reserving(site, Demand(2, 1, shirt.pk, 2, 50)), hold=StockBalance.objects.all()
    )

    assert issued == [Issued(1, 1, shirt.pk, 2, Decimal(200))]
    assert granted == [Granted(2, 1, shirt.pk, warehouse.pk, 1)]
    assert figures(shirt, warehouse) == (1, 1)
    assert no_faults() == []


def test_a_shipment_and_a_receipt_number_their_movements_without_a_gap():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 3)
    site = channel(warehouse)
    reserving(site, Demand(1, 1, shirt.pk, 2, 50))()

    race(issuing(site, 1, shirt, 2), receiving(warehouse, "R-1", (shirt, 4)), hold=StockBalance.objects.all())

    assert figures(shirt, warehouse) == (5, 0)
    assert sorted(StockMovement.objects.values_list("balance_seq", flat=True)) == [1, 2, 3]
    assert no_faults() == []


@fails_without("inventory.balances.LOCK_FOR_ISSUE")
def test_a_reservation_is_shipped_once():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 4)
    site = channel(warehouse)
    reserving(site, Demand(1, 1, shirt.pk, 2, 50), Demand(2, 1, shirt.pk, 2, 50))()

    outcomes = race(issuing(site, 1, shirt, 2), issuing(site, 1, shirt, 2), hold=StockBalance.objects.all())

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotReserved", "list"]
    assert figures(shirt, warehouse) == (2, 2)
    assert no_faults() == []


@fails_without("inventory.balances.LOCK_COSTS_FOR_ISSUE")
def test_two_places_share_one_average_without_losing_a_yen():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    stock(shirt, warehouse, 1, unit_value=101)
    stock(shirt, shop, 1, unit_value=0)
    site, till = channel(warehouse), channel(shop)
    reserving(site, Demand(1, 1, shirt.pk, 1, 50))()
    reserving(till, Demand(2, 1, shirt.pk, 1, 50))()

    outcomes = race(issuing(site, 1, shirt, 1), issuing(till, 2, shirt, 1), hold=CostBalance.objects.all())

    # Half of 101 is rounded up to 51, the last piece takes the 50 that are left.
    assert sorted(issued.value for (issued,) in outcomes) == [50, 51]
    assert worth(shirt) == (0, Decimal(0))
    assert no_faults() == []


def test_two_receipts_of_new_skus_in_opposite_order_create_each_balance_once():
    warehouse, shirt, hat = location(), sku(), sku()

    outcomes = race(
        receiving(warehouse, "R-1", (shirt, 2), (hat, 2)),
        receiving(warehouse, "R-2", (hat, 3), (shirt, 3)),
        table="inventory_stockbalance",
    )

    assert [outcome.is_replay for outcome in outcomes] == [False, False]
    assert (figures(shirt, warehouse), figures(hat, warehouse)) == ((5, 0), (5, 0))
    assert no_faults() == []


def test_new_balances_are_created_in_one_order_whatever_the_order_of_the_lines():
    warehouse, shirt, cap, hat = location(), sku(), sku(), sku()

    outcomes = race(
        receiving(warehouse, "R-1", (shirt, 2), (cap, 2), (hat, 2)),
        receiving(warehouse, "R-2", (hat, 3), (cap, 3), (shirt, 3)),
        undone=lambda: StockBalance.objects.create(sku=cap, location=warehouse),
    )

    assert [outcome.is_replay for outcome in outcomes] == [False, False]
    assert [figures(item, warehouse) for item in (shirt, cap, hat)] == [(5, 0)] * 3


@fails_without("inventory.documents.replay[stock:]")
def test_one_receipt_sent_twice_at_once_is_booked_once():
    warehouse, shirt = location(), sku()

    outcomes = race(
        receiving(warehouse, "R-1", (shirt, 2)),
        receiving(warehouse, "R-1", (shirt, 2)),
        names=["stock:RECEIPT:R-1"],
        table="inventory_stockdocument",
    )

    assert sorted(outcome.is_replay for outcome in outcomes) == [False, True]
    assert figures(shirt, warehouse) == (2, 0)
    assert StockDocument.objects.count() == 1


@fails_without("inventory.holds.place_hold[hold:]")
def test_one_hold_sent_twice_at_once_is_placed_once():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 2)
    site = channel(warehouse)

    outcomes = race(
        holding(site, shirt, 1, "cart"),
        holding(site, shirt, 1, "cart"),
        names=[f"hold:{site.pk}:cart"],
        table="inventory_hold",
    )

    assert outcomes[0] == outcomes[1]
    assert Hold.objects.count() == 1
    assert figures(shirt, warehouse) == (2, 1)


def test_a_shop_sale_and_an_order_do_not_both_keep_the_last_piece():
    shop, shirt = location("SHOP"), sku()
    stock(shirt, shop, 1)
    site = channel(shop)

    race(
        lambda: services.record_physical_fact(
            source_type="SHOP_SALE",
            source_id=1,
            location_id=shop.pk,
            lines=[PhysicalLine(1, shirt.pk, 1)],
            occurred_at=NOON,
            at=NOON,
            by=CLERK,
        ),
        reserving(site, Demand(1, 1, shirt.pk, 1, 50)),
        hold=StockBalance.objects.all(),
    )

    assert figures(shirt, shop) == (0, 0)
    assert sum(Reservation.objects.values_list("quantity", flat=True)) == 0
    assert no_faults() == []


def promising(site, item, document):
    want = WantedPieces("ORDER", document, 1, item.pk, site.pk, 1, 50, NOON)
    # Each says only what its own document wants, as two that do not know of each other would.
    return lambda: services.promise(sku_ids=[item.pk], demands=[want], at=NOON, by=CLERK)


def expecting(place, item, pieces, day):
    return lambda: services.expect_receipt(
        external_id="PO-1", location_id=place.pk, lines=[ExpectedLine(1, item.pk, pieces, day)], at=NOON, by=CLERK
    )


@fails_without("inventory.promises._LOCK_RECEIPTS_OF_SKUS")
def test_the_last_expected_piece_is_promised_once():
    warehouse, shirt = location(), sku()
    site = channel(warehouse)
    expecting(warehouse, shirt, 1, SEPTEMBER)()

    outcomes = race(promising(site, shirt, 1), promising(site, shirt, 2), hold=ExpectedReceipt.objects.all())

    assert sorted(map(str, outcomes)) == ["1", "2"]
    assert Promise.objects.get().quantity == 1


@fails_without("inventory.promises._LOCK_RECEIPTS_OF_SKUS")
def test_a_number_that_falls_while_somebody_promises_leaves_no_promise_beyond_it():
    warehouse, shirt = location(), sku()
    site = channel(warehouse)
    expecting(warehouse, shirt, 2, SEPTEMBER)()
    want = [WantedPieces("ORDER", key, 1, shirt.pk, site.pk, 1, 50, NOON) for key in (1, 2)]

    outcomes = race(
        expecting(warehouse, shirt, 1, OCTOBER),
        once_another_waits(lambda: services.promise(sku_ids=[shirt.pk], demands=want, at=NOON, by=CLERK)),
        hold=ExpectedReceipt.objects.all(),
    )

    assert [type(outcome) for outcome in outcomes] == [list, int]
    assert [(row.document_id, row.quantity) for row in Promise.objects.all()] == [(1, 1)]


@fails_without("inventory.reassigning.move_claims[balances.locked()]")
def test_one_reservation_is_given_away_once():
    warehouse, shirt = location(), sku()
    site = channel(warehouse)
    stock(shirt, warehouse, 1)
    reserving(site, Demand(1, 1, shirt.pk, 1, 50))()

    def giving(to):
        return lambda: services.move_claims(
            document_type="ORDER", from_document=1, to_document=to, moves=[ClaimMove(1, 1, shirt.pk, 1)],
            channel_id=site.pk, priority=50, at=NOON, by=CLERK,
        )  # fmt: skip

    outcomes = race(giving(2), giving(3), hold=StockBalance.objects.all())

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotReserved", "int"]
    assert figures(shirt, warehouse) == (1, 1)
    assert no_faults() == []


@fails_without("inventory.promises._PROMISED_OF", "database.inventory_promises_trimmed")
def test_a_receipt_passes_over_the_promise_of_a_document_that_is_changing():
    """Otherwise it would wait for the document with the balances in its hands, while the document waits for them."""
    warehouse, shirt = location(), sku()
    site = channel(warehouse)
    stock(shirt, warehouse, 1)
    reserving(site, Demand(1, 1, shirt.pk, 1, 50))()
    expected = expecting(warehouse, shirt, 1, SEPTEMBER)()[0]
    promising(site, shirt, 1)()

    def cancelling():
        with transaction.atomic():
            services.let_go_promises(document_type="ORDER", document_ids=[1])
            return services.release(document_type="ORDER", document_ids=[1], at=NOON, by=CLERK)

    def arriving():
        return services.receive(
            external_id="R-1", location_id=warehouse.pk,
            lines=[ReceiptLine(1, shirt.pk, 1, Decimal(100), expected)], occurred_at=NOON, at=NOON, by=CLERK,
        )  # fmt: skip

    outcomes = race(arriving, once_another_waits(cancelling), hold=StockBalance.objects.all())

    assert [type(outcome).__name__ for outcome in outcomes] == ["Booked", "int"]
    assert (figures(shirt, warehouse), Promise.objects.count()) == ((2, 0), 0)
    assert no_faults() == []


@adds_up_without("database.inventory_quota_used", "database.inventory_quota_used")
def test_what_two_places_give_back_of_two_quotas_is_counted_once_each_in_whatever_order_they_were_claimed():
    near, far, shirt, hat = location(), location(), sku(), sku()
    for item, place, pieces in ((shirt, near, 2), (hat, near, 3), (hat, far, 3), (shirt, far, 2)):
        stock(item, place, pieces)
    site = channel(near, far)
    services.set_aside(channel_id=site.pk, pieces={shirt.pk: 9, hat.pk: 9}, at=NOON, by=CLERK)
    # The second order has the same goods in the other order, from the other place: they share no balance, but both quotas.
    reserving(site, Demand(1, 1, shirt.pk, 2, 50), Demand(1, 2, hat.pk, 3, 50))()
    reserving(site, Demand(2, 1, hat.pk, 3, 50), Demand(2, 2, shirt.pk, 2, 50))()
    used = ChannelQuota.objects.order_by("quantity", "sku_id").values_list("used", flat=True)
    assert list(used) == [4, 6]

    outcomes = race(
        lambda: services.release(document_type="ORDER", document_ids=[1], at=NOON, by=CLERK),
        lambda: services.release(document_type="ORDER", document_ids=[2], at=NOON, by=CLERK),
        hold=ChannelQuota.objects.all(),
    )

    assert (outcomes, list(used.all())) == ([5, 5], [0, 0])


@fails_without("inventory.reassigning.move_claims[balances.lock_quotas()]", "inventory.balances._LOCK_QUOTAS")
def test_reservations_that_two_channels_give_each_other_use_both_quotas_without_a_deadlock():
    near, far, shirt = location(), location(), sku()
    stock(shirt, near, 2)
    stock(shirt, far, 3)
    mall, site = channel(near, far), channel(far, near)
    for owner in (mall, site):
        services.set_aside(channel_id=owner.pk, pieces={shirt.pk: 9}, at=NOON, by=CLERK)
    # They share no balance: what the mall gives lies near, what the site gives far.
    reserving(mall, Demand(1, 1, shirt.pk, 2, 50))()
    reserving(site, Demand(2, 1, shirt.pk, 3, 50))()

    def moving(giver, taker, to, pieces):
        return lambda: services.move_claims(
            document_type="ORDER", from_document=giver, to_document=taker, channel_id=to.pk, priority=50,
            moves=[services.ClaimMove(1, 1, shirt.pk, pieces)], at=NOON, by=CLERK,
        )  # fmt: skip

    # The first waits for the mall's quota; the second comes for the site's, and would want the mall's next.
    second = once_another_waits(moving(2, 4, mall, 3))
    outcomes = race(moving(1, 3, site, 2), second, hold=ChannelQuota.objects.filter(channel=mall))

    assert outcomes == [2, 3]
    assert dict(ChannelQuota.objects.values_list("channel", "used")) == {mall.pk: 3, site.pk: 2}


def test_two_reservations_of_one_quota_both_count():
    place, shirt = location(), sku()
    stock(shirt, place, 20)
    site = channel(place)
    services.set_aside(channel_id=site.pk, pieces={shirt.pk: 8}, at=NOON, by=CLERK)

    race(
        reserving(site, Demand(1, 1, shirt.pk, 5, 50)),
        reserving(site, Demand(2, 1, shirt.pk, 7, 50)),
        hold=StockBalance.objects.all(),
    )

    assert ChannelQuota.objects.get().used == 12


@fails_without("database.inventory_kit_without_stock")
def test_a_sku_whose_pieces_are_just_coming_in_becomes_no_kit():
    warehouse, item, part = location(), sku(), sku()
    stock(item, warehouse, 1)
    stock(item, warehouse, -1)

    def becoming():
        return define_kit(sku_code=item.code, components={part.code: 1}, at=NOON, by=CLERK)

    [refused] = race(becoming, hold=StockBalance.objects.all(), meanwhile=receiving(warehouse, "R", (item, 1)))

    assert isinstance(refused, IntegrityError)
    item.refresh_from_db()
    assert (item.is_kit, figures(item, warehouse)) == (False, (1, 0))


def test_verify_names_a_kit_whose_first_pieces_came_in_at_that_moment():
    """There is no balance that could be waited for."""
    warehouse, item, part = location(), sku(), sku()

    def becoming():
        return define_kit(sku_code=item.code, components={part.code: 1}, at=NOON, by=CLERK)

    with transaction.atomic():
        receiving(warehouse, "R", (item, 1))()
        [kit] = race(becoming)
    assert kit.is_kit

    told = [(fault.subject_type, fault.subject_label) for fault in no_faults()]
    assert told == [("BALANCE", f"{item.code} @ {warehouse.code}")]
