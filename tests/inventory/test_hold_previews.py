"""What extending or releasing many holds would do is seen before it is done, and nothing of the looking stays."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from erp.inventory import services
from erp.inventory.models import Hold
from erp.inventory.services import HoldDemand
from tests.inventory.factories import CLERK, channel, figures, location, sku, stock

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def listing():
    return reverse("admin:inventory_hold_changelist")


@pytest.fixture
def shelf():
    """Five shirts and who keeps some: two ran out, one runs."""
    place, shirt = location(), sku()
    stock(shirt, place, 5)
    site, now = channel(place), timezone.now()
    for ref, pieces, expires_at in (("first", 3, now - HOUR), ("second", 2, now - HOUR), ("running", 2, now + HOUR)):
        services.place_hold(
            channel_id=site.pk, ref=ref, lines=[HoldDemand(shirt.pk, pieces)], kind="KEEP", expires_at=expires_at,
            at=now - 2 * HOUR if ref != "running" else now, by=CLERK,
        )  # fmt: skip
    return site, place, shirt


def chosen(*refs):
    return {"_selected_action": list(Hold.objects.filter(ref__in=refs).order_by("pk").values_list("pk", flat=True))}


def rows(page):
    return [(row.hold.ref, row.now != row.then, bool(row.refusal)) for row in page.context["rows"]]


def sold(page):
    return [(row.now, row.then) for row in page.context["figures"]]


def test_who_comes_first_gets_the_pieces_again_and_who_gets_none_is_told(admin_client, listing, shelf):
    _site, place, shirt = shelf
    before = figures(shirt, place), list(Hold.objects.order_by("pk").values("expires_at", "closed_at"))

    page = admin_client.post(listing, {"action": "preview_extend_by_kind", **chosen("first", "second", "running")})

    # Three are free beside the running two: enough for the first, and no more.
    assert rows(page) == [("first", True, False), ("second", False, True), ("running", True, False)]
    assert sold(page) == [(3, 0)]
    assert (figures(shirt, place), list(Hold.objects.order_by("pk").values("expires_at", "closed_at"))) == before

    form = {"action": page.context["act"], "until": page.context["until"], **chosen("first")}
    admin_client.post(listing, form)
    assert Hold.objects.get(ref="first").expires_at > timezone.now()
    assert figures(shirt, place) == (5, 5)


def test_what_a_release_makes_free_is_told(admin_client, listing, shelf):
    site, place, shirt = shelf
    other = channel(place)

    page = admin_client.post(listing, {"action": "preview_release", **chosen("running")})

    assert rows(page) == [("running", True, False)]
    assert [(row.channel, row.now, row.then) for row in page.context["figures"]] == [
        (site.name, 3, 5),
        (other.name, 3, 5),
    ]
    assert Hold.objects.get(ref="running").closed_at is None
    assert f"{shirt.code} 2/2" in page.content.decode()


def test_an_extension_to_a_moment_asks_for_one(admin_client, listing, shelf):
    until = (timezone.localtime() + 3 * HOUR).strftime("%Y-%m-%dT%H:%M")

    unread = admin_client.post(listing, {"action": "preview_extend", "until": "", **chosen("running")}, follow=True)
    page = admin_client.post(listing, {"action": "preview_extend", "until": until, **chosen("running")})

    [told] = unread.context["messages"]
    assert (told.level_tag, str(told).startswith("有効期限:")) == ("error", True)
    assert (rows(page), page.context["act"], page.context["until"]) == ([("running", True, False)], "extend", until)
