"""Orders as they really come: wrong, twice, in the wrong order, huge, at the edges of dates. Each test says what was recorded of it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accounting.exceptions import PeriodClosed
from accounting.models import JournalEntry, Period
from accounting.services import close_period, open_periods
from customers.models import CustomerRecord
from customers.services import CustomerData
from erp.core.errors import InvalidInput, NotFound
from erp.core.models import ChangeRow, MessageLog, StaffTask
from erp.core.verify import verify
from erp.inventory.models import Reservation, StockDocument
from erp.orders.exceptions import OrderConflict, StaleRevision
from erp.orders.models import Delivery, Order, OrderEvent, OrderHold, OrderLine, OrderPayment, OrderState, Shipment
from erp.orders.services import (
    AdjustmentInput,
    DeliveryInput,
    FeeInput,
    LineInput,
    OrderInput,
    PaymentInput,
    ShipRequest,
    StatedTax,
    place_order,
    place_orders,
    resolve_hold,
    ship,
)
from erp.orders.services.validation import MAX_LINES
from tests.inventory.factories import figures, sku, stock
from tests.orders.factories import DESK, NOON, card, figure, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
TOKYO = dt.timezone(dt.timedelta(hours=9))


@pytest.fixture
def stocked():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    return channel, place, shirt


def place(channel, sent, body: Any = None):
    return place_order(channel=channel.code, order=sent, body=body, **HOW)


def holds() -> dict[str, str]:
    return dict(OrderHold.objects.values_list("reason", "detail"))


def log() -> list[tuple[str, int, str]]:
    return list(MessageLog.objects.order_by("pk").values_list("external_id", "revision", "outcome"))


def nothing_written() -> bool:
    tables = (
        Order,
        OrderLine,
        Delivery,
        OrderPayment,
        OrderHold,
        OrderEvent,
        Reservation,
        CustomerRecord,
        JournalEntry,
        ChangeRow,
    )
    return not any(table.objects.exists() for table in tables)


# What is odd enters and waits


def test_unknown_sku_among_known_ones(stocked):
    channel, place_, shirt = stocked

    record = placed(channel, order(line(shirt, 2, 1100), line("MUG-01", 1, 500)))

    assert (record.state, holds()) == (OrderState.ON_HOLD, {"UNKNOWN_SKU": "MUG-01"})
    assert record.total == 2700
    assert figures(shirt, place_) == (10, 2), "what is known is kept for the order"
    assert list(OrderLine.objects.order_by("line_no").values_list("sku_code", "sku_id")) == [
        (shirt.code, shirt.pk), ("MUG-01", None),
    ]  # fmt: skip


def test_wrong_total_is_kept_beside_ours_and_the_charged_one_wins_when_staff_say_so(stocked):
    channel, _place, shirt = stocked

    record = placed(channel, order(line(shirt, 2, 1100), total=2100, payments=(card(2100),)))

    assert (record.total, record.stated_total, record.state) == (2200, 2100, OrderState.ON_HOLD)
    assert re.findall(r"[\d,]+", holds()["TOTAL_MISMATCH"]) == ["2,200", "2,100", "2,200", "2,100"]
    resolve_hold(order_id=record.pk, reason="TOTAL_MISMATCH", resolution="値引漏れ", **HOW)
    record.refresh_from_db()
    # 2,100 × 10/110 = 190.9 → 190
    assert (record.total, record.net_amount, record.tax_amount, record.state) == (2100, 1910, 190, OrderState.READY)
    shipped(record)
    assert (figure("receivable.card"), figure("sales.ec"), figure("output_tax")) == (2100, 1910, 190)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"amount_due": Decimal(2100)}, ["2,200", "2,200", "2,200", "2,100", "2,200"]),
        ({"payments": (card(2000),)}, ["2,200", "2,200", "2,200", "2,000"]),
    ],
)
def test_sums_that_disagree(stocked, fields, named):
    channel, _place, shirt = stocked

    placed(channel, order(line(shirt, 2, 1100), **fields))

    assert re.findall(r"[\d,]+", holds()["TOTAL_MISMATCH"]) == named


@pytest.mark.parametrize("unknown", ["price", "fee", "total"])
def test_null_amounts_wait_for_their_revision(stocked, unknown):
    channel, place_, shirt = stocked
    sent = order(
        line(shirt, 1, None if unknown == "price" else 1100),
        fees=(FeeInput("SHIPPING", None if unknown == "fee" else Decimal(550)),),
        payments=(card(1650),),
    )

    record = placed(channel, replace(sent, total=None if unknown == "total" else Decimal(1650)))

    assert (record.state, holds()) == (OrderState.ON_HOLD, {"AMOUNT_UNKNOWN": ""})
    assert (record.total, record.net_amount, record.tax_amount) == (None, None, None)
    assert figures(shirt, place_) == (10, 1)


def test_shortage_reserves_what_is_there_and_says_what_is_not(stocked):
    channel, place_, shirt = stocked

    record = placed(channel, order(line(shirt, 12, 1100)))

    assert record.state == OrderState.AWAITING_STOCK
    assert figures(shirt, place_) == (10, 10)
    task = StaffTask.objects.get()
    assert (task.kind, task.detail) == ("OVERSOLD", f"{shirt.code} 10/12")
    assert OrderEvent.objects.filter(kind="OVERSOLD").get().detail == f"{shirt.code} 10/12"


def test_zero_totals_ship_at_cost(stocked):
    channel, _place, shirt = stocked

    record = placed(channel, order(line(shirt, 1, 0), order_type="SAMPLE"))
    assert (record.state, record.total) == (OrderState.READY, 0)
    [parcel] = shipped(record)

    assert (parcel.gross_amount, parcel.cost_amount) == (0, 400)
    assert (figure("cost_of_sales"), figure("sales.ec")) == (400, 0)


def test_zero_total_by_a_coupon(stocked):
    channel, _place, shirt = stocked

    record = placed(
        channel, order(line(shirt, 1, 1100), total=0, adjustments=(AdjustmentInput("COUPON", "SHOP", Decimal(1100)),))
    )

    assert (record.state, record.total, record.net_amount) == (OrderState.READY, 0, 0)


def test_a_coupon_larger_than_everything_waits(stocked):
    channel, _place, shirt = stocked

    record = placed(
        channel, order(line(shirt, 1, 1100), total=0, adjustments=(AdjustmentInput("COUPON", "SHOP", Decimal(2000)),))
    )

    assert (record.state, record.total, list(holds())) == (OrderState.ON_HOLD, 0, ["TOTAL_MISMATCH"])
    assert resolve_hold(order_id=record.pk, reason="TOTAL_MISMATCH", resolution="可", **HOW) == OrderState.READY
    shipped(record)
    assert figure("cost_of_sales") == 400


def test_mixed_inclusive_and_exclusive_lines_and_two_rates_with_a_coupon(stocked):
    channel, place_, shirt = stocked
    tea = sku(tax_class="REDUCED")
    stock(tea, place_, 5, unit_value=100)

    # 1,100 with tax, 1,000 without, tea 540 with: coupon 264 by ratio of 1,100 : 1,000 : 540 = 110, 100, 54.
    # 10%: 990 × 10/110 + 900 × 10/100 = 90 + 90; 8%: 486 × 8/108 = 36. Charged 990 + 990 + 486 = 2,466.
    record = placed(
        channel,
        order(
            line(shirt, 1, 1100, line_id="1"),
            line(shirt, 1, 1000, line_id="2", tax_included=False),
            line(tea, 1, 540, line_id="3"),
            total=2466,
            adjustments=(AdjustmentInput("COUPON", "SHOP", Decimal(264)),),
        ),
    )

    assert (record.state, holds()) == (OrderState.READY, {})
    totals = record.tax_totals.order_by("tax_code").values_list("tax_code", "net_amount", "tax_amount", "gross_amount")
    assert list(totals) == [("REDUCED_8", 450, 36, 486), ("STANDARD_10", 1800, 180, 1980)]


@pytest.mark.parametrize("count", [1, 500])
def test_from_one_line_to_five_hundred(count):
    channel, place_ = shop()
    shirt = sku()
    stock(shirt, place_, 1000)

    record = placed(channel, order(*[line(shirt, 2, 110, line_id=str(number)) for number in range(count)]))

    assert (record.state, record.total) == (OrderState.READY, 220 * count)
    assert figures(shirt, place_) == (1000, 2 * count)
    [parcel] = shipped(record)
    assert (parcel.gross_amount, parcel.lines.count()) == (220 * count, count)
    assert figures(shirt, place_) == (1000 - 2 * count, 0)


def test_a_million_pieces():
    channel, place_ = shop()
    shirt = sku()
    stock(shirt, place_, 1_000_000, unit_value=1)

    record = placed(channel, order(line(shirt, 1_000_000, 1100)))
    assert (record.state, record.total) == (OrderState.READY, 1_100_000_000)
    shipped(record)

    assert figures(shirt, place_) == (0, 0)
    assert figure("sales.ec") == 1_000_000_000


def test_rare_signs_are_kept_exactly(stocked):
    channel, _place, shirt = stocked
    name, note = "𠮷﨑㈱", "髙橋様へ🎁👩‍👧 ﾊﾝｶｸ Ａ１"
    person = CustomerData(family_name="𠮷田", given_name="﨑", family_kana="ヨシダ")

    record = placed(
        channel,
        order(
            line(shirt, 1, 1100, name=note), external_id="注文-𠮷1", orderer=person, orderer_external_id="c-1", customer_note=note,
            deliveries=(DeliveryInput(recipient_name=name),),
        ),
    )  # fmt: skip

    record.refresh_from_db()
    assert (record.external_id, record.orderer_name, record.customer_note) == ("注文-𠮷1", "𠮷田 﨑", note)
    assert (Delivery.objects.get().recipient_name, OrderLine.objects.get().name) == (name, note)
    assert CustomerRecord.objects.get().family_name == "𠮷田"
    assert holds() == {"CUSTOMER_NOTE": note}


# What is malformed is refused whole, named whole, and kept raw


@pytest.mark.parametrize(
    ("pointer", "lines", "fields"),
    [
        ("/lines", [], {}),
        ("/lines", [LineInput(str(n), "S", 1, Decimal(1)) for n in range(MAX_LINES + 1)], {}),
        ("/lines/0/quantity", [LineInput("1", "S", 0, Decimal(1))], {}),
        ("/lines/0/quantity", [LineInput("1", "S", -5, Decimal(1))], {}),
        ("/lines/0/quantity", [LineInput("1", "S", 1_000_001, Decimal(1))], {}),
        ("/lines/1/line_id", [LineInput("1", "S", 1, Decimal(1))] * 2, {}),
        ("/lines/0/sku", [LineInput("1", "", 1, Decimal(1))], {}),
        ("/lines/0/sku", [LineInput("1", "S" * 61, 1, Decimal(1))], {}),
        ("/lines/0/unit_price", [LineInput("1", "S", 1, Decimal("-1"))], {}),
        ("/lines/0/unit_price", [LineInput("1", "S", 1, Decimal("1.00001"))], {}),
        ("/lines/0/unit_price", [LineInput("1", "S", 1, Decimal("Infinity"))], {}),
        ("/lines", [LineInput("1", "S", 1_000_000, Decimal(9_999_999))], {}),
        ("/total", None, {"total": Decimal("0.5")}),
        ("/total", None, {"total": Decimal(10**12)}),
        ("/ordered_at", None, {"ordered_at": dt.datetime(2026, 11, 23)}),
        ("/ordered_at", None, {"ordered_at": dt.datetime(1980, 1, 1, tzinfo=dt.UTC)}),
        ("/currency", None, {"currency": "XXX"}),
        ("/revision", None, {"revision": 0}),
        ("/external_id", None, {"external_id": ""}),
        ("/payments/0/amount", None, {"payments": (PaymentInput("CARD", Decimal("0.5")),)}),
        ("/payments/0/reference", None, {"payments": (PaymentInput("CARD", Decimal(1), reference="r" * 101),)}),
        ("/fees/0/kind", None, {"fees": (FeeInput("TIP", Decimal(1)),)}),
        ("/adjustments/0/line_id", None, {"adjustments": (AdjustmentInput("COUPON", "SHOP", Decimal(1), line_id="9"),)}),
        ("/deliveries", None, {"deliveries": (DeliveryInput(), DeliveryInput())}),
        ("/deliveries/0/ship_to/phone", None, {"deliveries": (DeliveryInput(recipient_phone="0" * 31),)}),
        ("/deliveries/0/wish_date", None, {"deliveries": (DeliveryInput(wish_date=dt.date.min),)}),
        ("/orderer/family_name", None, {"orderer": CustomerData(family_name="寿" * 101)}),
        ("/tax_summary/rates/0/tax", None, {"stated_taxes": (StatedTax("STANDARD", Decimal(10), Decimal(1), Decimal("NaN")),)}),
    ],
)  # fmt: skip
def test_malformed(pointer, lines, fields):
    channel, _place = shop()
    good = [LineInput("1", "S", 1, Decimal(1))]
    sent = OrderInput("A-1", NOON, tuple(good if lines is None else lines), Decimal(1))

    with pytest.raises(InvalidInput) as refusal:
        place(channel, replace(sent, **fields), body={"raw": "as it came 𠮷"})

    assert [problem.pointer for problem in refusal.value.problems] == [pointer]
    assert nothing_written()
    message = MessageLog.objects.get()
    assert (message.outcome, message.body) == ("REFUSED", {"raw": "as it came 𠮷"})
    assert pointer in message.detail


def test_every_fault_of_an_order_at_once():
    channel, _place = shop()
    bad = OrderInput(
        "A-1", NOON, (LineInput("1", "S", 0, Decimal(-1)),), Decimal(1), currency="XXX", payments=(PaymentInput("CHEQUE", Decimal(1)),)
    )  # fmt: skip

    with pytest.raises(InvalidInput) as refusal:
        place(channel, bad)

    assert [problem.pointer for problem in refusal.value.problems] == [
        "/currency", "/lines/0/quantity", "/lines/0/unit_price", "/payments/0/method",
    ]  # fmt: skip


def test_one_bad_order_harms_no_other(stocked):
    channel, place_, shirt = stocked
    good = order(line(shirt, 1, 1100), external_id="A-1")
    bad = order(line(shirt, 0, 1100), external_id="A-2", total=0)
    also_good = order(line(shirt, 1, 1100), external_id="A-3")

    outcomes = place_orders(
        channel=channel.code, orders=[good, bad, also_good], bodies=[{"n": 1}, {"n": 2}, {"n": 3}], **HOW
    )

    assert [type(outcome.refusal).__name__ for outcome in outcomes] == ["NoneType", "InvalidInput", "NoneType"]
    assert sorted(Order.objects.values_list("external_id", flat=True)) == ["A-1", "A-3"]
    assert sorted(MessageLog.objects.values_list("external_id", "outcome")) == [
        ("A-1", "DONE"), ("A-2", "REFUSED"), ("A-3", "DONE"),
    ]  # fmt: skip
    assert figures(shirt, place_) == (10, 2)


def test_an_unknown_channel_takes_nothing():
    with pytest.raises(NotFound):
        place_order(channel="NOWHERE", order=order(line("S", 1, 1)), **HOW)

    assert nothing_written()


# Repeats and reordering


def test_the_same_order_again_is_the_first_answer(stocked):
    channel, place_, shirt = stocked
    first = place(channel, order(line(shirt, 2, 1100)), {"n": 1})
    again = place(channel, order(line(shirt, 2, 1100)), {"n": 2})

    assert (again.order_id, again.number, again.lines, again.is_replay) == (
        first.order_id,
        first.number,
        first.lines,
        True,
    )
    assert figures(shirt, place_) == (10, 2)
    assert log() == [("A-1", 1, "DONE"), ("A-1", 1, "REPLAYED")]
    assert [message.body for message in MessageLog.objects.order_by("pk")] == [{"n": 1}, {"n": 2}]


def test_twice_in_one_call(stocked):
    channel, place_, shirt = stocked
    sent = order(line(shirt, 2, 1100))

    outcomes = place_orders(channel=channel.code, orders=[sent, sent], **HOW)

    assert sorted(outcome.is_replay for outcome in outcomes) == [False, True]
    assert Order.objects.count() == 1
    assert figures(shirt, place_) == (10, 2)


def test_a_newer_revision_in_the_same_call_amends(stocked):
    channel, place_, shirt = stocked
    first, second = order(line(shirt, 2, 1100)), order(line(shirt, 5, 1100), revision=2)

    outcomes = place_orders(channel=channel.code, orders=[first, second, first, second], **HOW)

    assert [outcome.refusal and outcome.refusal.code for outcome in outcomes] == [None, None, "stale_revision", None]
    assert [(outcome.revision, outcome.is_replay) for outcome in outcomes] == [
        (1, False),
        (2, False),
        (2, False),
        (2, True),
    ]
    assert (Order.objects.get().revision, figures(shirt, place_)) == (2, (10, 5))


def test_other_content_under_the_same_revision_is_a_conflict(stocked):
    channel, place_, shirt = stocked
    place(channel, order(line(shirt, 2, 1100)))

    with pytest.raises(OrderConflict):
        place(channel, order(line(shirt, 3, 1100)), {"other": True})

    assert figures(shirt, place_) == (10, 2)
    assert log() == [("A-1", 1, "DONE"), ("A-1", 1, "REFUSED")]
    assert MessageLog.objects.order_by("pk").last().body == {"other": True}


def test_revisions_in_the_wrong_order(stocked):
    channel, place_, shirt = stocked
    place(channel, order(line(shirt, 3, 1100), revision=3))

    with pytest.raises(StaleRevision):
        place(channel, order(line(shirt, 2, 1100), revision=2))
    place(channel, order(line(shirt, 5, 1100), revision=5))

    assert (Order.objects.get().revision, figures(shirt, place_)) == (5, (10, 5))
    assert log() == [("A-1", 3, "DONE"), ("A-1", 2, "STALE"), ("A-1", 5, "DONE")]


def test_the_same_number_at_two_channels_is_two_orders(stocked):
    channel, place_, shirt = stocked
    other, _place = shop()

    place(channel, order(line(shirt, 1, 1100)))
    place(other, order(line(shirt, 1, 1100)))

    assert Order.objects.count() == 2
    assert figures(shirt, place_) == (10, 1)


# Dates


@pytest.mark.parametrize(
    ("ordered_at", "code", "tax"),
    [
        (dt.datetime(2019, 9, 30, 23, 59, 59, tzinfo=TOKYO), "STANDARD_8", 81),
        (dt.datetime(2019, 9, 30, 15, 0, 0, tzinfo=dt.UTC), "STANDARD_10", 100),
        (dt.datetime(2019, 10, 1, 0, 0, 0, tzinfo=TOKYO), "STANDARD_10", 100),
        (dt.datetime(2014, 3, 31, 23, 59, 59, tzinfo=TOKYO), "STANDARD_5", 52),
        (dt.datetime(2014, 4, 1, 0, 0, 0, tzinfo=TOKYO), "STANDARD_8", 81),
    ],
)
def test_tax_at_the_border_of_rates_follows_the_date_in_tokyo(stocked, ordered_at, code, tax):
    channel, _place, shirt = stocked

    record = placed(channel, order(line(shirt, 1, 1100), ordered_at=ordered_at))

    total = record.tax_totals.get()
    assert (total.tax_code, total.tax_amount, total.gross_amount) == (code, tax, 1100)


def test_before_the_reduced_rate_existed_the_standard_rate_is_used_and_looked_at(stocked):
    channel, place_, _shirt = stocked
    tea = sku(tax_class="REDUCED")
    stock(tea, place_, 1)
    old = dt.datetime(2019, 9, 30, 23, 59, 59, tzinfo=TOKYO)

    record = placed(channel, order(line(tea, 1, 1080), ordered_at=old))

    assert (record.tax_totals.get().tax_code, list(holds())) == ("STANDARD_8", ["TAX_RATE"])


def test_goods_do_not_leave_into_a_closed_period(stocked):
    channel, place_, shirt = stocked
    record = placed(channel, order(line(shirt, 2, 1100)))
    [parcel] = released(record)
    open_periods(through=dt.date(2026, 10, 31), **HOW)
    for period in Period.objects.filter(ends_on__lte=dt.date(2026, 10, 31)).order_by("starts_on"):
        close_period(period_id=period.pk, **HOW)
    before = StockDocument.objects.count()

    with pytest.raises(PeriodClosed) as refusal:
        ship(requests=[ShipRequest(parcel.pk)], ship_date=dt.date(2026, 10, 31), **HOW)

    assert "2026/10/31" in str(refusal.value)
    record.refresh_from_db()
    parcel.refresh_from_db()
    assert (record.state, parcel.state, parcel.ship_date) == (OrderState.PICKING, "INSTRUCTED", None)
    assert figures(shirt, place_) == (10, 2)
    assert StockDocument.objects.count() == before
    assert figure("sales.ec") == 0
    ship(requests=[ShipRequest(parcel.pk)], ship_date=dt.date(2026, 11, 1), **HOW)
    assert JournalEntry.objects.filter(source_type="SHIPMENT").get().entry_date == dt.date(2026, 11, 1)


def test_shipping_twice_moves_stock_once(stocked):
    channel, place_, shirt = stocked
    record = placed(channel, order(line(shirt, 2, 1100)))
    [parcel] = shipped(record)

    states = ship(requests=[ShipRequest(parcel.pk)], **HOW)

    assert states == {parcel.pk: "SHIPPED"}
    assert figures(shirt, place_) == (8, 0)
    assert figure("sales.ec") == 2000
    assert Shipment.objects.count() == 1
    # These tests book stock in without postings, so only what orders keep is looked at.
    assert [f for result in verify() for f in result.faults if f.subject_type in ("ORDER", "SHIPMENT")] == []


def _with(sent: OrderInput, **fields: Any) -> OrderInput:
    return replace(sent, external_id="BAD", **fields)


@pytest.mark.parametrize(
    ("spoil", "pointer"),
    [
        (lambda good: replace(good, external_id="B\x00"), "/external_id"),
        (lambda good: replace(good, external_id="B\ud800"), "/external_id"),
        (lambda good: _with(good, customer_note="\x00"), "/customer_note"),
        (lambda good: _with(good, orderer=CustomerData(family_name="山\udc00")), "/orderer/family_name"),
        (lambda good: _with(good, lines=(replace(good.lines[0], name="\ud800"),)), "/lines/0/name"),
        (lambda good: _with(good, attributes={"a": ["x", "\x00"]}), "/attributes/a/1"),
        (lambda good: _with(good, receipt={"\x00": 1}), "/receipt"),
        (lambda good: _with(good, order_type="\ud800"), "/order_type"),
        (lambda good: _with(good, lines=(replace(good.lines[0], quantity=True),)), "/lines/0/quantity"),
        (lambda good: _with(good, lines=(replace(good.lines[0], quantity=None),)), "/lines/0/quantity"),
        (lambda good: _with(good, revision=True), "/revision"),
        (lambda good: _with(good, total=1.5), "/total"),
        (lambda good: _with(good, payments=(PaymentInput("CARD", None),)), "/payments/0/amount"),
        (lambda good: _with(good, adjustments=(AdjustmentInput("COUPON", "SHOP", None),)), "/adjustments/0/amount"),
        (
            lambda good: _with(good, stated_taxes=(StatedTax("STANDARD", None, None, None),)),
            "/tax_summary/rates/0/rate",
        ),
    ],
)
def test_what_only_a_caller_inside_can_send_is_named_and_harms_no_other(stocked, spoil, pointer):
    channel, place_, shirt = stocked
    good = order(line(shirt, 1, 1100))

    entered, refused = place_orders(channel=channel.code, orders=[good, spoil(good)], **HOW)

    assert isinstance(refused.refusal, InvalidInput)
    assert pointer in [problem.pointer for problem in refused.refusal.problems]
    assert (entered.state, figures(shirt, place_)) == (OrderState.READY, (10, 1))
    assert [outcome for _id, _revision, outcome in log()] == ["DONE", "REFUSED"]
    assert Order.objects.count() == 1


def test_a_backslash_before_u0000_is_text(stocked):
    channel, _place, shirt = stocked
    assert placed(channel, order(line(shirt, 1, 1100), shop_note="\\u0000")).shop_note == "\\u0000"


def test_percentages_in_words_are_plain_figures(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 1, 1100, tax_percent=Decimal("8.00"))))
    assert re.findall(r"[\dE+.]+", holds()["TAX_RATE"]) == ["10", "8"]
