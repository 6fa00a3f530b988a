"""Acts of 受注伝票 and of the lists of what waits: what is shown before is what happens, and what changed meanwhile is shown again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from accounting.models import JournalEntry
from erp.core.models import StaffTask
from erp.orders import services
from erp.orders.models import Order, OrderEvent, OrderHold, OrderLine, OrderPayment, PaymentEvent, Shipment
from erp.orders.services import PaymentInput, PaymentNews, record_shop_sales
from tests.customers.factories import account, bill_to
from tests.inventory.factories import figures, sku, stock
from tests.orders.desk import changes, of_role, press
from tests.orders.factories import DESK, NOON, figure, line, order, placed, released, shop

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
    boxes = {row.order.pk: f"{row.order.pk}:{row.found.fingerprint}" for row in answer.context["rows"]}
    return {"confirmed": "1", "seen": [boxes[record.pk] for record in records]}


def outcomes(answer: Any) -> list[tuple[int, bool]]:
    return [(row.order.pk, row.is_done) for row in answer.context["rows"]]


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
