"""Merges move records and can be undone exactly (P9)."""

import pytest
from django.db import IntegrityError, transaction

from customers import selectors, services
from customers.exceptions import MergeMovedOn
from customers.models import CustomerRecord, GoldenCustomer, MergeEvent
from erp.core.errors import NotAllowedNow, NotFound
from tests.customers.factories import BY, NOON, account, bill_to, news, register


def merge(*records: int, into: int) -> list[MergeEvent]:
    return services.merge_records(record_ids=records, into_golden_id=into, reason="same e-mail", at=NOON, by=BY)


def undo(event: MergeEvent) -> MergeEvent:
    return services.undo_merge(merge_id=event.pk, at=NOON, by=BY)


@pytest.fixture
def three():
    """Three records, each under a golden record of its own."""
    records = register(news("c-1"), news("c-2"), news("c-3"))
    golden = selectors.golden_ids(records)
    return records, [golden[record] for record in records]


@pytest.mark.django_db
def test_a_merge_repoints_records_and_leaves_everything_else(three):
    [one, two, three_], [a, b, c] = three
    trade = account(record_id=two, bill_to=bill_to())

    events = merge(two, three_, into=a)

    assert selectors.golden_ids([one, two, three_]) == {one: a, two: a, three_: a}
    assert [(event.record_id, event.from_golden_id, event.to_golden_id) for event in events] == [
        (two, b, a),
        (three_, c, a),
    ]
    assert GoldenCustomer.objects.count() == 3
    trade.refresh_from_db()
    assert trade.record_id == two


@pytest.mark.django_db
def test_merging_again_changes_nothing(three):
    [_one, two, _three], [a, *_rest] = three
    merge(two, into=a)

    assert merge(two, into=a) == []
    assert MergeEvent.objects.count() == 1


@pytest.mark.django_db
def test_every_merge_can_be_undone_last_first(three):
    [one, two, third], [a, b, c] = three
    [first] = merge(one, into=b)
    later = merge(one, two, into=c)

    with pytest.raises(MergeMovedOn, match=str(later[0].pk)):
        undo(first)
    assert selectors.golden_ids([one, two, third]) == {one: c, two: c, third: c}

    for event in [*later, first]:
        undo(event)
    assert selectors.golden_ids([one, two, third]) == {one: a, two: b, third: c}


@pytest.mark.django_db
def test_undoing_twice_writes_one_way_back(three):
    [one, *_others], [_a, b, _c] = three
    [event] = merge(one, into=b)

    assert undo(event) == undo(event)
    assert MergeEvent.objects.count() == 2


@pytest.mark.django_db
def test_an_undoing_is_not_undone_and_merging_again_is_possible(three):
    [one, *_others], [a, b, _c] = three
    [event] = merge(one, into=b)
    back = undo(event)

    with pytest.raises(NotAllowedNow):
        undo(back)
    [again] = merge(one, into=b)
    undo(again)
    assert selectors.golden_ids([one]) == {one: a}


@pytest.mark.django_db
def test_unknown_records_and_golden_record_are_all_named(three):
    [one, *_others], _golden = three

    with pytest.raises(NotFound) as refusal:
        merge(one, -1, -2, into=-3)

    assert [problem.pointer for problem in refusal.value.problems] == [
        "/record_ids/-1",
        "/record_ids/-2",
        "/into_golden_id",
    ]
    assert not MergeEvent.objects.exists()


@pytest.mark.django_db
def test_a_record_cannot_move_without_an_event_that_explains_it(three):
    [one, *_others], [a, b, _c] = three

    with pytest.raises(IntegrityError, match="cannot move without a merge event"), transaction.atomic():
        CustomerRecord.objects.filter(pk=one).update(golden_id=b)

    assert selectors.golden_ids([one]) == {one: a}


@pytest.mark.django_db
def test_merge_events_are_append_only(three):
    [one, *_others], [_a, b, _c] = three
    merge(one, into=b)

    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
        MergeEvent.objects.all().delete()
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
        MergeEvent.objects.update(reason="")
