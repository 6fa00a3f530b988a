"""Money that comes in when its goods will not be sold any more: it is owed back at once, and a person sees to it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from accounting.models import JournalEntry, Period
from accounting.services import close_period, open_periods
from erp.core.clock import TOKYO, business_date
from erp.core.models import StaffTask
from erp.core.verify import verify
from erp.inventory.models import StockBalance, StockMovement
from erp.inventory.services import Count, ReceiptLine, receive, record_count
from erp.orders.exceptions import NotReturnable
from erp.orders.models import Order, OrderPayment, Return, Shipment, ShipmentLine
from erp.orders.services import (
    AdjustmentInput,
    ChannelReturn,
    FeeInput,
    PaymentInput,
    PaymentNews,
    ReturnedLine,
    ReturnedUnits,
    ShipRequest,
    accept,
    cancel_by_staff,
    cancel_order,
    confirm_refund,
    deliver,
    record_channel_return,
    record_payment_event,
    record_refusal,
    record_return,
    release_orders,
    ship,
)
from tests.inventory.factories import sku
from tests.orders.factories import DESK, NOON, TODAY, card, figure, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db
HOW: dict[str, Any] = {"at": NOON, "by": DESK}


@pytest.fixture(autouse=True)
def _everything_adds_up():
    yield
    assert [fault for result in verify() for fault in result.faults] == []


def stock(goods, place, pieces: int, when: dt.datetime = NOON) -> None:
    receive(
        external_id=f"opening {goods.code}", location_id=place.pk, lines=[ReceiptLine(1, goods.pk, pieces, Decimal(100))],
        occurred_at=when, **HOW,
    )  # fmt: skip


def captured(record: Order, event_id: str = "E-1", amount: int | None = None) -> None:
    news = PaymentNews(event_id, "CAPTURED", NOON, amount=None if amount is None else Decimal(amount))
    record_payment_event(channel=record.channel.code, external_id=record.external_id, event=news, **HOW)


def told() -> list[tuple[str, bool]]:
    return [(task.detail, task.closed_at is None) for task in StaffTask.objects.filter(kind="REFUND_DUE")]


def owed() -> tuple[int, int]:
    return figure("deposits"), figure("refunds_payable")


def one_parcel(basis="ACCEPTANCE", pieces=1, fee=550):
    channel, place = shop(revenue_basis=basis)
    dress = sku()
    stock(dress, place, pieces)
    total = 1100 * pieces + fee
    fees = (FeeInput("SHIPPING", Decimal(fee)),) if fee else ()
    record = placed(channel, order(line(dress, pieces, 1100), total=total, fees=fees, payments=(card(total),)))
    [parcel] = shipped(record)
    return record, parcel


def test_a_card_captured_after_the_parcel_was_refused_is_owed_back_and_told():
    record, parcel = one_parcel()
    record_refusal(shipment_id=parcel.pk, external_id="X-1", **HOW)

    captured(record)

    assert owed() == (0, 1650)
    assert told() == [("キャンセルまたは返品の後に 1,650 の入金がありました。返金が必要です。", True)]


def test_the_task_closes_when_all_of_it_went_back():
    record, parcel = one_parcel()
    record_refusal(shipment_id=parcel.pk, external_id="X-1", **HOW)
    captured(record)
    part = PaymentNews("R-1", "REFUNDED", NOON, amount=Decimal(650))

    record_payment_event(channel=record.channel.code, external_id=record.external_id, event=part, **HOW)
    assert [is_open for _detail, is_open in told()] == [True]
    assert confirm_refund(payment_id=OrderPayment.objects.get().pk, **HOW) == 1000

    assert owed() == (0, 0)
    assert [is_open for _detail, is_open in told()] == [False]
    assert OrderPayment.objects.get().status == "REFUNDED"


def test_a_card_captured_after_the_cancellation_is_told_as_well():
    channel, place = shop()
    dress = sku()
    stock(dress, place, 1)
    record = placed(channel, order(line(dress, 1, 1100), payments=(card(1100),)))
    cancel_by_staff(order_id=record.pk, reason="いらない", **HOW)

    captured(record)

    assert owed() == (0, 1100)
    assert len(told()) == 1


def test_what_may_still_be_sold_stays_a_deposit():
    channel, place = shop(revenue_basis="DELIVERY")
    dress, hat = sku(), sku()
    stock(dress, place, 1)
    sent = order(line(dress, 1, 1100), line(hat, 1, 2200), payments=(card(3300),))
    record = placed(channel, sent)
    release_orders(order_ids=[record.pk], in_part=True, **HOW)
    first = Shipment.objects.get()
    ship(requests=[ShipRequest(first.pk)], **HOW)
    record_refusal(shipment_id=first.pk, external_id="X-1", **HOW)

    captured(record)

    assert owed() == (2200, 1100)
    assert len(told()) == 1


def test_of_a_part_that_came_back_only_its_money_is_owed_and_the_rest_pays_its_sale():
    record, parcel = one_parcel(pieces=3, fee=0)
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(ShipmentLine.objects.get().pk, 1)], **HOW)

    captured(record)
    assert owed() == (2200, 1100)

    tomorrow = {"at": NOON + dt.timedelta(days=1), "by": DESK}
    deliver(shipment_ids=[parcel.pk], delivered_date=TODAY + dt.timedelta(days=1), **tomorrow)
    accept(shipment_ids=[parcel.pk], accepted_date=TODAY + dt.timedelta(days=1), **tomorrow)
    assert owed() == (0, 1100)
    assert figure("sales.ec") == 2000


def test_a_fee_that_was_not_given_back_is_not_owed():
    record, _parcel = one_parcel()
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(ShipmentLine.objects.get().pk, 1)], **HOW)

    captured(record)

    assert owed() == (0, 1100)
    assert (figure("sales.shipping_fee"), figure("receivable.card")) == (500, 1650)


def test_of_what_a_maker_pays_a_part_for_the_customer_gets_back_what_came_for_the_refused_parcel():
    """Three shirts of 1,100, 1,000 of which a maker pays: one is refused before the card is captured, and the coupon is used for the others."""
    channel, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 3)
    coupon = AdjustmentInput("COUPON", "MAKER", Decimal(1000))
    sent = order(
        line(shirt, 3), payments=(card(2300),), adjustments=(coupon,), amount_due=Decimal(2300), total=3300
    )  # fmt: skip
    record = placed(channel, sent)
    [first] = released(record)
    ship(requests=[ShipRequest(first.pk, {first.lines.get().order_line_id: 1})], **HOW)
    record_refusal(shipment_id=first.pk, external_id="X-1", **HOW)

    captured(record)
    assert owed() == (1200, 1100)

    [second] = shipped(record)
    deliver(shipment_ids=[second.pk], delivered_date=TODAY, **HOW)
    assert owed() == (0, 1100)
    assert (figure("receivable.card"), figure("receivable.agent")) == (2300, 1000)


def test_money_for_goods_on_their_way_is_a_deposit_and_no_task():
    record, _parcel = one_parcel()

    captured(record)

    assert (owed(), told()) == ((1650, 0), [])


def short() -> list[str]:
    tasks = StaffTask.objects.filter(kind="PAYMENT_SHORT", closed_at=None)
    return list(tasks.values_list("detail", flat=True))


@pytest.mark.parametrize(("amount", "is_whole"), [(4400, True), (4300, False)])
def test_what_is_not_to_be_paid_any_more_is_not_missing(amount, is_whole):
    """Two of six shirts came back before their sale: 4,400 of 6,600 are to be paid."""
    record, _parcel = one_parcel(basis="DELIVERY", pieces=6, fee=0)
    parcel_line = ShipmentLine.objects.get()
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 2)], **HOW)

    captured(record, amount=amount)

    assert OrderPayment.objects.get().status == ("CAPTURED" if is_whole else "AUTHORIZED")
    assert short() == ([] if is_whole else ["4,400 のうち 4,300 が入金されました。"])


def test_a_fee_that_is_kept_is_all_that_is_to_be_paid_when_its_goods_came_back():
    record, _parcel = one_parcel()
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(ShipmentLine.objects.get().pk, 1)], **HOW)

    captured(record, amount=550)

    assert (OrderPayment.objects.get().status, short(), owed()) == ("CAPTURED", [], (0, 0))
    assert (figure("sales.shipping_fee"), figure("receivable.card")) == (500, 550)


def two_left(on: dt.date) -> Order:
    """An order of two that are paid, and have left on that day."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    record = placed(channel, order(line(shirt, 2, 1100, line_id="1"), payments=(card(2200, "CAPTURED"),)))
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk)], ship_date=on, **HOW)
    return record


def closed(month: dt.date) -> None:
    open_periods(through=month, **HOW)
    for period in Period.objects.filter(starts_on__lte=month).order_by("starts_on"):
        close_period(period_id=period.pk, **HOW)


def test_a_return_that_a_channel_tells_of_a_month_that_is_closed_is_booked_on_the_first_open_day():
    channel = two_left(dt.date(2026, 10, 30)).channel
    closed(dt.date(2026, 10, 1))
    request = ChannelReturn("R-1", (ReturnedUnits("1", 1),), returned_on=dt.date(2026, 10, 31))

    told = {"channel": channel.code, "external_id": "A-1", "request": request, **HOW}
    document = record_channel_return(**told).document

    assert document is not None
    assert (document.return_date, document.posted_date) == (dt.date(2026, 10, 31), dt.date(2026, 11, 1))
    assert JournalEntry.objects.get(source_type="RETURN").entry_date == dt.date(2026, 11, 1)
    back = StockMovement.objects.get(document__source_type="RETURN")
    assert business_date(back.document.occurred_at) == dt.date(2026, 10, 31)
    assert figure("refunds_payable") == 1100
    again = record_channel_return(**told)
    assert (again.document, again.is_replay) == (document, True)


def test_a_channel_s_return_of_today_is_booked_although_somebody_has_closed_the_month_that_runs():
    channel = two_left(business_date(NOON)).channel
    closed(dt.date(2026, 11, 1))

    document = record_channel_return(
        channel=channel.code, external_id="A-1", request=ChannelReturn("R-1", (ReturnedUnits("1", 1),)), **HOW
    ).document

    assert document is not None
    assert (document.return_date, document.posted_date) == (business_date(NOON), dt.date(2026, 12, 1))


def test_a_return_before_its_parcel_left_is_none_however_many_months_are_closed():
    channel = two_left(dt.date(2026, 10, 30)).channel
    closed(dt.date(2026, 10, 1))
    request = ChannelReturn("R-1", (ReturnedUnits("1", 1),), returned_on=dt.date(2026, 10, 5))

    with pytest.raises(NotReturnable) as refused:
        record_channel_return(channel=channel.code, external_id="A-1", request=request, **HOW)

    assert [problem.code for problem in refused.value.problems] == ["before_it_left"]
    assert not Return.objects.exists()


def test_what_a_count_found_of_a_closed_month_and_its_return_brings_back_is_there_once():
    """The parcel lay on the shelf when the month was counted; the site tells of it when that month is closed."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, when=dt.datetime(2026, 10, 1, 12, tzinfo=TOKYO))
    record = placed(channel, order(line(shirt, 1, 1100, line_id="1"), payments=(card(1100, "CAPTURED"),)))
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk)], ship_date=dt.date(2026, 10, 20), **HOW)
    counted_at = dt.datetime(2026, 10, 31, 20, tzinfo=TOKYO)
    record_count(
        external_id="C-1", location_id=place.pk, counts=[Count(1, shirt.pk, 10)], occurred_at=counted_at, **HOW
    )
    closed(dt.date(2026, 10, 1))
    request = ChannelReturn("R-1", (ReturnedUnits("1", 1),), returned_on=dt.date(2026, 10, 31))

    record_channel_return(channel=channel.code, external_id="A-1", request=request, **HOW)

    assert StockBalance.objects.get(sku=shirt, location=place).on_hand == 10


def test_money_is_booked_on_the_next_open_day_where_somebody_has_closed_the_month_that_runs():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    closed(dt.date(2026, 11, 1))
    transfer = PaymentInput("BANK_TRANSFER", Decimal(2200), "PENDING")

    placed(channel, order(line(shirt, 1, 1100), payments=(card(1100, "CAPTURED"),)))
    placed(channel, order(line(shirt, 2, 1100), payments=(transfer,), external_id="A-2"))
    for number, kind in enumerate(["PAID", "REFUNDED"]):
        news = PaymentNews(f"n-{number}", kind, NOON, Decimal(2200))
        record_payment_event(channel=channel.code, external_id="A-2", event=news, **HOW)
        if kind == "PAID":
            cancel_order(channel=channel.code, external_id="A-2", **HOW)

    assert set(JournalEntry.objects.filter(source_type="ORDER").values_list("entry_date", flat=True)) == {
        dt.date(2026, 12, 1)
    }
    assert (figure("deposits"), figure("refunds_payable"), figure("bank")) == (1100, 0, 0)
