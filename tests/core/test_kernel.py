"""Small parts that everything stands on: numbers, set-based rows, messages, tasks, ownership, the frame of use-cases."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog.models import SkuCost
from customers.models import CreditGroup
from erp.core import checks, messages, numbering, ownership, rows, staff_tasks, work_queues
from erp.core.actors import Actor
from erp.core.errors import DomainError, InvalidInput, NotOwner, Problem
from erp.core.models import Department, GaplessCounter, MessageLog, StaffTask
from erp.core.use_case import use_case
from tests.catalog.factories import sku
from tests.racing import race

NOON = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
BY = Actor.command("test")
pytestmark = pytest.mark.django_db


def test_numbers_are_fresh_and_in_order():
    first = numbering.next_numbers(numbering.ORDER, 3)
    [next_one] = numbering.next_numbers(numbering.ORDER)

    assert [number[:3] for number in first] == ["SO-"] * 3
    assert first == sorted(first)
    assert next_one > first[-1]


@pytest.mark.parametrize("series", numbering.PREFIXES)
def test_every_series_has_its_sequence(series):
    assert numbering.next_numbers(series)[0].startswith(numbering.PREFIXES[series])


@pytest.mark.django_db(transaction=True)
def test_gapless_numbers_have_no_holes_also_when_callers_race_and_one_fails():
    numbering.next_gapless("closing")

    def take() -> int:
        with transaction.atomic():
            return numbering.next_gapless("closing")

    def fail() -> int:
        with transaction.atomic():
            numbering.next_gapless("closing")
            raise ImproperlyConfigured

    outcomes = race(take, fail, take, take, hold=GaplessCounter.objects.all())

    assert sorted(item for item in outcomes if isinstance(item, int)) == [2, 3, 4]


@pytest.mark.parametrize("count", [2, rows.COPY_FROM], ids=["one statement", "COPY"])
def test_questions_behind_a_batch_see_what_it_wrote_in_the_order_it_came(count):
    batch = rows.Batch()
    for number in range(count):  # a part each; together they are one insert
        batch.insert(Department, ["code", "name"], [(f"D{number}", "new")])
    with batch.before_questions():
        codes = rows.ask("SELECT code FROM core_department ORDER BY id")

    assert [code for (code,) in codes.all()] == [f"D{number}" for number in range(count)]
    with CaptureQueriesContext(connection) as nothing_left:
        batch.run()
    assert len(nothing_left) == 0


def test_rows_are_inserted_and_updated_in_one_statement_each(django_assert_num_queries):
    skus = [sku(f"S{number}") for number in range(30)]
    columns = ["id", "sku_id", "supplier_id", "cost", "currency", "valid_from"]

    with django_assert_num_queries(3):
        ids = list(rows.allocate_ids({SkuCost: 30})[SkuCost])
        values = [
            (pk, row.pk, None, Decimal("1.2500"), "JPY", date(2026, 1, 1)) for pk, row in zip(ids, skus, strict=True)
        ]
        rows.insert(SkuCost, columns, values)
        changed = rows.update(SkuCost, "id", ["cost", "currency"], [(pk, Decimal(pk), "USD") for pk in [*ids[:2], -1]])

    assert changed == 2
    assert set(SkuCost.objects.filter(currency="USD").values_list("cost", flat=True)) == set(ids[:2])
    assert SkuCost.objects.filter(cost=Decimal("1.25")).count() == 28


def test_a_set_based_insert_refuses_a_text_that_is_too_long_instead_of_cutting_it():
    with pytest.raises(DataError, match="value too long"), transaction.atomic():
        rows.insert(Department, ["code", "name"], [("x" * 21, "name")])
    assert not Department.objects.exists()


def test_nothing_to_write_is_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        rows.insert(Department, ["code"], [])
        assert rows.update(Department, "id", ["code"], []) == 0
        assert rows.allocate_ids({Department: 0}) == {}
        staff_tasks.open_tasks([], at=NOON, by=BY)
        messages.store([], channel_id=None, at=NOON, by=BY)


def test_an_error_inside_a_pipeline_surfaces_and_rolls_back():
    def write_twice() -> None:
        with transaction.atomic(), rows.pipeline():
            rows.insert(Department, ["code", "name"], [("A", "a")])
            rows.insert(Department, ["code", "name"], [("A", "again")])

    with pytest.raises(IntegrityError):
        write_twice()

    assert not Department.objects.exists()


def test_a_message_keeps_what_came_and_a_nul_does_not_lose_it():
    body = {"name": "𠮷田\0髙﨑🎁", "price": Decimal("1.50"), "on": date(2026, 11, 23)}
    message = messages.Message("order", "A-1", 2, body, messages.fingerprint(body), "DONE")

    messages.store([message], channel_id=None, at=NOON, by=Actor.channel("EC1"))

    row = MessageLog.objects.get()
    assert row.body == {"name": "𠮷田�髙﨑🎁", "price": "1.50", "on": "2026-11-23"}
    assert (row.external_id, row.revision, row.actor, row.direction) == ("A-1", 2, "channel:EC1", "IN")


def test_fingerprints_tell_content_not_order_of_keys():
    assert messages.fingerprint({"a": 1, "b": 2}) == messages.fingerprint({"b": 2, "a": 1})
    assert messages.fingerprint({"a": 1}) != messages.fingerprint({"a": 2})


def finding(subject_id: int, detail: str) -> staff_tasks.Finding:
    return staff_tasks.Finding("CHECK", "ORDER", subject_id, f"SO-{subject_id}", detail)


def test_a_task_is_open_once_per_subject_and_can_be_opened_again_after_closing():
    staff_tasks.open_tasks([finding(1, "a"), finding(2, "b"), finding(1, "c")], at=NOON, by=BY)
    staff_tasks.open_tasks([finding(1, "newest")], at=NOON, by=BY)

    task = StaffTask.objects.get(subject_id=1)
    assert (StaffTask.objects.count(), task.detail) == (2, "newest")

    close = {"task_id": task.pk, "resolution": "done", "at": NOON, "by": BY}
    assert staff_tasks.close_task(**close) is True
    assert staff_tasks.close_task(**close) is False
    staff_tasks.open_tasks([finding(1, "again")], at=NOON, by=BY)
    assert StaffTask.objects.filter(subject_id=1).count() == 2


def test_opening_tasks_is_one_statement(django_assert_num_queries):
    with django_assert_num_queries(1):
        staff_tasks.open_tasks([finding(number, "x") for number in range(50)], at=NOON, by=BY)


def test_the_work_queue_of_tasks_counts_what_is_open():
    staff_tasks.open_tasks([finding(1, "a"), finding(2, "b")], at=NOON, by=BY)

    assert work_queues.measure(work_queues.named("tasks")).count == 2


def test_a_fact_has_one_owner(monkeypatch):
    monkeypatch.setattr(ownership, "_facts", {})
    mamori, ec = ownership.Owner.MAMORI, ownership.Owner.EC
    ownership.register("x", owner=mamori, delivery=ownership.Delivery.READ_API, fields=["a", "b"])
    ownership.register("x", owner=mamori, delivery=ownership.Delivery.READ_API, fields=["a"])

    with pytest.raises(AssertionError, match=r"x\.a has two owners"):
        ownership.register("x", owner=ec, delivery=ownership.Delivery.INTAKE, fields=["a"])
    with pytest.raises(KeyError):
        ownership.owner_of("x", "undeclared")
    with pytest.raises(NotOwner) as refusal:
        ownership.refuse_foreign_fields("x", ["a", "b"], writer=ec)
    assert [problem.pointer for problem in refusal.value.problems] == ["/a", "/b"]
    ownership.refuse_foreign_fields("x", ["a"], writer=mamori)


def test_a_direction_that_does_not_fit_the_owner_is_a_fault(monkeypatch):
    monkeypatch.setattr(ownership, "_facts", {})
    ownership.register("x", owner=ownership.Owner.EC, delivery=ownership.Delivery.PUSH, fields=["a"])

    assert [fault.subject_label for fault in ownership.find_faults()] == ["x.a"]


def test_the_house_declares_its_facts_soundly():
    assert ownership.owner_of("product", "cost") is ownership.Owner.MAMORI
    assert ownership.owner_of("product", "description") is ownership.Owner.EC
    assert ownership.owner_of("customer", "newsletter_consent") is ownership.Owner.EC
    assert list(ownership.find_faults()) == []


def test_checks_are_registered_once_and_sorted_by_promise():
    titles = [str(check.title) for check in checks.registered()]

    assert len(titles) == len(set(titles))
    assert [check.promise for check in checks.registered()] == sorted(check.promise for check in checks.registered())


@use_case
def make(*, code: str, by: Actor, fail: bool = False) -> None:
    CreditGroup.objects.create(code=code, name=code)
    if fail:
        raise DomainError("no")


@use_case
def make_two(*, by: Actor) -> None:
    make(code="A", by=by)
    make(code="B", by=by, fail=True)


def test_a_refusal_takes_back_everything_of_its_use_case():
    with pytest.raises(DomainError):
        make_two(by=BY)

    assert not CreditGroup.objects.exists()
    make(code="A", by=BY)
    assert CreditGroup.objects.count() == 1


def test_an_inner_use_case_joins_without_statements_of_its_own():
    with CaptureQueriesContext(connection) as queries:
        make(code="A", by=BY)

    # savepoint, signature, insert, release
    assert len(queries) == 4


def test_a_refusal_names_every_problem():
    refusal = InvalidInput([Problem("/a", "one", "first"), Problem("", "two", "second")])

    assert str(refusal) == "/a: first [one]; second [two]"
    assert str(DomainError()) == "refused"
