"""What we sent is forgotten after a while; what we were sent is kept for ever, whoever asks."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction

from erp.core import messages
from erp.core.actors import Actor
from erp.core.models import MessageLog

NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
ROBOT = Actor.job("test")


def keep(direction, days_ago):
    message = messages.Message("stock", "", 1, {"days": days_ago}, "", "DONE")
    messages.store([message], channel_id=None, at=NOON - dt.timedelta(days=days_ago), by=ROBOT, direction=direction)


@pytest.mark.django_db
def test_what_was_sent_long_ago_is_forgotten(settings):
    settings.SENT_MESSAGES_KEPT_DAYS = 14
    for days in (0, 13, 15, 16, 17):
        keep("OUT", days)
        keep("IN", days)

    assert messages.prune_sent(at=NOON, by=ROBOT, limit=2) == 3

    left = MessageLog.objects.order_by("pk").values_list("direction", "body__days")
    assert sorted(left) == [("IN", 0), ("IN", 13), ("IN", 15), ("IN", 16), ("IN", 17), ("OUT", 0), ("OUT", 13)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("direction", "says_so", "is_refused"), [("OUT", False, True), ("IN", True, True), ("OUT", True, False)]
)
def test_only_who_says_so_forgets_and_only_what_was_sent(direction, says_so, is_refused):
    keep(direction, 1)

    def forget():
        with transaction.atomic(), connection.cursor() as cursor:
            if says_so:
                cursor.execute("SET LOCAL mamori.prune = on")
            cursor.execute("DELETE FROM core_messagelog")

    if is_refused:
        with pytest.raises(IntegrityError, match="is refused"):
            forget()
    else:
        forget()
    assert MessageLog.objects.exists() is is_refused
