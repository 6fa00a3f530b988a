"""送り状番号 in: every row is judged, only good ones are taken, and the same file again changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from erp.core.errors import InvalidInput
from erp.orders.exceptions import NotShippable
from erp.orders.models import Delivery, Shipment
from erp.orders.services import (
    ShipRequest,
    TrackingRow,
    Verdict,
    cancel_order,
    judge,
    read_tracking_file,
    set_tracking,
    ship,
    take_tracking,
)
from erp.orders.services.tracking_numbers import fault_of_number, has_seven_check
from tests.inventory.factories import sku, statements, stock
from tests.orders.factories import DESK, NOON, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db
GOOD, OTHER, CHECKED = "123456789013", "491234567890", "999999999994"


@pytest.fixture
def parcels() -> tuple[Any, Any]:
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 4)
    [waiting] = released(placed(channel, order(line(shirt, 1), external_id="A-1")))
    [gone] = shipped(placed(channel, order(line(shirt, 1), external_id="A-2")))
    return waiting, gone


def test_seven_checks():
    assert has_seven_check(GOOD)
    assert not has_seven_check("123456789012")


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("EG123456789JP", "japanpost"), ("EG123456789JP", "ゆうパック"), ("12345678901", "日本郵便"), ("1Z999AA10123456784", "UPS"),
        ("1Z999AA10123456784", ""), ("AB-1234", "DHL"), ("1234", "赤帽"), ("1" * 40, "FedEx"), ("1234567890", "西濃運輸"), (GOOD, "ヤマト運輸"),
    ],
)  # fmt: skip
def test_numbers_with_letters_are_for_who_has_them(number, carrier):
    assert fault_of_number(number, carrier) == ""


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("EG123456789JP", "ヤマト運輸"), ("EG123456789JP", "西濃"), ("EG12345678JP", "japanpost"), ("eg123456789jp", "japanpost"),
        ("1Z999AA10123456784", "japanpost"), ("1234567890", "japanpost"), ("123", "UPS"), ("1" * 41, "UPS"), ("ABCDEF", "UPS"),
        ("1Z_999", "UPS"), ("ア1234", "UPS"), ("123456789012", "佐川"),
    ],
)  # fmt: skip
def test_numbers_that_a_carrier_does_not_have_are_refused(number, carrier):
    assert number in fault_of_number(number, carrier)


def test_a_parcel_leaves_with_a_number_of_a_carrier_abroad(parcels):
    waiting, gone = parcels
    request = ShipRequest(waiting.pk, carrier="UPS", tracking_number="1Z 999 AA1 01 2345 6784")

    ship(requests=[request], at=NOON, by=DESK)
    set_tracking(shipment_id=gone.pk, carrier="japanpost", tracking_number="EG 123 456 789 JP", at=NOON, by=DESK)

    assert set(Shipment.objects.values_list("carrier", "tracking_number")) == {
        ("UPS", "1Z999AA10123456784"), ("japanpost", "EG123456789JP"),
    }  # fmt: skip


def test_rows_are_judged_with_their_reasons(parcels):
    waiting, gone = parcels
    text = "\r\n".join(
        ["お客様管理番号,送り状種類,クール区分,伝票番号", f"{waiting.number},0,0,1234-5678-9013", "SH-99999999,0,0,491234567890",
         f"{gone.number},0,0,123456789012", f"{gone.number},0,0,12ab", "x", f"{gone.number},0,0,{GOOD}"]
    )  # fmt: skip

    judged = judge(read_tracking_file(text.encode("cp932")))

    assert [each.verdict for each in judged] == [Verdict.TAKE, *[Verdict.REFUSED] * 5]
    assert (judged[0].row.tracking_number, judged[0].row.carrier, judged[0].row.line) == (GOOD, "yamato", 2)
    told = [each.why for each in judged[1:]]
    for why, expected in zip(told, ["SH-99999999", "チェックデジット", "数字だけ", "1列", "2行目"], strict=True):
        assert expected in why


def test_files_of_each_carrier_are_known_by_their_names(parcels):
    waiting, _gone = parcels
    sagawa = f"お客様管理番号,お問い合せ送り状No.\n{waiting.number},{GOOD}\n"
    post = f"お客様側管理番号,お問い合わせ番号\n{waiting.number},{GOOD}\n"
    plain = f"出荷番号,送り状番号,運送会社\n{waiting.number},{GOOD},ヤマト運輸\n"
    by_order = f"受注番号,送り状番号\n{waiting.order.number},{GOOD}\n"

    found = [read_tracking_file(text.encode("utf-8"))[0].carrier for text in (sagawa, post, plain)]
    assert found == ["sagawa", "japanpost", "yamato"]
    [judged] = judge(read_tracking_file(by_order.encode("cp932")))
    assert judged.shipment.pk == waiting.pk
    bare = ",".join([waiting.number, "0", "0", GOOD])
    assert read_tracking_file(bare.encode(), carrier="yamato")[0].tracking_number == GOOD


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x81", b"PK\x03\x04", b"\x82\x00,1\n"])
def test_a_file_that_says_nothing_is_refused(content):
    with pytest.raises(InvalidInput):
        read_tracking_file(content)


def test_a_parcel_that_waits_keeps_its_number_until_it_leaves(parcels):
    waiting, _gone = parcels
    asked = {"shipment_id": waiting.pk, "carrier": "yamato", "tracking_number": GOOD, "at": NOON, "by": DESK}

    assert take_tracking(**asked)
    assert not take_tracking(**asked)
    ship(requests=[ShipRequest(waiting.pk)], at=NOON, by=DESK)

    waiting.refresh_from_db()
    assert (waiting.state, waiting.carrier, waiting.tracking_number) == ("SHIPPED", "yamato", GOOD)


def test_uploaded_looked_at_applied_and_again(desk, parcels):
    waiting, gone = parcels
    url = reverse("admin:orders_tracking")
    text = f"出荷番号,送り状番号,運送会社\n{waiting.number},{GOOD},yamato\n{gone.number},491234567890,other\nSH-1,1,\n"

    page = desk.post(url, {"file": SimpleUploadedFile("a.csv", text.encode("cp932"))})
    assert page.context["counts"] == {"TAKE": 2, "SAME": 0, "OTHER": 0, "REFUSED": 1}
    assert not Shipment.objects.exclude(tracking_number="").exists()
    kept = page.context["kept"]
    applied = desk.post(url, {"rows": kept, "ship": "1"})

    # What a person has to look at stands first.
    assert [each.verdict.name for each in page.context["judged"]] == ["REFUSED", "TAKE", "TAKE"]
    assert [outcome for _each, outcome in applied.context["results"]] == ["", "done", "done"]
    waiting.refresh_from_db()
    gone.refresh_from_db()
    assert (waiting.state, waiting.tracking_number, gone.tracking_number) == ("SHIPPED", GOOD, OTHER)
    again = desk.post(url, {"rows": kept, "ship": "1"})
    assert [each.verdict.name for each, outcome in again.context["results"]] == ["REFUSED", "SAME", "SAME"]
    assert {outcome for _each, outcome in again.context["results"]} == {""}


def test_another_number_is_replaced_only_when_asked_for(desk, parcels):
    _waiting, gone = parcels
    url = reverse("admin:orders_tracking")
    take_tracking(shipment_id=gone.pk, carrier="yamato", tracking_number=GOOD, at=NOON, by=DESK)
    rows = json.dumps([[2, gone.number, "999999999994", "", ""]])

    desk.post(url, {"rows": rows})
    gone.refresh_from_db()
    assert gone.tracking_number == GOOD
    desk.post(url, {"rows": rows, "replace": "1"})
    gone.refresh_from_db()
    assert gone.tracking_number == "999999999994"


def carriers_told(parcel: Any) -> list[str]:
    return list(parcel.order.events.filter(kind="TRACKING").order_by("pk").values_list("detail", flat=True))


def test_a_file_of_another_carrier_is_told_row_by_row_and_its_carrier_is_the_parcels(desk, parcels):
    waiting, gone = parcels
    Delivery.objects.filter(pk=waiting.delivery_id).update(carrier="佐川急便")
    take_tracking(shipment_id=gone.pk, carrier="sagawa", tracking_number=CHECKED, at=NOON, by=DESK)
    url = reverse("admin:orders_tracking")
    text = f"お客様管理番号,伝票番号\n{waiting.number},{GOOD}\n{gone.number},{CHECKED}\n"

    page = desk.post(url, {"file": SimpleUploadedFile("a.csv", text.encode("cp932"))})
    result = desk.post(url, {"rows": page.context["kept"]})

    assert [(each.verdict.name, each.carrier_before) for each in page.context["judged"]] == [
        ("TAKE", "佐川急便"), ("TAKE", "sagawa"),
    ]  # fmt: skip
    assert page.content.decode().count("運送会社が変わる(佐川急便 → ヤマト運輸)") == 2
    assert "2行が、荷物に予定していた運送会社とちがいます" in page.content.decode()
    assert result.content.decode().count("運送会社が変わる(佐川急便 → ヤマト運輸)") == 2
    assert set(Shipment.objects.values_list("carrier", "tracking_number")) == {("yamato", GOOD), ("yamato", CHECKED)}
    assert carriers_told(waiting) == [f"{waiting.number} 佐川急便 → ヤマト運輸 {GOOD}"]
    assert carriers_told(gone) == [
        f"{gone.number} sagawa {CHECKED}", f"{gone.number} 佐川急便 → ヤマト運輸 {CHECKED}",
    ]  # fmt: skip
    again = desk.post(url, {"rows": page.context["kept"]})
    assert [(each.verdict.name, each.carrier_before) for each, _outcome in again.context["results"]] == [
        ("SAME", ""), ("SAME", ""),
    ]  # fmt: skip


def test_a_parcel_that_leaves_with_another_carrier_says_so_in_its_history(desk, parcels):
    waiting, _gone = parcels
    Delivery.objects.filter(pk=waiting.delivery_id).update(carrier="sagawa")

    desk.post(
        reverse("admin:orders_tracking"), {"rows": json.dumps([[2, waiting.number, GOOD, "yamato", ""]]), "ship": "1"}
    )

    waiting.refresh_from_db()
    assert (waiting.state, waiting.carrier, waiting.tracking_number) == ("SHIPPED", "yamato", GOOD)
    assert carriers_told(waiting) == [f"{waiting.number} 佐川急便 → ヤマト運輸 {GOOD}"]


@pytest.mark.parametrize(("meant", "named"), [("", "yamato"), ("クロネコヤマト", "yamato"), ("佐川", "")])
def test_the_same_carrier_in_other_words_or_none_is_no_change(desk, parcels, meant, named):
    waiting, _gone = parcels
    Delivery.objects.filter(pk=waiting.delivery_id).update(carrier=meant)
    row = TrackingRow(2, waiting.number, GOOD, named)

    [judged] = judge([row])
    desk.post(
        reverse("admin:orders_tracking"), {"rows": json.dumps([[2, waiting.number, GOOD, named, ""]]), "ship": "1"}
    )

    assert (judged.verdict, judged.carrier_before) == (Verdict.TAKE, "")
    assert carriers_told(waiting) == []


def test_a_carrier_that_no_parcel_can_hold_is_told_and_the_other_rows_are_taken(desk, parcels):
    first, second = parcels
    rows = [[2, first.number, GOOD, "運" * 31, ""], [3, second.number, OTHER, "運" * 30, ""]]

    page = desk.post(reverse("admin:orders_tracking"), {"rows": json.dumps(rows)})

    assert [each.verdict.name for each, _outcome in page.context["results"]] == ["REFUSED", "TAKE"]
    assert "運送会社は30文字までです" in page.content.decode()
    assert set(Shipment.objects.values_list("carrier", "tracking_number")) == {("", ""), ("運" * 30, OTHER)}


def test_rows_that_were_tampered_with_are_refused(desk, parcels):
    assert desk.post(reverse("admin:orders_tracking"), {"rows": "[[1]]"}).status_code == 200


def test_a_parcel_that_was_cancelled_meanwhile_stays_and_the_others_leave(desk, parcels):
    first, second = parcels
    cancel_order(channel=first.order.channel.code, external_id=first.order.external_id, at=NOON, by=DESK)
    rows = [[2, first.number, GOOD, "", ""], [3, second.number, OTHER, "", ""]]

    page = desk.post(reverse("admin:orders_tracking"), {"rows": json.dumps(rows), "ship": "1"})

    assert [outcome for _each, outcome in page.context["results"]] == ["refused", "done"]
    assert f"受注 {first.order.number} は" in page.context["results"][0][0].why
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.tracking_number, second.tracking_number) == ("INSTRUCTED", "", OTHER)


def test_a_preview_asks_as_often_for_many_rows_as_for_one(desk, parcels):
    first, second = parcels

    def asked(*chosen: Any) -> int:
        text = "出荷番号,送り状番号\n" + "".join(f"{parcel.number},{number}\n" for parcel, number in chosen)
        found = statements(
            lambda: desk.post(reverse("admin:orders_tracking"), {"file": SimpleUploadedFile("a.csv", text.encode())})
        )
        return len(found)

    asked((first, GOOD))
    assert asked((first, GOOD), (second, OTHER)) == asked((first, GOOD))


@pytest.mark.parametrize(
    ("number", "carrier"), [("not a number", ""), ("123456789012", "yamato"), ("1234", "ヤマト運輸")]
)
def test_no_way_to_a_parcel_takes_what_is_no_tracking_number(number, carrier):
    """Whoever asks: the services themselves refuse."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    [waiting] = released(placed(channel, order(line(shirt, 1), external_id="W-1")))
    [gone] = shipped(placed(channel, order(line(shirt, 1), external_id="W-2")))
    how = {"carrier": carrier, "tracking_number": number}

    with pytest.raises(NotShippable) as refusal:
        ship(requests=[ShipRequest(waiting.pk, **how)], at=NOON, by=DESK)
    for call in (set_tracking, take_tracking):
        with pytest.raises(InvalidInput):
            call(shipment_id=gone.pk, **how, at=NOON, by=DESK)
    with pytest.raises(InvalidInput):
        take_tracking(shipment_id=waiting.pk, **how, at=NOON, by=DESK)

    assert [problem.code for problem in refusal.value.problems] == ["no_tracking_number"]
    assert set(Shipment.objects.values_list("state", "tracking_number")) == {("INSTRUCTED", ""), ("SHIPPED", "")}
