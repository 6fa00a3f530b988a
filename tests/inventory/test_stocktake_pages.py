"""The pages of a stocktake: opened, counted blind by scan and by file, compared, approved by another, and within one's own places only."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from catalog.models import SkuCode
from erp.inventory.models import ShopStaff, StockCount, StockCountEntry
from tests.inventory.factories import figures, location, sku, stock

pytestmark = pytest.mark.django_db


def staff(client, login, role, *places):
    user = User.objects.create_user(login, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    for place in places:
        ShopStaff.objects.create(user=user, location=place)
    client.force_login(user)
    return user


def open_count(client, place):
    typed = {"external_id": "T-1", "locations": [place.pk], "scope": "WHOLE", "starts": "on"}
    answer = client.post(reverse("admin:inventory_stocktake_open"), typed)
    assert answer.status_code == 302, answer.context["form"].errors
    return StockCount.objects.get()


def scan(client, count, *entries):
    rows = [
        {"key": key, "code": code, "quantity": pieces, "way": "SCAN", "recount": False, "age_ms": 0}
        for key, code, pieces in entries
    ]
    return client.post(
        reverse("admin:inventory_counting"),
        json.dumps({"count": count.pk, "sheet": "A", "entries": rows}),
        content_type="application/json",
    ).json()


def act(client, count, name, **typed):
    client.post(reverse("admin:inventory_stockcount_change", args=[count.pk]), {"act": name, **typed})
    count.refresh_from_db()
    return count.state


def test_a_shop_counts_and_the_office_approves(client):
    shop, other, shirt = location("SHOP", count_value_limit=0), location("SHOP"), sku()
    SkuCode.objects.create(sku=shirt, code="4901234567894", kind="GTIN13", valid_from=timezone.localdate())
    stock(shirt, shop, 5, at=timezone.now())
    stock(shirt, other, 5, at=timezone.now())
    staff(client, "tencho", "店舗", shop)
    count = open_count(client, shop)

    told = scan(client, count, ("k1", "4901234567894", 3), ("k2", "999", 1), ("k3", shirt.code, 1))
    again = scan(client, count, ("k1", "4901234567894", 3))
    sheet = client.get(reverse("admin:inventory_counting"), {"count": count.pk, "sheet": "A"}).content.decode()
    blind = client.get(reverse("admin:inventory_stocktake_file", args=[count.pk]))

    assert [result.get("total") for result in told["results"]] == [4, None, 4]
    assert told["results"][1]["told"] == "登録のないコードです: 999"
    assert again["results"][0]["total"] == 4
    assert "帳簿数" not in sheet
    assert b"".join(blind.streaming_content).decode("cp932").splitlines()[1].split(",")[1:3] == [
        shirt.code, "4901234567894",
    ]  # fmt: skip
    assert act(client, count, "close", uncounted="LEAVE") == "REVIEW"
    page = client.get(reverse("admin:inventory_stockcount_change", args=[count.pk])).content.decode()
    assert "差異金額" not in page
    assert act(client, count, "request") == "APPROVAL"
    assert act(client, count, "approve") == "APPROVAL"

    staff(client, "keiri1", "経理")
    waiting = client.get(reverse("admin:inventory_stockcount_changelist"), {"state__exact": "APPROVAL"})
    assert "T-1" in waiting.content.decode()
    assert act(client, count, "approve") == "POSTED"
    assert (figures(shirt, shop), count.approved_by) == ((4, 0), "staff:keiri1")


def test_another_shop_neither_sees_nor_counts_nor_opens(client):
    shop, other, shirt = location("SHOP"), location("SHOP"), sku()
    stock(shirt, shop, 5, at=timezone.now())
    staff(client, "tencho", "店舗", shop)
    count = open_count(client, shop)

    staff(client, "tonari", "店舗", other)
    page = client.get(reverse("admin:inventory_stockcount_change", args=[count.pk]))
    opening = client.get(reverse("admin:inventory_stocktake_open"))
    told = scan(client, count, ("k1", shirt.code, 1))

    assert page.status_code == 404
    assert [place.pk for place in opening.context["form"].fields["locations"].queryset] == [other.pk]
    assert told == {"refused": "この棚卸は計数中ではありません。"}
    assert not StockCountEntry.objects.exists()


def upload(client, count, content, name="count.csv"):
    now = timezone.localtime()
    return client.post(
        reverse("admin:inventory_stockcount_change", args=[count.pk]),
        {
            "upload": "1", "sheet": "HT-1", "counted_at_0": f"{now:%Y-%m-%d}", "counted_at_1": f"{now:%H:%M:%S}",
            "file": SimpleUploadedFile(name, content),
        },
    )  # fmt: skip


def test_a_file_of_a_terminal_is_taken_in_once_and_refused_whole(admin_client):
    shop, shirt, hat = location("SHOP"), sku(), sku()
    for item in (shirt, hat):
        stock(item, shop, 5, at=timezone.now())
    count = open_count(admin_client, shop)

    bare = f"{shirt.code},4\r\n{hat.code},6\r\n".encode()
    answers = [upload(admin_client, count, bare).status_code for _again in range(2)]
    titled = f"棚番,SKU,JAN,名称,実棚数\r\nA,{shirt.code},,シャツ,２\r\nA,{hat.code},,帽子,\r\n".encode("cp932")
    upload(admin_client, count, titled)
    refused = upload(admin_client, count, f"SKU,数量\r\nNOPE,1\r\n{shirt.code},x\r\n".encode("cp932"))

    assert answers == [302, 302]
    assert list(StockCountEntry.objects.order_by("id").values_list("sku", "quantity", "way")) == [
        (shirt.pk, 4, "FILE"),
        (hat.pk, 6, "FILE"),
        (shirt.pk, 2, "FILE"),
    ]
    told = " ".join(str(message) for message in refused.context["messages"])
    assert [part in told for part in ("NOPE", "2行目", "3行目")] == [True, True, True]


def test_a_scan_without_scripts_is_a_plain_form(admin_client):
    shop, shirt = location("SHOP"), sku()
    stock(shirt, shop, 5, at=timezone.now())
    count = open_count(admin_client, shop)
    typed = {"count": count.pk, "sheet": "A", "key": "k1", "code": shirt.code, "pieces": "2"}

    pages = [admin_client.post(reverse("admin:inventory_counting"), typed) for _again in range(2)]
    unknown = admin_client.post(reverse("admin:inventory_counting"), {**typed, "key": "k2", "code": "?"})

    assert [page.context["rows"][0]["total"] for page in pages] == [2, 2]
    assert unknown.context["told_kind"] == "bad"


def send(client, count, *entries):
    """As the page sends what a tablet kept."""
    kept = [{"way": "SCAN", "recount": False, "age_ms": 1000, **entry} for entry in entries]
    asked = json.dumps({"count": count.pk, "sheet": "A", "entries": kept})
    return client.post(reverse("admin:inventory_counting"), asked, content_type="application/json").json()


def test_good_scans_are_taken_beside_bad_ones_and_each_bad_one_says_why(admin_client):
    shop, shirt = location("SHOP"), sku()
    stock(shirt, shop, 5, at=timezone.now())
    count = open_count(admin_client, shop)
    good = [{"key": f"g{number}", "code": shirt.code, "quantity": 1} for number in range(3)]
    bad = [
        {"key": "b1", "code": shirt.code, "quantity": -5},
        {"key": "b2", "code": shirt.code, "quantity": -1, "recount": True},
        {"key": "b3", "code": "NOPE", "quantity": 2},
    ]

    told = [send(admin_client, count, *good, *bad)["results"] for _again in range(2)]

    assert told[0] == told[1]
    assert [(row["key"], row.get("total"), row.get("told")) for row in told[0]] == [
        ("g0", 3, None),
        ("g1", 3, None),
        ("g2", 3, None),
        ("b1", None, "この棚卸票の数量より多くは減らせません。"),
        ("b2", None, "数量にマイナスは入れられません。"),
        ("b3", None, "登録のないコードです: NOPE"),
    ]
    assert list(StockCountEntry.objects.order_by("key").values_list("key", "quantity")) == [
        ("g0", 1),
        ("g1", 1),
        ("g2", 1),
    ]


def test_what_comes_after_counting_has_ended_is_named_and_taken_once_it_is_reopened(admin_client):
    shop, shirt = location("SHOP"), sku()
    stock(shirt, shop, 5, at=timezone.now())
    count = open_count(admin_client, shop)
    send(admin_client, count, {"key": "k0", "code": shirt.code, "quantity": 2})
    kept = [{"key": f"k{number}", "code": shirt.code, "quantity": 1} for number in range(3)]
    kept[0]["quantity"] = 2

    act(admin_client, count, "close", uncounted="LEAVE")
    ended = send(admin_client, count, *kept)["results"]
    act(admin_client, count, "reopen")
    reopened = send(admin_client, count, *kept)["results"]

    # The first one had been taken before: its answer was lost, and it is no refusal.
    assert ["told" in row for row in ended] == [False, True, True]
    assert ended[1]["told"].startswith("計数は終わっています。")
    assert [row["total"] for row in reopened] == [4, 4, 4]


def test_a_list_that_is_closed_for_good_says_whom_to_ask(admin_client):
    shop, shirt = location("SHOP"), sku()
    stock(shirt, shop, 5, at=timezone.now())
    count = open_count(admin_client, shop)
    send(admin_client, count, {"key": "k0", "code": shirt.code, "quantity": 5})
    act(admin_client, count, "close", uncounted="LEAVE")
    assert act(admin_client, count, "request") == "POSTED"

    late = send(
        admin_client,
        count,
        {"key": "k0", "code": shirt.code, "quantity": 5},
        {"key": "k1", "code": shirt.code, "quantity": 1},
    )["results"]

    assert late[0]["total"] == 5
    assert "棚卸の責任者" in late[1]["told"]
    assert StockCountEntry.objects.count() == 1


def test_sheet_and_choice_have_a_place_for_what_was_not_taken(admin_client):
    shop, shirt = location("SHOP"), sku()
    stock(shirt, shop, 5, at=timezone.now())
    count = open_count(admin_client, shop)

    sheet = admin_client.get(reverse("admin:inventory_counting"), {"count": count.pk, "sheet": "A"}).content.decode()
    act(admin_client, count, "cancel")
    choice = admin_client.get(reverse("admin:inventory_counting")).content.decode()

    for page in (sheet, choice):
        assert "受け付けられなかった計数" in page
        assert "data-kept" in page
        assert page.count("csrfmiddlewaretoken") > 0
