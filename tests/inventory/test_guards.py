"""What PostgreSQL refuses by itself, and what ``verify`` finds when somebody went around it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from erp.core import checks
from erp.core.models import AuditRow
from erp.inventory import services
from erp.inventory.models import ChannelQuota, CostBalance, StockBalance
from erp.inventory.services import Demand
from tests.inventory.factories import CLERK, NOON, channel, location, sku, stock


def execute(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def faults(promise: str) -> list[tuple[str, str]]:
    return [
        (fault.subject_type, fault.detail)
        for check in checks.registered()
        if check.promise == promise
        for fault in check.find()
    ]


@pytest.fixture
def shelf(db):
    warehouse, shirt = location(), sku()
    return stock(shirt, warehouse, 5)


@pytest.mark.parametrize("table", ["inventory_stockmovement", "inventory_stockdocument"])
@pytest.mark.parametrize("act", ["UPDATE {} SET recorded_at = now()", "DELETE FROM {}"])
def test_the_ledger_is_final(shelf, table, act):
    with pytest.raises(DatabaseError, match="is refused: its rows are final"):
        execute(act.format(table))


@pytest.mark.parametrize("table", ["inventory_stockmovement", "inventory_stockdocument"])
def test_the_ledger_cannot_be_emptied(db, table):
    with pytest.raises(DatabaseError, match="is refused: its rows are final"):
        execute(f"SET LOCAL mamori.allow_truncate = 'off'; TRUNCATE {table} CASCADE")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_added_to_a_document_later():
    warehouse, shirt = location(), sku()
    stock(shirt, warehouse, 5)

    with pytest.raises(DatabaseError, match="is closed: nothing can be added to it later"):
        execute(
            "INSERT INTO inventory_stockmovement (document_id, sku_id, location_id, quantity, balance_seq, on_hand_after,"
            " value, document_line, occurred_at, recorded_at) SELECT document_id, sku_id, location_id, 1, 2, 6, 1, 1,"
            " now(), now() FROM inventory_stockmovement"
        )


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("allocated = 6", "never_oversold"),
        ("allocated = -1", "allocated_not_negative"),
        ("on_hand = -1, allocated = -1", "allocated_not_negative"),
    ],
)
def test_a_balance_never_promises_more_than_it_holds(shelf, change, constraint):
    with pytest.raises(DatabaseError, match=constraint):
        execute(f"UPDATE inventory_stockbalance SET {change}")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("quantity = -1", "cost_quantity_not_negative"),
        ("value = -1", "cost_value_not_negative"),
        ("quantity = 0", "no_value_without_pieces"),
    ],
)
def test_value_follows_pieces(shelf, change, constraint):
    with pytest.raises(DatabaseError, match=constraint):
        execute(f"UPDATE inventory_costbalance SET {change}")


def test_masters_and_claims_leave_a_trace(shelf):
    warehouse = shelf.location
    site = channel(warehouse)
    before = AuditRow.objects.count()

    execute(f"UPDATE inventory_location SET name = 'elsewhere' WHERE id = {warehouse.pk}")
    execute(f"INSERT INTO inventory_channelpolicy (channel_id, buffer) VALUES ({site.pk}, 3)")
    execute("UPDATE inventory_stockbalance SET version = version + 1")

    trail = AuditRow.objects.order_by("id")[before:]
    assert [(row.table_name, row.action, row.after.get("name")) for row in trail] == [
        ("inventory_location", "UPDATE", "elsewhere"),
        ("inventory_channelpolicy", "INSERT", None),
    ]


def test_verify_names_a_balance_unlike_its_movements(shelf):
    assert faults("P1") == []

    StockBalance.objects.update(on_hand=6)

    # The pieces disagree with the ledger, and with the pieces that carry the value.
    assert sorted(subject for subject, _detail in faults("P1")) == ["BALANCE", "STOCK_VALUE"]


def test_verify_names_claims_unlike_what_is_allocated(shelf):
    site = channel(shelf.location)
    services.reserve(
        channel_id=site.pk, document_type="ORDER", demands=[Demand(1, 1, shelf.sku_id, 2, 50)], at=NOON, by=CLERK
    )
    assert faults("P2") == []

    StockBalance.objects.update(allocated=3)

    ((subject, detail),) = faults("P2")
    assert subject == "BALANCE"
    assert "3" in detail
    assert "2" in detail


def test_verify_names_value_unlike_its_movements_and_accounts(shelf):
    # The factory books without posting, so the inventory account knows nothing of it.
    ((subject, _detail),) = faults("P6")
    assert subject == "LEDGER_ACCOUNT"

    CostBalance.objects.update(value=501)

    assert [subject for subject, _detail in faults("P1")] == ["STOCK_VALUE"]


def test_verify_names_a_quota_whose_use_is_not_that_of_its_reservations(shelf):
    site = channel(shelf.location)
    services.set_aside(channel_id=site.pk, pieces={shelf.sku_id: 3}, at=NOON, by=CLERK)
    services.reserve(
        channel_id=site.pk, document_type="ORDER", demands=[Demand(1, 1, shelf.sku_id, 2, 50)], at=NOON, by=CLERK
    )
    assert faults("P2") == []

    ChannelQuota.objects.update(used=1)

    assert [subject for subject, _detail in faults("P2")] == ["CHANNEL_QUOTA"]
