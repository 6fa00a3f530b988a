"""The menu: every page in one room, the rooms in the order of the day, and for each user only what may be opened."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from erp.back_office import rooms
from erp.core.admin import PageLink, ServiceAdmin
from erp.runtime.installation import PROJECT

pytestmark = pytest.mark.django_db


def user_with(*codenames: str) -> User:
    user = User.objects.create_user("-".join(codenames) or "nobody", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


def menu(rf, user: User, path: str = "/admin/") -> list[dict]:
    request = rf.get(path)
    request.user = user
    return rooms.navigation(request)


def test_every_list_stands_in_exactly_one_room():
    named = [entry for room in rooms.ROOMS for entry in room.entries if "." in entry] + list(rooms.FIRST)

    assert sorted(named) == sorted(model._meta.label_lower for model in admin.site._registry)


def test_the_rooms_come_in_the_order_of_the_day():
    assert [str(room.title) for room in rooms.ROOMS] == [
        "受注",
        "出荷",
        "在庫",
        "商品",
        "顧客",
        "請求・入金",
        "会計",
        "EC連携",
        "設定",
    ]


def test_every_entry_opens(client):
    client.force_login(User.objects.create_superuser("mika"))

    for room in rooms.ROOMS:
        for entry in room.entries:
            assert client.get(rooms.url_of(entry)).status_code == 200, entry


def test_a_user_sees_only_what_may_be_opened(rf):
    groups = menu(rf, user_with("view_stockbalance"))

    seen = [(str(group.get("title", "")), [item["title"] for item in group["items"]]) for group in groups]
    assert seen == [("", ["今日"]), ("在庫", ["在庫残高", "販売可能数", "過去時点の在庫"])]


def test_who_may_open_nothing_sees_the_first_page_only(rf, client):
    user = user_with()
    client.force_login(user)

    assert [item["link"] for group in menu(rf, user) for item in group["items"]] == ["/admin/"]
    assert "役割の設定を依頼してください" in client.get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("path", "room", "entry"),
    [
        ("/admin/orders/order/", "受注", "受注"),
        ("/admin/orders/order/7/change/", "受注", "受注"),
        ("/admin/orders/orderline/", "受注", "受注明細"),
        ("/admin/inventory/stockbalance/", "在庫", "在庫残高"),
        ("/admin/inventory/stockbalance/availability/", "在庫", "販売可能数"),
        ("/admin/inventory/stockbalance/receive/", "在庫", "在庫残高"),
        ("/admin/accounting/ledgeraccount/aging/", "請求・入金", "売掛金年齢表"),
        ("/admin/accounting/ledgeraccount/trial-balance/", "会計", "試算表"),
    ],
)
def test_the_menu_shows_where_one_is(rf, path, room, entry):
    groups = menu(rf, User.objects.create_superuser("mika"), path)

    assert [str(group["title"]) for group in groups if group.get("is_here")] == [room]
    [here] = [group for group in groups if group.get("is_here")]
    assert [item["title"] for item in here["items"] if item["active"]] == [entry]


def test_a_page_that_nobody_offers_is_a_fault():
    with pytest.raises(LookupError, match="no_such_page"):
        rooms._own_page("no_such_page")


def test_every_link_on_a_list_or_a_document_leads_to_a_page_and_asks_for_a_permission_that_exists(rf):
    request = rf.get("/")
    request.user = User.objects.create_superuser("mika")
    checked: list[PageLink] = []
    for page in admin.site._registry.values():
        assert isinstance(page, ServiceAdmin)
        for links, args in ((page.list_links, []), (page.object_links, [1])):
            for link in links:
                assert reverse(link.url_name, args=args)
                assert link.is_open(page, request) is True
                checked.append(link)
    assert len(checked) > 10


def test_the_manual_leads_to_pages_that_are_there():
    """Every **room › page** of the manual and the README."""
    known = {str(room.title): {rooms.title_of(entry) for entry in room.entries} for room in rooms.ROOMS}
    files = [PROJECT / "README.md", *(PROJECT / "docs" / "manual").rglob("*.md")]

    named = [
        pair
        for file in files
        for pair in re.findall(r"\*\*([^*›\n]+) › ([^*›\n]+)\*\*", file.read_text(encoding="utf-8"))
    ]

    assert len(named) > 40
    assert [f"{room} › {page}" for room, page in named if page not in known.get(room, set())] == []
