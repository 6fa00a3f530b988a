"""送り状データ out: by position, in bytes, with every fault named; each file is a run."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from erp.core.errors import InvalidInput
from erp.core.models import Channel, CompanyProfile
from erp.orders.models import CarrierAccount, LabelRun, Order, Shipment
from erp.orders.selectors.carriers import CARRIERS, carrier_name, carrier_of, tracking_url
from erp.orders.selectors.collecting import collections
from erp.orders.services import (
    DeliveryInput,
    PaymentInput,
    ShipRequest,
    collect_with,
    find_label_problems,
    record_refusal,
    ship,
    write_label_file,
)
from erp.orders.services.carriers import japan_post, sagawa, yamato
from erp.orders.services.carriers.layout import split, wide
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, released, shop

pytestmark = pytest.mark.django_db

SHIP_TO = {
    "recipient_name": "𠮷田 髙子", "recipient_phone": "０９０−1111−2222", "postal_code": "150-0001", "prefecture": "東京都",
    "city": "渋谷区", "street": "神宮前1-2-3", "building": "﨑山ビル101",
}  # fmt: skip
WISH = dt.date(2026, 11, 28)


@pytest.fixture(autouse=True)
def contracts():
    CompanyProfile.objects.update_or_create(
        id=1,
        defaults={
            "name": "守り株式会社",
            "postal_code": "1050001",
            "address": "東京都港区虎ノ門1-1",
            "phone": "03-1234-5678",
        },
    )
    CarrierAccount.objects.create(carrier="yamato", customer_code="031234567801", freight_number="01")
    CarrierAccount.objects.create(carrier="sagawa", customer_code="123456789012")
    CarrierAccount.objects.create(carrier="japanpost", prepaid_form="1100780", cod_form="1100800")


def parcel_for(carrier: str = "", number: str = "A-1", cod: int = 0, **fields: Any) -> Any:
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    sent = DeliveryInput("d", **(SHIP_TO | {"carrier": carrier, "time_slot": "1416", "wish_date": WISH} | fields))
    more = {"payments": (PaymentInput("COD", Decimal(cod), "PENDING", provider="yamato"),)} if cod else {}
    record = placed(
        channel, order(line(shirt, 1, cod or 3300, delivery_ref="d"), external_id=number, deliveries=(sent,), **more)
    )
    if record.state != "READY":
        Order.objects.filter(pk=record.pk).update(state="READY", ship_after=None)
    [parcel] = released(record)
    return parcel


def written(carrier: str, *parcels: Any) -> list[list[str]]:
    file = write_label_file(
        shipment_ids=[parcel.pk for parcel in parcels], carrier=carrier, ship_date=TODAY, at=NOON, by=DESK
    )
    return list(csv.reader(io.StringIO(file.content.decode("cp932"))))


def problems(carrier: str, parcel: Any) -> list[str]:
    [found] = find_label_problems(shipment_ids=[parcel.pk], carrier=carrier, ship_date=TODAY).values()
    return [problem.detail for problem in found]


def test_the_layouts_have_the_fields_where_they_are_published():
    assert (len(yamato.HEADER), len(sagawa.HEADER), len(japan_post.HEADER)) == (95, 74, 118)
    at = yamato.HEADER.index
    assert (at("お届け先名"), at("品名１"), at("ｺﾚｸﾄ代金引換額（税込)"), at("請求先顧客コード"), at("検索キー1")) == (
        15,
        27,
        33,
        39,
        75,
    )
    assert (sagawa.HEADER.index("配達指定時間帯"), sagawa.HEADER.index("お問い合せ送り状No.")) == (45, 61)
    at = japan_post.HEADER.index
    assert (at("お届け先 電話番号"), at("配達時間帯区分"), at("フリー項目０１"), at("代引金額")) == (19, 65, 75, 99)


def test_a_yamato_row_says_to_whom_from_whom_and_when():
    parcel = parcel_for("yamato")

    header, row = written("yamato", parcel)

    cells = dict(zip(header, row, strict=True))
    expected = {
        "お客様管理番号": parcel.number, "送り状種類": "0", "出荷予定日": "2026/11/23", "お届け予定日": "2026/11/28", "配達時間帯": "1416",
        "お届け先電話番号": "090-1111-2222", "お届け先郵便番号": "150-0001", "お届け先住所": "東京都渋谷区神宮前1-2-3",
        "お届け先アパートマンション名": "﨑山ビル101", "お届け先名": "吉田 髙子", "ご依頼主名": "守り株式会社", "品名１": "衣料品",
        "請求先顧客コード": "031234567801", "運賃管理番号": "01", "ｺﾚｸﾄ代金引換額（税込)": "",
    }  # fmt: skip
    assert {name: cells[name] for name in expected} == expected


def test_the_name_of_the_shop_is_left_out_where_it_does_not_fit():
    parcel = parcel_for("yamato")
    Channel.objects.update(name="とても長い名前の公式ストア(練習ストア 表参道)")

    header, row = written("yamato", parcel)

    assert dict(zip(header, row, strict=True))["ご依頼主アパートマンション"] == ""
    assert problems("sagawa", parcel) == ["運送会社: 受注の指定は ヤマト運輸 です"]


def test_cash_on_delivery_is_collected_with_its_tax():
    header, row = written("yamato", parcel_for("yamato", cod=11000))
    cells = dict(zip(header, row, strict=True))
    assert (cells["送り状種類"], cells["ｺﾚｸﾄ代金引換額（税込)"], cells["内消費税額等"]) == ("2", "11000", "1000")

    header, row = written("sagawa", parcel_for("sagawa", "A-2", cod=11000))
    cells = dict(zip(header, row, strict=True))
    assert (cells["代引金額"], cells["消費税"], cells["決済種別"], cells["指定シール２"]) == (
        "11000",
        "1000",
        "1",
        "010",
    )

    [row] = written("japanpost", parcel_for("japanpost", "A-3", cod=11000))
    assert (row[7], row[10], row[99], row[100]) == ("2", "1100800", "11000", "1000")


def test_sagawa_counts_letters_in_full_width_over_three_lines():
    parcel = parcel_for("sagawa", street="神宮前1-2-3", building="とても長い名前のマンション新館1501号室")

    header, row = written("sagawa", parcel)

    cells = dict(zip(header, row, strict=True))
    assert [cells[f"お届け先住所{n}"] for n in "１２３"] == [
        "東京都渋谷区神宮前１－２－３とて",
        "も長い名前のマンション新館１５０",
        "１号室",
    ]
    assert (cells["配達日"], cells["配達指定時間帯"], cells["指定シール１"]) == ("20261128", "14", "007")


def test_japan_post_reads_by_position_and_has_no_row_of_names():
    parcel = parcel_for("japanpost")

    [row] = written("japanpost", parcel)

    assert (row[0], row[12], row[16], row[19], row[64], row[65]) == (
        parcel.number, "150-0001", "吉田 髙子", "090-1111-2222", "20261128", "53",
    )  # fmt: skip


def test_every_fault_names_the_order_and_the_field_and_nothing_is_written():
    bad = parcel_for(
        "yamato",
        "A-1",
        recipient_name="あ" * 17,
        recipient_phone="",
        postal_code="",
        building="🏠" + "い" * 42,
        time_slot="1214",
    )
    good = parcel_for("yamato", "A-2")

    with pytest.raises(InvalidInput) as refusal:
        written("yamato", bad, good)

    found = refusal.value.problems
    assert {problem.pointer for problem in found} == {f"{bad.order.number} {bad.number}"}
    told = " / ".join(problem.detail for problem in found)
    assert "お届け先名: 34バイト" in told
    assert "お届け先電話番号: 未登録" in told
    assert "お届け先郵便番号: 未登録" in told
    assert "お届け先アパートマンション名: 運送会社の送り状に印字できない文字があります: 🏠" in told
    assert "32バイト×2欄に入りません" in told
    assert "配達時間帯: この運送会社に時間帯「1214」はありません" in told
    assert not LabelRun.objects.exists()


def test_what_a_carrier_does_not_take_is_said():
    assert any("300,000" in told for told in problems("yamato", parcel_for("yamato", cod=300_001)))
    assert any("佐川急便" in told for told in problems("yamato", parcel_for("sagawa", "A-2")))
    past = parcel_for("yamato", "A-3", wish_date=dt.date(2026, 11, 1))
    assert any("2026/11/01" in told for told in problems("yamato", past))


def test_a_contract_that_is_not_filled_in_is_a_fault():
    CarrierAccount.objects.all().delete()

    assert [
        told
        for told in problems("yamato", parcel_for("yamato"))
        if "請求先顧客コード" in told or "運賃管理番号" in told
    ]


def test_writing_again_is_a_run_of_its_own():
    parcel = parcel_for("yamato")
    written("yamato", parcel)
    written("yamato", parcel)

    assert [(run.parcel_count, run.actor) for run in LabelRun.objects.order_by("pk")] == [(1, str(DESK))] * 2
    assert parcel.label_lines.count() == 2


def test_texts_are_split_by_bytes_and_widened():
    assert split("aあいう", 5) == ["aあい", "う"]
    assert wide("1-2 ｱﾊﾟｰﾄ") == "１－２\u3000アパート"


def test_the_page_offers_what_waits_and_writes_what_is_ticked(client):
    client.force_login(User.objects.create_superuser("soko"))
    parcel, url = parcel_for("yamato"), reverse("admin:orders_labels")
    asked = {"carrier": "yamato", "ship_date": "2026-11-23"}

    [(shown, faults, runs)] = client.get(url, asked).context["rows"]
    assert (shown.pk, faults, runs) == (parcel.pk, (), [])
    answer = client.post(url, {**asked, "parcels": [parcel.pk]})

    assert answer["Content-Disposition"].startswith('attachment; filename="yamato-')
    assert "file_token" not in answer.cookies
    assert client.get(url, asked).context["rows"] == []
    [(_shown, _faults, runs)] = client.get(url, {**asked, "written_too": "on"}).context["rows"]
    assert [line_.run.actor for line_ in runs] == ["staff:soko"]
    again = {"action": "write_again", "_selected_action": [LabelRun.objects.get().pk]}
    assert client.post(reverse("admin:orders_labelrun_changelist"), again).content.startswith(b'"')
    assert LabelRun.objects.count() == 2


def test_the_page_behind_a_file_is_shown_anew_and_keeps_ticks_of_what_was_refused(client):
    client.force_login(User.objects.create_superuser("soko"))
    parcel, other, url = parcel_for("yamato"), parcel_for("yamato", "A-2"), reverse("admin:orders_labels")
    asked = {"carrier": "yamato", "ship_date": "2026-11-23"}

    none = client.post(url, {**asked, "written_too": "on", "file_token": "abc"})
    assert [shown.is_ticked for shown, _faults, _runs in none.context["rows"]] == [False, False]
    assert 'name="written_too" value="on"' in none.content.decode()
    assert "file_token" not in none.cookies
    unread = client.get(url, {**asked, "ship_date": "2026-13-40"})
    assert "data-then" not in unread.content.decode()

    answer = client.post(url, {**asked, "parcels": [parcel.pk], "file_token": "abc"})
    assert (answer.cookies["file_token"].value, answer.cookies["file_token"]["path"]) == ("abc", url)
    page = client.get(none.context["again"])
    assert "（1件）。送り状を発行したら" in page.content.decode()
    assert [shown.pk for shown, _faults, _runs in page.context["rows"]] == [other.pk]


def test_a_carrier_is_written_in_one_table_by_all_its_spellings():
    spellings = [(each.code, text) for each in CARRIERS for text in (each.code, each.name, *each.spellings)]

    assert len({text for _code, text in spellings}) == len(spellings)
    assert [(carrier_of(text), carrier_name(text)) for _code, text in spellings] == [
        (code, carrier_name(code)) for code, _text in spellings
    ]
    assert (carrier_of(" クロネコヤマト "), carrier_name("KURONEKO"), carrier_of("ﾔﾏﾄ")) == (
        "yamato",
        "ヤマト運輸",
        "yamato",
    )
    assert (carrier_of("赤帽"), carrier_name("赤帽"), tracking_url("赤帽", "1")) == ("赤帽", "赤帽", "")


def test_cash_is_collected_with_one_parcel_of_an_order_and_staff_say_with_which(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    sent = [DeliveryInput(ref, **(SHIP_TO | {"carrier": "クロネコヤマト"})) for ref in "de"]
    cod = (PaymentInput("COD", Decimal(6600), "PENDING", provider="yamato"),)
    lines = [line(shirt, 1, 3300, line_id=f"{number}", delivery_ref=ref) for number, ref in enumerate("de", 1)]
    record = placed(channel, order(*lines, deliveries=tuple(sent), payments=cod))
    Order.objects.filter(pk=record.pk).update(state="READY", ship_after=None)
    first, second = released(record)

    def collected() -> list[tuple[str, str]]:
        header, *found = written("yamato", first, second)
        kind, amount = header.index("送り状種類"), header.index("ｺﾚｸﾄ代金引換額（税込)")
        return [(row[kind], row[amount]) for row in found]

    assert collected() == [("2", "6600"), ("0", "")]

    client.force_login(User.objects.create_superuser("soko"))
    asked = {"carrier": "yamato", "ship_date": "2026-11-23"}
    shown = client.get(reverse("admin:orders_labels"), {**asked, "written_too": "on"}).content.decode()
    assert f"{first.number} で集金" in shown
    client.post(reverse("admin:orders_labels"), {**asked, "collect": second.pk})
    assert collected() == [("0", ""), ("2", "6600")]

    ship(requests=[ShipRequest(second.pk)], at=NOON, by=DESK)
    with pytest.raises(InvalidInput) as refusal:
        collect_with(shipment_id=first.pk, at=NOON, by=DESK)
    assert second.number in refusal.value.problems[0].detail
    assert Shipment.objects.get(collects_cod=True) == second


def test_what_is_sent_after_a_refused_parcel_is_collected_with_the_next_one():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 4)
    cod = (PaymentInput("COD", Decimal(13200), "PENDING", provider="yamato"),)
    sent = DeliveryInput("d", **(SHIP_TO | {"carrier": "クロネコヤマト"}))
    record = placed(channel, order(line(shirt, 4, 3300, delivery_ref="d"), deliveries=(sent,), payments=cod))

    def left(pieces: int) -> Shipment:
        Order.objects.filter(pk=record.pk).update(state="READY", ship_after=None)
        [parcel] = released(record)
        ship(requests=[ShipRequest(parcel.pk, {parcel.lines.get().order_line_id: pieces})], at=NOON, by=DESK)
        return parcel

    def collected(*parcels: Shipment) -> list[Decimal | None]:
        found = collections(parcel.pk for parcel in parcels)
        return [found[parcel.pk].here if parcel.pk in found else None for parcel in parcels]

    first = left(2)
    assert collected(first) == [13200]
    second = left(1)
    assert collected(first, second) == [13200, None]

    record_refusal(shipment_id=first.pk, external_id="F-1", at=NOON, by=DESK)
    Order.objects.filter(pk=record.pk).update(state="READY", ship_after=None)
    [third] = released(record)
    assert collected(first, second, third) == [None, None, 6600]

    record_refusal(shipment_id=second.pk, external_id="F-2", at=NOON, by=DESK)
    assert collected(third) == [3300]


def test_of_a_refused_parcel_only_what_would_have_been_collected_is_left_off_the_next():
    """A gift card of 3,000 paid for the first parcel and goes back with it; the second is to be collected in full."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    paid = (
        PaymentInput("GIFT_CARD", Decimal(3000), "CAPTURED", provider="gift"),
        PaymentInput("COD", Decimal(8000), "PENDING", provider="yamato"),
    )
    record = placed(channel, order(line(shirt, 10, 1100), payments=paid))
    [first] = released(record)
    ship(requests=[ShipRequest(first.pk, {first.lines.get().order_line_id: 6})], at=NOON, by=DESK)
    record_refusal(shipment_id=first.pk, external_id="F-1", at=NOON, by=DESK)
    Order.objects.filter(pk=record.pk).update(state="READY", ship_after=None)
    [second] = released(record)

    assert collections([second.pk])[second.pk].here == 4400


PHONES = {"yamato": ("お届け先電話番号", 8), "sagawa": ("お届け先電話番号", 2), "japanpost": ("お届け先 電話番号", 19)}


@pytest.mark.parametrize(
    ("told", "dialled"),
    [
        ("+81 90-1234-5678", "090-1234-5678"),
        ("+819012345678", "09012345678"),
        ("＋８１（０）３−１２３４−５６７８", "03-1234-5678"),
        ("0081-3-1234-5678", "03-1234-5678"),
        ("(03)1234-5678", "03-1234-5678"),
        ("0120-111-222", "0120-111-222"),
    ],
)
@pytest.mark.parametrize("carrier", PHONES)
def test_a_telephone_number_is_written_as_it_is_dialled_in_japan(carrier, told, dialled):
    row = written(carrier, parcel_for(carrier, recipient_phone=told))[-1]

    assert row[PHONES[carrier][1]] == dialled


@pytest.mark.parametrize(
    "told", ["+1 212-555-0123", "8190-1234-5678", "0012125550123", "090-1234", "03-1234-5678 内線 1234"]
)
@pytest.mark.parametrize("carrier", PHONES)
def test_a_telephone_number_that_is_none_of_japan_is_a_fault(carrier, told):
    assert problems(carrier, parcel_for(carrier, recipient_phone=told)) == [
        f"{PHONES[carrier][0]}: 日本の電話番号ではありません: {told}"
    ]
