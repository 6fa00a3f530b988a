"""Acts of 受注伝票 and of the lists of what waits: what is shown before is what happens, and what changed meanwhile is shown again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from accounting.models import JournalEntry
from erp.core.models import StaffTask
from erp.correspondence.models import Mail
from erp.orders import services
from erp.orders.admin import order_acts
from erp.orders.models import (
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
    OrderPayment,
    PaymentEvent,
    Return,
    SalesReport,
    Shipment,
    ShipmentLine,
)  # fmt: skip
from erp.orders.services import PaymentInput, PaymentNews, record_shop_sales
from tests.correspondence.factories import writes
from tests.customers.factories import account, bill_to
from tests.inventory.factories import figures, sku, stock
from tests.orders.desk import changes, of_role, press
from tests.orders.factories import DESK, NOON, card, figure, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}


def confirm(client: Any, answer: Any, record: Order, page: str, action: str, key: int, **fields: Any) -> Any:
    return press(client, record, page, action, key, **fields, seen=answer.context["found"].fingerprint)


def told(answer: Any) -> list[tuple[str, str]]:
    return [(message.level_tag, str(message)) for message in answer.context["messages"]]


def everything() -> tuple[Any, ...]:
    """What no preview may touch."""
    return (
        list(Order.objects.order_by("pk").values_list("pk", "state", "version", "total")),
        list(OrderLine.objects.order_by("pk").values_list("pk", "sku", "shipped_quantity", "cancelled_quantity")),
        list(OrderHold.objects.order_by("pk").values_list("pk", "resolved_at")),
        list(OrderPayment.objects.order_by("pk").values_list("pk", "status", "received_amount", "refunded_amount")),
        (OrderEvent.objects.count(), PaymentEvent.objects.count(), JournalEntry.objects.count()),
        (StaffTask.objects.count(), Shipment.objects.count()),
    )


def unknown(pieces: int = 1) -> tuple[Order, Any, Any]:
    """An order whose only line came without a SKU, and the shirt that it means."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    return placed(channel, order(line("TYPO-1", pieces))), shirt, place


def transfer(amount: int = 1100) -> PaymentInput:
    return PaymentInput("BANK_TRANSFER", Decimal(amount), "PENDING")


def unpaid(channel: Any, shirt: Any, external_id: str = "A-1") -> Order:
    return placed(channel, order(line(shirt, 1), external_id=external_id, payments=(transfer(),)))


def held(channel: Any, shirt: Any, external_id: str) -> tuple[Order, OrderHold]:
    record = placed(channel, order(line(shirt, 1), external_id=external_id))
    services.hold_order(order_id=record.pk, detail="電話待ち", **HOW)
    record.refresh_from_db()
    return record, OrderHold.objects.get(order=record)


# One order.


def test_naming_a_sku_shows_which_goods_it_means_before_it_is_set(desk):
    record, shirt, _place = unknown()
    row = record.lines.get()
    before = everything()

    seen = press(desk, record, "orderline", "assign_sku", row.pk, sku_code=shirt.code)

    [(now, then)] = [both for label, both in changes(seen).items() if label.startswith("1 ")]
    assert ("SKU不明 TYPO-1" in now, shirt.code in then) == (True, True)
    assert everything() == before
    answer = confirm(desk, seen, record, "orderline", "assign_sku", row.pk, sku_code=shirt.code)
    assert answer.redirect_chain[0][0] == reverse("admin:orders_order_change", args=[record.pk])
    row.refresh_from_db()
    assert row.sku_id == shirt.pk


def test_a_sku_that_cannot_be_set_is_told_instead_of_shown(desk):
    record, _shirt, _place = unknown()

    answer = press(desk, record, "orderline", "assign_sku", record.lines.get().pk, sku_code="NOWHERE")

    assert [level for level, _text in told(answer)] == ["error"]
    assert "NOWHERE" in told(answer)[0][1]
    assert record.lines.get().sku_id is None


def test_naming_what_was_sold_at_a_till_shows_its_cost_and_who_loses_pieces(desk):
    channel, place = shop(kind="SHOP")
    shirt = sku()
    stock(shirt, place, 3, unit_value=400)
    loser = placed(channel, order(line(shirt, 2), external_id="A-2"))
    sold = order(
        line("NO-SUCH", 2, 1100), external_id="T-1", payments=(PaymentInput("CASH", Decimal(2200), "PAID"),)
    )  # fmt: skip
    record_shop_sales(channel=channel.code, sales=[sold], **HOW)
    record = Order.objects.get(external_id="T-1")
    before, kept = everything(), figures(shirt, place)

    seen = press(desk, record, "orderline", "assign_sku", record.lines.get().pk, sku_code=shirt.code)

    found = changes(seen)
    assert found[f"受注 {loser.number} の引当が減る"] == ("引当 2", "引当 1")
    assert any("売上原価 800" in then for _now, then in found.values())
    assert any(f"出庫 {place.name} 2" in then for _now, then in found.values())
    assert (everything(), figures(shirt, place)) == (before, kept)
    confirm(desk, seen, record, "orderline", "assign_sku", record.lines.get().pk, sku_code=shirt.code)
    assert (figures(shirt, place), figure("cost_of_sales")) == ((1, 1), 800)


def test_resolving_a_reason_shows_the_state_that_follows(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record, hold = held(channel, shirt, "A-1")
    before = everything()

    seen = press(desk, record, "orderhold", "resolve", hold.pk, resolution="電話で確認")

    found = changes(seen)
    assert found["状態"] == ("確認待ち", "出荷指示待ち")
    assert found["確認待ちの理由"] == ("担当者による保留", "–")
    assert found["販売チャネルに伝わること"] == ("–", "受注")
    assert "電話で確認" in seen.content.decode()
    assert everything() == before
    confirm(desk, seen, record, "orderhold", "resolve", hold.pk, resolution="電話で確認")
    hold.refresh_from_db()
    assert (hold.resolution, hold.resolved_by) == ("電話で確認", "staff:hanako")


def test_accepting_another_total_shows_what_the_order_amounts_to_then(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 1, 1100), total=1000))
    hold = OrderHold.objects.get(reason="TOTAL_MISMATCH")

    seen = press(desk, record, "orderhold", "resolve", hold.pk, resolution="チャネルに確認")

    assert changes(seen)["合計(税込)"] == ("1,100", "1,000")


def test_confirming_money_shows_where_it_goes_and_posts_it_once(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = unpaid(channel, shirt)
    payment = OrderPayment.objects.get()
    before = everything()

    seen = press(desk, record, "orderpayment", "confirm_payment", payment.pk)

    found = changes(seen)
    assert found["状態"] == ("入金待ち", "出荷指示待ち")
    assert found["1. 銀行振込(前払い) 1,100"] == ("未決済", "入金済み、入金 1,100")
    assert any("前受金 1,100" in then for _now, then in found.values())
    assert found["販売チャネルに伝わること"] == ("–", "受注、決済")
    assert everything() == before
    confirm(desk, seen, record, "orderpayment", "confirm_payment", payment.pk)
    again = confirm(desk, seen, record, "orderpayment", "confirm_payment", payment.pk)
    assert again.context["found"].changes == ()
    assert (figure("deposits"), PaymentEvent.objects.count()) == (1100, 1)


def test_confirming_a_refund_shows_what_is_paid(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = unpaid(channel, shirt)
    payment = OrderPayment.objects.get()
    news = PaymentNews("P-1", "PAID", NOON)
    services.record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)
    services.cancel_by_staff(order_id=record.pk, reason="お客様都合", **HOW)
    before = everything()

    seen = press(desk, record, "orderpayment", "confirm_refund", payment.pk)

    found = changes(seen)
    assert found["1. 銀行振込(前払い) 1,100"] == ("入金済み、入金 1,100", "返金済み、入金 1,100、返金 1,100")
    assert found["未消込(債務)の残高"] == ("1,100", "0")
    assert everything() == before
    confirm(desk, seen, record, "orderpayment", "confirm_refund", payment.pk)
    assert figure("refunds_payable") == 0


def test_a_second_transfer_is_offered_where_it_was_reported_and_shows_what_it_does(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = unpaid(channel, shirt)
    payment = OrderPayment.objects.get()
    page = reverse("admin:orders_order_change", args=[record.pk])
    for key in ("P-1", "P-2"):
        assert "book_second_transfer" not in desk.get(page).content.decode()
        news = PaymentNews(key, "PAID", NOON, Decimal(1100))
        services.record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)
    assert "book_second_transfer" in desk.get(page).content.decode()
    before = everything()

    seen = press(desk, record, "orderpayment", "book_second_transfer", payment.pk)

    found = changes(seen)
    assert found["1. 銀行振込(前払い) 1,100"] == ("入金済み、入金 1,100", "入金済み、入金 2,200")
    assert everything() == before
    confirm(desk, seen, record, "orderpayment", "book_second_transfer", payment.pk)
    assert figure("deposits") == 2200
    assert "book_second_transfer" not in desk.get(page).content.decode()


def test_a_parcel_leaves_and_is_called_back_after_what_it_does_was_seen(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 1)))
    [parcel] = released(record)
    before = everything()

    back = press(desk, record, "shipment", "call_back", parcel.pk)
    seen = press(desk, record, "shipment", "confirm", parcel.pk, carrier="yamato", tracking_number="1234-5678-9013")
    refused = press(desk, record, "shipment", "confirm", parcel.pk, carrier="yamato", tracking_number="1234-5678-9012")

    assert changes(back)["状態"] == ("出荷作業中", "出荷指示待ち")
    assert changes(seen)["状態"] == ("出荷作業中", "出荷済み")
    assert any("123456789013" in then for _now, then in changes(seen).values())
    assert [level for level, _text in told(refused)] == ["error"]
    assert everything() == before


def test_what_changed_meanwhile_is_shown_again_and_not_done(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record, hold = held(channel, shirt, "A-1")
    asked = (record, "orderhold", "resolve", hold.pk)
    seen = press(desk, *asked, resolution="電話で確認")
    placed(channel, order(line(shirt, 2), external_id="A-1", revision=2))
    before = everything()

    answer = confirm(desk, seen, *asked, resolution="電話で確認")

    assert answer.context["is_changed"]
    assert "表示した後に受注が変わった" in answer.content.decode()
    assert everything() == before
    confirm(desk, answer, *asked, resolution="電話で確認")
    hold.refresh_from_db()
    assert hold.resolved_at is not None


def test_what_leads_to_something_else_by_now_is_shown_again(desk):
    """The order is what it was; the stock that it would get is gone."""
    channel, place = shop()
    shirt = sku()
    record = placed(channel, order(line(shirt, 2)))
    stock(shirt, place, 2)
    seen = press(desk, record, "order", "allocate", record.pk)
    placed(channel, order(line(shirt, 1), external_id="A-2"))

    answer = confirm(desk, seen, record, "order", "allocate", record.pk)

    assert answer.context["is_changed"]
    assert OrderEvent.objects.filter(order=record, kind="STATE", to_state="READY").count() == 0


def test_a_mail_that_leaves_meanwhile_is_no_change(desk):
    """Mails leave each minute: who reads what an act changes is not asked again for them."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    writes(channel)
    record = placed(channel, order(line(shirt, 1)))
    seen = press(desk, record, "order", "cancel", record.pk, reason="お客様のご都合")
    assert "お客様へのメール: 受注確認" not in changes(seen)
    assert Mail.objects.filter(kind="ORDER_RECEIVED", state="WAITING").update(state="CLAIMED") == 1

    confirm(desk, seen, record, "order", "cancel", record.pk, reason="お客様のご都合")

    record.refresh_from_db()
    assert record.cancelled_at is not None


@pytest.mark.parametrize("seen", ["", "x", "0" * 64])
def test_nothing_is_done_that_nobody_saw(desk, seen):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 1)))
    before = everything()

    press(desk, record, "order", "cancel", record.pk, reason="見ていない", seen=seen)

    assert everything() == before


def test_each_is_shown_what_it_may_know(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = unpaid(channel, shirt)
    payment = OrderPayment.objects.get()
    services.hold_order(order_id=record.pk, detail="電話待ち", **HOW)
    hold = OrderHold.objects.get()

    books = press(of_role(client, "経理"), record, "orderpayment", "confirm_payment", payment.pk)
    assert any(label.startswith("仕訳") for label in changes(books))
    assert press(client, record, "orderhold", "resolve", hold.pk, resolution="x").status_code == 403
    juchu = of_role(client, "受注担当")
    assert press(juchu, record, "orderpayment", "confirm_payment", payment.pk).status_code == 403
    assert not any(label.startswith("仕訳") for label in changes(press(juchu, record, "orderhold", "resolve", hold.pk, resolution="x")))  # fmt: skip


# Lists.


def choose(client: Any, page: str, action: str, *rows: Any, **fields: Any) -> Any:
    url = reverse(f"admin:orders_{page}_changelist")
    return client.post(url, {"action": action, "_selected_action": [row.pk for row in rows], **fields}, follow=True)


def ticked(answer: Any, *records: Order) -> dict[str, Any]:
    """The boxes of these orders, as the preview carries them."""
    boxes = {row.order.pk: f"{row.order.pk}:{row.found.fingerprint}" for row in answer.context["rows"] if row.found}
    return {"confirmed": "1", "seen": [boxes[record.pk] for record in records]}


def outcomes(answer: Any) -> list[tuple[int, bool]]:
    return [(row.order.pk, row.is_done) for row in answer.context["rows"]]


def test_the_words_of_a_reason_that_tell_amounts_are_for_those_who_may_know_them(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record = placed(channel, order(line(shirt, 1), total=98_765, customer_note="置き配希望"))
    services.hold_order(order_id=record.pk, detail="電話待ち", **HOW)
    odd = OrderHold.objects.get(reason="TOTAL_MISMATCH")
    pages = [reverse("admin:orders_orderhold_changelist"), reverse("admin:orders_order_change", args=[record.pk])]
    pages += [reverse("admin:orders_orderhold_change", args=[hold.pk]) for hold in OrderHold.objects.all()]

    def telling(words: str) -> list[str]:
        return [page for page in pages if words in client.get(page).content.decode()]

    packer = of_role(client, "倉庫")
    assert telling("98,765") == []
    assert telling("電話待ち")[:2] == pages[:2]
    assert packer.get(pages[0], {"detail__contains": "98"}).status_code == 400
    user = User.objects.get(username="of-倉庫")
    user.user_permissions.add(Permission.objects.get(codename="change_orderhold"))
    packer.force_login(user)
    seen = choose(packer, "orderhold", "resolve", *OrderHold.objects.all(), resolution="確認した")
    assert "電話待ち" in str([row.about for row in seen.context["rows"]])
    assert "98,765" not in seen.content.decode()

    desk = of_role(client, "受注担当")
    assert telling("98,765") == [*pages[:2], reverse("admin:orders_orderhold_change", args=[odd.pk])]
    seen = choose(desk, "orderhold", "resolve", *OrderHold.objects.all(), resolution="確認した")
    assert "98,765" in str([row.about for row in seen.context["rows"]])


def test_many_reasons_are_shown_and_those_ticked_are_resolved(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    (one, first), (two, second), (three, third) = (held(channel, shirt, f"A-{number}") for number in (1, 2, 3))
    before = everything()

    seen = choose(desk, "orderhold", "resolve", first, second, third, resolution="電話で確認")

    assert everything() == before
    assert [{label: then for label, _now, then in row.found.changes}["状態"] for row in seen.context["rows"]] == [
        "出荷指示待ち"
    ] * 3
    services.cancel_by_staff(order_id=two.pk, reason="お客様都合", **HOW)
    answer = choose(
        desk, "orderhold", "resolve", first, second, third, resolution="電話で確認", **ticked(seen, one, two)
    )  # fmt: skip

    assert outcomes(answer) == [(one.pk, True), (two.pk, False)]
    states = {record.pk: record.state for record in Order.objects.all()}
    assert (states[one.pk], states[two.pk], states[three.pk]) == ("READY", "CANCELLED", "ON_HOLD")
    again = choose(desk, "orderhold", "resolve", first, resolution="電話で確認", **ticked(seen, one))
    assert outcomes(again) == [(one.pk, False)]
    assert OrderEvent.objects.filter(order=one, kind="HOLD_RESOLVED").count() == 1


def test_two_reasons_of_one_order_are_resolved_together_and_one_that_cannot_be_harms_no_other(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record = placed(channel, order(line(shirt, 1), line("TYPO-1", 1, 1100), customer_note="ギフトです"))
    services.hold_order(order_id=record.pk, detail="電話待ち", **HOW)
    holds = list(OrderHold.objects.filter(reason__in=["MANUAL", "UNKNOWN_SKU"]).order_by("pk"))

    seen = choose(desk, "orderhold", "resolve", *holds, resolution="確認した")

    [row] = seen.context["rows"]
    assert len(row.about) == 2
    [(what, why)] = row.found.refused
    assert ("SKU不明" in what, "SKU" in why) == (True, True)
    assert any("担当者による保留" in now and "担当者による保留" not in then for _label, now, then in row.found.changes)
    answer = choose(desk, "orderhold", "resolve", *holds, resolution="確認した", **ticked(seen, record))
    assert outcomes(answer) == [(record.pk, True)]
    assert set(OrderHold.objects.filter(resolved_at=None).values_list("reason", flat=True)) >= {"UNKNOWN_SKU"}
    assert not OrderHold.objects.filter(resolved_at=None, reason="MANUAL").exists()


def test_money_of_many_is_shown_and_booked_order_by_order(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    one, two = unpaid(channel, shirt, "A-1"), unpaid(channel, shirt, "A-2")
    payments = list(OrderPayment.objects.order_by("pk"))
    books = of_role(client, "経理")
    before = everything()

    seen = choose(books, "orderpayment", "confirm_payment", *payments)

    assert everything() == before
    assert (seen.context["would"], seen.context["done"]) == (2, 0)
    answer = choose(books, "orderpayment", "confirm_payment", *payments, **ticked(seen, one, two))
    assert outcomes(answer) == [(one.pk, True), (two.pk, True)]
    assert (figure("deposits"), PaymentEvent.objects.count()) == (2200, 2)


def test_refunds_of_many_say_which_are_not_owed(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    unpaid(channel, shirt, "A-1")
    books = of_role(client, "経理")

    seen = choose(books, "orderpayment", "confirm_refund", *OrderPayment.objects.all())

    [row] = seen.context["rows"]
    assert (row.found.changes, len(row.found.refused)) == ((), 1)
    assert "返金予定はありません" in row.found.refused[0][1]


def test_one_sku_is_set_on_many_lines_after_it_was_seen(desk):
    record, shirt, _place = unknown()
    other = placed(record.channel, order(line("TYPO-1", 2), external_id="A-2"))
    lines = list(OrderLine.objects.order_by("pk"))

    assert told(choose(desk, "orderline", "assign_sku", *lines))[0][0] == "error"
    seen = choose(desk, "orderline", "assign_sku", *lines, sku_code=shirt.code)
    assert not OrderLine.objects.filter(sku=shirt).exists()
    choose(desk, "orderline", "assign_sku", *lines, sku_code=shirt.code, **ticked(seen, record, other))

    assert OrderLine.objects.filter(sku=shirt).count() == 2


def test_a_confirmation_of_another_list_or_of_nothing_does_nothing(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record, hold = held(channel, shirt, "A-1")
    before = everything()

    for seen in (["x:y"], [f"{record.pk}:"], ["99999999999999999999:z"], []):
        choose(desk, "orderhold", "resolve", hold, resolution="x", confirmed="1", seen=seen)

    assert everything() == before


# The list of orders: whole orders are acted on.


def ready(channel: Any, shirt: Any, external_id: str, **fields: Any) -> Order:
    return placed(channel, order(line(shirt, 1), external_id=external_id, **fields))


def overtaken(channel: Any, shirt: Any, external_id: str) -> Order:
    """An order whose parcel was called back because a revision had come too late."""
    record = ready(channel, shirt, external_id)
    [parcel] = released(record)
    placed(channel, order(line(shirt, 2), external_id=external_id, revision=2))
    services.cancel_release(shipment_id=parcel.pk, reason="変更", **HOW)
    return record


def shown(answer: Any) -> list[dict[str, str]]:
    """What each order of the list would be afterwards."""
    return [
        {label: then for label, _now, then in row.found.changes} if row.found else {} for row in answer.context["rows"]
    ]


WITH_REASON = {"reason": "お客様から電話"}


@pytest.mark.parametrize(
    ("action", "make", "afterwards"),
    [
        ("cancel", ready, "キャンセル"),
        ("hold", ready, "確認待ち"),
        ("make_final", lambda *named: ready(*named, is_provisional=True), "出荷指示待ち"),
        ("apply_late_revision", overtaken, "出荷指示待ち"),
    ],
)
def test_what_becomes_of_many_orders_is_shown_and_those_ticked_are_acted_on(desk, action, make, afterwards):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 20)
    one, two, three = (make(channel, shirt, f"A-{number}") for number in (1, 2, 3))
    before = everything()

    seen = choose(desk, "order", action, one, two, three, **WITH_REASON)

    assert everything() == before
    assert [each["状態"] for each in shown(seen)] == [afterwards] * 3
    assert seen.context["would"] == 3
    answer = choose(desk, "order", action, one, two, three, **WITH_REASON, **ticked(seen, one, three))
    assert outcomes(answer) == [(one.pk, True), (three.pk, True)]
    states = {record.pk: record.get_state_display() for record in Order.objects.all()}
    assert (states[one.pk], states[three.pk]) == (afterwards, afterwards)
    assert states[two.pk] != afterwards
    done = everything()
    again = choose(desk, "order", action, one, three, **WITH_REASON, **ticked(seen, one, three))
    assert outcomes(again) == [(one.pk, False), (three.pk, False)]
    assert everything() == done


def test_a_cancellation_of_many_shows_the_money_that_is_owed_back(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record = unpaid(channel, shirt)
    paid = PaymentNews("P-1", "PAID", NOON)
    services.record_payment_event(channel=channel.code, external_id="A-1", event=paid, **HOW)

    [found] = shown(choose(desk, "order", "cancel", record, reason="お客様都合"))

    assert found["返金する前受金"] == "1,100"
    assert any("未払金" in words for words in found.values())
    assert found["販売チャネルに伝わること"] == "受注、在庫"


def test_an_order_that_changed_since_it_was_shown_is_left_and_shown_anew_and_harms_no_other(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    one, two = ready(channel, shirt, "A-1"), ready(channel, shirt, "A-2")
    seen = choose(desk, "order", "cancel", one, two, reason="お客様都合")
    placed(channel, order(line(shirt, 2), external_id="A-1", revision=2))

    answer = choose(desk, "order", "cancel", one, two, reason="お客様都合", **ticked(seen, one, two))

    assert outcomes(answer) == [(one.pk, False), (two.pk, True)]
    assert "表示した後に変わりました" in answer.content.decode()
    assert (Order.objects.get(pk=one.pk).state, Order.objects.get(pk=two.pk).state) == ("READY", "CANCELLED")
    choose(desk, "order", "cancel", one, reason="お客様都合", **ticked(answer, one))
    assert Order.objects.get(pk=one.pk).state == "CANCELLED"


def test_orders_of_which_an_act_changes_nothing_say_why_and_one_that_is_refused_harms_no_other(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    gone, off, late = ready(channel, shirt, "A-1"), ready(channel, shirt, "A-2"), overtaken(channel, shirt, "A-4")
    services.ship(requests=[services.ShipRequest(parcel.pk) for parcel in released(gone)], ship_date=NOON.date(), **HOW)
    services.cancel_by_staff(order_id=off.pk, reason="x", **HOW)
    never = ready(channel, shirt, "A-3")

    seen = choose(desk, "order", "apply_late_revision", gone, off, never, late)

    rows = {row.order.pk: row for row in seen.context["rows"]}
    assert rows[gone.pk].idle == ("対象外です。受注は「出荷済み」です。",)
    assert rows[off.pk].idle == ("対象外です。受注は「キャンセル」です。",)
    assert len(rows[never.pk].found.refused) == 1
    text = seen.content.decode()
    assert (rows[gone.pk].idle[0] in text, rows[never.pk].found.refused[0][1] in text) == (True, True)
    assert seen.context["would"] == 1
    answer = choose(desk, "order", "apply_late_revision", gone, off, never, late, **ticked(seen, never, late))
    assert outcomes(answer) == [(late.pk, True), (never.pk, False)]


def test_acts_that_leave_a_reason_behind_ask_for_it_and_take_the_one_that_was_typed(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    record = ready(channel, shirt, "A-1")

    assert told(choose(desk, "order", "cancel", record)) == [("error", "キャンセルには理由の入力が必要です。")]
    assert told(choose(desk, "order", "make_final", record, reason=" "))[0][0] == "error"
    seen = choose(desk, "order", "cancel", record, reason="お客様都合")
    assert "理由: お客様都合" in seen.content.decode()
    choose(desk, "order", "cancel", record, reason="お客様都合", **ticked(seen, record))

    record.refresh_from_db()
    assert (record.state, record.cancel_reason) == ("CANCELLED", "お客様都合")
    assert record.events.get(kind="CANCELLED").actor == "staff:hanako"


def test_more_orders_than_a_person_looks_through_wait_for_the_next_time(desk, monkeypatch):
    taking_two = replace(order_acts.ACTS["order", "hold"], most=2)
    monkeypatch.setitem(order_acts.ACTS, ("order", "hold"), taking_two)
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    records = [ready(channel, shirt, f"A-{number}") for number in (1, 2, 3)]

    seen = choose(desk, "order", "hold", *records)

    assert [row.order.pk for row in seen.context["rows"]] == [record.pk for record in records[:2]]
    assert "最初の2行だけ" in seen.content.decode()


@pytest.mark.parametrize("action", ["cancel", "hold", "make_final", "apply_late_revision", "allocate", "release"])
def test_who_may_not_act_on_orders_is_shown_nothing_and_does_nothing(client, action):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    record = ready(channel, shirt, "A-1")
    books = of_role(client, "経理")
    before = everything()

    for confirmed in ({}, {"confirmed": "1", "seen": [f"{record.pk}:x"]}):
        answer = choose(books, "order", action, record, reason="x", **confirmed)
        assert "rows" not in answer.context
        assert "going" not in answer.context

    assert everything() == before


def test_a_filter_of_the_list_stays_behind_an_act(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 9)
    record = ready(channel, shirt, "A-1")
    url = reverse("admin:orders_order_changelist") + "?state=READY"
    chosen = {"_selected_action": [record.pk], "reason": "お客様都合", "action": "cancel"}

    seen = desk.post(url, chosen)
    assert seen.content.decode().count(f'"{url}"') == 2
    answer = desk.post(url, chosen | ticked(seen, record))

    assert outcomes(answer) == [(record.pk, True)]
    assert f'href="{url}"' in answer.content.decode()


# Stock for many orders.


def test_stock_is_shown_for_many_orders_at_once_and_reserved_for_those_ticked(desk):
    channel, place = shop()
    shirt = sku()
    one, two, three = (ready(channel, shirt, f"A-{number}") for number in (1, 2, 3))
    stock(shirt, place, 2)
    before = everything()

    seen = choose(desk, "order", "allocate", one, two, three)

    assert everything() == before
    rows = {row.order.pk: row for row in seen.context["rows"]}
    assert [rows[key.pk].moves for key in (one, two, three)] == [True, True, False]
    boxes = {key: f"{key}:{row.fingerprint}" for key, row in rows.items()}
    answer = choose(desk, "order", "allocate", one, two, three, confirmed="1", seen=[boxes[two.pk]])
    assert outcomes(answer) == [(two.pk, True)]
    assert [Order.objects.get(pk=key.pk).state for key in (one, two, three)] == [
        "AWAITING_STOCK", "READY", "AWAITING_STOCK",
    ]  # fmt: skip
    again = choose(desk, "order", "allocate", two, confirmed="1", seen=[boxes[two.pk]])
    assert outcomes(again) == [(two.pk, False)]


def test_stock_that_another_got_meanwhile_is_not_reserved_but_shown_anew(desk):
    channel, place = shop()
    shirt, cap = sku(), sku()
    one = placed(channel, order(line(shirt, 2), external_id="A-1"))
    two = placed(channel, order(line(cap, 1), external_id="A-2"))
    stock(shirt, place, 2)
    stock(cap, place, 1)
    seen = choose(desk, "order", "allocate", one, two)
    boxes = [f"{row.order.pk}:{row.fingerprint}" for row in seen.context["rows"]]
    ready(channel, shirt, "A-3")

    answer = choose(desk, "order", "allocate", one, two, confirmed="1", seen=boxes)

    assert outcomes(answer) == [(one.pk, False), (two.pk, True)]
    assert "表示した後に変わりました" in answer.content.decode()
    assert not OrderEvent.objects.filter(order=one, kind="ALLOCATED").exists()
    assert Order.objects.get(pk=two.pk).state == "READY"


def test_an_order_that_lacks_no_stock_says_so(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 2)
    record = ready(channel, shirt, "A-1")

    [row] = choose(desk, "order", "allocate", record).context["rows"]

    assert (row.moves, row.why) == (False, "引当が必要な状態ではありません。受注は「出荷指示待ち」です。")


def test_what_is_reserved_so_far_is_shown_before_it_is_released(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    record = placed(channel, order(line(shirt, 2)))

    whole = choose(desk, "order", "release", record)
    part = choose(desk, "order", "release_in_part", record)

    assert (whole.context["going"], [plan.order.pk for plan in whole.context["staying"]]) == ([], [record.pk])
    [plan] = part.context["going"]
    assert (plan.parcels[0].lines[0].units, Shipment.objects.count()) == (1, 0)
    box = {"in_part": "1", "seen": [f"{record.pk}:{plan.fingerprint}"]}
    desk.post(reverse("admin:orders_release"), box)
    assert Shipment.objects.get().lines.get().quantity == 1


# What came back, in the lists of parcels and of what was in them.


def gone_parcel(pieces: int = 3, **fields: Any) -> tuple[Order, Any, Any, ShipmentLine]:
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5, unit_value=400)
    record = placed(channel, order(line(shirt, pieces), **fields))
    services.ship(
        requests=[services.ShipRequest(parcel.pk) for parcel in released(record)], ship_date=NOON.date(), **HOW
    )
    return record, shirt, place, ShipmentLine.objects.get(shipment__order=record)


def list_form(client: Any, page: str) -> dict[str, Any]:
    """The hidden fields of a list, as a browser sends them back."""
    beside = client.get(reverse(f"admin:orders_{page}_changelist")).context["action_form"]
    return {field: beside[field].value() for field in ("form", "back")}


def test_a_return_is_shown_with_its_stock_and_its_money_before_it_is_booked(desk):
    record, shirt, place, part = gone_parcel()
    form = list_form(desk, "shipmentline") | {"quantity": "2", "condition": "SELLABLE", "reason": "サイズ違い"}
    before, kept = everything(), figures(shirt, place)

    seen = choose(desk, "shipmentline", "take_back", part, **form)

    [found] = shown(seen)
    [(label, words)] = [each for each in found.items() if each[0].startswith("返品: ")]
    assert (f"{shirt.code} " in label, "× 2 良品" in label) == (True, True)
    assert words == f"返品、入庫 {place.name} 2、金額 2,200"
    assert any("返品 2" in each for each in found.values())
    assert any("売上原価" in each for each in found.values())
    assert found["販売チャネルに伝わること"] == "受注、返品、在庫"
    text = seen.content.decode()
    assert ("商品の状態: 良品" in text, "数量: 2" in text, f">{form['form']}<" in text) == (True, True, False)
    assert (everything(), figures(shirt, place), Return.objects.count()) == (before, kept, 0)

    answer = choose(desk, "shipmentline", "take_back", part, **form, **ticked(seen, record))

    document = Return.objects.get()
    assert outcomes(answer) == [(record.pk, True)]
    assert document.number in answer.content.decode()
    assert (document.actor, document.reason, document.lines.get().quantity) == ("staff:hanako", "サイズ違い", 2)
    assert figures(shirt, place) == (kept[0] + 2, kept[1])
    again = choose(desk, "shipmentline", "take_back", part, **form, **ticked(seen, record))
    assert (outcomes(again), Return.objects.count()) == ([(record.pk, False)], 1)


def test_lines_of_one_order_come_back_as_one_return_and_too_many_of_another_harm_none(desk):
    channel, place = shop()
    shirt, cap = sku(), sku()
    stock(shirt, place, 5)
    stock(cap, place, 5)
    one = placed(channel, order(line(shirt, 2), line(cap, 2), external_id="A-1"))
    two = placed(channel, order(line(shirt, 1), external_id="A-2"))
    parcels = [*released(one), *released(two)]
    services.ship(requests=[services.ShipRequest(parcel.pk) for parcel in parcels], ship_date=NOON.date(), **HOW)
    lines = list(ShipmentLine.objects.order_by("pk"))
    form = list_form(desk, "shipmentline") | {"quantity": "2"}

    seen = choose(desk, "shipmentline", "take_back", *lines, **form)

    first, second = seen.context["rows"]
    assert (len(first.about), first.found.refused, len(second.found.refused)) == (2, (), 1)
    choose(desk, "shipmentline", "take_back", *lines, **form, **ticked(seen, one, two))
    assert Return.objects.get().order == one
    assert [row.returned_quantity for row in ShipmentLine.objects.order_by("pk")] == [2, 2, 0]


def test_a_refused_parcel_is_shown_with_what_it_costs_before_it_is_taken_back(desk):
    record, shirt, place, part = gone_parcel()
    form = list_form(desk, "shipment") | {"freight": "1100", "condition": "DEFECTIVE"}
    before = everything()

    seen = choose(desk, "shipment", "refuse", part.shipment, **form)

    [found] = shown(seen)
    assert any("荷造運賃" in words for words in found.values())
    assert "商品の状態: 不良品" in seen.content.decode()
    assert (everything(), Return.objects.count()) == (before, 0)
    choose(desk, "shipment", "refuse", part.shipment, **form, **ticked(seen, record))
    assert (Return.objects.get().kind, figure("freight")) == ("REFUSED", 1000)
    assert figures(shirt, place)[0] == 2


# What becomes of parcels, in their list.


def parcels_of(*records: Order) -> list[Shipment]:
    services.ship(
        requests=[services.ShipRequest(parcel.pk) for record in records for parcel in released(record)],
        ship_date=NOON.date(),
        **HOW,
    )
    return list(Shipment.objects.order_by("pk"))


def test_parcels_that_arrived_are_shown_with_their_sale_before_it_is_posted(desk):
    channel, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 3, unit_value=400)
    one, two = ready(channel, shirt, "A-1"), ready(channel, shirt, "A-2")
    picked = released(ready(channel, shirt, "A-3"))
    parcels = parcels_of(one, two)
    services.deliver(shipment_ids=[parcels[-1].pk], delivered_date=NOON.date(), **HOW)
    before, sold = everything(), figure("sales.ec")

    seen = choose(
        desk, "shipment", "deliver", *picked, *parcels, act_date="2026-11-24", condition="SELLABLE", freight="9"
    )

    by_order = {row.order.pk: row for row in seen.context["rows"]}
    found = {label: (now, then) for label, now, then in by_order[one.pk].found.changes}
    assert ("出荷済み、2026/11/23 出荷", "配達済み、2026/11/23 出荷、2026/11/24 配達") in found.values()
    assert any("売上高" in then for _now, then in found.values())
    assert by_order[two.pk].idle == ("対象外です。出荷は「配達済み」です。",)
    assert by_order[picked[0].order_id].idle == ("対象外です。出荷は「出荷作業中」です。",)
    text = seen.content.decode()
    assert ("日付: 2026-11-24" in text, "商品の状態" in text, "往復運賃" in text) == (True, False, False)
    assert (everything(), figure("sales.ec")) == (before, sold)

    answer = choose(desk, "shipment", "deliver", *parcels, act_date="2026-11-24", **ticked(seen, one))

    assert outcomes(answer) == [(one.pk, True)]
    row = Shipment.objects.get(order=one)
    assert (row.state, str(row.delivered_date), figure("sales.ec")) == ("DELIVERED", "2026-11-24", sold + 1000)
    again = choose(desk, "shipment", "deliver", *parcels, act_date="2026-11-24", **ticked(seen, one))
    assert outcomes(again) == [(one.pk, False)]


def test_another_day_than_was_shown_is_shown_again_and_not_recorded(desk):
    record, _shirt, _place, part = gone_parcel()
    seen = choose(desk, "shipment", "deliver", part.shipment, act_date="2026-11-24")

    answer = choose(desk, "shipment", "deliver", part.shipment, act_date="2026-11-25", **ticked(seen, record))

    assert outcomes(answer) == [(record.pk, False)]
    assert "表示した後に変わりました" in answer.content.decode()
    assert Shipment.objects.get().delivered_date is None


def test_a_day_before_a_parcel_left_is_told_for_that_parcel_only(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    one, two = ready(channel, shirt, "A-1"), ready(channel, shirt, "A-2")
    first, second = parcels_of(one, two)
    Shipment.objects.filter(pk=second.pk).update(ship_date="2026-11-26")

    seen = choose(desk, "shipment", "accept", first, second, act_date="2026-11-25")
    [good, early] = seen.context["rows"]
    assert (good.found.refused, len(early.found.refused)) == ((), 1)
    choose(desk, "shipment", "accept", first, second, act_date="2026-11-25", **ticked(seen, one, two))

    assert list(Shipment.objects.order_by("pk").values_list("state", flat=True)) == ["ACCEPTED", "SHIPPED"]


def test_acceptance_of_consigned_goods_shows_the_report_that_it_makes_and_is_done_as_shown(desk):
    """The report has its number only once it is made; each try takes the next."""
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    account("AC1", bill_to=bill_to("B1"))
    shirt = sku()
    stock(shirt, place, 3, unit_value=400)
    record = placed(channel, order(line(shirt, 2), account_code="AC1", payments=()))
    [parcel] = parcels_of(record)
    before = everything()

    seen = choose(desk, "shipment", "accept", parcel)

    [found] = shown(seen)
    assert any("検収済み" in then and "販売報告 2" in then for then in found.values())
    assert everything() == before
    answer = choose(desk, "shipment", "accept", parcel, **ticked(seen, record))
    assert outcomes(answer) == [(record.pk, True)]
    assert (SalesReport.objects.get().gross_amount, figure("cost_of_sales")) == (2200, 800)


def test_parcels_called_back_are_shown_with_the_state_their_orders_return_to(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    one, two = ready(channel, shirt, "A-1"), ready(channel, shirt, "A-2")
    [picked], gone = released(one), parcels_of(two)[-1]
    before = everything()

    seen = choose(desk, "shipment", "call_back", picked, gone, carrier="yamato")

    back, left = seen.context["rows"]
    assert {label: then for label, _now, then in back.found.changes}["状態"] == "出荷指示待ち"
    assert left.idle == ("対象外です。出荷は「出荷済み」です。",)
    assert everything() == before
    answer = choose(desk, "shipment", "call_back", picked, gone, **ticked(seen, one))
    assert outcomes(answer) == [(one.pk, True)]
    assert [Shipment.objects.get(pk=key.pk).state for key in (picked, gone)] == ["CANCELLED", "SHIPPED"]
    again = choose(desk, "shipment", "call_back", picked)
    assert again.context["rows"][0].idle == ("対象外です。出荷は「キャンセル」です。",)


def test_of_many_parcels_that_leave_each_that_was_refused_is_named_with_its_reason(desk):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 4)
    one, two, three, four = (released(ready(channel, shirt, f"A-{number}"))[0] for number in (1, 2, 3, 4))
    services.ship(requests=[services.ShipRequest(two.pk)], ship_date=NOON.date(), **HOW)
    services.cancel_release(shipment_id=three.pk, reason="", **HOW)

    answer = choose(desk, "shipment", "confirm", one, two, three, four)

    said = dict(told(answer)[::-1]), sorted(text for level, text in told(answer) if level == "error")
    assert said[0]["success"] == "2 件の出荷を処理しました。"
    assert [text.partition(" ")[0].rstrip(":") for text in said[1]] == [two.number, three.number]
    assert "出荷指示が取り消されています" in said[1][1]
    assert [Shipment.objects.get(pk=parcel.pk).state for parcel in (one, two, three, four)] == [
        "SHIPPED", "SHIPPED", "CANCELLED", "SHIPPED",
    ]  # fmt: skip


@pytest.mark.parametrize("action", ["deliver", "accept", "call_back"])
def test_who_may_not_act_on_parcels_is_shown_nothing_and_does_nothing(client, action):
    record, _shirt, _place, part = gone_parcel()
    other = of_role(client, "受注担当")
    before = everything()

    for confirmed in ({}, {"confirmed": "1", "seen": [f"{record.pk}:x"]}):
        assert "rows" not in choose(other, "shipment", action, part.shipment, **confirmed).context

    assert everything() == before


@pytest.mark.parametrize("role", ["受注担当", "経理"])
def test_who_may_not_take_goods_back_is_shown_nothing_and_books_nothing(client, role):
    record, _shirt, _place, part = gone_parcel()
    other = of_role(client, role)

    for confirmed in ({}, {"confirmed": "1", "seen": [f"{record.pk}:x"]}):
        for page, action, row in (("shipmentline", "take_back", part), ("shipment", "refuse", part.shipment)):
            assert "rows" not in choose(other, page, action, row, quantity="1", **confirmed).context

    assert not Return.objects.exists()


@pytest.mark.parametrize(("page", "action", "fields"), [
    ("shipmentline", "take_back", {"quantity": "many"}),
    ("shipment", "refuse", {"freight": "many"}),
    ("shipment", "refuse", {"act_date": "yesterday"}),
    ("shipment", "deliver", {"act_date": "yesterday"}),
    ("shipment", "accept", {"act_date": "yesterday"}),
])  # fmt: skip
def test_what_cannot_be_read_is_told_wherever_it_is_sent(desk, page, action, fields):
    record, _shirt, _place, part = gone_parcel()
    row = part if page == "shipmentline" else part.shipment

    in_list = choose(desk, page, action, row, **fields)
    on_page = press(desk, record, page, action, row.pk, **fields)

    assert [level for level, _text in told(in_list)] == ["error"]
    assert [level for level, _text in told(on_page)] == ["error"]
    assert not Return.objects.exists()


# What is sold on account, and what goes back.


def on_account() -> Order:
    channel, place = shop(kind="WHOLESALE")
    account("AC1", bill_to=bill_to("B1"))
    shirt = sku()
    stock(shirt, place, 3)
    return placed(channel, order(line(shirt, 1), account_code="AC1", payments=()))


def test_money_of_what_is_sold_on_account_is_not_confirmed_here(desk):
    record = on_account()
    payment = OrderPayment.objects.get()
    before = everything()

    answer = press(desk, record, "orderpayment", "confirm_payment", payment.pk)
    [row] = choose(desk, "orderpayment", "confirm_payment", payment).context["rows"]

    assert payment.method == "ON_ACCOUNT"
    assert [level for level, _text in told(answer)] == ["error"]
    assert "掛売" in told(answer)[0][1]
    assert (row.found.changes, "掛売" in row.found.refused[0][1]) == ((), True)
    assert "confirm_payment" not in desk.get(reverse("admin:orders_order_change", args=[record.pk])).content.decode()
    assert everything() == before


def test_news_of_money_for_what_is_sold_on_account_becomes_a_task():
    record = on_account()
    news = PaymentNews("P-1", "PAID", NOON)

    services.record_payment_event(channel=record.channel.code, external_id="A-1", event=news, **HOW)

    assert "掛売" in StaffTask.objects.get(kind="MONEY_NOT_BOOKED").detail
    assert (OrderPayment.objects.get().received_amount, JournalEntry.objects.count()) == (0, 0)


def test_what_is_owed_since_a_sale_is_not_taken_off_the_prepaid_money_that_goes_back(desk):
    """One of three left on credit, then all was captured: the prepaid money of the other two goes back."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record = placed(channel, order(line(shirt, 3, 1100), payments=(card(3300),)))
    services.release_orders(order_ids=[record.pk], **HOW)
    services.ship(requests=[services.ShipRequest(Shipment.objects.get().pk, {record.lines.get().pk: 1})], **HOW)
    news = PaymentNews("P-1", "CAPTURED", NOON)
    services.record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)

    [found] = shown(choose(desk, "order", "cancel", record, reason="お客様都合"))

    assert found["返金する前受金"] == "2,200"


def test_a_refund_of_what_was_captured_beyond_what_had_left_is_offered_on_the_page(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = placed(channel, order(line(shirt, 2, 1100), payments=(card(2200),)))
    shipped(record)
    news = PaymentNews("P-1", "CAPTURED", NOON, Decimal(2500))
    services.record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)
    task = StaffTask.objects.get(kind="REFUND_OF_DIFFERENCE")
    books = of_role(client, "経理")
    page = reverse("admin:orders_order_change", args=[record.pk])

    assert "confirm_refund" in books.get(page).content.decode()
    assert task.detail.endswith("入金 300、支払額 0、返金する差額 300。")


def test_a_refund_is_offered_on_the_page_where_one_is_owed(client):
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 3)
    record = unpaid(channel, shirt)
    services.record_payment_event(
        channel=channel.code, external_id="A-1", event=PaymentNews("P-1", "PAID", NOON), **HOW
    )
    books = of_role(client, "経理")
    page = reverse("admin:orders_order_change", args=[record.pk])

    assert "confirm_refund" not in books.get(page).content.decode()
    services.cancel_by_staff(order_id=record.pk, reason="お客様都合", **HOW)
    assert "confirm_refund" in books.get(page).content.decode()
    services.confirm_refund(payment_id=OrderPayment.objects.get().pk, **HOW)
    assert "confirm_refund" not in books.get(page).content.decode()
