"""What the tests of 受注伝票 and of its acts share: who sits before it, what is pressed there, and what is shown of it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User
from django.urls import reverse

from erp.orders.models import Order


def of_role(client: Any, role: str) -> Any:
    user = User.objects.create_user(f"of-{role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


def press(client: Any, record: Order, page: str, action: str, key: int, **fields: Any) -> Any:
    """What a form of the page leads to."""
    url = reverse("admin:orders_order_act", args=[record.pk])
    return client.post(url, {"page": page, "action": action, "key": key, **fields}, follow=True)


def changes(answer: Any) -> dict[str, tuple[str, str]]:
    return {label: (now, then) for label, now, then in answer.context["found"].changes}
