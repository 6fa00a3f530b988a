"""Somebody in every role to practise with: hired once, with its role, and the shop's own with a shop."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.urls import reverse

from ec_gateway.services.practice import bring_practice_goods, read_assortment
from erp.back_office.practice import FILTERS, bring_practice_file, hire_practice_staff
from erp.back_office.roles import ROLES
from erp.core.actors import Actor
from erp.core.models import Channel, SavedFilter
from erp.core.verify import verify
from erp.imports.models import ImportRun
from erp.inventory.models import Shelf, ShopStaff, StockBalance
from erp.inventory.services import open_location, sell_from, set_shelves
from tests.inventory.factories import sku

NOW = dt.datetime(2026, 11, 27, 3, 0, tzinfo=dt.UTC)
HOW = {"at": NOW, "by": Actor.command("practice")}
PASSWORDS = {role.login: f"secret-of-{role.login}" for role in ROLES}

pytestmark = pytest.mark.django_db


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


def test_desks_begin_with_their_filters_once(client):
    hire_practice_staff(passwords=PASSWORDS, **HOW)
    hire_practice_staff(passwords=PASSWORDS, **HOW)

    assert SavedFilter.objects.count() == len(FILTERS)
    for login, label, name, _conditions in FILTERS:
        client.force_login(User.objects.get(username=login))
        page = client.get(reverse(f"admin:{label.replace('.', '_')}_changelist"))
        assert name in page.content.decode()
        saved = SavedFilter.objects.get(name=name)
        assert client.get(page.request["PATH_INFO"], dict(saved.parameters)).status_code == 200


def test_the_warehouse_begins_with_one_file_written_and_one_that_waits():
    hire_practice_staff(passwords=PASSWORDS, **HOW)
    place = open_location(code="WH", name="倉庫", **HOW)
    shelves = {sku().pk: f"A-{number:02}-1" for number in range(30)}
    set_shelves(location_id=place, shelves=shelves, **HOW)

    bring_practice_file(clock=lambda: NOW)
    bring_practice_file(clock=lambda: NOW)

    done, waiting = ImportRun.objects.order_by("pk")
    assert (done.state, waiting.state) == (ImportRun.State.APPLIED, ImportRun.State.CHECKED)
    assert waiting.rows.filter(outcome="REFUSED").count() == 1
    assert set(Shelf.objects.values_list("code", flat=True)) > {"Z-01-1", "A-01-1"}
