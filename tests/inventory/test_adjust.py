"""Corrections that staff decide: pieces with a reason, value without pieces, cost that comes late, another place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from erp.core import checks
from erp.core.errors import InvalidInput
from erp.inventory import services
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.models import Location, StockMovement
from erp.inventory.services import AdjustmentLine, Demand, PhysicalLine, ReceiptLine, TransferLine, WriteDownLine
from tests.inventory.factories import CLERK, NOON, channel, entries, figures, location, sku, worth

pytestmark = pytest.mark.django_db


def receive(place, item, pieces, cost, external_id="R-1"):
    return services.receive(
        external_id=external_id,
        location_id=place.pk,
        lines=[ReceiptLine(1, item.pk, pieces, Decimal(cost))],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )


def adjust(place, *lines, reason="WRITE_OFF", external_id="A-1"):
    return services.adjust(
        external_id=external_id,
        location_id=place.pk,
        lines=lines,
        reason_code=reason,
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2", "P6") for fault in check.find()]


@pytest.fixture
def shelf():
    """100 shirts at 1,150 in a warehouse."""
    warehouse, shirt = location(), sku()
    receipt = receive(warehouse, shirt, 100, 1150)
    return warehouse, shirt, receipt


def test_the_account_of_the_reason_bears_the_value(shelf):
    warehouse, shirt, _receipt = shelf

    loss = adjust(warehouse, AdjustmentLine(1, shirt.pk, -5))
    sample = adjust(warehouse, AdjustmentLine(1, shirt.pk, -1), reason="SAMPLE", external_id="A-2")
    found = adjust(warehouse, AdjustmentLine(1, shirt.pk, 2), reason="FOUND", external_id="A-3")

    assert entries("ADJUSTMENT", loss.document_id) == {("5150", "DEBIT"): 5750, ("1210", "CREDIT"): 5750}
    assert entries("ADJUSTMENT", sample.document_id) == {("6240", "DEBIT"): 1150, ("1210", "CREDIT"): 1150}
    assert entries("ADJUSTMENT", found.document_id) == {("1210", "DEBIT"): 2300, ("5150", "CREDIT"): 2300}
    assert figures(shirt, warehouse) == (96, 0)
    assert adjust(warehouse, AdjustmentLine(1, shirt.pk, -5)).is_replay
    assert no_faults() == []


def test_asks_before_it_takes_what_others_have_claimed(shelf):
    warehouse, shirt, _receipt = shelf
    services.reserve(
        channel_id=channel(warehouse).pk,
        document_type="ORDER",
        demands=[Demand(1, 1, shirt.pk, 98, 50)],
        at=NOON,
        by=CLERK,
    )

    with pytest.raises(InsufficientStock) as refusal:
        adjust(warehouse, AdjustmentLine(1, shirt.pk, -3))
    with pytest.raises(InvalidInput):
        adjust(warehouse, AdjustmentLine(1, shirt.pk, 3))

    assert [(item.wanted, item.left) for item in refusal.value.shortages] == [(3, 2)]
    assert figures(shirt, warehouse) == (100, 98)


def test_a_write_down_moves_value_and_no_piece(shelf):
    # 20 × (1,150 − 900).
    warehouse, shirt, _receipt = shelf

    booked = services.write_down(
        external_id="W-1",
        location_id=warehouse.pk,
        lines=[WriteDownLine(1, shirt.pk, Decimal(5000))],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )

    assert entries("WRITE_DOWN", booked.document_id) == {("5160", "DEBIT"): 5000, ("1210", "CREDIT"): 5000}
    assert worth(shirt) == (100, Decimal(110_000))
    assert StockMovement.objects.get(document_id=booked.document_id).quantity == 0
    with pytest.raises(InvalidInput):
        services.write_down(
            external_id="W-2",
            location_id=warehouse.pk,
            lines=[WriteDownLine(1, shirt.pk, Decimal(110_001))],
            occurred_at=NOON,
            at=NOON,
            by=CLERK,
        )
    assert no_faults() == []


def test_late_cost_goes_to_what_is_still_there_and_the_rest_to_cost_of_sales(shelf):
    warehouse, shirt, receipt = shelf
    services.record_physical_fact(
        source_type="DAMAGE",
        external_id="D-1",
        location_id=warehouse.pk,
        lines=[PhysicalLine(1, shirt.pk, 40)],
        reason_code="DAMAGE",
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )

    late = services.add_late_cost(
        external_id="F-1",
        receipt_id=receipt.document_id,
        amounts=[(1, Decimal(1000))],
        contra_role="freight",
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )

    assert entries("LATE_COST", late.document_id) == {
        ("1210", "DEBIT"): 600,
        ("5110", "DEBIT"): 400,
        ("6220", "CREDIT"): 1000,
    }
    assert worth(shirt) == (60, Decimal(60 * 1150 + 600))
    assert no_faults() == []


def test_a_transfer_moves_pieces_at_cost_and_posts_only_between_accounts(shelf):
    warehouse, shirt, _receipt = shelf
    shop = location("SHOP")
    road = Location.objects.get(code="TRANSIT")

    def transfer(target, external_id):
        return services.transfer(
            external_id=external_id,
            from_location_id=warehouse.pk,
            to_location_id=target.pk,
            destination_id=shop.pk if target == road else None,
            lines=[TransferLine(1, shirt.pk, 3)],
            occurred_at=NOON,
            at=NOON,
            by=CLERK,
        )

    def arrive(pieces, external_id):
        return services.arrive(
            external_id=external_id,
            transfer_id=sent.document_id,
            to_location_id=shop.pk,
            lines=[TransferLine(1, shirt.pk, pieces)],
            occurred_at=NOON,
            at=NOON,
            by=CLERK,
        )

    direct = transfer(shop, "T-1")
    sent = transfer(road, "T-2")

    assert entries("TRANSFER", direct.document_id) == {}
    assert entries("TRANSFER", sent.document_id) == {("1215", "DEBIT"): 3450, ("1210", "CREDIT"): 3450}
    assert (figures(shirt, warehouse), figures(shirt, shop), figures(shirt, road)) == ((94, 0), (3, 0), (3, 0))

    arrive(1, "T-2a")
    last = arrive(2, "T-2b")

    assert entries("TRANSFER_ARRIVAL", last.document_id) == {("1210", "DEBIT"): 2300, ("1215", "CREDIT"): 2300}
    assert (figures(shirt, shop), figures(shirt, road)) == ((6, 0), (0, 0))
    with pytest.raises(InvalidInput):
        arrive(1, "T-2c")
    assert no_faults() == []


def test_pieces_that_are_found_where_none_are_left_take_the_latest_cost():
    """As in a count: there is no average, and the master says nothing."""
    warehouse, shirt = location(), sku()
    receive(warehouse, shirt, 2, 700)
    adjust(warehouse, AdjustmentLine(1, shirt.pk, -2), reason="LOSS")

    adjust(warehouse, AdjustmentLine(1, shirt.pk, 1), reason="FOUND", external_id="A-2")

    assert worth(shirt) == (1, 700)
    assert no_faults() == []
