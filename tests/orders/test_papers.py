"""ピッキングリスト and 納品書: what they say is what the documents say, no more."""

from __future__ import annotations

import datetime as dt
import io
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pypdf import PdfReader

from catalog.models import KitComponent, Sku, SkuCode
from customers.services import CustomerData
from erp.core.models import Channel, CompanyProfile
from erp.inventory.services import Count, record_count, set_shelves
from erp.orders import services
from erp.orders.admin.papers import delivery_notes_pdf, picking_list_pdf
from erp.orders.models import PrintRun
from erp.orders.selectors.delivery_notes import DeliveryNote, delivery_notes, slot_in_words
from erp.orders.selectors.picking import picking_list
from erp.orders.services import AdjustmentInput, DeliveryInput, FeeInput
from tests.customers.factories import account, bill_to
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, TODAY, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

SHIP_TO = {
    "recipient_name": "𠮷田 髙子", "recipient_phone": "03-1111-2222", "postal_code": "150-0001", "prefecture": "東京都", "city": "渋谷区",
    "street": "神宮前1-2-3", "building": "﨑山ビル101",
}  # fmt: skip


@pytest.fixture
def company():
    return CompanyProfile.objects.update_or_create(
        id=1,
        defaults={"name": "守り株式会社", "registration_number": "T1234567890123", "address": "東京都港区1-1"},
    )[0]


def text_of(paper: Any) -> str:
    return text_of_pdf(paper.content)


def text_of_pdf(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def only(parcel: Any, **options: Any) -> DeliveryNote:
    [note] = delivery_notes([parcel.pk], **options)
    return note


# --- ピッキングリスト


def test_total_picking_goes_along_the_shelves_and_each_parcel_is_listed():
    channel, place = shop()
    shirt, coat, belt = sku(), sku(), sku()
    for goods in (shirt, coat, belt):
        stock(goods, place, 9)
    SkuCode.objects.create(sku=coat, kind="GTIN13", code="4900000000009")
    set_shelves(location_id=place.pk, shelves={shirt.pk: "B-02", coat.pk: "A-01"}, at=NOON, by=DESK)
    [first] = released(placed(channel, order(line(shirt, 2), line(belt, 1), external_id="A-1")))
    [second] = released(placed(channel, order(line(shirt, 1), line(coat, 1), external_id="A-2")))

    found = picking_list([second.pk, first.pk], on=TODAY)

    [warehouse] = found.places
    assert [(pick.shelf, pick.goods.sku, pick.quantity, pick.parcels) for pick in warehouse.picks] == [
        ("A-01", coat.code, 1, 1),
        ("B-02", shirt.code, 3, 2),
        ("", belt.code, 1, 1),
    ]
    assert warehouse.quantity == 5
    assert warehouse.picks[0].goods.code == "4900000000009"
    assert [parcel.shipment.pk for parcel in found.parcels] == [first.pk, second.pk]
    assert [(pick.goods.sku, pick.quantity) for pick in found.parcels[0].picks] == [(shirt.code, 2), (belt.code, 1)]


def test_a_kit_is_picked_as_its_components():
    channel, place = shop()
    cup, plate = sku(), sku()
    stock(cup, place, 9)
    stock(plate, place, 9)
    tea = sku()
    Sku.objects.filter(pk=tea.pk).update(is_kit=True)
    KitComponent.objects.create(kit=tea, component=cup, quantity=2)
    KitComponent.objects.create(kit=tea, component=plate, quantity=1)
    [parcel] = released(placed(channel, order(line(tea, 2))))

    [listed] = picking_list([parcel.pk], on=TODAY).parcels

    assert {(pick.goods.sku, pick.quantity) for pick in listed.picks} == {(cup.code, 4), (plate.code, 2)}


def test_pieces_whose_claim_was_lost_are_said_to_be_missing():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    [parcel] = released(placed(channel, order(line(shirt, 2))))
    record_count(
        external_id="C-1", location_id=place.pk, counts=[Count(1, shirt.pk, 1)], occurred_at=NOON, at=NOON, by=DESK
    )

    [listed] = picking_list([parcel.pk], on=TODAY).parcels

    assert [pick.quantity for pick in listed.picks] == [1]
    assert [pick.quantity for pick in listed.missing] == [1]
    assert "引当がなくなりました" in text_of(picking_list_pdf([parcel.pk]))


def test_what_has_left_is_on_no_picking_list():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    [parcel] = shipped(placed(channel, order(line(shirt, 2))))

    assert picking_list_pdf([parcel.pk]) is None


def test_the_picking_list_names_parcels_people_and_gifts():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    gift = {"wrapping": "ribbon", "noshi": {"kind": "内祝", "name": "髙橋"}}
    sent = DeliveryInput("d", **SHIP_TO, wish_date=TODAY, time_slot="1416", gift=gift)
    [parcel] = released(placed(channel, order(line(shirt, 2, delivery_ref="d"), deliveries=(sent,))))

    shown = text_of(picking_list_pdf([parcel.pk]))

    for expected in (parcel.number, "𠮷田 髙子 様", "2026/11/23 14時〜16時", "熨斗 ラッピング", shirt.code):
        assert expected in shown


# --- 納品書


def gift_order(shirt: Any, **fields: Any) -> Any:
    sender = {"family_name": "髙橋", "given_name": "花子", "phone": "090-0000-0000"}
    gift = {"noshi": {"kind": "内祝", "name": "髙橋"}, "message": "おめでとう🎁"}
    sent = DeliveryInput("d", **SHIP_TO, sender=sender, gift=gift, **fields)
    return order(line(shirt, 1, 3300, delivery_ref="d"), deliveries=(sent,))


def test_a_note_shows_amounts_and_tax_per_rate_and_who_issues_it(company):
    channel, place = shop()
    shirt, tea = sku(), sku(tax_class="REDUCED")
    stock(shirt, place, 2)
    stock(tea, place, 2)
    sent = order(
        line(shirt, 2, 3300), line(tea, 1, 1080, tax_class="REDUCED"),
        fees=(FeeInput("SHIPPING", Decimal(550)),), total=7930,
        adjustments=(AdjustmentInput("COUPON", "SHOP", Decimal(300), line_id=shirt.code),),
    )  # fmt: skip
    [parcel] = released(placed(channel, sent))

    note = only(parcel)

    assert [(row.amount, row.discount, row.is_reduced) for row in note.lines] == [(6300, -300, False), (1080, 0, True)]
    assert [(fee.name, fee.amount) for fee in note.fees] == [("送料", 550)]
    assert [(rate.base, rate.tax) for rate in note.rates] == [(6850, 622), (1080, 80)]
    assert (note.total, note.issuer.registration_number, note.is_part) == (7930, "T1234567890123", False)
    shown = text_of(delivery_notes_pdf([parcel.pk]))
    for expected in (
        "納品書",
        "7,930 円",
        "登録番号 T1234567890123",
        "622 円",
        "※ は軽減税率対象",
        "-300",
        "守り株式会社",
    ):
        assert expected in shown


def test_before_and_after_leaving_it_says_the_same():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    record = placed(channel, order(line(shirt, 3, 1001), fees=(FeeInput("SHIPPING", Decimal(550)),), total=3553))
    services.release_orders(order_ids=[record.pk], in_part=True, at=NOON, by=DESK)
    parcel = record.shipments.get()

    before = only(parcel)
    services.ship(requests=[services.ShipRequest(parcel.pk)], at=NOON, by=DESK)
    after = only(parcel)

    assert before.is_part
    assert (before.lines, before.fees, before.rates, before.total) == (
        after.lines,
        after.fees,
        after.rates,
        after.total,
    )
    parcel.refresh_from_db()
    assert after.total == parcel.gross_amount


def test_prices_without_tax_are_shown_so():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    sent = order(line(shirt, 2, 1000, tax_included=False), prices_include_tax=False, total=2200)
    [parcel] = released(placed(channel, sent))

    note = only(parcel)

    assert (note.lines[0].amount, note.net, note.tax, note.total) == (2000, 2000, 200, 2200)
    assert [(rate.base, rate.tax) for rate in note.rates] == [(2000, 200)]
    assert "小計(税抜)" in text_of(delivery_notes_pdf([parcel.pk]))


def test_a_gift_shows_no_price_anywhere(company):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    [parcel] = released(placed(channel, gift_order(shirt, hide_prices=True)))

    note, shown = only(parcel), text_of(delivery_notes_pdf([parcel.pk]))

    assert (note.total, note.rates, note.fees, note.issuer.registration_number) == (0, (), (), "")
    assert {row.amount for row in note.lines} == {row.unit_price for row in note.lines} == {0}
    for hidden in ("3,300", "3300", "円", "T1234567890123", "合計"):
        assert hidden not in shown
    for expected in (
        "𠮷田 髙子 様",
        "﨑山ビル101",
        "髙橋 花子 様のご依頼",
        "熨斗: 内祝 / 髙橋",
        "おめでとう〓",
        "U+1F381",
    ):
        assert expected in shown


def test_an_account_is_addressed_as_a_company(company):
    channel, place = shop(kind="WHOLESALE")
    shirt = sku()
    stock(shirt, place, 2)
    account("AC1", bill_to=bill_to("B1"))
    where = DeliveryInput("d", **{**SHIP_TO, "recipient_name": "衣料品のまるとみ"})
    sent = order(line(shirt, 1, delivery_ref="d"), deliveries=(where,), account_code="AC1", payments=())
    [parcel] = released(placed(channel, sent))

    assert "衣料品のまるとみ 御中" in text_of(delivery_notes_pdf([parcel.pk]))


def test_prices_can_be_hidden_on_demand(company):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    [parcel] = released(placed(channel, gift_order(shirt)))

    assert only(parcel).total == 3300
    assert only(parcel, always_hidden=True).total == 0


def test_where_the_site_issues_the_invoice_the_note_is_none(company):
    channel, place = shop()
    Channel.objects.filter(pk=channel.pk).update(invoice_issuer=Channel.Issuer.EC)
    shirt = sku()
    stock(shirt, place, 2)
    [parcel] = released(placed(channel, order(line(shirt, 1))))

    assert only(parcel).issuer.registration_number == ""


@pytest.mark.parametrize(
    ("slot", "words"), [("0812", "午前中"), ("1416", "14時〜16時"), ("AM", "午前中"), ("夜", "夜")]
)
def test_slots_are_told_in_words(slot, words):
    assert slot_in_words(slot) == words


def test_more_notes_ask_no_more_questions():
    channel, place = shop()
    counts = []
    for size in (1, 4):
        parcels = []
        for number in range(size):
            shirt = sku()
            stock(shirt, place, 1)
            parcels += released(placed(channel, order(line(shirt, 1), external_id=f"{size}-{number}")))
        with CaptureQueriesContext(connection) as queries:
            delivery_notes([parcel.pk for parcel in parcels])
            picking_list([parcel.pk for parcel in parcels], on=TODAY)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_papers_are_printed_from_the_list_by_those_who_may_see_addresses(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    [parcel] = released(placed(channel, order(line(shirt, 1))))
    client.force_login(User.objects.create_superuser("soko"))
    url = reverse("admin:orders_shipment_changelist")

    for act in ("print_picking_list", "print_delivery_notes", "print_gift_notes"):
        answer = client.post(url, {"action": act, "_selected_action": [parcel.pk]})
        assert answer["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF")
        assert "再発行" not in text_of_pdf(answer.content)
    services.cancel_release(shipment_id=parcel.pk, reason="", at=dt.datetime.now(dt.UTC), by=DESK)
    answer = client.post(url, {"action": "print_picking_list", "_selected_action": [parcel.pk]}, follow=True)
    assert [message.level_tag for message in answer.context["messages"]] == ["error"]
    assert list(PrintRun.objects.order_by("pk").values_list("kind", "parcel_count", "actor")) == [
        ("PICKING_LIST", 1, "staff:soko"), ("DELIVERY_NOTE", 1, "staff:soko"), ("GIFT_NOTE", 1, "staff:soko"),
    ]  # fmt: skip


def test_what_the_shopper_gets_does_not_say_how_often_it_was_printed_but_the_house_knows(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    [parcel] = released(placed(channel, order(line(shirt, 1))))
    client.force_login(User.objects.create_superuser("soko"))

    def printed(act):
        answer = client.post(
            reverse("admin:orders_shipment_changelist"), {"action": act, "_selected_action": [parcel.pk]}
        )
        return "".join(text_of_pdf(answer.content).split())

    priced = [printed("print_delivery_notes") for _time in range(3)]
    hidden = printed("print_gift_notes")

    assert not [text for text in (*priced, hidden) if "再発行" in text or "回目" in text]
    opened = client.get(reverse("admin:orders_shipment_change", args=[parcel.pk])).content.decode()
    # The first one without prices is the first of its kind.
    [priced_ones, hidden_ones] = re.findall(r"<div>(納品書[^<]*)</div>", opened)
    assert re.fullmatch(r"納品書: .* \(3回\)", priced_ones)
    assert re.fullmatch(r"納品書・金額なし: [^(]*", hidden_ones)


@pytest.mark.parametrize(
    ("sender", "is_from_another"),
    [
        (None, False),
        ({"family_name": "髙橋", "given_name": "健太"}, False),
        ({"family_name": "髙橋健太"}, False),
        ({"family_name": "髙橋", "given_name": "花子"}, True),
    ],
)
def test_who_ordered_for_oneself_is_not_told_that_oneself_asked_for_it(sender, is_from_another):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    buyer = CustomerData(kind="PERSON", family_name="髙橋", given_name="健太")
    to = DeliveryInput(ref="d1", recipient_name="髙橋　健太", sender=sender, hide_prices=True)
    [parcel] = released(placed(channel, order(line(shirt, 1), orderer=buyer, deliveries=(to,))))

    note, shown = only(parcel), text_of(delivery_notes_pdf([parcel.pk]))

    assert note.is_from_another is is_from_another
    assert ("ご依頼" in shown) is is_from_another


def test_a_list_that_was_printed_is_seen_to_be_and_says_so_when_it_is_printed_again(client):
    channel, place = shop()
    parcels = []
    for number in range(3):
        shirt = sku()
        stock(shirt, place, 1)
        parcels += released(placed(channel, order(line(shirt, 1), external_id=f"P-{number}")))
    client.force_login(User.objects.create_superuser("soko", first_name="花子", last_name="倉庫"))
    url = reverse("admin:orders_shipment_changelist")

    def printed(*chosen):
        act = {"action": "print_picking_list", "_selected_action": [parcel.pk for parcel in chosen]}
        return text_of_pdf(client.post(url, act).content)

    def waiting():
        return {row.pk for row in client.get(url, {"picking_list": "missing"}).context["cl"].result_list}

    assert waiting() == {parcel.pk for parcel in parcels}
    assert "再発行" not in printed(parcels[0])
    again = printed(*parcels[:2])

    assert again.count("再発行（2回目）") == 1
    assert "倉庫 花子" in again
    assert waiting() == {parcels[2].pk}
    opened = client.get(reverse("admin:orders_shipment_change", args=[parcels[0].pk])).content.decode()
    assert "倉庫 花子 (2回)" in opened
    with CaptureQueriesContext(connection) as queries:
        client.get(url)
    assert len([query for query in queries if "orders_printrunline" in query["sql"]]) == 1
