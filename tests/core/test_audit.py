"""The audit trail: no way of writing to a master escapes it, and it says who, when and from where."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from customers.models import Contact
from erp.core.actors import Actor
from erp.core.models import AuditRow, Department, FeedEpoch, MessageLog
from erp.core.use_case import use_case
from tests.customers.factories import account

pytestmark = pytest.mark.django_db
MIKA = Actor.staff("mika", "192.0.2.7 /admin/x/")


@use_case
def rename(*, name: str, by: Actor) -> None:
    Department.objects.update(name=name)


def trail(table="core_department") -> list[AuditRow]:
    return list(AuditRow.objects.filter(table_name=table).order_by("id"))


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_bulk_update_leaves_one_row_per_changed_row_with_what_changed():
    departments = [Department.objects.create(code=code, name="old") for code in "AB"]
    Department.objects.create(code="C", name="new")
    before = len(trail())

    rename(name="new", by=MIKA)

    rows = trail()[before:]
    assert [(row.row_id, row.action, row.before, row.after) for row in rows] == [
        (str(department.pk), "UPDATE", {"name": "old"}, {"name": "new"}) for department in departments
    ]
    assert {(row.actor, row.source) for row in rows} == {("staff:mika", "192.0.2.7 /admin/x/")}
    assert all(abs(row.recorded_at - datetime.now(UTC)) < timedelta(minutes=1) for row in rows)


def test_plain_sql_that_nobody_signed_carries_the_database_user():
    execute("INSERT INTO core_department (code, name) VALUES ('D1', 'x')")

    [row] = trail()
    assert (row.action, row.actor, row.before, row.after["code"]) == ("INSERT", "database:mamori", None, "D1")


def test_a_delete_keeps_the_whole_row():
    Department.objects.create(code="D1", name="gone")
    execute("DELETE FROM core_department")

    last = trail()[-1]
    assert (last.action, last.before["name"], last.after) == ("DELETE", "gone", None)


def test_bulk_create_and_raw_delete_do_not_escape():
    Department.objects.bulk_create([Department(code=code, name="x") for code in "ABC"])
    Department.objects.all()._raw_delete(using="default")

    assert [row.action for row in trail()] == ["INSERT"] * 3 + ["DELETE"] * 3


def test_truncate_does_not_escape():
    trade = account()
    Contact.objects.create(account=trade, name="x")
    execute("SET CONSTRAINTS ALL IMMEDIATE")

    execute("TRUNCATE customers_contact")

    last = trail("customers_contact")[-1]
    assert (last.action, last.row_id) == ("TRUNCATE", "*")


@pytest.mark.django_db(transaction=True)
def test_the_next_transaction_is_not_signed_by_the_last():
    Department.objects.create(code="D1", name="x")
    rename(name="y", by=MIKA)

    Department.objects.update(name="z")

    assert [row.actor for row in trail()][-2:] == ["staff:mika", "database:mamori"]


def test_a_use_case_without_an_actor_is_a_bug():
    with pytest.raises(AssertionError, match="needs an actor"):
        rename(name="x")  # type: ignore[call-arg]


FINAL = ["core_auditrow", "core_messagelog", "core_feedepoch", "core_feedcut"]


@pytest.fixture
def final_rows():
    Department.objects.create(code="D1", name="x")
    MessageLog.objects.create(
        direction="IN", kind="order", body={"a": 1}, outcome="DONE", recorded_at=datetime.now(UTC), actor="x"
    )
    assert FeedEpoch.objects.exists()
    execute("INSERT INTO core_feedcut (epoch, xid, cut_at) VALUES (1, '1', now())")
    execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.usefixtures("final_rows")
@pytest.mark.parametrize("table", FINAL)
@pytest.mark.parametrize("attempt", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_final_tables_refuse_change_also_by_plain_sql(table, attempt):
    execute("SET LOCAL mamori.allow_truncate = off")

    with pytest.raises(IntegrityError, match=f"of {table} is refused"), transaction.atomic():
        execute(attempt.format(table))
