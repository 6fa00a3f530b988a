"""What the order desk can do from the lists: one service each, and every refusal is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from tests.inventory.factories import sku, stock
from tests.orders.factories import kinds, line, order, placed, shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Any) -> Any:
    client.force_login(User.objects.create_superuser("hanako"))
    return client


def act(desk: Any, page: str, action: str, *rows: Any, **fields: Any) -> Any:
    """Run an action of a list on rows, as the form beside it does."""
    url = reverse(f"admin:orders_{page}_changelist")
    return desk.post(url, {"action": action, "_selected_action": [row.pk for row in rows], **fields}, follow=True)


def told(answer: Any) -> list[str]:
    return [message.level_tag for message in answer.context["messages"]]


def test_a_provisional_order_is_taken_as_final_with_who_and_why(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    record = placed(channel, order(line(shirt, 1), is_provisional=True))

    assert told(act(desk, "order", "make_final", record)) == ["error"]
    record.refresh_from_db()
    assert record.state == "NEW"

    assert told(act(desk, "order", "make_final", record, reason="電話で確認")) == ["success"]
    record.refresh_from_db()
    assert (record.state, kinds(record)) == ("READY", ["PLACED", "AMENDED", "STATE"])
    assert record.events.get(kind="AMENDED").actor == "staff:hanako"
