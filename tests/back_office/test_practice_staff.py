"""Somebody in every role to practise with: hired once, with its role, and the shop's own with a shop."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User

from ec_gateway.services.practice import bring_practice_goods, read_assortment
from erp.back_office.practice import hire_practice_staff
from erp.back_office.roles import ROLES
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.core.verify import verify
from erp.inventory.models import ShopStaff, StockBalance
from erp.inventory.services import open_location, sell_from

NOW = dt.datetime(2026, 11, 27, 3, 0, tzinfo=dt.UTC)
HOW = {"at": NOW, "by": Actor.command("practice")}
PASSWORDS = {role.login: f"secret-of-{role.login}" for role in ROLES}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def test_everybody_is_hired_once_with_one_role():
    hired = hire_practice_staff(passwords=PASSWORDS, **HOW)
    again = hire_practice_staff(passwords=dict.fromkeys(PASSWORDS, "other"), **HOW)

    assert [user.username for user in hired] == [role.login for role in ROLES]
    assert again == []
    for role in ROLES:
        user = authenticate(username=role.login, password=f"secret-of-{role.login}")
        assert [group.name for group in user.groups.all()] == [role.name]
        assert (user.is_staff, user.is_superuser) == (True, False)


def test_the_shop_begins_with_pieces_that_the_books_know():
    bring_practice_goods(articles=read_assortment(), site_ids=[], **HOW)

    hire_practice_staff(passwords=PASSWORDS, **HOW)

    [bound] = ShopStaff.objects.select_related("user", "location")
    assert (bound.user.username, bound.location.name) == ("tenpo", "練習店")
    assert set(StockBalance.objects.filter(location=bound.location).values_list("on_hand", flat=True)) == {3}
    assert [fault for check in verify() for fault in check.faults] == []


def test_a_company_with_shops_gets_no_other_one():
    channel = Channel.objects.create(code="SHOP-2", name="本町店", kind="SHOP")
    for code in ("SHOP-2", "SHOP-1"):
        place = open_location(code=code, name=code, kind="SHOP", **HOW)
        sell_from(channel_id=channel.pk, location_id=place, **HOW)

    hire_practice_staff(passwords=PASSWORDS, **HOW)

    assert ShopStaff.objects.get().location.code == "SHOP-1"
    assert list(Channel.objects.values_list("code", flat=True)) == ["SHOP-2"]


def test_without_goods_the_shop_is_empty():
    hire_practice_staff(passwords=PASSWORDS, **HOW)

    assert not StockBalance.objects.exists()
    assert User.objects.count() == len(ROLES)
