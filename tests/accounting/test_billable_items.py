from dataclasses import replace
from decimal import Decimal

import pytest

from accounting.models import BillableItem
from accounting.services import BillableDraft, add_billable_items
from erp.core.models import Channel
from tests.accounting.factories import CLERK, NOON, TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> BillableDraft:
    channel = Channel.objects.create(code="EC", name="EC", kind="EC_SITE")
    return BillableDraft(
        kind="GOODS",
        channel_id=channel.pk,
        document_type="SHIPMENT",
        document_id=1,
        document_line=1,
        document_number="SH-00000001",
        transaction_date=TODAY,
        description="Tシャツ 白 M",
        quantity=2,
        unit_price=Decimal("1650.5"),
        tax_included=True,
        tax_code="STANDARD_10",
        tax_percent=Decimal(10),
        net_amount=Decimal(3_001),
        tax_amount=Decimal(300),
        gross_amount=Decimal(3_301),
    )


def test_keeps_everything_an_invoice_prints_in_one_statement(line, django_assert_num_queries):
    lines = [replace(line, document_line=number) for number in range(50)]

    with django_assert_num_queries(4):  # savepoint, signature, insert, release
        add_billable_items(items=lines, at=NOON, by=CLERK)

    row = BillableItem.objects.get(document_line=49)
    assert (row.description, row.quantity, row.unit_price, row.gross_amount) == (
        "Tシャツ 白 M",
        2,
        Decimal("1650.5"),
        3_301,
    )
    assert (row.actor, row.recorded_at, row.bill_to_id) == ("staff:tanaka", NOON, None)


def test_net_and_tax_that_do_not_make_gross_are_a_bug(line):
    with pytest.raises(AssertionError):
        add_billable_items(items=[line, replace(line, tax_amount=Decimal(301))], at=NOON, by=CLERK)

    assert not BillableItem.objects.exists()
