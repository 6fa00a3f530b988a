"""Filters of lists are saved under a name, shared with a role, opened with one click or by default, and say so when they do not fit any more."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.messages import get_messages
from django.http import QueryDict

from erp.core.models import DefaultFilter, SavedFilter

pytestmark = pytest.mark.django_db
ORDERS, LIST = "orders.order", "/admin/orders/order/"


def log_in(client, name: str, *roles: str) -> User:
    user = User.objects.filter(username=name).first() or User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=roles))
    client.force_login(user)
    return user


def send(client, **form):
    return client.post("/admin/filters/", {"page": ORDERS, **form})


def save(client, name: str, query: str, **form) -> SavedFilter:
    send(client, act="save", name=name, query=query, **form)
    return SavedFilter.objects.get(name=name)


def chips(client, path: str = LIST, query: str = "_all=1") -> dict[str, Any]:
    return {chip.name: chip for chip in client.get(f"{path}?{query}").context["saved_filters"]}


def told(answer) -> str:
    return " ".join(map(str, get_messages(answer.wsgi_request)))


def test_what_is_asked_now_is_one_click_away_later(client):
    log_in(client, "aoi", "受注担当")

    answer = send(client, act="save", name="  保留 の受注 ", query="state__exact=ON_HOLD&q=高橋&o=-5.1&p=3&_all=1")

    saved = SavedFilter.objects.get()
    assert (saved.name, saved.parameters, saved.order) == (
        "保留 の受注",
        [["state__exact", "ON_HOLD"], ["q", "高橋"]],
        ["-order_date", "number"],
    )
    assert "保留 の受注" in told(answer)
    chip = chips(client)["保留 の受注"]
    page = client.get(f"{LIST}{chip.url}")
    assert page.status_code == 200
    assert page.context["cl"].query == "高橋"
    assert page.context["cl"].get_ordering_field_columns() == {5: "desc", 1: "asc"}
    assert [chip.is_active for chip in page.context["saved_filters"]] == [True]
    assert ">保留 の受注" in page.content.decode()


def test_an_order_is_kept_by_the_name_of_its_column(client):
    """Whoever sees fewer columns sorts by the same one; where it is missing, the rest still holds."""
    log_in(client, "aoi", "受注担当")
    role = Group.objects.get(name="倉庫")
    saved = save(client, "新しい順", "state__exact=READY&o=-9")
    by_total = save(client, "高い順", "state__exact=READY&o=-7")
    SavedFilter.objects.update(role=role)
    log_in(client, "soko", "倉庫")

    found = chips(client)

    assert (saved.order, by_total.order) == (["-recorded_at"], ["-total is-figure"])
    assert QueryDict(found["新しい順"].url[1:])["o"] == "-7"
    assert "o" not in QueryDict(found["高い順"].url[1:])
    assert client.get(f"{LIST}{found['高い順'].url}").status_code == 200


def test_a_filter_is_shared_with_the_own_role(client):
    log_in(client, "aoi", "受注担当")
    desk, books = Group.objects.get(name="受注担当"), Group.objects.get(name="経理")
    save(client, "みんな", "state__exact=READY", role=str(desk.pk))
    save(client, "自分", "state__exact=NEW")

    refused = send(client, act="save", name="よその", query="state__exact=NEW", role=str(books.pk))

    assert "自分の役割" in told(refused)
    assert not SavedFilter.objects.filter(name="よその").exists()
    log_in(client, "mika", "受注担当")
    assert {name: (chip.shared_with, chip.is_own) for name, chip in chips(client).items()} == {
        "みんな": ("受注担当", False)
    }
    log_in(client, "ken", "経理")
    assert chips(client) == {}


def test_only_the_owner_deletes(client):
    log_in(client, "aoi", "受注担当")
    desk = Group.objects.get(name="受注担当")
    saved = save(client, "みんな", "state__exact=READY", role=str(desk.pk))
    log_in(client, "mika", "受注担当")
    assert send(client, choice=f"delete:{saved.pk}").status_code == 403
    log_in(client, "ken", "経理")
    assert send(client, choice=f"delete:{saved.pk}").status_code == 404

    log_in(client, "aoi", "受注担当")
    send(client, choice=f"delete:{saved.pk}")

    assert not SavedFilter.objects.exists()


def test_a_list_opens_with_the_default_of_its_user(client):
    log_in(client, "aoi", "受注担当")
    desk = Group.objects.get(name="受注担当")
    saved = save(client, "みんな", "state__exact=READY", role=str(desk.pk))
    log_in(client, "mika", "受注担当")

    send(client, choice=f"default:{saved.pk}")

    opened = client.get(LIST)
    assert opened.status_code == 302
    assert QueryDict(urlsplit(opened.headers["Location"]).query)["state__exact"] == "READY"
    assert client.get(LIST, {"_all": "1"}).status_code == 200
    assert client.get(LIST, {"state__exact": "NEW"}).status_code == 200
    send(client, choice=f"plain:{saved.pk}")
    assert client.get(LIST).status_code == 200
    assert not DefaultFilter.objects.exists()


def test_saving_under_the_same_name_replaces_and_may_be_the_default(client):
    log_in(client, "aoi", "受注担当")
    save(client, "今日", "state__exact=NEW")

    save(client, "今日", "state__exact=READY", default="1")

    assert SavedFilter.objects.get().parameters == [["state__exact", "READY"]]
    assert client.get(LIST).status_code == 302


@pytest.mark.parametrize(
    ("name", "query", "why"),
    [
        ("", "q=x", "名前"),
        ("x" * 41, "q=x", "名前"),
        ("すべて", "", "絞り込み"),
        ("すべて", "p=2&_all=1", "絞り込み"),
        ("", "", "絞り込み"),
    ],
)
def test_what_cannot_be_saved_says_why(client, name, query, why):
    log_in(client, "aoi", "受注担当")

    assert why in told(send(client, act="save", name=name, query=query))
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize(
    "parameters", [[["gone_field__exact", "1"]], [["state__no_such_lookup", "1"]], [["order_date__gte", "昨日"]]]
)
def test_a_filter_that_does_not_fit_any_more_says_so_and_the_list_opens(client, parameters):
    user = log_in(client, "aoi", "受注担当")
    saved = SavedFilter.objects.create(page=ORDERS, name="昔の条件", owner=user, parameters=parameters)
    DefaultFilter.objects.create(user=user, page=ORDERS, filter=saved)

    opened = client.get(LIST, follow=True)

    assert opened.status_code == 200
    assert "昔の条件" in " ".join(map(str, opened.context["messages"]))
    assert chips(client)["昔の条件"].is_own


def test_nobody_saves_for_a_list_that_is_not_open_to_them(client):
    log_in(client, "tenpo", "店舗")

    assert (
        client.post(
            "/admin/filters/", {"page": "accounting.journalentry", "act": "save", "name": "x", "query": "q=x"}
        ).status_code
        == 403
    )
    assert (
        client.post("/admin/filters/", {"page": "no.such", "act": "save", "name": "x", "query": "q=x"}).status_code
        == 403
    )
    assert client.get("/admin/filters/").status_code == 405
    assert send(client, choice="default:99999").status_code == 404
    assert send(client, choice="delete:x").status_code == 404
