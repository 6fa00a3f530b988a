"""A paid order is amended while something else happens to it: whichever comes first, money, goods and picked parcels agree afterwards."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounting.models import Posting
from erp.core.errors import NotAllowedNow
from erp.core.models import StaffTask
from erp.core.verify import verify
from erp.inventory.models import StockBalance
from erp.inventory.services import ReceiptLine, receive
from erp.orders.exceptions import StaleRevision
from erp.orders.models import Order, OrderPayment, OrderState, ShipmentLine
from erp.orders.services import (
    PaymentInput,
    PaymentNews,
    apply_late_revision,
    cancel_release,
    confirm_refund,
    place_order,
    record_payment_event,
    release_orders,
)
from tests.inventory.factories import figures, sku
from tests.orders.factories import DESK, NOON, card, figure, line, order, placed, released, shipped, shop
from tests.racing import once_another_waits, race
from tests.unlocked import fails_without

pytestmark = pytest.mark.django_db(transaction=True)

HOW = {"at": NOON, "by": DESK}


@pytest.fixture
def stocked():
    channel, place = shop()
    shirt = sku()
    lines = [ReceiptLine(1, shirt.pk, 10, Decimal(400))]
    receive(external_id="IN-1", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)
    yield channel, place, shirt
    assert [str(fault) for result in verify() for fault in result.faults] == []


def captured(shirt, pieces: int, revision: int = 1):
    return order(line(shirt, pieces), payments=(card(1100 * pieces, "CAPTURED"),), revision=revision)


def placing(channel, sent):
    return lambda: place_order(channel=channel.code, order=sent, **HOW)


def by_name(channel) -> list[str]:
    return [f"order:{channel.code}:A-1"]


@pytest.mark.parametrize("pieces", [1, 5])
def test_the_release_of_a_paid_order_races_its_amendment(stocked, pieces):
    channel, place, shirt = stocked
    record = placed(channel, captured(shirt, 2))

    amendment, release = race(
        placing(channel, captured(shirt, pieces, revision=2)),
        lambda: release_orders(order_ids=[record.pk], **HOW),
        hold=Order.objects.all(),
    )

    assert not isinstance(amendment, Exception), amendment
    assert not isinstance(release, Exception), release
    picked = ShipmentLine.objects.get().quantity
    record.refresh_from_db()
    assert (picked, record.revision) == ((2, 1) if amendment.is_task else (pieces, 2))
    assert (record.state, figures(shirt, place)) == (OrderState.PICKING, (10, picked))
    received = 2200 if amendment.is_task else max(2200, 1100 * pieces)
    assert (figure("deposits"), figure("receivable.card")) == (received, received)


def test_money_that_comes_while_its_order_is_amended_is_booked_once(stocked):
    channel, _place, shirt = stocked
    konbini = {pieces: PaymentInput("CONVENIENCE_STORE", Decimal(1100 * pieces), "PENDING") for pieces in (2, 3)}
    placed(channel, order(line(shirt, 2), payments=(konbini[2],)))
    paid = PaymentNews("p-1", "PAID", NOON, Decimal(2200))

    def paying():
        return record_payment_event(channel=channel.code, external_id="A-1", event=paid, **HOW)

    amendment, *told = race(
        placing(channel, order(line(shirt, 3), payments=(konbini[3],), revision=2)),
        paying,
        paying,
        names=by_name(channel),
    )

    assert amendment.is_amendment, amendment
    assert not any(isinstance(outcome, Exception) for outcome in told), told
    assert (figure("deposits"), figure("receivable.agent")) == (2200, 2200)
    assert Order.objects.get().state in (OrderState.ON_HOLD, OrderState.AWAITING_PAYMENT)
    assert record_payment_event(
        channel=channel.code, external_id="A-1", event=PaymentNews("p-2", "PAID", NOON, Decimal(1100)), **HOW
    )
    record = Order.objects.get()
    assert (record.state, figure("deposits")) == (OrderState.READY, 3300)
    shipped(record)
    assert (figure("deposits"), figure("sales.ec")) == (0, 3000)


def test_two_revisions_of_a_paid_order_at_once_leave_what_the_later_one_says(stocked):
    channel, place, shirt = stocked
    placed(channel, captured(shirt, 2))

    outcomes = race(
        placing(channel, captured(shirt, 4, revision=2)),
        placing(channel, captured(shirt, 3, revision=3)),
        placing(channel, captured(shirt, 3, revision=3)),
        names=by_name(channel),
    )

    for outcome in outcomes:
        assert isinstance(outcome, StaleRevision) or outcome.is_amendment or outcome.is_replay, outcome
    assert (Order.objects.get().revision, figures(shirt, place)) == (3, (10, 3))
    # Revision 2 said that 4,400 were captured, where it came first: then 1,100 of it go back.
    is_stale = isinstance(outcomes[0], StaleRevision)
    assert figure("deposits") == (3300 if is_stale else 4400)
    assert StaffTask.objects.filter(kind="REFUND_OF_DIFFERENCE", closed_at=None).exists() is not is_stale


@fails_without("orders.amending.apply_late_revision[order:]")
def test_applying_a_late_revision_races_a_later_one(stocked):
    channel, place, shirt = stocked
    record = placed(channel, captured(shirt, 2))
    [parcel] = released(record)
    assert place_order(channel=channel.code, order=captured(shirt, 3, revision=2), **HOW).is_task
    cancel_release(shipment_id=parcel.pk, reason="変更", **HOW)

    later, applied = race(
        placing(channel, captured(shirt, 4, revision=3)),
        once_another_waits(lambda: apply_late_revision(order_id=record.pk, **HOW)),
        hold=Order.objects.all(),
    )

    assert later.is_amendment, later
    assert isinstance(applied, NotAllowedNow), applied
    assert (Order.objects.get().revision, figures(shirt, place), figure("deposits")) == (3, (10, 4), 4400)
    assert not StaffTask.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("held", [Order, StockBalance])
def test_a_difference_goes_back_or_pays_for_more_but_not_both(stocked, held):
    """Held at the stock, the amendment has counted already on the money that is to go back."""
    channel, _place, shirt = stocked
    record = placed(channel, captured(shirt, 3))
    place_order(channel=channel.code, order=captured(shirt, 1, revision=2), **HOW)
    payment = OrderPayment.objects.get()
    more = order(line(shirt, 3), payments=(card(3300),), revision=3)

    amendment, refund = race(
        placing(channel, more),
        once_another_waits(lambda: confirm_refund(payment_id=payment.pk, **HOW)),
        hold=held.objects.all(),
    )

    assert amendment.is_amendment, amendment
    if isinstance(refund, NotAllowedNow):
        assert (amendment.state, figure("deposits"), figure("receivable.card")) == (OrderState.READY, 3300, 3300)
    else:
        assert (amendment.state, figure("deposits"), figure("receivable.card")) == (OrderState.ON_HOLD, 1100, 1100)
        assert refund == 2200
    assert not Posting.objects.filter(amount__lt=0).exists()
    assert Order.objects.get(pk=record.pk).revision == 3
