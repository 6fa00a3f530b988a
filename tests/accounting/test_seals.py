import pytest
from django.db import connection

from accounting import services
from accounting.models import JournalEntry, Seal
from erp.core import checks
from tests.accounting.factories import CLERK, NOON, credit, debit, post

SEALS = "The seals over the books are intact"


def seal(limit: int = 10_000) -> int:
    return services.seal_entries(at=NOON, by=CLERK, limit=limit)


def faults(title: str) -> list[str]:
    (check,) = [check for check in checks.registered() if check.title == title]
    return [fault.subject_label for fault in check.find()]


@pytest.mark.django_db
def test_what_a_running_transaction_wrote_is_not_sealed_yet():
    post(debit("cash", 1), credit("sales.ec", 1))

    assert seal() == 0
    assert not Seal.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_seals_chain_over_batches_and_a_change_breaks_them():
    for amount in (1, 2, 3):
        post(debit("cash", amount), credit("sales.ec", amount))

    assert [seal(limit=2), seal(limit=2), seal()] == [2, 1, 0]
    first, second = Seal.objects.order_by("pk")
    assert (first.previous_hash, second.previous_hash) == ("0" * 64, first.hash)
    assert (first.until_xid, first.entry_count, second.entry_count) == (second.from_xid, 2, 1)
    assert faults(SEALS) == []

    middle = JournalEntry.objects.order_by("pk")[1]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounting_posting DISABLE TRIGGER USER")
        cursor.execute("UPDATE accounting_posting SET amount = amount + 1 WHERE entry_id = %s", [middle.pk])
        cursor.execute("ALTER TABLE accounting_posting ENABLE TRIGGER USER")
    assert faults(SEALS) == [str(first.pk)]
