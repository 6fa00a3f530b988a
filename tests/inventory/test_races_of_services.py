"""Each lock of the services around stock (holds, promises, counts, transfers, distributions, rules) against two callers at once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from accounting.models import Period
from accounting.services import close_period, open_periods
from erp.core import locks
from erp.core.actors import Actor
from erp.inventory import services
from erp.inventory.models import (
    ChannelPolicy,
    ChannelQuota,
    ChannelRules,
    CostBalance,
    CostPool,
    Distribution,
    ExpectedReceipt,
    Hold,
    HoldLine,
    Promise,
    Reservation,
    StandardCost,
    StockBalance,
    StockDocument,
    StockMovement,
    StockSnapshot,
    TransferOrder,
    WriteDownLine,
    WriteDownRule,
)
from erp.inventory.selectors import WantedPieces
from erp.inventory.services import (
    ClaimMove,
    CountEntry,
    CountScope,
    Demand,
    ExpectedLine,
    HoldDemand,
    InspectedLine,
    Issue,
    Part,
    PhysicalLine,
    ReceiptLine,
    Share,
    TransferRequest,
    customer_orders,
)
from erp.inventory.services import snapshots as cutting
from tests.inventory.factories import CLERK, NOON, channel, figures, location, pool, sku, stock, worth
from tests.racing import once_another_waits, race
from tests.unlocked import adds_up_without, fails_without

pytestmark = pytest.mark.django_db(transaction=True)
HOW = {"at": NOON, "by": CLERK}
LATER, MUCH_LATER = NOON + dt.timedelta(minutes=15), NOON + dt.timedelta(hours=5)
SEPTEMBER = dt.date(2027, 9, 1)
GATE = "the end of the transaction"


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def then_wait(call):
    """``call``, and then nothing until the test opens the gate: what it wrote is not committed yet."""

    def run():
        with transaction.atomic():
            outcome = call()
            locks.hold(GATE)
            return outcome

    return run


def reserving(site, *demands, **options):
    return lambda: services.reserve(channel_id=site.pk, document_type="ORDER", demands=demands, **options, **HOW)


def holding(site, ref="cart", pieces=1, **goods):
    lines = [HoldDemand(item.pk, pieces) for item in goods.values()]
    return lambda: services.place_hold(channel_id=site.pk, ref=ref, lines=lines, expires_at=LATER, **HOW)


def customer_order(site, item, ref="K-1"):
    services.place_hold(
        channel_id=site.pk, ref=ref, lines=[HoldDemand(item.pk, 1)], kind="CUSTOMER_ORDER", owner_label="佐藤様",
        expires_at=LATER, **HOW,
    )  # fmt: skip
    return Hold.objects.get(ref=ref)


def extending(site, ref="cart"):
    return lambda: services.extend_hold(channel_id=site.pk, ref=ref, expires_at=MUCH_LATER, **HOW)


def expecting(place, *lines, number="PO-1"):
    wanted = [ExpectedLine(line, item.pk, pieces, SEPTEMBER, Decimal(100)) for line, item, pieces in lines]
    return lambda: services.expect_receipt(external_id=number, location_id=place.pk, lines=wanted, **HOW)


def arriving(place, item, pieces, expected=None, name="R-1"):
    lines = [ReceiptLine(1, item.pk, pieces, Decimal(100), expected)]
    return lambda: services.receive(external_id=name, location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)


def promising(site, item, document):
    want = WantedPieces("ORDER", document, 1, item.pk, site.pk, 1, 50, NOON)
    return lambda: services.promise(sku_ids=[item.pk], demands=[want], **HOW)


# Balances


@fails_without("inventory.balances._LOCK")
def test_a_receipt_behind_a_shipment_has_the_next_number():
    place, shirt = location(), sku()
    stock(shirt, place, 3)
    site = channel(place)
    reserving(site, Demand(1, 1, shirt.pk, 2, 50))()

    def leaving():
        return services.issue_reserved(
            source_type="SHIPMENT", document_type="ORDER", issues=[Issue(1, 1, 1, 1, shirt.pk, 2)], channel_id=site.pk,
            occurred_at=NOON, **HOW,
        )  # fmt: skip

    outcomes = race(leaving, once_another_waits(arriving(place, shirt, 4)), hold=StockBalance.objects.all())

    assert [type(outcome).__name__ for outcome in outcomes] == ["list", "Booked"]
    assert figures(shirt, place) == (5, 0)


@fails_without("inventory.balances._LOCK")
def test_a_sale_over_the_counter_behind_an_order_takes_its_piece_away():
    shop, shirt = location("SHOP"), sku()
    stock(shirt, shop, 1)
    sold = {"source_type": "SHOP_SALE", "source_id": 1, "lines": [PhysicalLine(1, shirt.pk, 1)], "occurred_at": NOON}

    race(
        reserving(channel(shop), Demand(1, 1, shirt.pk, 1, 50)),
        once_another_waits(lambda: services.record_physical_fact(location_id=shop.pk, **sold, **HOW)),
        hold=StockBalance.objects.all(),
    )

    assert figures(shirt, shop) == (0, 0)


def counted_at(place, item, pieces, moment):
    lines = [services.Count(1, item.pk, pieces)]
    return lambda: services.record_count(
        external_id="C-1", location_id=place.pk, counts=lines, occurred_at=moment, **HOW
    )  # fmt: skip


@fails_without("inventory.balances._LOCK")
def test_two_receipts_that_are_told_at_once_after_a_count_explain_what_it_found_once():
    place, shirt = location(), sku()
    stock(shirt, place, 3, at=NOON - dt.timedelta(hours=1))
    counted_at(place, shirt, 8, NOON)()

    outcomes = race(
        arriving(place, shirt, 4), arriving(place, shirt, 4, name="R-2"), hold=StockBalance.objects.all()
    )  # fmt: skip

    assert kinds(outcomes) == ["Booked", "Booked"]
    taken = StockMovement.objects.filter(document__source_type="COUNT_EXPLAINED").order_by("quantity")
    assert (figures(shirt, place), list(taken.values_list("quantity", flat=True))) == ((11, 0), [-4, -1])


@fails_without("inventory.balances._LOCK")
def test_two_adjustments_that_are_told_at_once_after_a_count_explain_what_it_lacked_once():
    place, shirt = location(), sku()
    stock(shirt, place, 8, at=NOON - dt.timedelta(hours=1))
    counted_at(place, shirt, 3, NOON)()

    def scrapping(pieces, name):
        # By two people: slips of one wait for each other anyway.
        return lambda: services.adjust(
            external_id=name, location_id=place.pk, lines=[services.AdjustmentLine(1, shirt.pk, -pieces)], reason_code="DAMAGE",
            occurred_at=NOON, at=NOON, by=Actor.staff(name),
        )  # fmt: skip

    outcomes = race(scrapping(4, "A-1"), scrapping(4, "A-2"), hold=StockBalance.objects.all())

    assert kinds(outcomes) == ["Booked", "Booked"]
    back = StockMovement.objects.filter(document__source_type="COUNT_LACKED").order_by("quantity")
    assert (figures(shirt, place), list(back.values_list("quantity", flat=True))) == ((0, 0), [1, 4])


def test_a_receipt_that_waits_for_a_count_of_the_same_goods_knows_of_it():
    place, shirt = location(), sku()
    stock(shirt, place, 3, at=NOON - dt.timedelta(hours=1))

    race(
        counted_at(place, shirt, 8, NOON), once_another_waits(arriving(place, shirt, 5)), hold=StockBalance.objects.all()
    )  # fmt: skip

    assert figures(shirt, place) == (8, 0)


@fails_without("inventory.balances._LOCK_SELLABLE_AND_HELD")
def test_two_carts_do_not_both_get_the_last_piece():
    place, shirt = location(), sku()
    stock(shirt, place, 1)
    site = channel(place)

    outcomes = race(holding(site, "a", shirt=shirt), holding(site, "b", shirt=shirt), hold=StockBalance.objects.all())

    assert kinds(outcomes) == ["HoldView", "InsufficientStock"]


# Holds


@fails_without("inventory.balances.LOCK_OF_HOLDS")
def test_a_hold_that_is_given_up_while_it_becomes_an_order_deadlocks_with_nobody():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 1)
    site = channel(warehouse)
    holding(site, shirt=shirt)()

    # The order stands at the balance. Given up without it, the hold's line would be held by then, which the order wants next.
    outcomes = race(
        reserving(site, Demand(1, 1, shirt.pk, 1, 50), hold_refs={1: "cart"}),
        once_another_waits(lambda: services.release_hold(channel_id=site.pk, ref="cart", **HOW)),
        hold=StockBalance.objects.all(),
    )

    assert [type(outcome) for outcome in outcomes] == [list, int]
    assert figures(shirt, warehouse) == (1, 1)


@fails_without("inventory.holds.release_hold[hold:]")
def test_a_hold_that_is_given_up_before_it_is_there_is_given_up():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 1)
    site = channel(warehouse)

    outcomes = race(
        holding(site, shirt=shirt),
        once_another_waits(lambda: services.release_hold(channel_id=site.pk, ref="cart", **HOW)),
        hold=StockBalance.objects.all(),
    )

    assert outcomes[1] == 1
    assert figures(shirt, warehouse) == (1, 0)


@fails_without("inventory.holds.extend_hold[hold:]")
def test_a_hold_that_is_extended_before_it_is_there_runs_longer():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 1)
    site = channel(warehouse)

    race(holding(site, shirt=shirt), once_another_waits(extending(site)), hold=StockBalance.objects.all())

    assert HoldLine.objects.get().expires_at == MUCH_LATER


@pytest.fixture
def promised():
    """A customer order for a shirt that is expected at one place, and since lies free at another."""
    near, far, shirt = location(), location(), sku()
    site = channel(near, far)
    hold = customer_order(site, shirt)
    [expected] = expecting(far, (1, shirt, 1))()
    services.promise(sku_ids=[shirt.pk], demands=[], **HOW)
    assert Promise.objects.get().document_id == hold.pk
    stock(shirt, near, 1)
    return near, far, shirt, site, hold, expected


@fails_without("inventory.holds.extend_hold[lock_promises()]", "inventory.promises._HOLD_STILL")
def test_a_customer_order_that_is_extended_while_its_goods_come_has_them_once(promised):
    near, far, shirt, site, _hold, expected = promised

    race(arriving(far, shirt, 1, expected), once_another_waits(extending(site, "K-1")), hold=Hold.objects.all())

    assert figures(shirt, near)[1] + figures(shirt, far)[1] == 1


@fails_without("inventory.customer_orders._fill[promises.lock_promises()]", "inventory.promises._HOLD_STILL")
def test_a_customer_order_that_is_filled_while_its_goods_come_has_them_once(promised):
    near, far, shirt, _site, _hold, expected = promised

    race(
        arriving(far, shirt, 1, expected),
        once_another_waits(lambda: services.fill_customer_orders(**HOW)),
        hold=Hold.objects.all(),
    )

    assert figures(shirt, near)[1] + figures(shirt, far)[1] == 1


@fails_without("inventory.customer_orders._fill[hold:]")
def test_a_customer_order_that_two_fill_at_once_is_filled_once():
    place, shirt = location(), sku()
    hold = customer_order(channel(place), shirt)
    stock(shirt, place, 1)

    def filling():
        return customer_orders._fill(hold_id=hold.pk, **HOW)

    assert sorted(race(filling, filling, hold=StockBalance.objects.all())) == [False, True]


# Promises


@fails_without("inventory.promises._OPEN_HOLDS")
def test_goods_that_come_while_their_customer_order_becomes_an_order_are_kept_for_nobody():
    place, shirt, hat = location(), sku(), sku()
    site = channel(place)
    stock(shirt, place, 1)
    services.place_hold(
        channel_id=site.pk, ref="K-1", lines=[HoldDemand(shirt.pk, 1), HoldDemand(hat.pk, 1)], kind="CUSTOMER_ORDER",
        owner_label="佐藤様", expires_at=LATER, **HOW,
    )  # fmt: skip
    [expected] = expecting(place, (1, hat, 1))()
    services.promise(sku_ids=[hat.pk], demands=[], **HOW)

    race(
        then_wait(reserving(site, Demand(1, 1, shirt.pk, 1, 50), hold_refs={1: "K-1"})),
        once_another_waits(arriving(place, hat, 1, expected)),
        names=[GATE],
    )

    assert (figures(shirt, place), figures(hat, place)) == ((1, 1), (1, 0))


@fails_without("inventory.promises._LOCK_RECEIPTS")
def test_what_is_promised_while_it_comes_is_reserved():
    place, shirt = location(), sku()
    site = channel(place)
    [expected] = expecting(place, (1, shirt, 1))()

    race(
        promising(site, shirt, 1),
        once_another_waits(arriving(place, shirt, 1, expected)),
        hold=ExpectedReceipt.objects.all(),
    )

    assert Reservation.objects.get().quantity == 1


@fails_without("inventory.promises._LOCK_PROMISES")
def test_what_a_document_that_is_changing_was_promised_is_not_dealt_out_anew():
    place, shirt, hat = location(), sku(), sku()
    site = channel(place)
    stock(hat, place, 1)
    expecting(place, (1, shirt, 1))()
    promising(site, shirt, 1)()

    def changing():
        services.lock_promises(document_type="ORDER", document_ids=[1])
        return reserving(site, Demand(1, 2, hat.pk, 1, 50))()

    def dealing():
        return services.promise(sku_ids=[shirt.pk], demands=[], **HOW)

    outcomes = race(then_wait(changing), once_another_waits(dealing), names=[GATE])

    assert outcomes[1] == 0
    assert Promise.objects.get().quantity == 1


@fails_without("database.inventory_promises_fit")
def test_the_database_refuses_what_two_promise_at_once_beyond_what_comes():
    place, shirt = location(), sku()
    [expected] = expecting(place, (1, shirt, 1))()

    def writing(document):
        def run():
            with transaction.atomic():
                Promise.objects.create(
                    document_type="ORDER", document_id=document, document_line=1, sku=shirt, expected_receipt_id=expected,
                    quantity=1, promised_date=SEPTEMBER, priority=50, promised_at=NOON, actor="test", arrived=0,
                )  # fmt: skip
                locks.hold(GATE)

        return run

    outcomes = race(writing(1), once_another_waits(writing(2)), names=[GATE])

    assert [type(outcome) for outcome in outcomes] == [type(None), IntegrityError]
    assert Promise.objects.count() == 1


@fails_without("inventory.expectations._LOCK")
def test_an_expectation_that_changes_while_it_is_promised_deadlocks_with_nobody():
    place, shirt, hat = location(), sku(), sku()
    site = channel(place)
    expecting(place, (1, shirt, 1), (2, hat, 1))()
    wanted = [WantedPieces("ORDER", 1, line, item.pk, site.pk, 1, 50, NOON) for line, item in ((1, shirt), (2, hat))]

    # Both wait for the shirt. Brought up to date in the order of its lines, the expectation would hold the hat by then.
    outcomes = race(
        lambda: services.promise(sku_ids=[shirt.pk, hat.pk], demands=wanted, **HOW),
        once_another_waits(expecting(place, (2, hat, 2), (1, shirt, 2))),
        hold=ExpectedReceipt.objects.filter(sku=shirt),
    )

    assert [type(outcome) for outcome in outcomes] == [int, list]


@fails_without("inventory.expectations.expect_receipt[expected:]")
def test_one_purchase_that_two_note_in_opposite_order_deadlocks_with_nobody():
    place, shirt, cap, hat = location(), sku(), sku(), sku()
    lines = [(1, shirt, 1), (2, cap, 1), (3, hat, 1)]

    outcomes = race(
        expecting(place, *lines),
        expecting(place, *reversed(lines)),
        undone=expecting(place, (2, cap, 1)),
    )

    assert kinds(outcomes) == ["list", "list"]
    assert ExpectedReceipt.objects.count() == 3


@fails_without("inventory.expectations.cancel_expected[expected:]")
def test_a_purchase_that_has_come_in_full_meanwhile_is_not_cancelled():
    place, shirt = location(), sku()
    stock(shirt, place, 1)
    [expected] = expecting(place, (1, shirt, 6))()

    counted, cancelled = race(
        lambda: services.receive_inspected(
            external_id="N-1", purchase="PO-1", lines=[InspectedLine(expected, sellable=6)], occurred_at=NOON, **HOW
        ),
        once_another_waits(lambda: services.cancel_expected(external_id="PO-1", **HOW)),
        hold=StockBalance.objects.all(),
    )

    assert (type(counted), cancelled) == (list, 0)
    assert ExpectedReceipt.objects.get().cancelled_at is None


@pytest.fixture
def set_aside():
    """One piece of a quota is reserved at one place, and another is promised that comes to the other."""
    near, far, shirt = location(), location(), sku()
    site = channel(near, far)
    stock(shirt, near, 1)
    services.set_aside(channel_id=site.pk, pieces={shirt.pk: 9}, **HOW)
    reserving(site, Demand(1, 1, shirt.pk, 1, 50))()
    [expected] = expecting(far, (1, shirt, 1))()
    promising(site, shirt, 2)()
    return near, far, shirt, expected


def losing(place, item):
    return lambda: services.record_physical_fact(
        source_type="DAMAGE", external_id=place.code, location_id=place.pk, lines=[PhysicalLine(1, item.pk, 1)],
        reason_code="DAMAGE", occurred_at=NOON, **HOW,
    )  # fmt: skip


@fails_without("inventory.facts.lock[balances.lock_quotas()]")
def test_a_loss_takes_the_quota_of_what_was_claimed_before_the_value(set_aside):
    near, far, shirt, expected = set_aside

    # Both stand at the value: the receipt has the quota by then, which the loss wants next.
    outcomes = race(
        losing(near, shirt), once_another_waits(arriving(far, shirt, 1, expected)), hold=CostBalance.objects.all()
    )

    assert [type(outcome).__name__ for outcome in outcomes] == ["list", "Booked"]
    assert ChannelQuota.objects.get().used == 1


@fails_without("inventory.movements.open_booking[balances.lock_quotas()]")
def test_a_receipt_takes_the_quota_of_what_was_promised_before_the_value(set_aside):
    near, far, shirt, expected = set_aside

    outcomes = race(
        arriving(far, shirt, 1, expected), once_another_waits(losing(near, shirt)), hold=CostBalance.objects.all()
    )

    assert [type(outcome).__name__ for outcome in outcomes] == ["Booked", "list"]
    assert ChannelQuota.objects.get().used == 1


# Rules of a channel


@fails_without("inventory.places.sell_from[channel locations:]")
def test_a_place_that_two_sell_from_at_once_is_news_once():
    warehouse, other = location(), location()
    site = channel(warehouse)
    before = ChannelRules.objects.get(channel=site).version

    def setting():
        return services.sell_from(channel_id=site.pk, location_id=other.pk, rank=2, **HOW)

    assert race(setting, setting, table="inventory_channellocation") == [None, None]
    assert ChannelRules.objects.get(channel=site).version == before + 1


@fails_without("inventory.policies._say[channel policies:]")
def test_safety_stock_that_two_set_at_once_is_news_once():
    site = channel(location())
    before = ChannelRules.objects.get(channel=site).version

    def setting():
        return services.keep_back(channel_id=site.pk, sku_id=None, quantity=3, **HOW)

    assert race(setting, setting, table="inventory_channelpolicy") == [None, None]
    assert ChannelRules.objects.get(channel=site).version == before + 1


@fails_without("inventory.policies.set_aside[channel quotas:]")
def test_a_quota_that_two_set_at_once_is_set_once():
    site, shirt = channel(location()), sku()

    def setting():
        return services.set_aside(channel_id=site.pk, pieces={shirt.pk: 5}, **HOW)

    assert sorted(map(str, race(setting, setting, table="inventory_channelquota"))) == ["0", "1"]
    assert ChannelQuota.objects.count() == 1


# Value


@fails_without("inventory.balances._LOCK_COSTS")
def test_two_places_that_lose_pieces_of_one_average_at_once_lose_no_yen():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    stock(shirt, warehouse, 1, unit_value=101)
    stock(shirt, shop, 1, unit_value=0)

    outcomes = race(losing(warehouse, shirt), losing(shop, shirt), hold=CostBalance.objects.all())

    assert sorted(lost.value for (lost,) in outcomes) == [50, 51]


@pytest.fixture
def october():
    """The month before, not closed yet, and a moment in it."""
    open_periods(through=dt.date(2026, 10, 31), **HOW)
    return Period.objects.get(ends_on=dt.date(2026, 10, 31)), dt.datetime(2026, 10, 31, 3, 0, tzinfo=dt.UTC)


def damaged_in(place, item, moment):
    return lambda: services.record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=place.pk, lines=[PhysicalLine(1, item.pk, 1)],
        reason_code="DAMAGE", occurred_at=moment, **HOW,
    )  # fmt: skip


@fails_without("inventory.posting.post_facts[hold_open_dates()]")
def test_a_loss_that_is_told_while_its_month_is_closed_is_booked_on_the_next_day(october):
    month, moment = october
    place, shirt = location(), sku()
    stock(shirt, place, 2)

    outcomes = race(
        lambda: close_period(period_id=month.pk, **HOW),
        once_another_waits(damaged_in(place, shirt, moment)),
        names=["books:2026-10"],
    )

    assert kinds(outcomes) == ["Period", "list"]


@fails_without("inventory.standards.post_variances[hold_open_dates()]")
def test_a_variance_of_a_month_that_is_being_closed_is_booked_on_the_next_day(october):
    month, moment = october
    CostPool.objects.filter(pk=pool("SHOPS").pk).update(costing_method="STANDARD")
    place, shirt = location("SHOP", cost_pool=pool("SHOPS")), sku()
    stock(shirt, place, 2)
    StandardCost.objects.create(sku=shirt, cost=120, valid_from=dt.date(2026, 11, 1))

    outcomes = race(
        lambda: close_period(period_id=month.pk, **HOW),
        once_another_waits(damaged_in(place, shirt, moment)),
        names=["books:2026-10"],
    )

    assert kinds(outcomes) == ["Period", "list"]


@fails_without("inventory.write_downs._take_back[hold_open_dates()]")
def test_what_is_taken_back_in_a_month_that_is_being_closed_is_booked_on_the_next_day():
    WriteDownRule.objects.create(months=0, percent=50)
    CostPool.objects.filter(pk=pool().pk).update(write_downs_reverse=True)
    stock(sku(), location(), 10, unit_value=1000, at=NOON - dt.timedelta(days=200))
    review = services.propose_write_down(cost_pool_id=pool().pk, valued_on=dt.date(2026, 9, 30), **HOW).pk
    services.post_write_down(review_id=review, **HOW)
    open_periods(through=dt.date(2026, 10, 31), **HOW)
    *before, month = Period.objects.order_by("starts_on")
    for each in before:
        close_period(period_id=each.pk, **HOW)

    outcomes = race(
        lambda: close_period(period_id=month.pk, **HOW),
        once_another_waits(lambda: services.take_back_write_down(review_id=review, **HOW)),
        names=["books:2026-10"],
    )

    assert kinds(outcomes) == ["Period", "WriteDownReview"]


@pytest.fixture
def proposal():
    WriteDownRule.objects.create(months=0, percent=50)
    place, coat = location(), sku()
    stock(coat, place, 10, unit_value=1000, at=NOON - dt.timedelta(days=200))
    return services.propose_write_down(cost_pool_id=pool().pk, valued_on=dt.date(2026, 10, 31), **HOW).pk


def posting(review):
    return lambda: services.post_write_down(review_id=review, **HOW)


@fails_without("inventory.write_downs.post_write_down[write-down:]")
def test_a_write_down_that_two_post_at_once_is_one_answer(proposal):
    outcomes = race(posting(proposal), once_another_waits(posting(proposal)), hold=StockBalance.objects.all())

    assert kinds(outcomes) == ["WriteDownReview", "WriteDownReview"]
    assert StockDocument.objects.filter(source_type="WRITE_DOWN").count() == 1


@fails_without("inventory.write_downs._draft[write-down:]")
def test_a_write_down_is_not_edited_while_it_is_posted(proposal):
    line = WriteDownLine.objects.get().pk

    def editing():
        return services.edit_write_down(review_id=proposal, proposed={line: Decimal(9000)}, reverses=False, **HOW)

    outcomes = race(posting(proposal), once_another_waits(editing), hold=StockBalance.objects.all())

    assert kinds(outcomes) == ["NotAllowedNow", "WriteDownReview"]
    assert WriteDownLine.objects.get().proposed_value == 5000


@fails_without("inventory.write_downs._take_back[write-down:]")
def test_a_write_down_that_two_take_back_at_once_is_taken_back_once(proposal):
    line = WriteDownLine.objects.get().pk
    services.edit_write_down(review_id=proposal, proposed={line: Decimal(5000)}, reverses=True, **HOW)
    posting(proposal)()

    def taking_back():
        return services.take_back_write_down(review_id=proposal, **HOW)

    outcomes = race(taking_back, once_another_waits(taking_back), hold=StockBalance.objects.all())

    assert kinds(outcomes) == ["WriteDownReview", "WriteDownReview"]


# Counts, transfers, distributions


@fails_without("inventory.stocktakes.open_count[stocktake:]")
def test_a_stocktake_that_two_open_at_once_is_one():
    place = location()

    def opening():
        return services.open_count(external_id="T-1", location_id=place.pk, scope=CountScope(), **HOW)

    first, second = race(opening, opening, table="inventory_stockcount")

    assert (type(first), first) == (int, second)


@fails_without("inventory.stocktakes.locked_count[rows]")
def test_a_stocktake_that_two_post_at_once_is_posted_once():
    place, shirt = location(), sku()
    stock(shirt, place, 3)
    count = services.open_count(external_id="T-1", location_id=place.pk, scope=CountScope(), **HOW)
    services.start_count(count_id=count, **HOW)
    services.enter_counts(count_id=count, sheet="A", entries=[CountEntry("1", shirt.pk, 2, NOON)], **HOW)
    services.close_count(count_id=count, uncounted="LEAVE", **HOW)
    assert not services.request_posting(count_id=count, **HOW)

    def posting_it():
        return services.post_count_chunk(count_id=count, **HOW)

    assert race(posting_it, once_another_waits(posting_it), hold=StockBalance.objects.all()) == [0, 0]
    assert figures(shirt, place) == (2, 0)


@fails_without("inventory.transfer_orders.request_transfers[transfer:]")
def test_a_transfer_that_two_ask_for_at_once_claims_its_pieces_once():
    place, shop, shirt = location(), location("SHOP"), sku()
    stock(shirt, place, 3)
    wanted = [TransferRequest("M-1", place.pk, shop.pk, {shirt.pk: 3})]

    def asking():
        return services.request_transfers(requests=wanted, **HOW)

    first, second = race(asking, once_another_waits(asking), hold=StockBalance.objects.all())

    assert (type(first), first) == (list, second)


@fails_without("inventory.transfer_orders._locked[rows]")
def test_a_part_of_a_transfer_that_two_take_in_at_once_counts_once_each():
    place, shop, shirt = location(), location("SHOP"), sku()
    stock(shirt, place, 4)
    stock(shirt, shop, 1)
    [order] = services.request_transfers(requests=[TransferRequest("M-1", place.pk, shop.pk, {shirt.pk: 4})], **HOW)
    services.ship_transfer(order_id=order, occurred_at=NOON, **HOW)
    [line] = TransferOrder.objects.get(pk=order).lines.values_list("pk", flat=True)

    def taking_in(name):
        return lambda: services.receive_transfer(
            external_id=name, order_id=order, pieces={line: 2}, occurred_at=NOON, **HOW
        )

    outcomes = race(taking_in("IN-1"), once_another_waits(taking_in("IN-2")), hold=StockBalance.objects.all())

    assert outcomes == [False, True]


@fails_without("inventory.distributions.draft_distribution[distribution:]")
def test_a_distribution_that_two_begin_at_once_is_one():
    place, shop, shirt = location(), location("SHOP"), sku()

    def beginning():
        return services.draft_distribution(
            external_id="D-1", source_id=place.pk, sku_ids=[shirt.pk], to_ids=[shop.pk], **HOW
        )

    first, second = race(beginning, beginning, table="inventory_distribution")

    assert (type(first), first) == (int, second)


@fails_without("inventory.distributions._locked[rows]")
def test_a_distribution_is_not_changed_while_it_is_confirmed():
    place, shop, shirt = location(), location("SHOP"), sku()
    stock(shirt, place, 5)
    key = services.draft_distribution(
        external_id="D-1", source_id=place.pk, sku_ids=[shirt.pk], to_ids=[shop.pk], **HOW
    )

    def setting(pieces):
        return lambda: services.set_distribution(distribution_id=key, pieces={(shirt.pk, shop.pk): pieces}, **HOW)

    setting(2)()
    outcomes = race(
        lambda: services.confirm_distribution(distribution_id=key, **HOW),
        once_another_waits(setting(4)),
        hold=StockBalance.objects.all(),
    )

    assert kinds(outcomes) == ["NotAllowedNow", "list"]
    assert Distribution.objects.get().lines.get().quantity == figures(shirt, place)[1] == 2


@fails_without("inventory.reassigning.rank_claims[balances.locked()]")
def test_claims_that_are_ranked_while_they_leave_deadlock_with_nobody():
    place, shirt, hat = location(), sku(), sku()
    for item in (shirt, hat):
        stock(item, place, 1)
    site = channel(place)
    reserving(site, Demand(1, 1, shirt.pk, 1, 50), Demand(1, 2, hat.pk, 1, 50))()

    def leaving(line, item):
        return services.issue_reserved(
            source_type="SHIPMENT", document_type="ORDER", issues=[Issue(line, line, 1, line, item.pk, 1)],
            channel_id=site.pk, occurred_at=NOON, **HOW,
        )  # fmt: skip

    def both():
        with transaction.atomic():
            leaving(2, hat)
            return leaving(1, shirt)

    def ranking():
        return services.rank_claims(document_type="ORDER", document_ids=[1], priority=10, **HOW)

    # The shipment has the hat and stands at the shirt. Ranked without balances, the shirt's claim would be held by then.
    outcomes = race(both, once_another_waits(ranking), hold=StockBalance.objects.filter(sku=shirt))

    assert [type(outcome) for outcome in outcomes] == [list, type(None)]


@fails_without("inventory.snapshots._forget[stock:SNAPSHOTS]")
def test_snapshots_that_are_forgotten_while_more_are_cut_leave_no_gap():
    place, shirt = location(), sku()
    stock(shirt, place, 5)
    cutting._cut(rests=[cutting.Rest(shirt.pk, place.pk, 0, 1)], **HOW)
    stock(shirt, place, 3)

    race(
        then_wait(lambda: cutting._cut(rests=[cutting.Rest(shirt.pk, place.pk, 1, 2)], **HOW)),
        once_another_waits(lambda: services.forget_snapshots(sku_ids=[shirt.pk], by=CLERK)),
        names=[GATE],
    )

    assert StockSnapshot.objects.count() == 0


# Pieces of one place that a person shares out


def sharing(site, place, item, pieces=1):
    share = Share(site.pk, 1, 1, item.pk, pieces, 50)
    return lambda: services.reserve_at(location_id=place.pk, document_type="ORDER", shares=[share], **HOW)


def giving_back(place, item, document=1, pieces=1):
    part = Part(document, 1, item.pk, pieces)
    return lambda: services.give_back(location_id=place.pk, document_type="ORDER", parts=[part], **HOW)


@fails_without("inventory.sharing.reserve_at[balances.lock_quotas()]")
def test_what_another_channel_gives_back_elsewhere_to_its_quota_is_kept_for_it_at_once():
    near, far, shirt = location(), location(), sku()
    stock(shirt, near, 1)
    stock(shirt, far, 1)
    site, mall = channel(near), channel(far, near)
    services.set_aside(channel_id=mall.pk, pieces={shirt.pk: 1}, is_binding=True, **HOW)
    reserving(mall, Demand(2, 1, shirt.pk, 1, 50))()
    assert figures(shirt, far) == (1, 1)

    # They share no balance: what the mall gives back lies where the site does not sell from.
    outcomes = race(
        then_wait(lambda: services.release(document_type="ORDER", document_ids=[2], **HOW)),
        once_another_waits(sharing(site, near, shirt)),
        names=[GATE],
    )

    assert [type(outcome).__name__ for outcome in outcomes] == ["int", "InsufficientStock"]
    assert figures(shirt, near) == (1, 0)


@fails_without("inventory.sharing.give_back[balances.lock()]")
def test_pieces_that_are_lost_while_they_are_given_back_are_given_back_by_nobody():
    place, shirt = location(), sku()
    stock(shirt, place, 1)
    sharing(channel(place), place, shirt)()

    outcomes = race(
        losing(place, shirt), once_another_waits(giving_back(place, shirt)), hold=StockBalance.objects.all()
    )

    assert (type(outcomes[0]).__name__, outcomes[1]) == ("list", {})
    assert (figures(shirt, place), Reservation.objects.get().released) == ((0, 0), 1)


# Rows that a plan finds in no promised order


def planned(call, join):
    """``call`` in a session whose planner joins so and no other way: by merging it goes by keys, by hashing as the rows lie."""
    others = {"merge": ("hash", "nestloop"), "hash": ("merge", "nestloop")}[join]

    def run():
        with transaction.atomic():
            with connection.cursor() as cursor:
                for other in others:
                    cursor.execute(f"SET LOCAL enable_{other}{'join' * (other != 'nestloop')} = off")
                cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
            return call()

    return run


def write_anew(row):
    """It lies behind all others from now on."""
    type(row).objects.filter(pk=row.pk).update(channel=row.channel_id)


@fails_without("database.inventory_quota_used")
def test_quotas_to_which_two_places_give_back_deadlock_by_no_plan():
    near, far = location(), location()
    goods = [sku() for _each in range(12)]
    for item in goods:
        for place in (near, far):
            stock(item, place, 1)
    # Each is sold from a place of its own: they share no balance, but both quotas.
    site = channel(near, far)
    services.set_aside(channel_id=site.pk, pieces={item.pk: 9 for item in goods}, **HOW)
    for document in (1, 2):
        reserving(site, *[Demand(document, line, item.pk, 1, 50) for line, item in enumerate(goods[:2], 1)])()
    first, second = ChannelQuota.objects.order_by("pk")[:2]
    write_anew(first)

    def releasing(document, join):
        return planned(lambda: services.release(document_type="ORDER", document_ids=[document], **HOW), join)

    # Without the lock one begins with the second quota, and the other has the first when it comes for the second.
    outcomes = race(
        releasing(1, "hash"),
        once_another_waits(releasing(2, "merge")),
        hold=ChannelQuota.objects.filter(pk=second.pk),
    )

    assert outcomes == [2, 2]
    assert set(ChannelQuota.objects.values_list("used", flat=True)) == {0}


def telling_of_two(model):
    """Two jobs, of the same two rows; with the lock the second goes on to the next."""
    model.objects.update(due_at=NOON)
    first, second = model.objects.order_by("pk")[:2]
    write_anew(first)

    def telling(join):
        return planned(lambda: services.announce_due_policies(limit=2, **HOW), join)

    return race(telling("hash"), once_another_waits(telling("merge")), hold=model.objects.filter(pk=second.pk))


@fails_without("inventory.policies._TELL_QUOTAS")
def test_quotas_of_which_two_jobs_tell_at_once_deadlock_by_no_plan():
    site = channel(location())
    goods = {sku().pk: 9 for _each in range(12)}
    services.set_aside(channel_id=site.pk, pieces=goods, **HOW)

    assert telling_of_two(ChannelQuota) == [2, 2]


@fails_without("inventory.policies._TELL_POLICIES")
def test_rules_of_which_two_jobs_tell_at_once_deadlock_by_no_plan():
    site = channel(location())
    for _each in range(12):
        ChannelPolicy.objects.create(channel=site, sku=sku(), buffer=1)

    assert telling_of_two(ChannelPolicy) == [2, 2]


# Figures that are added to where they stand: without the lock they still add up, computed before they do not


@adds_up_without("database.inventory_reserve", "database.inventory_reserve")
def test_two_orders_of_one_balance_are_both_allocated():
    place, shirt = location(), sku()
    stock(shirt, place, 9)
    site = channel(place)

    race(
        reserving(site, Demand(1, 1, shirt.pk, 2, 50)),
        reserving(site, Demand(2, 1, shirt.pk, 3, 50)),
        hold=StockBalance.objects.all(),
    )

    assert figures(shirt, place) == (9, 5)


@adds_up_without("inventory.balances.LOCK_OF_RESERVATIONS", "inventory.reservations._RELEASE")
def test_two_orders_of_one_balance_are_both_given_back():
    place, shirt = location(), sku()
    stock(shirt, place, 9)
    site = channel(place)
    reserving(site, Demand(1, 1, shirt.pk, 2, 50), Demand(2, 1, shirt.pk, 3, 50))()

    def releasing(document):
        return lambda: services.release(document_type="ORDER", document_ids=[document], **HOW)

    race(releasing(1), releasing(2), hold=StockBalance.objects.all())

    assert figures(shirt, place) == (9, 0)


@adds_up_without("inventory.balances._LOCK_SELLABLE_AND_HELD", "inventory.balances._ADD_TO_ALLOCATED")
def test_two_carts_of_one_balance_are_both_allocated():
    place, shirt = location(), sku()
    stock(shirt, place, 9)
    site = channel(place)

    race(holding(site, "a", 2, shirt=shirt), holding(site, "b", 3, shirt=shirt), hold=StockBalance.objects.all())

    assert figures(shirt, place) == (9, 5)


@adds_up_without("inventory.balances._LOCK", "inventory.movements._UPDATE_BALANCES", "inventory.balances._LOCK_COSTS")
def test_two_transfers_from_one_balance_are_both_allocated():
    place, shop, shirt = location(), location("SHOP"), sku()
    stock(shirt, place, 9)

    def asking(number, pieces):
        wanted = [TransferRequest(number, place.pk, shop.pk, {shirt.pk: pieces})]
        return lambda: services.request_transfers(requests=wanted, **HOW)

    race(asking("M-1", 2), asking("M-2", 3), hold=StockBalance.objects.all())

    assert figures(shirt, place) == (9, 5)


@adds_up_without("inventory.balances._LOCK_COSTS", "inventory.movements._UPDATE_COSTS")
def test_what_comes_to_two_places_of_one_pool_is_worth_both():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    stock(shirt, warehouse, 1)

    race(
        arriving(warehouse, shirt, 2, name="R-1"),
        arriving(shop, shirt, 3, name="R-2"),
        hold=CostBalance.objects.all(),
    )

    assert worth(shirt) == (6, Decimal(600))


@adds_up_without("inventory.promises._LOCK_RECEIPTS", "inventory.receipts._FULFIL")
def test_what_comes_of_one_expectation_at_two_places_counts_both():
    # Of two pools: they share no average either.
    near, far, shirt = location(), location(cost_pool=pool("SHOPS")), sku()
    [expected] = expecting(near, (1, shirt, 9))()

    race(
        arriving(near, shirt, 2, expected, "R-1"),
        arriving(far, shirt, 3, expected, "R-2"),
        hold=ExpectedReceipt.objects.all(),
    )

    assert ExpectedReceipt.objects.get().received_quantity == 5


def giving(giver, to, item, site):
    return lambda: services.move_claims(
        document_type="ORDER", from_document=giver, to_document=to, moves=[ClaimMove(1, 1, item.pk, 1)],
        channel_id=site.pk, priority=50, **HOW,
    )  # fmt: skip


@adds_up_without("inventory.reassigning.move_claims[balances.locked()]", "inventory.reassigning._GIVE")
def test_pieces_of_one_reservation_that_go_to_two_orders_are_both_gone():
    place, shirt = location(), sku()
    site = channel(place)
    stock(shirt, place, 2)
    reserving(site, Demand(1, 1, shirt.pk, 2, 50))()

    race(giving(1, 2, shirt, site), giving(1, 3, shirt, site), hold=Reservation.objects.all())

    assert Reservation.objects.get(document_id=1).quantity == 0


@adds_up_without("inventory.reassigning.move_claims[balances.locked()]", "inventory.promises._CLAIM")
def test_pieces_of_two_orders_that_go_to_one_are_both_there():
    place, shirt = location(), sku()
    site = channel(place)
    stock(shirt, place, 3)
    reserving(site, *[Demand(document, 1, shirt.pk, 1, 50) for document in (1, 2, 3)])()

    race(giving(1, 3, shirt, site), giving(2, 3, shirt, site), hold=Reservation.objects.filter(document_id=3))

    assert Reservation.objects.get(document_id=3).quantity == 3


@adds_up_without("inventory.sharing.give_back[balances.lock()]", "inventory.sharing._GIVE_BACK")
def test_two_orders_give_back_what_was_shared_out_among_them():
    place, shirt = location(), sku()
    site = channel(place)
    stock(shirt, place, 9)
    reserving(site, Demand(1, 1, shirt.pk, 2, 50), Demand(2, 1, shirt.pk, 3, 50))()

    race(giving_back(place, shirt, 1, 2), giving_back(place, shirt, 2, 3), hold=StockBalance.objects.all())

    assert figures(shirt, place) == (9, 0)


def of_reservation(document):
    """(still reserved, left, not reserved any more)"""
    return Reservation.objects.values_list("quantity", "consumed", "released").get(document_id=document)


@adds_up_without(
    "inventory.balances._LOCK", "inventory.claims._SHRINK_RESERVATIONS", "inventory.reassigning.move_claims[balances.locked()]"
)  # fmt: skip
def test_a_reservation_that_loses_a_piece_and_gives_another_away_has_two_less():
    place, shirt = location(), sku()
    site = channel(place)
    stock(shirt, place, 5)
    reserving(site, Demand(1, 1, shirt.pk, 5, 90))()

    race(giving(1, 2, shirt, site), once_another_waits(losing(place, shirt)), hold=Reservation.objects.all())

    assert (of_reservation(1), of_reservation(2), figures(shirt, place)) == ((3, 0, 2), (1, 0, 0), (4, 4))


@adds_up_without(
    "inventory.balances.LOCK_FOR_ISSUE", "inventory.issues._CONSUME", "inventory.reassigning.move_claims[balances.locked()]"
)  # fmt: skip
def test_a_reservation_of_which_a_piece_leaves_and_another_is_given_away_has_two_less():
    place, shirt = location(), sku()
    site = channel(place)
    stock(shirt, place, 5)
    reserving(site, Demand(1, 1, shirt.pk, 5, 50))()

    def leaving():
        return services.issue_reserved(
            source_type="SHIPMENT", document_type="ORDER", issues=[Issue(1, 1, 1, 1, shirt.pk, 1)], channel_id=site.pk,
            occurred_at=NOON, **HOW,
        )  # fmt: skip

    race(giving(1, 2, shirt, site), once_another_waits(leaving), hold=Reservation.objects.all())

    assert (of_reservation(1), of_reservation(2), figures(shirt, place)) == ((3, 1, 1), (1, 0, 0), (4, 4))


@adds_up_without("inventory.promises._PROMISED_OF", "inventory.promises._ARRIVE")
def test_what_comes_of_a_promise_while_its_order_hears_of_the_first_part_is_told_once():
    place, shirt = location(), sku()
    site = channel(place)
    [expected] = expecting(place, (1, shirt, 3))()
    want = WantedPieces("ORDER", 1, 1, shirt.pk, site.pk, 3, 50, NOON)
    services.promise(sku_ids=[shirt.pk], demands=[want], **HOW)
    arriving(place, shirt, 1, expected, "R-1")()

    race(
        then_wait(lambda: services.forget_arrived(document_type="ORDER", document_ids=[1])),
        once_another_waits(arriving(place, shirt, 1, expected, "R-2")),
        names=[GATE],
    )

    # Two were open. What came meanwhile is told of by the next look, or is promised still: the receipt passed over it.
    promise = Promise.objects.get()
    assert promise.quantity + promise.arrived == 2
