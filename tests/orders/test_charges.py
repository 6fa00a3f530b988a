"""Money without goods: charges billed alone, fees of platforms and banks, bad debt. Each to its account, once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounting.models import JournalEntry, OpenItem
from erp.core.errors import Conflict, InvalidInput, NotFound
from erp.core.models import MessageLog
from erp.orders.services import Charge, ChargeLine, record_charges
from tests.inventory.factories import channel, statements
from tests.orders.factories import DESK, NOON, TODAY, figure
from tests.racing import race
from tests.unlocked import fails_without


def charge(external_id: str = "F-1", *lines: tuple[str, int], on: dt.date = TODAY) -> Charge:
    wanted = lines or (("FEE", -1000),)
    return Charge(external_id, tuple(ChargeLine(kind, Decimal(net), "Fee") for kind, net in wanted), on)


def record(shop, *charges: Charge) -> list[int]:
    return record_charges(channel=shop.code, charges=charges, at=NOON, by=DESK)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "net", "figures"),
    [
        ("SHIPPING", 1005, {"receivable.card": 1105, "sales.shipping_fee": 1005, "output_tax": 100}),
        ("OTHER", 1005, {"receivable.card": 1105, "sales.other_fee": 1005, "output_tax": 100}),
        ("FEE", -1005, {"fees": 1005, "input_tax": 100, "bank": -1105}),
        ("FEE", 1005, {"fees": -1005, "input_tax": -100, "bank": 1105}),
        ("BAD_DEBT", -1005, {"bad_debt": 1005, "output_tax": -100, "receivable.card": -1105}),
    ],
)
def test_each_kind_goes_to_its_account_with_its_tax(kind, net, figures):
    shop = channel()

    [key] = record(shop, charge("F-1", (kind, net)))

    assert {role: figure(role) for role in figures} == figures
    entry = JournalEntry.objects.get()
    assert (entry.source_type, entry.source_id, entry.description) == ("CHARGE", key, "F-1 Fee")
    assert MessageLog.objects.get(pk=key).external_id == "F-1"


@pytest.mark.django_db
def test_tax_is_rounded_once_per_kind_of_a_document():
    shop = channel()

    record(shop, charge("F-1", ("FEE", -1005), ("FEE", -1005), ("OTHER", 105)))

    assert (figure("fees"), figure("input_tax"), figure("bank")) == (2010, 201, -2211)
    assert (figure("receivable.card"), figure("output_tax")) == (115, 10)


@pytest.mark.django_db
def test_again_posts_nothing_and_other_content_is_a_conflict():
    shop = channel()
    first = record(shop, charge())

    again = record(shop, charge())

    assert again == first
    with pytest.raises(Conflict):
        record(shop, charge("F-1", ("FEE", -999)))
    assert JournalEntry.objects.count() == 1


@pytest.mark.django_db
def test_malformed_charges_are_refused_together():
    shop = channel()

    with pytest.raises(InvalidInput) as refusal:
        record(shop, charge("F-1", ("GIFT", 5)), charge("F-2", ("FEE", 0)), Charge("F-3", (), TODAY), charge("F-4"))

    assert [problem.code for problem in refusal.value.problems] == ["bad_charge", "bad_charge", "no_lines"]
    assert not MessageLog.objects.exists()


@pytest.mark.django_db
def test_a_channel_that_does_not_exist_is_named():
    with pytest.raises(NotFound):
        record_charges(channel="NOWHERE", charges=[charge()], at=NOON, by=DESK)


@pytest.mark.django_db
def test_statements_do_not_grow_with_the_charges():
    shop = channel()
    record(shop, charge("F-0"))

    of_one = statements(lambda: record(shop, charge("F-1")))
    of_many = statements(lambda: record(shop, *[charge(f"F-{number}") for number in range(2, 12)]))

    assert len(of_one) == len(of_many)


@fails_without("orders.charges.record_charges[charge:]")
@pytest.mark.django_db(transaction=True)
def test_the_same_charge_sent_twice_at_once_is_posted_once():
    shop = channel()

    outcomes = race(
        lambda: record(shop, charge("F-1", ("OTHER", 500))),
        lambda: record(shop, charge("F-1", ("OTHER", 500))),
        names=[f"charge:{shop.pk}:F-1"],
        table="core_messagelog",
    )

    assert outcomes[0] == outcomes[1]
    assert OpenItem.objects.count() == 1
