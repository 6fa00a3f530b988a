"""What settlements ask of the books: whom money comes from, what is open of a party by a day, which months are still open."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from accounting import selectors, services
from accounting.services import Settling
from tests.accounting.factories import (
    CLERK,
    NOON,
    TODAY,
    bill_to,
    card_sale,
    counterparty,
    credit,
    debit,
    new_item,
    post,
)

pytestmark = pytest.mark.django_db


def found(party, **limits):
    return [(item.id, int(item.remaining)) for item in selectors.items_of_party(party, **limits)]


def test_counterparties_are_found_by_their_codes():
    known = selectors.counterparties()

    assert known["CARD"] == counterparty("CARD")
    assert {"CARD", "CVS", "MALL"} <= known.keys()


def test_open_items_of_one_party_by_the_day_on_which_they_arose():
    old, new = card_sale(300, on=TODAY - timedelta(days=9), document_id=1), card_sale(500, document_id=2)
    post(debit("receivable.card", 70, opens=new_item(counterparty("CVS"), 3)), credit("sales.ec", 70), source_id=3)

    assert found(counterparty()) == [(old, 300), (new, 500)]
    assert found(counterparty(), dated_by=TODAY - timedelta(days=1)) == [(old, 300)]
    services.record_payout(
        counterparty_id=counterparty().id, reference="P", paid_on=TODAY, items=[Settling(old)], bank_amount=Decimal(300), at=NOON, by=CLERK,
    )  # fmt: skip
    assert found(counterparty()) == [(new, 500)]


def test_open_items_of_one_party_by_the_day_on_which_they_are_due():
    buyer = bill_to()
    for number, due in enumerate((TODAY, TODAY + timedelta(days=30)), 1):
        post(
            debit("receivable.account", 100 * number, opens=new_item(buyer, number, due)),
            credit("sales.wholesale", 100 * number),
            source_id=number,
        )

    assert [amount for _id, amount in found(buyer, due_by=TODAY)] == [100]
    assert [amount for _id, amount in found(buyer)] == [100, 200]
    assert [amount for _id, amount in found(buyer, due_by=TODAY - timedelta(days=1))] == []


def test_months_that_can_be_closed_come_in_the_order_of_closing():
    for place, on in enumerate((date(2026, 9, 10), date(2026, 10, 31)), 1):
        post(debit("cash", 100), credit("sales.ec", 100), on=on, source_id=place)
    services.open_periods(through=date(2026, 11, 23), at=NOON, by=CLERK)

    first, second = selectors.open_period_ids(ended_by=date(2026, 11, 29))

    assert selectors.open_period_ids(ended_by=date(2026, 10, 30)) == [first]
    services.close_period(period_id=first, at=NOON, by=CLERK)
    assert selectors.open_period_ids(ended_by=date(2026, 10, 31)) == [second]
