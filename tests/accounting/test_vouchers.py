from datetime import date
from decimal import Decimal

import pytest

from accounting import services
from accounting.exceptions import ControlAccount, NotReversible, PeriodClosed
from accounting.models import JournalEntry, LedgerAccount, Period, Posting
from erp.core.actors import Actor
from erp.core.errors import InvalidInput
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
    remaining,
    settle,
)
from tests.racing import race

pytestmark = pytest.mark.django_db


def voucher(*lines, on=TODAY, **more):
    return services.post_voucher(entry_date=on, description="地代家賃", lines=lines, at=NOON, by=CLERK, **more)


def reverse(entry_id: int, *, on=TODAY, **more):
    return services.reverse_entry(entry_id=entry_id, entry_date=on, reason="取消", at=NOON, by=CLERK, **more)


def test_a_voucher_is_its_own_document():
    entry = voucher(debit("6310", 200_000), credit("1120", 200_000))

    header = JournalEntry.objects.get(pk=entry.id)
    assert (header.kind, header.source_type, header.source_id) == ("MANUAL", "VOUCHER", entry.id)


def test_a_voucher_is_posted_once_by_each_form_that_is_filled_in():
    """A second press, and the form that the way back in the browser shows again, find what they posted."""
    lines = [debit("6310", 200_000), credit("1120", 200_000)]
    first = voucher(*lines, seen=0)

    pressed_again = voucher(*lines, seen=0)
    another_hand = services.post_voucher(
        entry_date=TODAY, description="地代家賃", lines=lines, at=NOON, by=Actor.staff("other", "test"), seen=0
    )
    opened_anew = voucher(*lines, seen=another_hand.id)
    other_amount = voucher(debit("6310", 100), credit("1120", 100), seen=0)
    reverse(first.id)
    reverse(opened_anew.id)
    after_its_reversal = voucher(*lines, seen=0)

    assert (pressed_again.id, pressed_again.number) == (first.id, first.number)
    assert (first.is_replay, pressed_again.is_replay, opened_anew.is_replay) == (False, True, False)
    assert len({entry.id for entry in (first, another_hand, opened_anew, other_amount, after_its_reversal)}) == 5


def test_a_voucher_that_settles_an_item_is_found_again_too():
    item = card_sale(11_000)
    lines = [debit("bad_debt", 11_000), settle("CREDIT", item, 11_000)]

    first, again = voucher(*lines, seen=0), voucher(*lines, seen=0)

    assert (again.id, again.item_ids, again.is_replay) == (first.id, [None, item], True)
    assert remaining(item) == 0


@pytest.mark.parametrize(
    "more", [{"party": counterparty}, {"source_line": lambda: 3}], ids=lambda more: next(iter(more))
)
def test_vouchers_whose_lines_differ_in_any_column_are_two(more):
    plain = [debit("6310", 200_000), credit("1120", 200_000)]
    told = [debit("6310", 200_000, **{name: value() for name, value in more.items()}), credit("1120", 200_000)]

    first, other, same = voucher(*plain, seen=0), voucher(*told, seen=0), voucher(*told, seen=0)

    assert (first.id != other.id, other.is_replay) == (True, False)
    assert (same.id, same.is_replay) == (other.id, True)


@pytest.mark.django_db(transaction=True)
def test_a_voucher_that_is_pressed_twice_at_once_is_posted_once():
    def press():
        return voucher(debit("6310", 200_000), credit("1120", 200_000), seen=0).id

    ids = race(press, press, names=[f"voucher:{CLERK}"])

    assert len(set(ids)) == 1
    assert JournalEntry.objects.count() == 1


def test_every_fault_of_a_voucher_is_named_at_once():
    with pytest.raises(InvalidInput) as form:
        voucher(debit("6310", 200_000), credit("1120", 199_999), debit("cash", 0))
    assert [(problem.pointer, problem.code) for problem in form.value.problems] == [
        ("/lines", "unbalanced"),
        ("/lines/2/amount", "invalid"),
    ]

    LedgerAccount.objects.filter(code="6310").update(is_active=False)
    with pytest.raises(InvalidInput) as accounts:
        voucher(debit("6310", 5), debit("9999", 5), credit("1120", 10))
    assert [(problem.pointer, problem.code) for problem in accounts.value.problems] == [
        ("/lines/0/account", "inactive"),
        ("/lines/1/account", "unknown"),
    ]
    assert not JournalEntry.objects.exists()


def test_control_accounts_refuse_a_voucher_without_their_sub_ledger():
    with pytest.raises(ControlAccount) as refusal:
        voucher(debit("1151", 5), debit("1210", 5), credit("1120", 10))

    assert [problem.code for problem in refusal.value.problems] == ["open_item", "stock"]
    assert not JournalEntry.objects.exists()


def test_a_voucher_may_settle_an_open_item():
    item = card_sale(11_000)

    entry = voucher(debit("bad_debt", 11_000), settle("CREDIT", item, 11_000))

    assert remaining(item) == 0
    assert Posting.objects.get(entry_id=entry.id, side="CREDIT").account.code == "1151"


def test_a_reversal_mirrors_and_reopens_what_was_settled():
    item = card_sale(11_000)
    paid = post(debit("bank", 4_000), settle("CREDIT", item, 4_000))

    mirror = reverse(paid.id)

    assert remaining(item) == 11_000
    rows = Posting.objects.filter(entry_id=mirror.id).order_by("line_no")
    assert [(row.account.code, row.side, int(row.amount), row.open_item_id) for row in rows] == [
        ("1120", "CREDIT", 4_000, None),
        ("1151", "DEBIT", 4_000, item),
    ]
    assert JournalEntry.objects.get(pk=mirror.id).reversal_of_id == paid.id


def test_a_reversal_closes_what_was_opened_unless_it_was_settled_since():
    item = card_sale(11_000)
    sale = JournalEntry.objects.get()
    paid = post(debit("bank", 4_000), settle("CREDIT", item, 4_000))

    with pytest.raises(NotReversible):
        reverse(sale.pk)
    assert remaining(item) == 7_000

    reverse(paid.id)
    reverse(sale.pk)
    assert remaining(item) == 0


def test_an_entry_is_reversed_once_and_a_reversal_never():
    entry = voucher(debit("6310", 5), credit("1120", 5))
    mirror = reverse(entry.id)

    for pk in (entry.id, mirror.id):
        with pytest.raises(NotReversible):
            reverse(pk)
    assert JournalEntry.objects.count() == 2


def test_entries_that_moved_stock_are_reversed_by_the_stock_document_only():
    entry = post(debit("stock_loss", 5), credit("inventory.goods", 5))

    with pytest.raises(NotReversible):
        reverse(entry.id)

    reverse(entry.id, with_stock=True)
    assert JournalEntry.objects.count() == 2


def test_a_reversal_needs_an_open_date_the_reversed_entry_does_not():
    october = date(2026, 10, 15)
    entry = voucher(debit("6310", 5), credit("1120", 5), on=october)
    Period.objects.create(starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 31), state="CLOSED")

    with pytest.raises(PeriodClosed):
        reverse(entry.id, on=october)

    reverse(entry.id, on=TODAY)


def test_a_party_stays_on_the_mirror():
    debtor = bill_to()
    entry = post(
        debit("receivable.account", 110, opens=new_item(debtor)),
        credit("sales.wholesale", 110, party=counterparty(), tax_code="STANDARD_10", source_line=3),
    )

    mirror = reverse(entry.id)

    row = Posting.objects.get(entry_id=mirror.id, side="DEBIT")
    assert (row.party_kind, row.party_id, row.tax_code, row.source_line) == (
        "COUNTERPARTY",
        counterparty().id,
        "STANDARD_10",
        3,
    )
    assert Decimal(110) == row.amount
