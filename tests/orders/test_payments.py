"""Money of orders: each yen is a deposit, a debt or owed back, whatever the order in which the news come."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from accounting.models import PaymentRoute
from catalog.models import Sku
from erp.core import staff_tasks
from erp.core.errors import InvalidInput, NotAllowedNow, NotFound
from erp.core.models import MessageLog, StaffTask
from erp.core.verify import verify
from erp.correspondence.models import Mail
from erp.inventory.services import release
from erp.orders.models import (
    Order,
    OrderHold,
    OrderPayment,
    OrderState,
    OrderWait,
    ParkedMessage,
    PaymentEvent,
    Shipment,
    ShipmentLine,
)
from erp.orders.services import (
    PaymentInput,
    PaymentNews,
    ReturnedLine,
    ShipRequest,
    book_second_transfer,
    cancel_order,
    confirm_payment,
    confirm_refund,
    deliver,
    hear_payment_news,
    place_order,
    record_payment_event,
    record_return,
    release_orders,
    resolve_hold,
    ship,
    surplus,
    waiting,
)
from tests.correspondence.factories import writes
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, TODAY, card, figure, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
HOUR = dt.timedelta(hours=1)


def news(
    channel, kind: str, amount: int | None = None, *, event_id: str = "", when=NOON, line_no: int = 1, reference=""
):
    said = None if amount is None else Decimal(amount)
    event = PaymentNews(event_id or f"{kind}-{when}", kind, when, said, line_no, reference)
    return record_payment_event(channel=channel.code, external_id="A-1", event=event, **HOW)


def stocked_shop(pieces: int = 10, **fields):
    channel, place = shop(**fields)
    shirt = sku()
    stock(shirt, place, pieces, unit_value=400)
    return channel, shirt


def konbini(amount: int) -> PaymentInput:
    return PaymentInput("CONVENIENCE_STORE", Decimal(amount), "PENDING")


def test_captured_after_a_part_has_left_only_the_rest_is_a_deposit():
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100)))
    release_orders(order_ids=[record.pk], **HOW)
    [parcel] = Shipment.objects.all()
    ship(requests=[ShipRequest(parcel.pk, {record.lines.get().pk: 1})], **HOW)

    news(channel, "CAPTURED", 2200)
    assert (figure("receivable.card"), figure("deposits")) == (2200, 1100)
    shipped(record)

    assert (figure("receivable.card"), figure("deposits"), figure("sales.ec")) == (2200, 0, 2000)


def test_capture_of_exactly_what_has_left_posts_nothing():
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100)))
    release_orders(order_ids=[record.pk], **HOW)
    ship(requests=[ShipRequest(Shipment.objects.get().pk, {record.lines.get().pk: 1})], **HOW)

    news(channel, "CAPTURED", 1100, event_id="c-1", reference="txn_1")
    assert (figure("receivable.card"), figure("deposits")) == (1100, 0)
    news(channel, "CAPTURED", 1100, event_id="c-2", reference="txn_2")

    assert (figure("receivable.card"), figure("deposits")) == (2200, 1100)


def test_less_than_the_whole_does_not_let_the_goods_go():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(konbini(2200),)))

    assert news(channel, "PAID", 2000, event_id="p-1") == OrderState.AWAITING_PAYMENT
    assert (figure("deposits"), StaffTask.objects.get().kind) == (2000, "PAYMENT_SHORT")
    assert news(channel, "PAID", 200, event_id="p-2") == OrderState.READY

    assert figure("deposits") == 2200


def transfer(amount: int) -> PaymentInput:
    return PaymentInput("BANK_TRANSFER", Decimal(amount), "PENDING")


def tasks() -> list[str]:
    return sorted(StaffTask.objects.filter(closed_at=None).values_list("kind", flat=True))


@pytest.mark.parametrize("amounts", [(3000,), (2000, 1000)])
def test_what_is_transferred_beyond_the_whole_is_a_deposit_that_goes_back(amounts):
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))

    for number, amount in enumerate(amounts):
        state = news(channel, "PAID", amount, event_id=f"p-{number}")

    assert (state, tasks()) == (OrderState.READY, ["REFUND_OF_DIFFERENCE"])
    assert (figure("bank"), figure("deposits")) == (3000, 3000)
    # The goods of these tests are in stock and not in the books.
    faults = [fault.subject_label for result in verify() for fault in result.faults]
    assert set(faults) <= {"1210 商品"}
    shipped(record)
    assert (figure("deposits"), figure("sales.ec")) == (800, 2000)

    assert confirm_refund(payment_id=OrderPayment.objects.get().pk, **HOW) == 800

    assert (figure("bank"), figure("deposits"), tasks()) == (2200, 0, [])


def test_what_is_transferred_beyond_the_whole_of_a_cancelled_order_goes_back_with_it():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))
    cancel_order(channel=channel.code, external_id="A-1", reason="期限切れ", **HOW)

    news(channel, "PAID", 3000)

    assert (figure("deposits"), figure("refunds_payable"), tasks()) == (0, 3000, ["REFUND_DUE"])


def test_a_second_transfer_is_asked_about_and_not_booked():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))
    news(channel, "PAID", 2200, event_id="p-1")
    assert tasks() == []

    news(channel, "PAID", 2200, event_id="p-2")

    [task] = StaffTask.objects.filter(closed_at=None)
    assert (task.kind, task.detail.split("。")[0]) == (
        "PAID_AGAIN",
        "記帳済みの入金のほかに、振込 2,200 の通知を受信しました",
    )
    assert (figure("bank"), figure("deposits")) == (2200, 2200)
    payment = OrderPayment.objects.get()

    assert book_second_transfer(payment_id=payment.pk, **HOW) == 2200

    assert (figure("bank"), figure("deposits"), tasks()) == (4400, 4400, ["REFUND_OF_DIFFERENCE"])
    with pytest.raises(NotAllowedNow):
        book_second_transfer(payment_id=payment.pk, **HOW)
    assert confirm_refund(payment_id=payment.pk, **HOW) == 2200
    assert (figure("bank"), figure("deposits"), tasks()) == (2200, 2200, [])


def short_and_told_again(channel, shirt, pieces: int) -> OrderPayment:
    """1,100 is here when a revision asks for more; the same figure is told again, with the hour of the first."""
    placed(channel, order(line(shirt, 1, 1100), payments=(transfer(1100),)))
    news(channel, "PAID", 1100, event_id="p-1")
    more = order(line(shirt, pieces, 1100), payments=(transfer(1100 * pieces),), revision=2)
    place_order(channel=channel.code, order=more, **HOW)
    news(channel, "PAID", 1100, event_id="p-2")
    assert tasks() == ["PAID_AGAIN", "PAYMENT_SHORT"]
    return OrderPayment.objects.get()


def test_a_second_transfer_that_was_what_was_missing_pays_the_order():
    channel, shirt = stocked_shop()
    writes(channel)
    payment = short_and_told_again(channel, shirt, 2)

    assert book_second_transfer(payment_id=payment.pk, **HOW) == 1100

    payment.refresh_from_db()
    record = Order.objects.get()
    assert (payment.status, record.state, tasks()) == ("PAID", OrderState.READY, [])
    assert not OrderHold.objects.filter(resolved_at=None).exists()
    assert (figure("bank"), figure("deposits")) == (2200, 2200)
    told = Mail.objects.filter(kind="PAYMENT_RECEIVED", occasion=f"payment:{payment.pk}:2")
    assert told.count() == 1
    news(channel, "PAID", 2200, event_id="p-3", when=NOON + HOUR)
    assert (figure("bank"), told.count()) == (2200, 1)


def test_a_second_transfer_that_is_not_all_that_was_missing_leaves_the_order_short():
    channel, shirt = stocked_shop()
    payment = short_and_told_again(channel, shirt, 3)

    book_second_transfer(payment_id=payment.pk, **HOW)

    payment.refresh_from_db()
    [task] = StaffTask.objects.filter(closed_at=None)
    assert (payment.status, Order.objects.get().state) == ("PENDING", OrderState.ON_HOLD)
    assert (task.kind, task.detail) == ("PAYMENT_SHORT", "3,300 のうち 2,200 が入金されました。")


def test_further_money_for_goods_that_left_before_they_were_paid_is_too_much_and_leaves_nothing_short():
    """What came for goods that had left is attached to their sale: the payment is whole, although nothing was received on it in advance."""
    channel, shirt = stocked_shop()
    PaymentRoute.objects.filter(method="BANK_TRANSFER").update(must_be_paid_first=False)
    record = placed(channel, order(line(shirt, 1, 10_000), payments=(transfer(10_000),)))
    shipped(record)
    news(channel, "PAID", 10_000, event_id="p-1")
    news(channel, "PAID", 4_000, event_id="p-2")
    payment = OrderPayment.objects.get()
    assert (payment.status, payment.attached_amount, tasks()) == ("PAID", 0, ["PAID_AGAIN"])

    assert book_second_transfer(payment_id=payment.pk, **HOW) == 4_000

    payment.refresh_from_db()
    assert (payment.status, figure("deposits"), tasks()) == ("PAID", 4_000, ["REFUND_OF_DIFFERENCE"])
    assert confirm_refund(payment_id=payment.pk, **HOW) == 4_000
    assert (figure("deposits"), figure("bank"), tasks()) == (0, 10_000, [])


def test_a_second_transfer_that_pays_an_order_takes_up_its_stock_again():
    channel, shirt = stocked_shop()
    payment = short_and_told_again(channel, shirt, 2)
    release(document_type="ORDER", document_ids=[payment.order_id], **HOW)
    waiting.open_wait(payment.order_id, OrderWait.Reason.PAYMENT_OVERDUE, **HOW)

    book_second_transfer(payment_id=payment.pk, **HOW)

    assert Order.objects.get().state == OrderState.READY


def test_a_second_transfer_for_a_cancelled_order_is_owed_back():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))
    news(channel, "PAID", 2200, event_id="p-1")
    cancel_order(channel=channel.code, external_id="A-1", **HOW)
    news(channel, "PAID", 2200, event_id="p-2")

    book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW)

    assert (figure("deposits"), figure("refunds_payable"), tasks()) == (0, 4400, ["REFUND_DUE"])


def test_a_transfer_that_came_once_is_not_booked_a_second_time():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))
    news(channel, "PAID", 2200)

    with pytest.raises(NotAllowedNow):
        book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW)
    with pytest.raises(NotFound):
        book_second_transfer(payment_id=0, **HOW)

    assert figure("bank") == 2200


def test_a_transfer_that_staff_took_for_the_same_is_not_booked_with_the_next_one():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))
    news(channel, "PAID", 2200, event_id="p-1")
    news(channel, "PAID", 2200, event_id="p-2")
    staff_tasks.close_task(task_id=StaffTask.objects.get(closed_at=None).pk, resolution="同じ入金", **HOW)
    news(channel, "PAID", 700, event_id="p-3")

    assert book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW) == 700

    assert (figure("bank"), figure("deposits")) == (2900, 2900)


def test_the_whole_told_after_a_part_is_no_further_money():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(konbini(2200),)))
    news(channel, "PAID", 1100, event_id="p-1")

    assert news(channel, "PAID", 2200, event_id="p-2") == OrderState.READY

    assert (figure("deposits"), tasks()) == (2200, [])


def test_news_without_an_amount_counts_what_was_to_be_paid_when_it_came():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 1, 1100), payments=(transfer(1100),)))
    news(channel, "PAID", event_id="p-1")
    more = order(line(shirt, 2, 1100), payments=(transfer(2200),), revision=2)
    place_order(channel=channel.code, order=more, **HOW)

    news(channel, "PAID", 1100, event_id="p-2", when=NOON + HOUR)

    assert (figure("bank"), tasks()) == (2200, [])


@pytest.mark.parametrize("again", [False, True])
def test_money_of_goods_on_their_way_is_no_difference_to_be_paid_back(again):
    """Sold on delivery: one of two has left, the rest is cancelled, and too much was transferred, or all of it twice."""
    channel, shirt = stocked_shop(revenue_basis="DELIVERY")
    record = placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))
    news(channel, "PAID", 2200 if again else 3000, event_id="p-1")
    release_orders(order_ids=[record.pk], **HOW)
    ship(requests=[ShipRequest(Shipment.objects.get().pk, {record.lines.get().pk: 1})], **HOW)
    cancel_order(channel=channel.code, external_id="A-1", **HOW)
    if again:
        news(channel, "PAID", 2200, event_id="p-2")
        book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW)

    assert (figure("deposits"), figure("refunds_payable")) == (1100, 3300 if again else 1900)
    assert "REFUND_OF_DIFFERENCE" not in tasks()
    confirm_refund(payment_id=OrderPayment.objects.get().pk, **HOW)

    assert (figure("bank"), figure("deposits")) == (1100, 1100)
    deliver(shipment_ids=[Shipment.objects.get(state="SHIPPED").pk], delivered_date=TODAY, **HOW)
    assert (figure("bank"), figure("deposits"), figure("sales.ec")) == (1100, 0, 1000)


def test_a_second_transfer_of_which_a_part_pays_lets_the_rest_settle_it():
    """4,400 is here when a revision asks for 11,000; the desk finds that the 4,400 told again were further money. What then comes is the rest."""
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 4, 1100), payments=(transfer(4400),)))
    news(channel, "PAID", 4400, event_id="p-1")
    more = order(line(shirt, 10, 1100), payments=(transfer(11_000),), revision=2)
    place_order(channel=channel.code, order=more, **HOW)
    news(channel, "PAID", 4400, event_id="p-2")
    payment = OrderPayment.objects.get()
    assert book_second_transfer(payment_id=payment.pk, **HOW) == 4400

    state = news(channel, "PAID", 2200, event_id="p-3", when=NOON + HOUR)

    payment.refresh_from_db()
    assert (state, payment.status, tasks()) == (OrderState.READY, "PAID", [])
    assert (figure("bank"), figure("deposits")) == (11_000, 11_000)


def test_what_the_desk_saw_and_the_channel_tells_too_is_one_transfer():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))
    confirm_payment(payment_id=OrderPayment.objects.get().pk, **HOW)

    news(channel, "PAID", 2200)

    assert (figure("bank"), tasks()) == (2200, [])


def test_what_the_desk_saw_and_the_channel_tells_in_equal_parts_is_one_transfer():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),)))
    confirm_payment(payment_id=OrderPayment.objects.get().pk, **HOW)

    for number in (1, 2):
        news(channel, "PAID", 1100, event_id=f"p-{number}")

    assert (figure("bank"), tasks()) == (2200, [])


@pytest.mark.parametrize(("method", "kind"), [("CONVENIENCE_STORE", "PAID"), ("CARD", "CAPTURED")])
def test_one_payment_that_a_shop_or_a_card_company_tells_of_twice_is_one(method, kind):
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(PaymentInput(method, Decimal(2200), "PENDING"),)))
    news(channel, kind, 2200, event_id="n-1")

    news(channel, kind, 2200, event_id="n-2")

    assert (figure("deposits"), tasks()) == (2200, [])


def test_money_for_a_cancelled_order_is_owed_back_at_once():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(konbini(2200),)))
    cancel_order(channel=channel.code, external_id="A-1", reason="期限切れ", **HOW)

    news(channel, "PAID", 2200)

    assert (figure("deposits"), figure("refunds_payable"), figure("receivable.agent")) == (0, 2200, 2200)


def test_a_verdict_older_than_the_last_one_changes_nothing():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 1, 1100), payments=(PaymentInput("DEFERRED", Decimal(1100)),)))

    assert news(channel, "AUTHORIZED", when=NOON) == OrderState.READY
    assert news(channel, "FAILED", when=NOON - HOUR) == OrderState.READY
    assert news(channel, "FAILED", when=NOON + HOUR) == OrderState.ON_HOLD


def test_a_refund_of_a_part_leaves_the_payment_paid():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(card(2200, "CAPTURED"),)))
    cancel_order(channel=channel.code, external_id="A-1", **HOW)

    news(channel, "REFUNDED", 500)
    assert OrderPayment.objects.get().status == "CAPTURED"
    news(channel, "REFUNDED", 1700, event_id="r-2")

    payment = OrderPayment.objects.get()
    assert (payment.status, payment.refunded_amount) == ("REFUNDED", 2200)
    assert (figure("refunds_payable"), figure("receivable.card")) == (0, 0)


def test_a_payment_event_before_its_order_is_kept_and_applied_with_it():
    channel, shirt = stocked_shop()

    assert news(channel, "PAID", 1100) is None
    assert MessageLog.objects.get(kind="payment").outcome == "PARKED"
    record = placed(channel, order(line(shirt, 1, 1100), payments=(konbini(1100),)))

    assert record.state == OrderState.READY
    assert figure("deposits") == 1100
    assert ParkedMessage.objects.get().applied_at == NOON


def test_an_event_of_a_payment_that_the_order_has_not_does_not_keep_the_order_out():
    channel, shirt = stocked_shop()
    news(channel, "PAID", 1100, line_no=2)

    record = placed(channel, order(line(shirt, 1, 1100)))

    assert record.state == OrderState.READY
    assert (StaffTask.objects.get().kind, figure("deposits")) == ("UNKNOWN_PAYMENT", 0)
    with pytest.raises(NotFound):
        news(channel, "PAID", 1100, line_no=2, event_id="again")


def test_names_every_fault_of_a_payment_event():
    channel, _shirt = stocked_shop()

    with pytest.raises(InvalidInput) as refusal:
        record_payment_event(
            channel=channel.code,
            external_id="A-1",
            event=PaymentNews("", "STOLEN", dt.datetime(2026, 11, 23), Decimal("0.5")),
            **HOW,
        )

    assert [problem.pointer for problem in refusal.value.problems] == ["/kind", "/event_id", "/occurred_at", "/amount"]
    assert not ParkedMessage.objects.exists()


def test_a_way_of_payment_without_a_route_waits_until_it_has_one():
    channel, shirt = stocked_shop()
    old = PaymentRoute.objects.get(method="WALLET")
    route = {"method": "WALLET", "provider": "", "role": old.role, "counterparty_id": old.counterparty_id}
    old.delete()
    payment = PaymentInput("WALLET", Decimal(1100), "CAPTURED")
    record = placed(channel, order(line(shirt, 1, 1100), payments=(payment,)))
    assert record.state == OrderState.ON_HOLD
    resolving = {"order_id": record.pk, "reason": "NO_PAYMENT_ROUTE", "resolution": "設定した", **HOW}
    with pytest.raises(NotAllowedNow):
        resolve_hold(**resolving)
    assert figure("deposits") == 0

    PaymentRoute.objects.create(must_be_paid_first=False, **route)
    assert resolve_hold(**resolving) == OrderState.READY

    assert (figure("receivable.card"), figure("deposits")) == (1100, 1100)
    shipped(record)
    assert (figure("receivable.card"), figure("deposits"), figure("sales.ec")) == (1100, 0, 1000)


def test_what_no_payment_covers_is_owed_by_the_orderer():
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 1, 1100), payments=()))
    assert record.state == OrderState.ON_HOLD
    resolve_hold(order_id=record.pk, reason="NO_PAYMENT_ROUTE", resolution="請求書払い", **HOW)

    shipped(record)

    assert (figure("receivable.account"), figure("sales.ec")) == (1100, 1000)


@pytest.mark.parametrize("amount", [700, 2200, 3000])
def test_a_second_transfer_for_goods_that_left_unpaid_goes_back_however_much_it_is(amount):
    PaymentRoute.objects.filter(method="BANK_TRANSFER").update(must_be_paid_first=False)
    channel, shirt = stocked_shop()
    shipped(placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),))))
    news(channel, "PAID", 2200, event_id="p-1")
    news(channel, "PAID", amount, event_id="p-2")
    assert book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW) == amount
    assert tasks() == ["REFUND_OF_DIFFERENCE"]
    assert confirm_refund(payment_id=OrderPayment.objects.get().pk, **HOW) == amount
    assert (figure("bank"), figure("deposits"), tasks()) == (2200, 0, [])


AUTHORISED = PaymentInput("CARD", Decimal(2200), "AUTHORIZED", reference="ch_1")


def half_paid(payment: PaymentInput, reference=""):
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100), payments=(payment,)))
    kind = "CAPTURED" if payment.method == "CARD" else "PAID"
    news(channel, kind, 1100, event_id="n-1", reference=reference.format(number=record.number))
    return channel, kind


def test_what_the_provider_calls_by_one_name_is_one_movement_of_money_whatever_its_message_is_called():
    channel, kind = half_paid(AUTHORISED, reference="txn_1")

    news(channel, kind, 1100, event_id="n-2", reference="txn_1")

    assert (figure("deposits"), tasks(), PaymentEvent.objects.count()) == (1100, ["PAYMENT_SHORT"], 1)
    again = PaymentNews("n-3", kind, NOON, Decimal(1100), reference="txn_1")
    assert hear_payment_news(channel=channel.code, external_id="A-1", event=again, **HOW).is_replay


def test_a_second_equal_capture_by_one_name_is_asked_about_however_late_since_the_name_may_be_of_the_charge():
    """The order did not say what the provider calls the charge."""
    channel, kind = half_paid(replace(AUTHORISED, reference=""), reference="ch_1")

    news(channel, kind, 1100, event_id="n-2", when=NOON + 300 * HOUR, reference="ch_1")

    assert (figure("deposits"), tasks(), PaymentEvent.objects.count()) == (1100, ["PAID_AGAIN", "PAYMENT_SHORT"], 2)
    assert book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW) == 1100
    assert (figure("deposits"), tasks()) == (2200, [])


@pytest.mark.parametrize("payment", [AUTHORISED, transfer(2200), konbini(2200)], ids=lambda one: one.method)
def test_the_same_part_again_shortly_after_is_asked_about_and_not_booked(payment):
    channel, kind = half_paid(payment)

    news(channel, kind, 1100, event_id="n-2", when=NOON + HOUR)

    assert (figure("deposits"), tasks()) == (1100, ["PAID_AGAIN", "PAYMENT_SHORT"])
    record = OrderPayment.objects.get()
    assert book_second_transfer(payment_id=record.pk, **HOW) == 1100
    record.refresh_from_db()
    assert (record.status, figure("deposits"), tasks()) == (kind, 2200, [])


def all_is_here(channel, kind: str, payment: PaymentInput, how: str) -> None:
    if how == "desk":
        confirm_payment(payment_id=OrderPayment.objects.get().pk, **HOW)
    elif how == "news":
        news(channel, kind, event_id="n-3", when=NOON + 2 * HOUR)
    else:
        said = replace(payment, status=kind)
        document = order(line(Sku.objects.get(), 2, 1100), payments=(said,), revision=2)
        place_order(channel=channel.code, order=document, **HOW)


@pytest.mark.parametrize(
    ("payment", "how"),
    [
        (AUTHORISED, "news"),
        (AUTHORISED, "revision"),
        (transfer(2200), "desk"),
        (transfer(2200), "news"),
        (transfer(2200), "revision"),
    ],
    ids=lambda one: one if isinstance(one, str) else one.method,
)
def test_what_is_asked_about_and_comes_into_the_books_another_way_is_not_booked_again(payment, how):
    channel, kind = half_paid(payment)
    news(channel, kind, 1100, event_id="n-2", when=NOON + HOUR)
    assert tasks() == ["PAID_AGAIN", "PAYMENT_SHORT"]

    all_is_here(channel, kind, payment, how)

    assert (figure("deposits"), tasks(), OrderPayment.objects.get().not_booked_amount) == (2200, [], 0)
    with pytest.raises(NotAllowedNow):
        book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW)


def test_of_a_second_transfer_what_is_more_than_was_missing_stays_asked_about_when_the_desk_says_that_all_is_here():
    channel, shirt = stocked_shop()
    payment = short_and_told_again(channel, shirt, 2)
    news(channel, "PAID", 1100, event_id="p-3")

    confirm_payment(payment_id=payment.pk, **HOW)

    assert (figure("bank"), tasks()) == (2200, ["PAID_AGAIN"])
    assert book_second_transfer(payment_id=payment.pk, **HOW) == 1100


@pytest.mark.parametrize(
    ("first", "second", "hours"),
    [("txn_1", "txn_2", 1), ("", "", 80), ("", "txn_2", 80)],
    ids=["named", "later", "one"],
)
def test_two_equal_parts_that_are_told_apart_are_both_money(first, second, hours):
    channel, kind = half_paid(AUTHORISED, reference=first)

    news(channel, kind, 1100, event_id="n-2", when=NOON + hours * HOUR, reference=second)

    assert (figure("deposits"), tasks()) == (2200, [])


@pytest.mark.parametrize("name", ["ch_1", "A-1", "{number}"])
def test_a_name_of_the_charge_or_of_the_order_is_none_of_one_movement(name):
    channel, kind = half_paid(AUTHORISED, reference=name)
    name = name.format(number=Order.objects.get().number)

    news(channel, kind, 1100, event_id="n-2", when=NOON + HOUR, reference=name)

    assert (figure("deposits"), tasks()) == (1100, ["PAID_AGAIN", "PAYMENT_SHORT"])


def test_a_payer_s_name_tells_no_two_transfers_apart_and_makes_no_two_of_them_one():
    channel, kind = half_paid(transfer(2200), reference="ヤマダ ハナコ")

    news(channel, kind, 1100, event_id="n-2", when=NOON + HOUR, reference="ヤマダ ハナコ")
    assert tasks() == ["PAID_AGAIN", "PAYMENT_SHORT"]
    news(channel, kind, 1100, event_id="n-3", when=NOON + HOUR, reference="ヤマダ ハナコ")

    assert OrderPayment.objects.get().not_booked_amount == 1100


def test_a_refund_that_is_told_again_by_its_name_is_paid_once():
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 2, 1100), payments=(card(2200, "CAPTURED"),)))
    shipped(record)
    for number in (1, 2):
        parcel_line = ShipmentLine.objects.get()
        record_return(order_id=record.pk, external_id=f"R-{number}", lines=[ReturnedLine(parcel_line.pk, 1)], **HOW)

    for number in (1, 2):
        news(channel, "REFUNDED", 1100, event_id=f"r-{number}", reference="re_1")

    assert OrderPayment.objects.get().refunded_amount == 1100


def test_a_second_equal_refund_by_one_name_days_later_is_asked_about_and_not_booked():
    channel, shirt = stocked_shop()
    placed(channel, order(line(shirt, 2, 1100), payments=(card(2200, "CAPTURED"),)))
    cancel_order(channel=channel.code, external_id="A-1", **HOW)
    for number in (0, 1):
        news(channel, "REFUNDED", 1100, event_id=f"r-{number}", when=NOON + number * 48 * HOUR, reference="ch_1")

    assert (PaymentEvent.objects.count(), figure("refunds_payable")) == (2, 1100)
    assert "ch_1" in StaffTask.objects.get(kind="MONEY_NOT_BOOKED", closed_at=None).detail
    assert confirm_refund(payment_id=OrderPayment.objects.get().pk, **HOW) == 1100


def test_what_the_desk_books_of_a_card_for_goods_that_have_left_is_owed_since_their_sale():
    """1,100 of 2,200 left and were captured; as much again is the rest, whose goods have left meanwhile."""
    channel, kind = half_paid(AUTHORISED)
    shipped(Order.objects.get())
    news(channel, kind, 1100, event_id="n-2", when=NOON + HOUR)
    before = figure("receivable.card")

    book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW)

    assert (figure("receivable.card"), figure("deposits"), tasks()) == (before, 0, []) == (2200, 0, [])


def test_a_deposit_that_a_sale_took_is_no_reason_to_take_less_of_what_comes_next():
    """1,100 was captured and taken by the first sale. The rest is captured, and the order cancelled: all of the rest goes back."""
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 3, 1100), payments=(replace(AUTHORISED, amount=Decimal(3300)),)))
    news(channel, "CAPTURED", 1100, event_id="n-1")
    release_orders(order_ids=[record.pk], **HOW)
    ship(requests=[ShipRequest(Shipment.objects.get().pk, {record.lines.get().pk: 1})], **HOW)
    assert (figure("deposits"), figure("receivable.card")) == (0, 1100)

    news(channel, "CAPTURED", event_id="n-2")
    assert (figure("deposits"), figure("receivable.card")) == (2200, 3300)

    cancel_order(channel=channel.code, external_id="A-1", **HOW)
    assert (figure("deposits"), figure("refunds_payable")) == (0, 2200)


def test_the_same_part_again_of_a_transfer_for_goods_that_left_unpaid_pays_them():
    PaymentRoute.objects.filter(method="BANK_TRANSFER").update(must_be_paid_first=False)
    channel, shirt = stocked_shop()
    shipped(placed(channel, order(line(shirt, 2, 1100), payments=(transfer(2200),))))
    news(channel, "PAID", 1100, event_id="p-1")
    news(channel, "PAID", 1100, event_id="p-2", when=NOON + HOUR)
    assert tasks() == ["PAID_AGAIN", "PAYMENT_SHORT"]

    book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW)

    assert (figure("bank"), figure("deposits"), tasks()) == (2200, 0, [])
    assert OrderPayment.objects.get().status == "PAID"


def test_deposits_of_goods_to_come_are_not_too_much_beside_what_is_owed_since_a_sale():
    """One shirt of three left on credit; then all is captured. 2,200 pay the other two, and nothing is to go back."""
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 3, 1100), payments=(replace(AUTHORISED, amount=Decimal(3300)),)))
    release_orders(order_ids=[record.pk], **HOW)
    ship(requests=[ShipRequest(Shipment.objects.get().pk, {record.lines.get().pk: 1})], **HOW)
    news(channel, "CAPTURED", 3300, event_id="n-1")

    surplus.tell(record.pk, **HOW)

    assert (figure("deposits"), surplus.find(record.pk), tasks()) == (2200, [], [])


@pytest.mark.parametrize("days", [1, 4])
def test_a_transfer_for_goods_that_left_unpaid_pays_them_also_beside_a_deposit(days):
    """1,100 of 3,300 came and went with the first parcel; the second left unpaid. The next 1,100 are for it."""
    PaymentRoute.objects.filter(method="BANK_TRANSFER").update(must_be_paid_first=False)
    channel, shirt = stocked_shop()
    record = placed(channel, order(line(shirt, 3, 1100), payments=(transfer(3300),)))
    news(channel, "PAID", 1100, event_id="p-1")
    for _parcel in (1, 2):
        release_orders(order_ids=[record.pk], **HOW)
        parcel = Shipment.objects.get(state="INSTRUCTED")
        ship(requests=[ShipRequest(parcel.pk, {record.lines.get().pk: 1})], **HOW)

    news(channel, "PAID", 1100, event_id="p-2", when=NOON + days * 24 * HOUR)
    if days == 1:
        book_second_transfer(payment_id=OrderPayment.objects.get().pk, **HOW)

    assert (figure("bank"), figure("deposits"), tasks()) == (2200, 0, ["PAYMENT_SHORT"])


def two_transfers():
    """Paid in two transfers, each of which is told twice."""
    channel, shirt = stocked_shop()
    payments = tuple(replace(transfer(2200), reference=name) for name in ("山田", "鈴木"))
    placed(channel, order(line(shirt, 4, 1100), payments=payments))
    for number in (1, 2):
        news(channel, "PAID", 2200, event_id=f"p-{number}", line_no=1)
    return channel


def test_two_payments_of_an_order_are_each_asked_about_until_each_is_booked():
    channel = two_transfers()
    for number in (3, 4):
        news(channel, "PAID", 2200, event_id=f"p-{number}", line_no=2)
    first, second = OrderPayment.objects.order_by("line_no")

    assert book_second_transfer(payment_id=first.pk, **HOW) == 2200
    assert "PAID_AGAIN" in tasks()
    assert book_second_transfer(payment_id=second.pk, **HOW) == 2200

    assert (figure("bank"), tasks()) == (8800, ["REFUND_OF_DIFFERENCE"])


def test_what_staff_have_decided_of_one_payment_is_not_asked_again_with_another():
    channel = two_transfers()
    staff_tasks.close_task(task_id=StaffTask.objects.get(closed_at=None).pk, resolution="同じ入金", **HOW)
    for number in (3, 4):
        news(channel, "PAID", 2200, event_id=f"p-{number}", line_no=2)

    with pytest.raises(NotAllowedNow):
        book_second_transfer(payment_id=OrderPayment.objects.get(line_no=1).pk, **HOW)
    assert figure("bank") == 4400
