"""What operators see of publishing, and the acts they have."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from ec_gateway.models import ShipmentNotice, SitePush, SiteState
from ec_gateway.services import breakers, wakes
from erp.core import documents
from erp.core.models import StaffTask
from tests.ec_gateway.factories import NOON, ROBOT, after, listed, shop
from tests.inventory.factories import sku as new_sku

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    sent: list[object] = []
    monkeypatch.setattr(wakes, "_sender", type("Recorder", (), {"send": staticmethod(sent.append)}))
    return sent


def act(client, model, action, *keys):
    url = reverse(f"admin:ec_gateway_{model}_changelist")
    answer = client.post(url, {"action": action, "_selected_action": keys}, follow=True)
    return [str(message) for message in answer.context["messages"]]


def queues(client):
    tiles = client.get(reverse("admin:index")).context["home"].tiles
    return {title: (tile.text, tile.url) for title, tile in tiles.items()}


def test_a_site_is_paused_and_resumed_in_japanese(staff):
    site, _place = shop()

    assert act(staff, "sitestate", "pause", site.pk) == ["1サイトの連携を一時停止しました。"]
    assert SiteState.objects.get(site=site).is_paused_by_staff
    page = staff.get(reverse("admin:ec_gateway_sitestate_changelist")).content.decode()
    assert "担当者が停止中" in page
    assert act(staff, "sitestate", "resume", site.pk) == ["1サイトの連携を再開しました。"]
    assert not SiteState.objects.get(site=site).is_paused_by_staff
    assert act(staff, "sitestate", "resume", site.pk) == ["0サイトの連携を再開しました。"]


def test_who_may_only_look_has_no_acts(client):
    site, _place = shop()
    user = User.objects.create_user("look", is_staff=True)
    from django.contrib.auth.models import Permission

    user.user_permissions.set(
        Permission.objects.filter(codename__startswith="view_", content_type__app_label="ec_gateway")
    )
    client.force_login(user)

    act(client, "sitestate", "pause", site.pk)

    assert not SiteState.objects.get(site=site).is_paused_by_staff


def test_figures_are_sent_again(staff, woken, django_capture_on_commit_callbacks):
    site, _place = shop()
    goods = new_sku()
    listed(site, goods)
    row = SitePush.objects.create(site=site, sku=goods, shown=3, error="HTTP 422", attempts=0)

    with django_capture_on_commit_callbacks(execute=True):
        told = act(staff, "sitepush", "send_again", row.pk)

    assert told == ["1件を再送します。"]
    row.refresh_from_db()
    assert (row.is_forced, row.dirty_since is not None) == (True, True)
    assert woken == [wakes.WakeUp("ec_gateway.publish_site", site.pk)]


def test_a_shipment_is_told_again(staff):
    site, _place = shop()
    notice = ShipmentNotice.objects.create(
        site=site, number="S-1", order_external_id="A-1", created_at=NOON, attempts=1, error="HTTP 400"
    )

    assert act(staff, "shipmentnotice", "send_again", notice.pk) == ["1件を再送します。"]
    notice.refresh_from_db()
    assert (notice.due_at is not None, notice.attempts, notice.error) == (True, 0, "")


def test_troubles_are_on_the_first_page_with_the_way_to_them(staff):
    site, _place = shop()
    goods = [new_sku() for _each in range(4)]
    fields = [
        {"error": "HTTP 422"},
        {"error": "HTTP 500", "attempts": 3, "dirty_since": NOON, "due_at": after(9)},
        {"error": "HTTP 500", "attempts": 1, "dirty_since": NOON, "due_at": after(9)},
        {},
    ]
    for each, given in zip(goods, fields, strict=True):
        SitePush.objects.create(site=site, sku=each, **given)
    for number, due_at in (("S-1", None), ("S-2", NOON)):
        ShipmentNotice.objects.create(
            site=site, number=number, order_external_id="A", created_at=NOON, error="x", due_at=due_at, attempts=1
        )
    breakers.pause(site_id=site.pk, at=NOON, by=ROBOT)

    found = queues(staff)

    assert found["連携が止まっているサイト"][0] == "1"
    text, url = found["サイトが受け付けない在庫"]
    assert (text, len(staff.get(url).context["cl"].result_list)) == ("2", 2)
    text, url = found["サイトが受け付けない出荷通知"]
    assert (text, len(staff.get(url).context["cl"].result_list)) == ("1", 1)
    [task] = StaffTask.objects.filter(kind="SITE_PAUSED")
    page = reverse("admin:ec_gateway_sitestate_change", args=[site.pk])
    assert documents.url_of(task.subject_type, task.subject_id) == page
    assert staff.get(page).status_code == 200


def test_lists_open_full_and_filtered(staff):
    site, _place = shop()
    goods = new_sku()
    SitePush.objects.create(site=site, sku=goods, shown=3, edited_quantity=9, edited_at=NOON)

    for model, query in (
        ("sitepush", "waiting=1"),
        ("sitepush", "waiting=edited"),
        ("sitepush", f"q={goods.code}"),
        ("siteactivity", "activity__exact=PUBLISH"),
        ("sitestate", "trouble=1"),
        ("shipmentnotice", "trouble=1"),
    ):
        assert staff.get(reverse(f"admin:ec_gateway_{model}_changelist") + f"?{query}").status_code == 200
