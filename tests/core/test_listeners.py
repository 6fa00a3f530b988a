"""Who listens to the feed is told after the commit, rarely, and can harm nobody."""

from __future__ import annotations

import pytest
from django.db import transaction

from erp.core import changes


@pytest.fixture
def told(monkeypatch):
    calls = []
    monkeypatch.setattr(changes, "_listeners", [lambda: calls.append("told")])
    monkeypatch.setattr(changes, "_told_at", float("-inf"))
    return calls


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("erp.core.changes.time.monotonic", lambda: now[0])
    return now


@pytest.mark.django_db(transaction=True)
def test_listeners_are_told_after_the_commit_once(told):
    with transaction.atomic():
        changes.record(topic="stock", keys=[1])
        changes.record(topic="stock", keys=[2])
        assert told == []

    assert told == ["told"]


@pytest.mark.django_db(transaction=True)
def test_what_was_taken_back_is_told_to_nobody(told):
    with transaction.atomic():
        changes.record(topic="stock", keys=[1])
        transaction.set_rollback(True)

    assert told == []


@pytest.mark.django_db(transaction=True)
def test_of_many_commits_some_are_told(told, clock):
    for moment in (100.0, 100.1, 100.25, 100.5, 100.75, 101.5):
        clock[0] = moment
        changes.record(topic="stock", keys=[1])

    assert len(told) == 3


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_fails_harms_nobody(told, monkeypatch):
    def fail():
        raise RuntimeError("broken listener")

    monkeypatch.setattr(changes, "_listeners", [fail])
    with transaction.atomic():
        changes.record(topic="stock", keys=[1])
        before = changes.current_cursor()

    assert changes.read(changes.Cursor(before.epoch, 0))[0][-1].topic == "stock"
