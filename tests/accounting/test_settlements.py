from decimal import Decimal

import pytest

from accounting import selectors, services
from accounting.exceptions import DoesNotAddUp, NotReversible, OverSettled
from accounting.models import Counterparty, JournalEntry, Settlement
from accounting.services import Settling
from erp.core.errors import Conflict, InvalidInput
from tests.accounting.factories import (
    CLERK,
    NOON,
    TODAY,
    bill_to,
    card_sale,
    credit,
    debit,
    new_item,
    post,
    remaining,
)

pytestmark = pytest.mark.django_db


def payout(*items: Settling, bank: int, reference: str = "P-1", **more):
    card = Counterparty.objects.get(code="CARD")
    return services.record_payout(
        counterparty_id=card.pk,
        reference=reference,
        paid_on=TODAY,
        items=items,
        bank_amount=Decimal(bank),
        at=NOON,
        by=CLERK,
        **more,
    )


def test_the_same_payout_again_changes_nothing_other_content_is_a_conflict():
    item = card_sale(11_000)
    first = payout(Settling(item), bank=10_604, fee=Decimal(396))

    assert payout(Settling(item), bank=10_604, fee=Decimal(396)) == first
    with pytest.raises(Conflict):
        payout(Settling(item), bank=10_605, fee=Decimal(395))

    assert Settlement.objects.count() == 1
    assert JournalEntry.objects.filter(source_type="PAYOUT", source_id=first.pk).count() == 1


def test_a_settlement_taken_back_leaves_its_items_open_and_its_reference_used_up():
    item = card_sale(11_000)
    row = payout(Settling(item), bank=11_000)
    undo = {"settlement_id": row.pk, "entry_date": TODAY, "reason": "other payer", "at": NOON, "by": CLERK}

    services.take_back_settlement(**undo)

    assert remaining(item) == 11_000
    with pytest.raises(NotReversible):
        services.take_back_settlement(**undo)
    # The same content again is no replay: nothing of it stands any more.
    with pytest.raises(Conflict, match="登録後に取り消されています"):
        payout(Settling(item), bank=11_000)
    payout(Settling(item), bank=11_000, reference="P-2")
    assert remaining(item) == 0


def test_parts_that_do_not_add_up_are_refused_with_the_difference():
    item = card_sale(11_000)

    with pytest.raises(DoesNotAddUp) as refusal:
        payout(Settling(item), bank=10_000, fee=Decimal(396))

    assert refusal.value.difference == -604
    assert not Settlement.objects.exists()
    assert remaining(item) == 11_000


def test_a_payout_settles_many_items_some_in_part_in_few_statements(django_assert_max_num_queries):
    items = [card_sale(1_000, document_id=number) for number in range(50)]

    with django_assert_max_num_queries(20):
        payout(*[Settling(item) for item in items[1:]], Settling(items[0], Decimal(400)), bank=49_400)

    assert (remaining(items[0]), remaining(items[1])) == (600, 0)


def test_more_than_is_left_is_refused_and_keeps_no_settlement():
    item = card_sale(1_000)

    with pytest.raises(OverSettled):
        payout(Settling(item, Decimal(1_001)), bank=1_001)

    assert not Settlement.objects.exists()


def test_a_settled_or_foreign_item_is_named():
    item = card_sale(1_000)
    payout(Settling(item), bank=1_000)

    with pytest.raises(InvalidInput) as refusal:
        payout(Settling(item), Settling(999_999_999), bank=1_000, reference="P-2")

    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [
        (f"/items/{item}", "nothing_left"),
        ("/items/999999999", "unknown"),
    ]


def test_what_a_debtor_pays_too_much_waits_as_a_suspense_receipt():
    debtor = bill_to()
    item = post(debit("receivable.account", 1_000, opens=new_item(debtor)), credit("sales.wholesale", 1_000)).item_ids[
        0
    ]

    services.record_receipt(
        debtor=debtor,
        reference="B-1",
        received_on=TODAY,
        items=[Settling(item)],
        bank_amount=Decimal(1_200),
        at=NOON,
        by=CLERK,
    )

    assert selectors.balance_of("suspense_receipts") == 200
    assert selectors.balance_of("receivable.account") == 0


def test_the_fee_a_debtor_kept_is_a_discount_at_the_rate_of_the_sale():
    debtor = bill_to()
    item = post(
        debit("receivable.account", 10_800, opens=new_item(debtor)), credit("sales.wholesale", 10_800)
    ).item_ids[0]

    services.record_receipt(
        debtor=debtor,
        reference="B-1",
        received_on=TODAY,
        items=[Settling(item)],
        bank_amount=Decimal(10_360),
        fee_kept=Decimal(440),
        fee_tax_code="REDUCED_8",
        at=NOON,
        by=CLERK,
    )

    assert selectors.balance_of("sales.discounts") == 408
    assert selectors.balance_of("output_tax") == -32
