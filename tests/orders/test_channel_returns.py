"""Returns by a channel's own line ids: spread over parcels, once per return, never lost when they come before their order."""

from __future__ import annotations

import pytest

from erp.core.errors import Conflict, InvalidInput
from erp.core.models import MessageLog, StaffTask
from erp.core.verify import verify
from erp.orders.exceptions import NotReturnable
from erp.orders.models import ParkedMessage, Return, ReturnLine
from erp.orders.services import (
    ChannelReturn,
    ReturnedUnits,
    ShipRequest,
    allocate_orders,
    record_channel_return,
    release_orders,
    ship,
)
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, released, shipped, shop
from tests.racing import race

HOW = {"at": NOON, "by": DESK}


def give_back(channel, *units: ReturnedUnits, number="R-1", order_id="A-1", **fields):
    request = ChannelReturn(number, units, **fields)
    return record_channel_return(channel=channel.code, external_id=order_id, request=request, **HOW)


def units(line_id: str, quantity: int, condition: str = "SELLABLE") -> ReturnedUnits:
    return ReturnedUnits(line_id, quantity, condition)


def outcomes() -> list[str]:
    return list(MessageLog.objects.filter(kind="return").order_by("pk").values_list("outcome", flat=True))


def faults() -> list[str]:
    """What verify finds, but for stock that the tests booked in without postings."""
    return [str(fault) for result in verify() for fault in result.faults if fault.subject_type != "LEDGER_ACCOUNT"]


def two_parcels():
    """An order of 3 units that left as 2 and 1."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    record = placed(channel, order(line(shirt, 3, line_id="1")))
    [first] = released(record)
    ship(requests=[ShipRequest(first.pk, {record.lines.get().pk: 2})], **HOW)
    allocate_orders(order_ids=[record.pk], **HOW)
    release_orders(order_ids=[record.pk], **HOW)
    [second] = record.shipments.filter(state="INSTRUCTED")
    ship(requests=[ShipRequest(second.pk)], **HOW)
    return channel, place, shirt


@pytest.mark.django_db
def test_units_come_back_from_the_parcels_in_the_order_they_left():
    channel, place, shirt = two_parcels()

    document = give_back(channel, units("1", 3)).document

    assert document is not None
    assert (document.gross_amount, document.order.external_id) == (3300, "A-1")
    assert list(ReturnLine.objects.order_by("shipment_line").values_list("quantity", flat=True)) == [2, 1]
    assert figures(shirt, place) == (10, 0)
    assert faults() == []


@pytest.mark.django_db
def test_units_of_one_line_come_back_in_several_conditions():
    channel, place, shirt = two_parcels()

    document = give_back(channel, units("1", 1), units("1", 2, "DEFECTIVE")).document

    assert document is not None
    assert list(document.lines.order_by("pk").values_list("condition", "quantity")) == [
        ("SELLABLE", 1), ("DEFECTIVE", 1), ("DEFECTIVE", 1),
    ]  # fmt: skip
    assert figures(shirt, place) == (8, 0)
    assert faults() == []


@pytest.mark.django_db
def test_the_same_return_again_gets_the_first_answer():
    channel, place, shirt = two_parcels()

    first = give_back(channel, units("1", 2))
    again = give_back(channel, units("1", 2))

    assert (first.is_replay, again.is_replay) == (False, True)
    assert first.document == again.document
    assert figures(shirt, place) == (9, 0)
    assert outcomes() == ["DONE", "REPLAYED"]


@pytest.mark.django_db
def test_other_content_under_the_same_number_is_a_conflict():
    channel, place, shirt = two_parcels()
    give_back(channel, units("1", 1))

    with pytest.raises(Conflict):
        give_back(channel, units("1", 2))
    with pytest.raises(Conflict):
        give_back(channel, units("1", 1), order_id="A-2")

    assert figures(shirt, place) == (8, 0)


@pytest.mark.django_db
def test_every_line_that_cannot_come_back_is_named():
    channel, place, shirt = two_parcels()
    give_back(channel, units("1", 2))

    with pytest.raises(NotReturnable) as refusal:
        give_back(channel, units("1", 1), units("1", 1, "DEFECTIVE"), units("9", 1), number="R-2")

    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [
        ("/lines/1/quantity", "not_returnable"), ("/lines/2/line_id", "unknown_line"),
    ]  # fmt: skip
    assert figures(shirt, place) == (9, 0)
    assert Return.objects.count() == 1


@pytest.mark.django_db
def test_every_malformed_field_is_named():
    channel, _place, _shirt = two_parcels()

    with pytest.raises(InvalidInput) as refusal:
        give_back(channel, units("1", 0), units("1", 1, "BURNT"), units("1", 1), number="")

    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [
        ("/external_id", "bad_external_id"),
        ("/lines/0/quantity", "bad_quantity"),
        ("/lines/1/condition", "unknown_value"),
        ("/lines/2/line_id", "repeated_line"),
    ]


@pytest.mark.django_db
def test_before_its_order_a_return_is_parked_and_becomes_a_task():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)

    assert give_back(channel, units("1", 1)).document is None
    assert give_back(channel, units("1", 1)).is_replay
    assert outcomes() == ["PARKED", "REPLAYED"]
    assert ParkedMessage.objects.get().kind == "RETURN"

    record = placed(channel, order(line(shirt, 1, line_id="1")))
    assert ParkedMessage.objects.get().applied_at == NOON
    assert StaffTask.objects.get(kind="RETURN_BEFORE_SHIPMENT").subject_id == record.pk

    # What was shipped meanwhile can come back under the number that was parked.
    shipped(record)
    assert give_back(channel, units("1", 1)).document is not None
    assert outcomes() == ["PARKED", "REPLAYED", "DONE"]


@pytest.mark.django_db(transaction=True)
def test_the_same_return_sent_by_several_at_once_is_recorded_once():
    channel, place, shirt = two_parcels()

    answers = race(*[lambda: give_back(channel, units("1", 1))] * 4, names=[f"order:{channel.code}:A-1"])

    assert sorted(answer.is_replay for answer in answers) == [False, True, True, True]
    assert figures(shirt, place) == (8, 0)
    assert Return.objects.count() == 1
