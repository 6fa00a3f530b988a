"""Two orders never pass one limit, and two merges of one record do not tangle."""

from decimal import Decimal

import pytest
from django.db import transaction

from customers.models import CreditGroup, CustomerRecord, MergeEvent
from customers.selectors import CreditVerdict, golden_ids
from customers.selectors.verification import broken_merges, wrong_exposures
from customers.services import ExposureDelta, add_exposure, lock_credit, merge_records
from tests.customers.factories import BY, NOON, TODAY, credit_group, news, register
from tests.racing import race


@pytest.mark.django_db(transaction=True)
def test_the_last_of_a_limit_is_given_once():
    group = credit_group(limit=1000, warning_percent=100)

    def order() -> CreditVerdict:
        with transaction.atomic():
            verdict = lock_credit(credit_group_ids=[group.pk], on=TODAY)[group.pk].judge(Decimal(600))
            if verdict is CreditVerdict.OK:
                delta = ExposureDelta(group.pk, "OPEN_ORDER", Decimal(600), "ORDER", 1)
                add_exposure(deltas=[delta], at=NOON, by=BY)
        return verdict

    outcomes = race(order, order, order, hold=CreditGroup.objects.all())

    assert sorted(outcomes) == ["EXCEEDED", "EXCEEDED", "OK"]
    group.refresh_from_db()
    assert group.exposure == 600


@pytest.mark.django_db(transaction=True)
def test_deltas_over_the_same_groups_in_two_orders_queue_up_and_add_up():
    groups = [credit_group(f"CG{number}") for number in range(5)]

    def add(order: list[CreditGroup]):
        deltas = [ExposureDelta(group.pk, "RECEIVABLE", Decimal(10), "INVOICE", 1) for group in order]
        return lambda: add_exposure(deltas=deltas, at=NOON, by=BY)

    outcomes = race(add(groups), add(groups[::-1]), add(groups), hold=CreditGroup.objects.all())

    assert outcomes == [None, None, None]
    assert set(CreditGroup.objects.values_list("exposure", flat=True)) == {30}
    assert list(wrong_exposures()) == []


@pytest.mark.django_db(transaction=True)
def test_two_merges_of_one_record_leave_one_chain():
    one, two, three = register(news("c-1"), news("c-2"), news("c-3"))
    golden = golden_ids([two, three])

    def merge(into: int):
        return lambda: merge_records(record_ids=[one], into_golden_id=into, reason="", at=NOON, by=BY)

    race(merge(golden[two]), merge(golden[three]), hold=CustomerRecord.objects.filter(pk=one))

    assert MergeEvent.objects.count() == 2
    assert list(broken_merges()) == []
