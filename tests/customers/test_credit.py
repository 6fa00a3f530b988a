"""Credit: the limit on a date, the verdict, and an exposure that is always the sum of its ledger."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError
from django.test.utils import CaptureQueriesContext

from customers import selectors
from customers.models import CreditGroup, ExposureEntry
from customers.selectors import CreditVerdict
from customers.services import ExposureDelta, add_exposure, lock_credit
from erp.core.models import AuditRow
from tests.customers.factories import BY, NOON, TODAY, credit_group

D = Decimal


def add(*deltas: ExposureDelta) -> None:
    add_exposure(deltas=deltas, at=NOON, by=BY)


def delta(group: CreditGroup, amount: int, kind: str = "OPEN_ORDER", document_id: int = 1) -> ExposureDelta:
    return ExposureDelta(group.pk, kind, D(amount), "ORDER", document_id)


def standing(group: CreditGroup, on: date = TODAY) -> selectors.CreditStanding:
    return lock_credit(credit_group_ids=[group.pk], on=on)[group.pk]


@pytest.mark.django_db
def test_worked_example_limit_5_000_000():
    group = credit_group(limit=5_000_000)
    add(
        delta(group, 3_200_000, "RECEIVABLE"),
        delta(group, 600_000, "UNBILLED"),
        delta(group, 900_000, "OPEN_ORDER"),
    )

    now = standing(group)

    assert (now.exposure, now.available) == (4_700_000, 300_000)
    assert now.judge(D(1)) is CreditVerdict.WARNING  # 94 % is beyond the warning line of 90 %
    assert now.judge(D(300_000)) is CreditVerdict.WARNING
    assert now.judge(D(550_000)) is CreditVerdict.EXCEEDED
    assert selectors.exposure_terms(group.pk) == {"OPEN_ORDER": 900_000, "RECEIVABLE": 3_200_000, "UNBILLED": 600_000}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("policy", "amount", "verdict"),
    [
        ("HOLD", 900, CreditVerdict.OK),
        ("HOLD", 901, CreditVerdict.WARNING),
        ("HOLD", 1000, CreditVerdict.WARNING),
        ("HOLD", 1001, CreditVerdict.EXCEEDED),
        ("HOLD", 0, CreditVerdict.OK),
        ("WARN", 900, CreditVerdict.OK),
        ("WARN", 1_000_000, CreditVerdict.WARNING),
        ("NONE", 1_000_000, CreditVerdict.OK),
    ],
)
def test_verdict_by_policy(policy, amount, verdict):
    assert standing(credit_group(limit=1000, policy=policy)).judge(D(amount)) is verdict


@pytest.mark.django_db
@pytest.mark.parametrize("policy", ["NONE", "WARN", "HOLD"])
def test_a_frozen_group_is_refused_whatever_its_policy(policy):
    assert standing(credit_group(policy=policy, is_frozen=True)).judge(D(1)) is CreditVerdict.EXCEEDED


@pytest.mark.django_db
def test_an_expired_limit_is_as_good_as_none():
    group = credit_group(limit_valid_until=TODAY)

    assert standing(group, TODAY).judge(D(1)) is CreditVerdict.OK
    assert standing(group, TODAY + timedelta(days=1)).judge(D(1)) is CreditVerdict.EXCEEDED


@pytest.mark.django_db
def test_a_temporary_addition_counts_to_its_last_day():
    group = credit_group(limit=1000, temporary_limit=500, temporary_limit_until=TODAY)

    assert standing(group, TODAY).limit == 1500
    assert standing(group, TODAY + timedelta(days=1)).limit == 1000


@pytest.mark.django_db
def test_a_temporary_addition_without_an_end_is_refused():
    with pytest.raises(IntegrityError, match="temporary_limit_has_an_end"):
        credit_group(temporary_limit=500)


@pytest.mark.django_db
def test_exposure_is_the_sum_of_its_ledger_over_many_groups():
    one, two = credit_group("CG1"), credit_group("CG2")

    add(delta(two, 300), delta(one, 100), delta(two, -50), delta(one, 0))

    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.exposure, two.exposure) == (100, 250)
    assert (one.version, two.version) == (2, 2)
    assert sorted(ExposureEntry.objects.values_list("amount", flat=True)) == [-50, 100, 300]


@pytest.mark.django_db
def test_the_number_of_statements_does_not_grow_with_the_deltas():
    groups = [credit_group(f"CG{index}") for index in range(50)]

    def statements(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            add(*[delta(group, 1) for group in groups[:count]])
        return len(queries)

    assert statements(1) == statements(50)


@pytest.mark.django_db
def test_the_exposure_ledger_is_append_only():
    add(delta(credit_group(), 100))

    for attempt in (ExposureEntry.objects.all().delete, lambda: ExposureEntry.objects.update(amount=1)):
        with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
            attempt()
    assert ExposureEntry.objects.get().amount == 100


@pytest.mark.django_db
def test_terms_of_credit_are_audited_and_the_running_exposure_is_not():
    group = credit_group(limit=1000)
    add(delta(group, 100))

    CreditGroup.objects.update(credit_limit=2000)

    rows = AuditRow.objects.filter(table_name="customers_creditgroup", action="UPDATE")
    assert [(row.before, row.after) for row in rows] == [({"credit_limit": 1000}, {"credit_limit": 2000})]
