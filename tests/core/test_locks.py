"""Locks by name: one holder at a time, many names without deadlock, only inside a transaction."""

import pytest
from django.db import connection, transaction

from erp.core import locks
from tests.racing import race

NAMES = [f"thing:{number}" for number in range(20)]


@pytest.mark.django_db(transaction=True)
def test_a_lock_without_a_transaction_is_a_bug():
    with pytest.raises(AssertionError, match="needs a transaction"):
        locks.hold("order:1")


@pytest.mark.django_db
def test_no_names_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        locks.hold()
        locks.hold_all([])


@pytest.mark.django_db
def test_many_names_are_one_statement(django_assert_num_queries):
    with django_assert_num_queries(1):
        locks.hold_all(NAMES)


@pytest.mark.django_db(transaction=True)
def test_two_callers_that_take_the_same_names_in_two_orders_queue_up():
    def take(names: list[str]):
        def call() -> str:
            with transaction.atomic():
                locks.hold_all(names)
            return "done"

        return call

    outcomes = race(take(NAMES), take(NAMES[::-1]), take(NAMES[::2] + NAMES[1::2]), names=NAMES)

    assert outcomes == ["done"] * 3


@pytest.mark.django_db(transaction=True)
def test_what_two_callers_add_up_under_a_lock_is_not_lost():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO core_department (code, name) VALUES ('N', '0')")

    def count() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            locks.hold("counter")
            cursor.execute("SELECT name FROM core_department WHERE code = 'N'")
            [name] = cursor.fetchone()
            cursor.execute("UPDATE core_department SET name = %s WHERE code = 'N'", [str(int(name) + 1)])

    race(*[count] * 4, names=["counter"])

    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM core_department WHERE code = 'N'")
        assert cursor.fetchone() == ("4",)
