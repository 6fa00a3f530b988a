"""Which mails follow from what happens: in its transaction, once per occasion, and only where the channel's rule says so."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from accounting.models import PaymentRoute
from erp.correspondence import selectors
from erp.correspondence.models import Mail, MailEvent, MailKind, MailRule
from erp.orders import services
from erp.orders.models import Shipment
from erp.orders.services import PaymentInput, PaymentNews, place_order
from tests.correspondence.factories import told, writes
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db


def transfer(amount, **fields):
    return PaymentInput("BANK_TRANSFER", Decimal(amount), "PENDING", **fields)


def test_by_default_the_ec_site_writes_and_mamori_keeps_still():
    channel, warehouse = shop()
    goods = sku()
    stock(goods, warehouse, 5)
    shipped(placed(channel, order(line(goods))))
    other, _place = shop()
    writes(other, "EC")
    placed(other, order(line("?"), external_id="B-1"))

    assert told() == []


def test_an_order_and_its_parcel_are_told_of_once():
    channel, warehouse = shop()
    writes(channel)
    goods = sku()
    stock(goods, warehouse, 5)
    sent = order(line(goods))

    record = placed(channel, sent)
    place_order(channel=channel.code, order=sent, at=NOON, by=DESK)
    [parcel] = released(record)
    for _time in range(2):
        request = services.ShipRequest(parcel.pk, carrier="yamato", tracking_number="1234-5678-9013")
        services.ship(requests=[request], at=NOON, by=DESK)

    assert told() == [("ORDER_RECEIVED", "WAITING"), ("SHIPPED", "WAITING")]
    assert Mail.objects.get(kind="SHIPPED").due_at == NOON


def test_no_commit_no_mail():
    channel, _warehouse = shop()
    writes(channel)

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        placed(channel, order(line("?")))
        raise ZeroDivisionError

    assert told() == []


def test_each_kind_has_one_sender():
    channel, warehouse = shop()
    writes(channel, "EC", SHIPPED="MAMORI", ORDER_RECEIVED="NOBODY", CANCELLED="MAMORI_CHECKED")
    goods = sku()
    stock(goods, warehouse, 5)
    shipped(placed(channel, order(line(goods))))
    gone = placed(channel, order(line(goods), external_id="A-2"))
    services.cancel_by_staff(order_id=gone.pk, reason="電話で", at=NOON, by=DESK)

    assert told() == [("SHIPPED", "WAITING"), ("CANCELLED", "DRAFT")]


def test_a_parcel_without_a_number_is_told_of_when_it_has_one_or_is_late():
    channel, warehouse = shop()
    writes(channel)
    goods = sku()
    stock(goods, warehouse, 5)
    [parcel] = shipped(placed(channel, order(line(goods))))
    assert Mail.objects.get(kind="SHIPPED").due_at == NOON + dt.timedelta(hours=6)

    later = NOON + dt.timedelta(hours=1)
    services.set_tracking(shipment_id=parcel.pk, carrier="sagawa", tracking_number="491300000004", at=later, by=DESK)

    assert Mail.objects.get(kind="SHIPPED").due_at == later


def test_an_import_of_old_orders_writes_to_nobody():
    channel, warehouse = shop()
    writes(channel)
    goods = sku()
    stock(goods, warehouse, 5)
    old = placed(channel, order(line(goods), ordered_at=NOON - dt.timedelta(days=8)))
    shipped(old, ship_date=dt.date(2026, 11, 10))
    placed(channel, order(line("?"), external_id="A-2", ordered_at=NOON - dt.timedelta(days=30)))

    assert told() == []


def test_money_in_advance_is_thanked_for_once_when_it_is_whole():
    channel, warehouse = shop()
    writes(channel, "EC", PAYMENT_RECEIVED="MAMORI")
    goods = sku()
    stock(goods, warehouse, 5)
    placed(channel, order(line(goods, 2), payments=(transfer(2200),)))

    def hear(event_id, amount):
        news = PaymentNews(event_id, "PAID", amount=amount, occurred_at=NOON)
        services.record_payment_event(channel=channel.code, external_id="A-1", event=news, at=NOON, by=DESK)

    hear("e1", Decimal(1000))
    assert told() == []
    hear("e2", Decimal(1200))
    hear("e2", Decimal(1200))
    hear("e3", None)

    assert told() == [("PAYMENT_RECEIVED", "WAITING")]
    written = selectors.as_it_goes_out(Mail.objects.get())
    assert "ご入金額: 2,200円\n" in written.text.body


def test_the_thanks_for_money_name_what_came_for_goods_that_had_left_too():
    channel, warehouse = shop()
    writes(channel, "EC", PAYMENT_RECEIVED="MAMORI")
    PaymentRoute.objects.filter(method="BANK_TRANSFER").update(must_be_paid_first=False)
    goods = sku()
    stock(goods, warehouse, 5)
    record = placed(channel, order(line(goods, 3), payments=(transfer(3300),)))
    services.release_orders(order_ids=[record.pk], at=NOON, by=DESK)
    parcel = Shipment.objects.get()
    services.ship(requests=[services.ShipRequest(parcel.pk, {record.lines.get().pk: 1})], at=NOON, by=DESK)

    news = PaymentNews("e1", "PAID", amount=None, occurred_at=NOON)
    services.record_payment_event(channel=channel.code, external_id="A-1", event=news, at=NOON, by=DESK)

    written = selectors.as_it_goes_out(Mail.objects.get(kind="PAYMENT_RECEIVED"))
    assert "ご入金額: 3,300円\n" in written.text.body


def test_shortage_is_taken_back_when_the_pieces_turn_up():
    channel, warehouse = shop()
    writes(channel, SHORTAGE="MAMORI_CHECKED")
    goods = sku()
    stock(goods, warehouse, 1)
    record = placed(channel, order(line(goods, 3)))
    assert told() == [("ORDER_RECEIVED", "WAITING"), ("SHORTAGE", "DRAFT")]
    text = selectors.as_it_goes_out(Mail.objects.get(kind="SHORTAGE")).text.body
    assert "数量: 2点" in text
    assert "キャンセル" not in text

    stock(goods, warehouse, 5)
    services.allocate_orders(order_ids=[record.pk], at=NOON, by=DESK)

    assert told() == [("ORDER_RECEIVED", "WAITING"), ("SHORTAGE", "DISCARDED")]


def test_a_short_order_is_cancelled_with_an_apology_and_no_second_mail():
    channel, warehouse = shop()
    writes(channel, SHORTAGE="MAMORI_CHECKED")
    goods = sku()
    stock(goods, warehouse, 1)
    record = placed(channel, order(line(goods, 3)))
    services.cancel_by_staff(order_id=record.pk, reason="欠品(仕入先廃番)", at=NOON, by=DESK)

    assert told() == [("ORDER_RECEIVED", "WAITING"), ("SHORTAGE", "DISCARDED"), ("SHORTAGE", "DRAFT")]
    text = selectors.as_it_goes_out(Mail.objects.get(state="DRAFT")).text.body
    assert "数量: 3点" in text
    assert "キャンセルとさせていただきました" in text
    assert "仕入先廃番" not in text


def test_a_change_is_told_per_revision_and_a_return_per_document():
    channel, warehouse = shop()
    writes(channel, ORDER_RECEIVED="EC")
    goods = sku()
    stock(goods, warehouse, 5)
    placed(channel, order(line(goods)))
    record = placed(channel, order(line(goods, 2), revision=2))
    [parcel] = shipped(record)
    back = [services.ReturnedLine(parcel.lines.get().pk, 1, "SELLABLE")]
    for _time in range(2):
        services.record_return(order_id=record.pk, external_id="r1", lines=back, reason="", at=NOON, by=DESK)

    assert told() == [("ORDER_CHANGED", "WAITING"), ("SHIPPED", "WAITING"), ("RETURNED", "WAITING")]
    assert "ご返品の金額: 1,100円" in selectors.as_it_goes_out(Mail.objects.get(kind="RETURNED")).text.body


def test_payments_that_are_due_are_reminded_of_once():
    channel, warehouse = shop()
    writes(channel, "EC", PAYMENT_REMINDER="MAMORI")
    goods = sku()
    stock(goods, warehouse, 5)
    soon, late = NOON + dt.timedelta(days=1), NOON + dt.timedelta(days=9)
    placed(channel, order(line(goods), payments=(transfer(1100, due_at=soon),)))
    placed(channel, order(line(goods), external_id="A-2", payments=(transfer(1100, due_at=late),)))

    for hours in (0, 20):
        services.remind_of_payments(at=NOON + dt.timedelta(hours=hours), by=DESK)

    assert told() == [("PAYMENT_REMINDER", "WAITING")]
    assert "お支払期限: 2026年11月24日" in selectors.as_it_goes_out(Mail.objects.get()).text.body


def test_the_database_lets_no_mail_be_deleted_and_no_sent_one_change():
    channel, _warehouse = shop()
    writes(channel, SHORTAGE="EC")
    placed(channel, order(line("?")))
    Mail.objects.update(state="SENT", sent_at=NOON, recipient="a@b.example", body="本文")
    MailEvent.objects.create(mail=Mail.objects.get(), kind="SENT", recorded_at=NOON, actor="x")

    for statement in (
        "UPDATE correspondence_mail SET body = 'other words'",
        "DELETE FROM correspondence_mail",
        "UPDATE correspondence_mailevent SET detail = 'x'",
        "DELETE FROM correspondence_mailevent",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_every_automatic_kind_has_a_rule_once():
    channel, _warehouse = shop()
    setting = writes(channel)

    assert MailRule.objects.filter(setting=setting).count() == len(MailKind.values) - 2
    with pytest.raises(IntegrityError), transaction.atomic():
        MailRule.objects.create(setting=setting, kind="SHIPPED")
