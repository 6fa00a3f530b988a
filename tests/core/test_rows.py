"""Questions in one statement, arrays as text, and use-cases whose last writes and COMMIT travel together."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from erp.core import changes, rows
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.models import Department, MessageLog
from erp.core.selectors import ask_tax_rates, tax_rates
from erp.core.use_case import in_one_statement, pipelined
from tests.racing import race

BY = Actor.command("test")


@pytest.mark.django_db
def test_questions_of_a_bundle_are_one_statement_with_the_answers_of_many(django_assert_num_queries):
    alone = tax_rates()

    with django_assert_num_queries(1):
        with rows.bundle():
            rates = ask_tax_rates()
            nobody = rows.ask("SELECT id, code FROM core_channel WHERE code = %s", ["NOWHERE"], row=tuple[int, str])
            ids = rows.ask_ids({Department: 2, MessageLog: 1})
        bundled, none, taken = rates(), nobody.all(), ids()

    assert alone
    assert bundled == alone
    assert none == []
    assert [len(taken[Department]), len(taken[MessageLog])] == [2, 1]


@pytest.mark.django_db
@pytest.mark.parametrize("values", [[], ["", "NULL", 'a"b', "c\\d", "{e,f}", " g ", "髙橋"]])
def test_an_array_of_texts_arrives_as_it_is(values):
    assert rows.ask("SELECT %s::text[]", [rows.array(values)]).all() == [(values,)]


@pytest.mark.django_db
def test_an_array_of_numbers_arrives_as_it_is():
    assert rows.ask("SELECT %s::bigint[]", [rows.array([1, -2, 2**60])]).all() == [([1, -2, 2**60],)]


@pytest.mark.django_db
def test_a_statement_without_the_spaces_it_does_not_need_says_the_same():
    statement = """
        SELECT 'a , b' || '(''  )' AS one, ( 7 - -2 ) * 3 AS two,
               coalesce ( NULL , %(given)s::text ) AS "th , ree"
        WHERE 3 <> ALL ( ARRAY[1, 2] )
    """
    brief = rows.compact(statement)

    assert "\n" not in brief
    assert len(brief) < 0.8 * len(statement)
    assert rows.ask(brief, {"given": " x "}).all() == rows.ask(statement, {"given": " x "}).all()


def test_a_statement_with_a_comment_is_not_made_one_line_of():
    with pytest.raises(AssertionError):
        rows.compact("SELECT 1 -- one\n, 2")


def only(name: str, *, by: Actor) -> list[tuple[str]]:
    return in_one_statement("SELECT acts.* FROM (SELECT %s || {actor}) AS acts", [name], by=by).all()


_ACTOR = "SELECT current_setting('mamori.actor', true)"


@pytest.mark.django_db(transaction=True)
def test_a_use_case_of_one_statement_is_signed_by_it_alone(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert only("by ", by=BY) == [(f"by {BY}",)]
    # The signature ended with its transaction.
    assert rows.ask(_ACTOR).all() == [("",)]


@pytest.mark.django_db(transaction=True)
def test_a_use_case_of_one_statement_that_fails_inside_a_transaction_takes_back_only_itself():
    with transaction.atomic():
        with pytest.raises(DatabaseError):
            in_one_statement("SELECT 1 / %s::int, {actor}", [0], by=BY)
        assert only("by ", by=BY) == [(f"by {BY}",)]
        assert rows.ask(_ACTOR).all() == [(str(BY),)]


@pipelined
def found(*, codes: list[str], by: Actor, refuse: bool = False, channel_id: int | None = None) -> int:
    """Found departments; a second of the same code breaks the unique key, a channel that does not exist a deferred one."""
    before: int = rows.ask("SELECT count(*) FROM core_department").all()[0][0]
    batch = rows.Batch()
    batch.insert(Department, ["code", "name"], [(code, code) for code in codes])
    changes.record(topic="department", keys=codes, batch=batch)
    batch.run()
    if channel_id is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO core_messagelog (direction, channel_id, kind, external_id, revision, body, fingerprint, outcome, detail,"
                " recorded_at, actor) VALUES ('IN', %s, 'x', 'x', 1, '{}', '', 'DONE', '', now(), 'x')",
                [channel_id],
            )
    if refuse:
        raise DomainError("no")
    return before


@pytest.mark.django_db(transaction=True)
def test_a_pipelined_use_case_is_committed_when_it_returns():
    found(codes=["A"], by=BY)
    assert found(codes=["B", "C"], by=BY) == 1

    # Another connection sees it, so it is committed; this one is as it was before.
    assert race(lambda: sorted(Department.objects.values_list("code", flat=True))) == [["A", "B", "C"]]
    assert connection.get_autocommit()
    assert not connection.in_atomic_block


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        ({"codes": ["A", "A"]}, IntegrityError),
        ({"codes": ["A"], "channel_id": 32_000}, IntegrityError),
        ({"codes": ["A"], "refuse": True}, DomainError),
    ],
    ids=["in the last statement", "at the commit", "by the service"],
)
def test_a_pipelined_use_case_that_fails_leaves_nothing_and_a_sound_connection(bad, refusal):
    with pytest.raises(refusal):
        found(**bad, by=BY)

    assert not Department.objects.exists()
    assert found(codes=["A"], by=BY) == 0
    assert Department.objects.count() == 1


@pytest.mark.django_db
def test_inside_a_transaction_a_pipelined_use_case_commits_nothing_and_takes_back_only_itself():
    with transaction.atomic():
        found(codes=["A"], by=BY)
        with pytest.raises(DatabaseError):
            found(codes=["B", "B"], by=BY)
        assert found(codes=["C"], by=BY) == 1
        transaction.set_rollback(True)

    assert not Department.objects.exists()


@pipelined
def rename(*, code: str, by: Actor) -> int:
    rows.leave_pipeline()
    return Department.objects.filter(code=code).update(name="new")


@pytest.mark.django_db(transaction=True)
def test_outside_its_pipeline_a_use_case_counts_the_rows_it_changed():
    found(codes=["A"], by=BY)

    assert rename(code="A", by=BY) == 1
    assert rename(code="B", by=BY) == 0
    assert Department.objects.get().name == "new"
