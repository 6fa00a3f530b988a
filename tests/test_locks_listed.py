"""Every lock of stock and orders is listed with what it keeps and the race that fails without it (docs/guards/locks.md)."""

from __future__ import annotations

import pytest

from tests import unlocked


@pytest.mark.django_db
def test_each_lock_has_a_race_that_fails_without_it():
    places, raced = unlocked.places(), unlocked.marked()
    assert {"inventory.balances._LOCK", "orders.receipts.issue_receipt[rows]"} <= places

    assert raced.keys() - places == set(), "these races are about locks that are not there any more"
    assert places - raced.keys() == set(), "write a race that fails without it: @fails_without(place)"


@pytest.mark.django_db
def test_the_document_lists_each_lock_with_its_race():
    told = unlocked.LOCKS.rows()
    pairs = {(row.place, row.test.strip("`")) for row in told}

    named = {(place, test) for place, tests in unlocked.marked().items() for test in tests}
    assert pairs == named, "docs/guards/locks.md is behind; run the races with WRITE_GUARDS=1 -m fails_without"
    assert [row.place for row in told if not row.words or not row.output] == []


@pytest.mark.django_db
def test_each_addition_in_sql_has_a_race_that_loses_what_is_computed_before():
    additions, raced = unlocked.additions(), unlocked.added()
    assert "inventory.movements._UPDATE_BALANCES" in additions

    assert raced.keys() - additions == set()
    assert additions - raced.keys() == set(), "write a race: @adds_up_without(lock, place)"
    pairs = {(row.place, row.test.strip("`")) for row in unlocked.ADDITIONS.rows()}
    assert pairs == {(place, test) for place, tests in raced.items() for test in tests}
