"""Credit at order entry: checked and reserved under the group's lock, given back by whatever ends the claim."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest

from customers.models import CreditGroup, ExposureEntry
from customers.services import ExposureDelta, add_exposure
from erp.core.verify import verify
from erp.orders.models import Order, OrderHold, OrderState, Shipment
from erp.orders.services import (
    PaymentInput,
    ShipRequest,
    accept,
    cancel_order,
    place_order,
    place_orders,
    release_orders,
    resolve_hold,
    ship,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}


def wholesale(exposure: int = 0, **fields):
    channel, place = shop(kind="WHOLESALE")
    group = credit_group(warning_percent=100)
    account("AC1", bill_to=bill_to("B1", credit_group=group), **fields)
    shirt = sku()
    stock(shirt, place, 100, unit_value=1000)
    if exposure:
        delta = ExposureDelta(group.pk, ExposureEntry.Kind.RECEIVABLE, Decimal(exposure), "TEST", 1)
        add_exposure(deltas=[delta], **HOW)
    return channel, place, group, shirt


def on_account(shirt, amount: int, external_id: str = "A-1", **fields):
    fields.setdefault("payments", ())
    return order(line(shirt, 1, amount), external_id=external_id, account_code="AC1", **fields)


def exposure() -> int:
    group = CreditGroup.objects.get()
    ledger = sum(entry.amount for entry in ExposureEntry.objects.all())
    assert group.exposure == ledger
    return int(group.exposure)


def test_the_example_of_the_trade():
    """Limit 5,000,000; receivables 3,200,000 + unbilled 600,000 + open orders 900,000 = 4,700,000; available 300,000; order 550,000."""
    channel, place, _group, shirt = wholesale(exposure=4_700_000)

    record = placed(channel, on_account(shirt, 550_000))

    assert record.state == OrderState.ON_HOLD
    hold = OrderHold.objects.get()
    assert hold.reason == "CREDIT_EXCEEDED"
    assert re.findall(r"[\d,]+", hold.detail) == ["550,000", "300,000"]
    assert figures(shirt, place) == (100, 0), "a credit stop keeps goods from being promised"
    assert exposure() == 5_250_000


def test_exactly_the_limit_passes_and_one_yen_more_does_not():
    channel, _place, _group, shirt = wholesale(exposure=4_700_000)

    first = placed(channel, on_account(shirt, 300_000))
    second = placed(channel, on_account(shirt, 1, "A-2"))

    assert (first.state, second.state) == (OrderState.READY, OrderState.ON_HOLD)


def test_orders_of_one_call_are_judged_one_after_the_other():
    channel, _place, _group, shirt = wholesale(exposure=4_700_000)

    outcomes = place_orders(
        channel=channel.code, orders=[on_account(shirt, 200_000, f"A-{number}") for number in (1, 2)], **HOW
    )

    assert [outcome.holds for outcome in outcomes] == [(), ("CREDIT_EXCEEDED",)]


def test_staff_let_an_order_go_with_a_reason():
    channel, place, _group, shirt = wholesale(exposure=4_700_000)
    record = placed(channel, on_account(shirt, 550_000))

    state = resolve_hold(order_id=record.pk, reason="CREDIT_EXCEEDED", resolution="部長承認 12/31まで", **HOW)

    assert state == OrderState.READY
    assert figures(shirt, place) == (100, 1)
    assert OrderHold.objects.get().resolution == "部長承認 12/31まで"


def test_a_sale_turns_the_open_order_into_a_receivable():
    channel, _place, _group, shirt = wholesale()
    record = placed(channel, on_account(shirt, 110_000))
    assert exposure() == 110_000

    shipped(record)

    kinds = dict(ExposureEntry.objects.values_list("kind", "amount").order_by("pk"))
    assert exposure() == 110_000
    assert kinds["RECEIVABLE"] == 110_000
    record.refresh_from_db()
    assert record.exposure_amount == 0


def test_cancelling_gives_the_credit_back():
    channel, _place, _group, shirt = wholesale()
    placed(channel, on_account(shirt, 110_000))

    cancel_order(channel=channel.code, external_id="A-1", **HOW)

    assert exposure() == 0


def test_an_amendment_claims_the_credit_of_the_new_revision_only():
    channel, _place, _group, shirt = wholesale()
    other_group = credit_group("CG2")
    account("AC2", bill_to=bill_to("B2", credit_group=other_group))
    placed(channel, on_account(shirt, 110_000))

    place_order(
        channel=channel.code,
        order=order(line(shirt, 1, 55_000), account_code="AC2", payments=(), revision=2),
        **HOW,
    )

    groups = dict(CreditGroup.objects.values_list("code", "exposure"))
    assert groups == {"CG1": 0, "CG2": 55_000}


def test_until_acceptance_it_is_shipped_and_unbilled():
    channel, _place, group, shirt = wholesale(revenue_basis="ACCEPTANCE")
    record = placed(channel, on_account(shirt, 110_000))
    [parcel] = shipped(record)
    totals = dict(ExposureEntry.objects.values_list("kind", "amount"))
    assert (totals["UNBILLED"], exposure()) == (110_000, 110_000)

    accept(
        shipment_ids=[parcel.pk], accepted_date=TODAY + dt.timedelta(days=3), at=NOON + dt.timedelta(days=3), by=DESK
    )

    assert exposure() == 110_000
    assert ExposureEntry.objects.filter(kind="RECEIVABLE").get().amount == 110_000
    assert group.pk


def test_goods_of_an_account_that_paid_before_never_count():
    channel, _place, _group, shirt = wholesale(revenue_basis="ACCEPTANCE")
    paid = PaymentInput("BANK_TRANSFER", Decimal(110_000), "PAID")
    record = placed(channel, on_account(shirt, 110_000, payments=(paid,)))
    [parcel] = shipped(record)
    accept(shipment_ids=[parcel.pk], accepted_date=TODAY, **HOW)

    assert exposure() == 0


def test_parts_end_their_part_of_the_claim():
    channel, _place, _group, shirt = wholesale()
    record = placed(channel, order(line(shirt, 4, 1000), account_code="AC1", payments=()))
    release_orders(order_ids=[record.pk], **HOW)
    ship(requests=[ShipRequest(Shipment.objects.get().pk, {record.lines.get().pk: 1})], **HOW)

    record.refresh_from_db()
    # A quarter of net 3,637 and tax 363, each rounded down: 999 left.
    assert (record.exposure_amount, exposure()) == (3001, 4000)
    assert Order.objects.count() == 1
    assert [fault for result in verify() for fault in result.faults if fault.subject_type == "CREDIT_GROUP"] == []
