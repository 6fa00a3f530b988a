"""Somebody in every role of a company to practise with, and a shop for those who work in one where the company has none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.contrib.auth.models import Group, User

from catalog.models import SkuCost
from erp.access.services import set_practice
from erp.back_office.roles import ROLES
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.models import Channel
from erp.core.use_case import use_case
from erp.inventory.selectors import shop_location_ids
from erp.inventory.services import ReceiptLine, assign_staff, open_location, receive, sell_from

SHOP, SHOP_NAME, SHOP_ROLE = "PRACTICE-SHOP", "練習店", "店舗"
PIECES_PER_SKU, MOST_SKUS = 3, 12


@use_case
def hire_practice_staff(*, passwords: Mapping[str, str], at: dt.datetime, by: Actor) -> list[User]:
    """A user per role, with the password under its log-in name; whoever is there already stays as is. Returns the new ones.

    A shop made for it begins with a few pieces of what the company sells, so that its lists are not empty.
    """
    hired = []
    for role in ROLES:
        if not User.objects.filter(username=role.login).exists():
            user = User.objects.create_user(
                role.login, password=passwords[role.login], is_staff=True, last_name=role.name
            )
            user.groups.add(Group.objects.get(name=role.name))
            set_practice(user_id=user.pk, at=at, by=by)
            if role.name == SHOP_ROLE:
                shop = next(iter(shop_location_ids()), None) or _open_shop(at=at, by=by)
                assign_staff(user_id=user.pk, location_id=shop, at=at, by=by)
            hired.append(user)
    return hired


def _open_shop(*, at: dt.datetime, by: Actor) -> int:
    channel, _is_new = Channel.objects.get_or_create(code=SHOP, defaults={"name": SHOP_NAME, "kind": Channel.Kind.SHOP})
    place = open_location(code=SHOP, name=SHOP_NAME, kind="SHOP", at=at, by=by)
    sell_from(channel_id=channel.pk, location_id=place, at=at, by=by)
    today = business_date(at)
    costs = SkuCost.objects.filter(valid_from__lte=today).order_by("sku_id", "-valid_from").distinct("sku_id")
    lines = [
        ReceiptLine(number, cost.sku_id, PIECES_PER_SKU, cost.cost) for number, cost in enumerate(costs[:MOST_SKUS], 1)
    ]
    if lines:
        receive(external_id=SHOP, location_id=place, lines=lines, note=SHOP_NAME, occurred_at=at, at=at, by=by)
    return place
