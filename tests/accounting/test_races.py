import threading
from datetime import date
from decimal import Decimal

import pytest
from django.db import transaction

from accounting import services
from accounting.exceptions import NotReversible, OverSettled, PeriodClosed
from accounting.models import Counterparty, JournalEntry, OpenItem, Period, PeriodTotal, Posting, Settlement
from accounting.services import Settling
from accounting.services.books import month_keys
from tests.accounting.factories import CLERK, NOON, TODAY, card_sale, credit, debit, post, remaining, settle
from tests.racing import _Caller, _wait_until_all_wait, race

pytestmark = pytest.mark.django_db(transaction=True)


def kinds(outcomes) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_an_open_item_is_settled_once_when_two_settlements_race():
    item = card_sale(1_000)

    outcomes = race(
        lambda: post(debit("bank", 700), settle("CREDIT", item, 700)),
        lambda: post(debit("cash", 700), settle("CREDIT", item, 700)),
        hold=OpenItem.objects.filter(pk=item),
    )

    assert kinds(outcomes) == ["OverSettled", "PostedEntry"]
    (refusal,) = [outcome for outcome in outcomes if isinstance(outcome, OverSettled)]
    assert refusal.excesses == ((item, Decimal(700), Decimal(300)),)
    assert remaining(item) == 300


def test_two_settlements_of_the_same_items_in_opposite_order_do_not_deadlock():
    one, two = card_sale(1_000, document_id=1), card_sale(1_000, document_id=2)

    def pay(first, second):
        return lambda: post(debit("bank", 800), settle("CREDIT", first, 400), settle("CREDIT", second, 400))

    outcomes = race(pay(one, two), pay(two, one), hold=OpenItem.objects.filter(pk=one))

    assert kinds(outcomes) == ["PostedEntry", "PostedEntry"]
    assert (remaining(one), remaining(two)) == (200, 200)


def test_an_entry_under_way_is_in_the_totals_of_a_closing_or_refused_by_it():
    october = date(2026, 10, 15)
    post(debit("cash", 100), credit("sales.ec", 100), on=october)
    services.open_periods(through=october, at=NOON, by=CLERK)
    period = Period.objects.get()

    outcomes = race(
        lambda: post(debit("cash", 7), credit("sales.ec", 7), on=october),
        lambda: services.close_period(period_id=period.pk, at=NOON, by=CLERK),
        names=month_keys(october, october),
    )

    assert kinds(outcomes) in (["Period", "PostedEntry"], ["Period", "PeriodClosed"])
    posted = sum(Posting.objects.filter(account__code="1110").values_list("amount", flat=True))
    assert PeriodTotal.objects.get(account__code="1110").debit == posted


def test_a_closing_waits_for_an_entry_that_has_not_committed():
    october = date(2026, 10, 15)
    post(debit("cash", 100), credit("sales.ec", 100), on=october)
    services.open_periods(through=october, at=NOON, by=CLERK)
    period = Period.objects.get()
    with transaction.atomic():
        post(debit("cash", 7), credit("sales.ec", 7), on=october)
        (waiting,) = _started(lambda: services.close_period(period_id=period.pk, at=NOON, by=CLERK))

    waiting.join(20)

    assert PeriodTotal.objects.get(account__code="1110").debit == 107
    with pytest.raises(PeriodClosed):
        post(debit("cash", 7), credit("sales.ec", 7), on=october)


def _started(*calls):
    """Callers that now wait for a lock of this connection's transaction."""
    start = threading.Event()
    callers = [_Caller(call, start) for call in calls]
    for caller in callers:
        caller.start()
    pids = [caller.pid.get(timeout=20) for caller in callers]
    start.set()
    _wait_until_all_wait(callers, pids)
    return callers


def test_the_same_payout_twice_at_once_is_one_settlement():
    item = card_sale(1_000)
    card = Counterparty.objects.get(code="CARD").pk

    def payout():
        return services.record_payout(
            counterparty_id=card,
            reference="P-1",
            paid_on=TODAY,
            items=[Settling(item)],
            bank_amount=Decimal(1_000),
            at=NOON,
            by=CLERK,
        )

    outcomes = race(payout, payout, names=[f"settlement:PAYOUT:COUNTERPARTY:{card}:P-1"])

    assert kinds(outcomes) == ["Settlement", "Settlement"]
    assert Settlement.objects.count() == 1
    assert JournalEntry.objects.filter(source_type="PAYOUT").count() == 1


def test_an_entry_is_reversed_once_when_two_ask():
    entry = post(debit("cash", 5), credit("sales.ec", 5))

    def reverse():
        return services.reverse_entry(entry_id=entry.id, entry_date=TODAY, reason="取消", at=NOON, by=CLERK)

    outcomes = race(reverse, reverse, names=[f"entry:{entry.id}"])

    assert kinds(outcomes) == ["NotReversible", "PostedEntry"]
    assert any(isinstance(outcome, NotReversible) for outcome in outcomes)
    assert JournalEntry.objects.count() == 2
