"""The locks of the order room that ``test_locks.py`` and its neighbours do not race: papers, returns, sales outside, promises, money."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import transaction

from accounting.models import Period
from accounting.services import close_period, open_periods
from customers.models import CreditGroup
from erp.core import locks
from erp.core.errors import NotAllowedNow
from erp.core.models import MessageLog
from erp.inventory.models import ChannelLocation, CostBalance, Location, Promise, StockBalance
from erp.inventory.selectors import reserved
from erp.inventory.services import ExpectedLine, ReceiptLine, TransferLine, expect_receipt, receive, transfer
from erp.orders.models import (
    AllocationRule,
    Order,
    OrderHold,
    OrderLine,
    OrderPayment,
    Receipt,
    SalesReport,
    Shipment,
    ShipmentLine,
)
from erp.orders.services import (
    DeliveryInput,
    FeeInput,
    PaymentInput,
    PaymentNews,
    ReturnedLine,
    ShipRequest,
    SoldUnits,
    TillReturn,
    UnlinkedLine,
    UnlinkedReturn,
    allocate_orders,
    assign_sku,
    book_second_transfer,
    cancel_by_staff,
    cancel_order,
    collect_with,
    confirm_order_distribution,
    confirm_payment,
    confirm_refund,
    draft_order_distribution,
    give_up_overdue,
    hold_order,
    issue_receipt,
    keep_promises,
    move_reservation,
    note_printing,
    place_order,
    record_payment_event,
    record_return,
    record_shop_sales,
    record_till_returns,
    record_unlinked_returns,
    release_orders,
    report_sales,
    ship,
    undo_order_distribution,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import figures, location, sku, stock
from tests.orders.factories import DESK, NOON, TODAY, card, figure, line, order, placed, released, shipped, shop
from tests.racing import once_another_waits, race
from tests.unlocked import adds_up_without, fails_without

pytestmark = pytest.mark.django_db(transaction=True)
HOW = {"at": NOON, "by": DESK}


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


@pytest.fixture
def stocked():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    return channel, place, shirt


# One order


@fails_without("orders.cancelling.cancel_by_staff[rows]", "orders.allocation._LOCK_ORDERS")
def test_an_order_that_staff_cancel_is_not_released_meanwhile(stocked):
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2)))

    race(
        lambda: cancel_by_staff(order_id=record.pk, reason="", **HOW),
        once_another_waits(lambda: release_orders(order_ids=[record.pk], **HOW)),
        hold=StockBalance.objects.all(),
    )

    assert figures(shirt, place) == (10, 0)
    assert not Shipment.objects.exists()


@fails_without("orders.cancelling.hear_cancellation[rows]")
def test_an_order_that_is_being_released_is_not_cancelled_meanwhile(stocked):
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2)))

    outcomes = race(
        lambda: release_orders(order_ids=[record.pk], **HOW),
        once_another_waits(lambda: cancel_order(channel=channel.code, external_id="A-1", reason="", **HOW)),
        hold=Order.objects.all(),
    )

    assert outcomes[1] == "PICKING"
    assert figures(shirt, place) == (10, 2)


@fails_without("orders.amending.amend[rows]")
def test_an_order_that_is_being_released_is_not_amended_meanwhile(stocked):
    channel, place, shirt = stocked
    record = placed(channel, order(line(shirt, 2)))
    amended = order(line(shirt, 5), revision=2)

    outcomes = race(
        lambda: release_orders(order_ids=[record.pk], **HOW),
        once_another_waits(lambda: place_order(channel=channel.code, order=amended, **HOW)),
        hold=Order.objects.all(),
    )

    assert kinds(outcomes) == ["OrderOutcome", "dict"]
    assert outcomes[1].is_task
    assert (ShipmentLine.objects.get().quantity, figures(shirt, place)) == (2, (10, 2))


@fails_without("orders.holding._lock[rows]")
def test_an_order_that_two_put_on_hold_at_once_waits_for_one_reason(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2)))

    def holding():
        return hold_order(order_id=record.pk, detail="?", **HOW)

    assert race(holding, holding, table="orders_orderhold") == ["ON_HOLD", "ON_HOLD"]
    assert OrderHold.objects.count() == 1


@fails_without("orders.receipts.issue_receipt[rows]")
def test_an_order_for_which_two_issue_a_receipt_at_once_has_one(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))

    def issuing(token):
        return lambda: issue_receipt(
            order_id=record.pk, addressee="髙﨑 御中", proviso="衣料品代として", medium="PAPER", token=token, **HOW
        )

    outcomes = race(issuing("1"), issuing("2"), table="orders_receipt")

    assert kinds(outcomes) == ["Receipt", "ReceiptIssued"]
    assert Receipt.objects.count() == 1


def in_parcels(refs, channel, shirt, **fields):
    to = {
        "recipient_name": "鈴木",
        "postal_code": "150-0001",
        "prefecture": "東京都",
        "city": "渋谷区",
        "street": "1-2-3",
    }
    deliveries = tuple(DeliveryInput(ref, **to) for ref in refs)
    goods = [line(shirt, 1, line_id=ref, delivery_ref=ref) for ref in refs]
    record = placed(channel, order(*goods, deliveries=deliveries, **fields))
    return record, released(record)


@fails_without("orders.collecting.collect_with[rows]")
def test_cash_is_collected_with_one_parcel_although_two_are_named_at_once(stocked):
    channel, _place, shirt = stocked
    paid = (PaymentInput("COD", Decimal(3300), "PENDING", provider="yamato"),)
    _record, (_first, second, third) = in_parcels("def", channel, shirt, payments=paid)

    def collecting(parcel):
        return lambda: collect_with(shipment_id=parcel.pk, **HOW)

    outcomes = race(collecting(second), collecting(third), hold=Shipment.objects.all())

    assert kinds(outcomes) == ["Shipment", "Shipment"]
    assert Shipment.objects.filter(collects_cod=True).count() == 1


@fails_without("orders.parcels._LOCK_ORDERS")
def test_two_parcels_of_one_order_that_leave_at_once_share_its_money(stocked):
    channel, place, shirt = stocked
    fees = (FeeInput("SHIPPING", Decimal(550)),)
    record, parcels = in_parcels("de", channel, shirt, fees=fees, total=2750, payments=(card(2750, "CAPTURED"),))

    def leaving(parcel):
        return lambda: ship(requests=[ShipRequest(parcel.pk)], **HOW)

    outcomes = race(*map(leaving, parcels), hold=StockBalance.objects.all())

    assert kinds(outcomes) == ["dict", "dict"]
    record.refresh_from_db()
    assert (record.state, figures(shirt, place)) == ("SHIPPED", (8, 0))
    # The fee goes with the first of them.
    assert (figure("deposits"), figure("receivable.card")) == (0, 2750)


@fails_without("orders.printing.note_printing[papers:]")
def test_a_paper_that_two_print_at_once_is_the_second_for_one_of_them(stocked):
    channel, _place, shirt = stocked
    [parcel] = released(placed(channel, order(line(shirt, 2))))

    def printing():
        return note_printing(shipment_ids=[parcel.pk], kind="PICKING_LIST", **HOW)

    noted = race(printing, printing, table="orders_printrun")

    assert sorted(paper.earlier.get(parcel.pk, 0) for paper in noted) == [0, 1]


# Money


@fails_without("orders.payments._held[order:]")
def test_an_amendment_that_comes_while_money_is_confirmed_is_not_confirmed_with_it(stocked):
    channel, _place, shirt = stocked
    transfer = PaymentInput("BANK_TRANSFER", Decimal(5000), "PENDING")
    record = placed(channel, order(line(shirt, 1, 5000), payments=(transfer,)))
    payment = OrderPayment.objects.get()
    more = PaymentInput("BANK_TRANSFER", Decimal(7000), "PENDING")
    amended = order(line(shirt, 1, 7000), payments=(more,), revision=2)

    [outcome] = race(
        lambda: confirm_payment(payment_id=payment.pk, **HOW),
        names=[f"order:{channel.code}:A-1"],
        meanwhile=lambda: place_order(channel=channel.code, order=amended, **HOW),
    )

    record.refresh_from_db()
    assert (record.revision, figure("deposits")) == (2, 0)
    assert isinstance(outcome, NotAllowedNow), outcome
    confirm_payment(payment_id=OrderPayment.objects.get().pk, **HOW)
    assert figure("deposits") == 7000


@fails_without("orders.payments._held[rows]")
def test_money_that_comes_while_an_order_is_cancelled_by_staff_is_owed_back(stocked):
    channel, _place, shirt = stocked
    record = placed(channel, order(line(shirt, 2)))
    news = PaymentNews("e-1", "CAPTURED", NOON, Decimal(2200))

    race(
        lambda: record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW),
        once_another_waits(lambda: cancel_by_staff(order_id=record.pk, reason="", **HOW)),
        # Whoever hears of money writes down the message last, when it has been booked.
        table=MessageLog._meta.db_table,
    )

    assert (figure("deposits"), figure("refunds_payable")) == (0, 2200)


@fails_without("orders.refunds.confirm_refund[rows]")
def test_money_that_two_pay_back_at_once_goes_back_once(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(card(2200, "CAPTURED"),)))
    cancel_order(channel=channel.code, external_id="A-1", reason="", **HOW)
    payment = OrderPayment.objects.get()

    def paying_back():
        return confirm_refund(payment_id=payment.pk, **HOW)

    outcomes = race(paying_back, paying_back, hold=Order.objects.all())

    assert kinds(outcomes) == ["Decimal", "NotAllowedNow"]


@fails_without("orders.second_transfers.book_second_transfer[rows]")
def test_a_second_transfer_that_two_book_at_once_is_booked_once(stocked):
    channel, _place, shirt = stocked
    transfer = PaymentInput("BANK_TRANSFER", Decimal(2200), "PENDING")
    placed(channel, order(line(shirt, 2), payments=(transfer,)))
    for key in ("e-1", "e-2"):
        news = PaymentNews(key, "PAID", NOON, Decimal(2200))
        record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)
    payment = OrderPayment.objects.get()

    def booking():
        return book_second_transfer(payment_id=payment.pk, **HOW)

    outcomes = race(booking, booking, hold=Order.objects.all())

    assert kinds(outcomes) == ["Decimal", "NotAllowedNow"]
    assert figure("deposits") == 4400


@fails_without("orders.overdue._give_up[lock_orders()]")
def test_an_order_that_is_paid_while_it_is_given_up_keeps_its_goods(stocked):
    channel, place, shirt = stocked
    AllocationRule.objects.create(channel=channel, overdue="RELEASE", overdue_days=1)
    due = PaymentInput("BANK_TRANSFER", Decimal(2200), "PENDING", due_at=NOON)
    placed(channel, order(line(shirt, 2), payments=(due,)))
    later = NOON + dt.timedelta(days=3)
    news = PaymentNews("e-1", "PAID", later, Decimal(2200))

    race(
        lambda: record_payment_event(channel=channel.code, external_id="A-1", event=news, at=later, by=DESK),
        once_another_waits(lambda: give_up_overdue(at=later, by=DESK)),
        hold=OrderPayment.objects.all(),
    )

    assert (Order.objects.get().state, figures(shirt, place)) == ("READY", (10, 2))


# What is expected


@pytest.fixture
def expected():
    """An order for a shirt that is promised to it. Nothing is there yet but the row of the balance."""
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 1)
    other = placed(channel, order(line(shirt), external_id="B-1"))
    record = placed(channel, order(line(shirt)))
    wanted = [ExpectedLine(1, shirt.pk, 2, TODAY, Decimal(400))]
    [key] = expect_receipt(external_id="PO-1", location_id=place.pk, lines=wanted, **HOW)
    keep_promises(**HOW)
    assert Promise.objects.get().document_id == record.pk

    def arriving():
        lines = [ReceiptLine(1, shirt.pk, 2, Decimal(400), key)]
        return receive(external_id="R-1", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)

    return channel, shirt, record, other, arriving


@fails_without("orders.allocation.allocate_locked[lock_promises()]")
def test_an_order_that_is_served_while_its_goods_come_has_them_once(expected):
    _channel, _shirt, record, _other, arriving = expected

    race(
        arriving,
        once_another_waits(lambda: allocate_orders(order_ids=[record.pk], **HOW)),
        hold=StockBalance.objects.all(),
    )

    assert sum(part.quantity for part in reserved("ORDER", [record.pk])) == 1


@fails_without("orders.moving.move_reservation[lock_promises()]")
def test_an_order_that_gets_pieces_of_another_while_its_own_come_has_them_once(expected):
    _channel, shirt, record, other, arriving = expected

    race(
        arriving,
        once_another_waits(
            lambda: move_reservation(from_order_id=other.pk, to_order_id=record.pk, sku_id=shirt.pk, pieces=1, **HOW)
        ),
        hold=StockBalance.objects.all(),
    )

    assert sum(part.quantity for part in reserved("ORDER", [record.pk])) == 1


@fails_without("orders.promising._promise[lock_orders()]")
def test_an_order_that_is_cancelled_meanwhile_is_promised_nothing(stocked):
    channel, place, shirt = stocked
    hat = sku()
    record = placed(channel, order(line(shirt), line(hat)))
    wanted = [ExpectedLine(1, hat.pk, 2, TODAY, Decimal(400))]
    expect_receipt(external_id="PO-1", location_id=place.pk, lines=wanted, **HOW)

    race(
        lambda: cancel_by_staff(order_id=record.pk, reason="", **HOW),
        once_another_waits(lambda: keep_promises(**HOW)),
        hold=StockBalance.objects.all(),
    )

    assert not Promise.objects.exists()


# Returns


@fails_without("orders.returns._lock[return:]")
def test_one_number_of_a_return_that_two_orders_send_at_once_is_refused_to_one(stocked):
    channel, _place, shirt = stocked
    records = [placed(channel, order(line(shirt), external_id=name)) for name in ("A-1", "A-2")]
    for record in records:
        shipped(record)
    keys = dict(ShipmentLine.objects.values_list("shipment__order", "pk"))

    def giving_back(record):
        return lambda: record_return(
            order_id=record.pk, external_id="R-1", lines=[ReturnedLine(keys[record.pk], 1)], **HOW
        )

    outcomes = race(*map(giving_back, records), table="orders_return")

    assert kinds(outcomes) == ["OrderConflict", "Return"]


@fails_without("orders.unlinked_returns.record_unlinked_returns[return:]")
def test_a_return_of_unknown_origin_that_is_sent_twice_at_once_is_one(stocked):
    channel, place, shirt = stocked
    item = UnlinkedReturn("U-1", (UnlinkedLine("Tシャツ", 1, Decimal(1000), sku_id=shirt.pk),), TODAY)

    def recording():
        return record_unlinked_returns(channel=channel.code, returns=[item], location_id=place.pk, **HOW)

    first, second = race(recording, recording, table="orders_return")

    assert (type(first), first) == (list, second)
    assert figures(shirt, place) == (11, 0)


@pytest.fixture
def counter(stocked):
    _site, place, shirt = stocked
    return make_channel(place, kind="SHOP"), place, shirt


def came_back(shirt, moment=NOON - dt.timedelta(hours=1)):
    receipt = order(
        line(shirt), external_id="T-1", ordered_at=moment, payments=(PaymentInput("CASH", Decimal(1100), "PAID"),)
    )
    return TillReturn(receipt)


@fails_without("orders.till_returns.record_till_returns[return:]")
def test_what_a_till_took_back_and_sends_twice_at_once_came_back_once(counter):
    channel, place, shirt = counter

    def recording():
        return record_till_returns(channel=channel.code, returns=[came_back(shirt)], **HOW)

    outcomes = race(recording, recording, table="orders_return")

    assert sorted(told.is_replay for (told,) in outcomes) == [False, True]
    assert figures(shirt, place) == (11, 0)


@pytest.fixture
def october():
    open_periods(through=dt.date(2026, 10, 31), **HOW)
    return Period.objects.get(ends_on=dt.date(2026, 10, 31)), dt.datetime(2026, 10, 31, 3, 0, tzinfo=dt.UTC)


@fails_without("orders.till_returns._record[hold_open_dates()]")
def test_what_a_till_took_back_in_a_month_that_is_being_closed_is_booked_on_the_next_day(counter, october):
    channel, _place, shirt = counter
    month, moment = october

    outcomes = race(
        lambda: close_period(period_id=month.pk, **HOW),
        once_another_waits(
            lambda: record_till_returns(channel=channel.code, returns=[came_back(shirt, moment)], **HOW)
        ),
        names=["books:2026-10"],
    )

    assert kinds(outcomes) == ["Period", "list"]


@fails_without("orders.late_goods.take_sold_late[hold_open_dates()]")
def test_goods_sold_of_which_a_person_says_late_what_they_were_are_booked_although_the_month_is_being_closed(
    counter, october
):
    channel, place, shirt = counter
    month, moment = october
    sale = order(
        line("NO-SUCH"), external_id="T-1", ordered_at=moment, payments=(PaymentInput("CASH", Decimal(1100), "PAID"),)
    )
    record_shop_sales(channel=channel.code, sales=[sale], at=moment, by=DESK)
    unknown = OrderLine.objects.get().pk

    outcomes = race(
        lambda: close_period(period_id=month.pk, **HOW),
        once_another_waits(lambda: assign_sku(line_id=unknown, sku_code=shirt.code, at=moment, by=DESK)),
        names=["books:2026-10"],
    )

    assert kinds(outcomes) == ["NoneType", "Period"]
    assert figures(shirt, place) == (9, 0)


@fails_without("orders.open_days.open_day[hold_open_dates()]")
def test_money_that_comes_in_a_month_that_is_being_closed_is_booked_on_the_next_day(stocked, october):
    site, _place, shirt = stocked
    month, moment = october
    placed(site, order(line(shirt), payments=(PaymentInput("BANK_TRANSFER", Decimal(1100), "PENDING"),)))
    news = PaymentNews("n-1", "PAID", moment, Decimal(1100))
    told = {"channel": site.code, "external_id": "A-1", "event": news, "at": moment, "by": DESK}

    outcomes = race(
        lambda: close_period(period_id=month.pk, **HOW),
        once_another_waits(lambda: record_payment_event(**told)),
        names=["books:2026-10"],
    )

    assert kinds(outcomes) == ["Period", "str"]
    assert figure("deposits") == 1100


# Goods outside


@pytest.fixture
def outside():
    """Two orders of one account whose goods are with it: three shirts of the first, two of the second."""
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=1_000_000)))
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    records = [
        placed(channel, order(line(shirt, pieces), external_id=name, account_code="AC1", payments=()))
        for name, pieces in (("A-1", 3), ("A-2", 2))
    ]
    for record in records:
        shipped(record)
    keys = [ShipmentLine.objects.get(shipment__order=record).pk for record in records]
    return channel, place, shirt, records, keys


def reporting(channel, key, units, number="SR-1"):
    return lambda: report_sales(channel=channel.code, external_id=number, lines=[SoldUnits(key, units)], **HOW)


def taking_back(record, key, units):
    return lambda: record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(key, units)], **HOW)


@fails_without("orders.sales_reports.report_sales[sales report:]")
def test_one_number_of_a_sales_report_that_is_sent_for_two_orders_at_once_is_refused_to_one(outside):
    channel, _place, _shirt, _records, (first, second) = outside

    outcomes = race(
        reporting(channel, first, 1), once_another_waits(reporting(channel, second, 1)), table="orders_salesreport"
    )

    assert kinds(outcomes) == ["Conflict", "SalesReport"]
    assert SalesReport.objects.count() == 1


@fails_without("orders.return_documents.restock[lock_ahead()]")
def test_goods_of_which_a_part_was_sold_come_back_without_a_deadlock_with_others_that_go_there(outside):
    channel, place, shirt, *_orders = outside
    hat = sku()
    stock(hat, place, 5, unit_value=400)
    record = placed(channel, order(line(shirt), line(hat), external_id="A-3", account_code="AC1", payments=()))
    shipped(record)
    keys = dict(ShipmentLine.objects.filter(shipment__order=record).values_list("order_line__sku", "pk"))
    reporting(channel, keys[hat.pk], 1)()
    there = Location.objects.get(kind="CONSIGNED").pk

    def moving():
        goods = [TransferLine(number, item.pk, 1) for number, item in enumerate((shirt, hat), 1)]
        return transfer(
            external_id="M-1", from_location_id=place.pk, to_location_id=there, lines=goods, occurred_at=NOON, **HOW
        )

    # The hat was sold: it goes back to the shelf first, up to its value. The shirt leaves the account's place next, which the other has by then.
    outcomes = race(
        lambda: record_return(
            order_id=record.pk, external_id="R-1", lines=[ReturnedLine(key, 1) for key in keys.values()], **HOW
        ),
        once_another_waits(moving),
        hold=CostBalance.objects.filter(sku=hat),
    )

    assert kinds(outcomes) == ["Booked", "Return"]


@fails_without("orders.returns._take_back[hold_credit_of()]")
def test_a_return_on_account_takes_the_credit_before_the_stock():
    channel, place = shop(kind="WHOLESALE")
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=1_000_000)))
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    record = placed(channel, order(line(shirt, 2), account_code="AC1", payments=()))
    shipped(record)
    more = order(line(shirt, 1), external_id="A-2", account_code="AC1", payments=())

    outcomes = race(
        lambda: place_order(channel=channel.code, order=more, **HOW),
        once_another_waits(taking_back(record, ShipmentLine.objects.get().pk, 1)),
        hold=CreditGroup.objects.all(),
    )

    assert kinds(outcomes) == ["OrderOutcome", "Return"]


@fails_without("orders.sales_reports._record[hold_credit_of()]")
def test_a_sales_report_takes_a_credit_that_was_given_after_the_goods_left_before_the_stock():
    """Nothing of theirs counts against it yet, so only what is posted in the end would lock it."""
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    payer = bill_to("B1")
    account("AC1", bill_to=payer)
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    records = [
        placed(channel, order(line(shirt, 3), external_id=name, account_code="AC1", payments=()))
        for name in ("A-1", "A-2")
    ]
    for record in records:
        shipped(record)
    key, second = (ShipmentLine.objects.get(shipment__order=record).pk for record in records)
    payer.credit_group = credit_group(limit=1_000_000)
    payer.save()

    outcomes = race(
        taking_back(records[0], key, 3),
        once_another_waits(reporting(channel, second, 1)),
        hold=CreditGroup.objects.all(),
    )

    assert kinds(outcomes) == ["Return", "SalesReport"]


# What came shared out among orders


@fails_without("orders.distributing.draft_order_distribution[order-distribution:]")
def test_what_came_that_two_begin_to_share_out_at_once_is_one_distribution():
    channel, place = shop(kind="WHOLESALE")
    account("AC1", bill_to=bill_to("B1"))
    shirt = sku()
    placed(channel, order(line(shirt, 2), account_code="AC1", payments=()))

    def beginning():
        return draft_order_distribution(external_id="H-1", source_id=place.pk, sku_ids=[shirt.pk], **HOW)

    first, second = race(beginning, beginning, table="orders_orderdistribution")

    assert (type(first), first) == (int, second)


@fails_without("orders.distributing._reserve[lock_promises()]")
def test_an_order_to_which_goods_are_shared_out_while_its_own_come_has_them_once():
    channel, place = shop(kind="WHOLESALE")
    payer = account("AC1", bill_to=bill_to("B1"))
    shirt = sku()
    stock(shirt, place, 1)
    placed(channel, order(line(shirt), external_id="B-1", account_code="AC1", payments=()))
    record = placed(channel, order(line(shirt), account_code="AC1", payments=()))
    wanted = [ExpectedLine(1, shirt.pk, 2, TODAY, Decimal(400))]
    [key] = expect_receipt(external_id="PO-1", location_id=place.pk, lines=wanted, **HOW)
    keep_promises(**HOW)
    row = draft_order_distribution(external_id="H-1", source_id=place.pk, sku_ids=[shirt.pk], **HOW)

    def arriving():
        lines = [ReceiptLine(1, shirt.pk, 2, Decimal(400), key)]
        return receive(external_id="R-1", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)

    race(
        arriving,
        once_another_waits(
            lambda: confirm_order_distribution(
                distribution_id=row, version=1, cells={(shirt.pk, payer.pk): 1}, kept_back={}, **HOW
            )
        ),
        hold=StockBalance.objects.all(),
    )

    assert sum(part.quantity for part in reserved("ORDER", [record.pk])) == 1


def test_an_order_from_which_goods_are_taken_again_while_others_of_it_come_has_those():
    channel, place = shop(kind="WHOLESALE")
    far = location()
    ChannelLocation.objects.create(channel=channel, location=far, rank=2)
    payer = account("AC1", bill_to=bill_to("B1"))
    shirt, hat = sku(), sku()
    record = placed(channel, order(line(shirt), line(hat), account_code="AC1", payments=()))
    stock(shirt, place, 1)
    row = draft_order_distribution(external_id="H-1", source_id=place.pk, sku_ids=[shirt.pk], **HOW)
    confirm_order_distribution(distribution_id=row, version=1, cells={(shirt.pk, payer.pk): 1}, kept_back={}, **HOW)
    wanted = [ExpectedLine(1, hat.pk, 1, TODAY, Decimal(400))]
    [key] = expect_receipt(external_id="PO-1", location_id=far.pk, lines=wanted, **HOW)
    keep_promises(**HOW)
    assert Promise.objects.get().document_id == record.pk

    def arriving():
        with transaction.atomic():
            lines = [ReceiptLine(1, hat.pk, 1, Decimal(400), key)]
            receive(external_id="R-1", location_id=far.pk, lines=lines, occurred_at=NOON, **HOW)
            locks.hold("the end of the transaction")

    # What comes is reserved by then, and not committed: the distribution is undone without waiting for it.
    race(
        arriving,
        once_another_waits(lambda: undo_order_distribution(distribution_id=row, **HOW)),
        names=["the end of the transaction"],
    )
    keep_promises(**HOW)

    assert [(part.sku_id, part.quantity) for part in reserved("ORDER", [record.pk])] == [(hat.pk, 1)]
    record.refresh_from_db()
    assert (record.state, Promise.objects.count()) == ("AWAITING_STOCK", 0)


# Figures that are added to where they stand: without the lock they still add up, computed before they do not

BY_NAME = "orders.payments._held[order:]"


def hearing(channel, key, kind, amount):
    news = PaymentNews(key, kind, NOON, Decimal(amount))
    return lambda: record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)


@adds_up_without("orders.payments._held[rows]", "orders.payments._receive[received_amount]", BY_NAME)
def test_an_order_of_which_two_parts_are_paid_at_once_has_received_both(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 2), payments=(PaymentInput("BANK_TRANSFER", Decimal(2200), "PENDING"),)))

    race(hearing(channel, "e-1", "PAID", 1000), hearing(channel, "e-2", "PAID", 1200), hold=OrderPayment.objects.all())

    assert (OrderPayment.objects.get().received_amount, figure("deposits")) == (2200, 2200)


@adds_up_without("orders.payments._held[rows]", "orders.surplus._count[refunded_amount]", BY_NAME)
@adds_up_without("orders.payments._held[rows]", "orders.surplus._count[surplus_refunded_amount]", BY_NAME)
def test_a_surplus_of_which_two_parts_go_back_at_once_is_less_by_both(stocked):
    channel, _place, shirt = stocked
    placed(channel, order(line(shirt, 3), payments=(card(3300, "CAPTURED"),)))
    placed(channel, order(line(shirt), payments=(card(1100, "CAPTURED"),), revision=2))

    race(
        hearing(channel, "r-1", "REFUNDED", 200),
        hearing(channel, "r-2", "REFUNDED", 300),
        hold=OrderPayment.objects.all(),
    )

    payment = OrderPayment.objects.get()
    assert (payment.refunded_amount, payment.surplus_refunded_amount, figure("deposits")) == (500, 500, 2800)


@adds_up_without("orders.holding._lock[rows]", "orders.late_goods.take_sold_late[cost_amount]")
def test_a_sale_of_which_two_lines_get_their_goods_at_once_costs_both(counter):
    channel, place, shirt = counter
    hat = sku()
    stock(hat, place, 5, unit_value=300)
    unknown = (line("NO-SUCH"), line("NOR-THIS"))
    record_shop_sales(
        channel=channel.code, sales=[order(*unknown, payments=(PaymentInput("CASH", Decimal(2200), "PAID"),))], **HOW
    )
    keys = OrderLine.objects.order_by("line_no").values_list("pk", flat=True)

    race(
        *[
            lambda key=key, item=item: assign_sku(line_id=key, sku_code=item.code, **HOW)
            for key, item in zip(keys, (shirt, hat), strict=True)
        ],
        hold=Shipment.objects.all(),
    )

    assert Shipment.objects.get().cost_amount == 400 + 300
