"""Goods that left and were not sold yet (着荷・検収基準, consigned): they come back at what they left with, and books and stock agree to the yen."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from accounting.models import BillableItem
from accounting.selectors import open_items
from catalog.services import define_kit
from customers.models import CreditGroup
from erp.core.errors import Conflict, InvalidInput
from erp.core.verify import verify
from erp.inventory.models import Location
from erp.inventory.services import Count, ReceiptLine, WriteDownLine, receive, record_count, write_down
from erp.orders.exceptions import NotReportable, NotReturnable, NotShippable
from erp.orders.models import Order, OrderPayment, Return, SalesReport, Shipment, ShipmentLine
from erp.orders.services import (
    FeeInput,
    PaymentInput,
    ReturnedLine,
    ShipRequest,
    SoldUnits,
    accept,
    cancel_by_staff,
    deliver,
    record_refusal,
    record_return,
    release_orders,
    report_sales,
    ship,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import figures, sku, worth
from tests.orders.factories import (
    DESK,
    NOON,
    TODAY,
    card,
    figure,
    kinds,
    line,
    order,
    placed,
    released,
    shipped,
    shop,
)

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
LATER = TODAY + dt.timedelta(days=30)


@pytest.fixture(autouse=True)
def _everything_adds_up():
    """Whatever a test does, every promise holds after it: stock value = inventory accounts, documents = books, exposure = its entries."""
    yield
    faults = [fault for result in verify() for fault in result.faults]
    assert faults == []


def stock(goods, place, pieces: int, unit_value: int | Decimal = 100) -> None:
    """Opening stock that the books know too."""
    lines = [ReceiptLine(1, goods.pk, pieces, Decimal(unit_value))]
    receive(external_id=f"opening {goods.code}", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)


def on_account(quantity: int, price: int, cost: int, *, basis: str, limit: int = 10_000_000):
    """Goods that left to an account, which owes for them by the revenue basis. ``cost`` is that of all pieces in stock, one more than sold."""
    channel, place = shop(kind="WHOLESALE", revenue_basis=basis)
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=limit)))
    goods = sku()
    stock(goods, place, quantity, unit_value=Decimal(cost) / quantity)
    sent = order(line(goods, quantity, price), account_code="AC1", payments=(), prices_include_tax=True)
    record = placed(channel, sent)
    shipped(record)
    return channel, place, goods, record, ShipmentLine.objects.get()


def exposure() -> int:
    return int(CreditGroup.objects.get().exposure)


def outside_figures() -> tuple[int, int]:
    return figure("inventory.in_transit"), figure("inventory.consigned")


def paid_by_cod(basis: str = "DELIVERY"):
    """A parcel of goods 11,000, 送料 550, 代引手数料 330 incl.; cost 4,200."""
    channel, place = shop(revenue_basis=basis)
    dress = sku()
    stock(dress, place, 2, unit_value=2100)
    fees = (FeeInput("SHIPPING", Decimal(550)), FeeInput("COD", Decimal(330)))
    payments = (PaymentInput("COD", Decimal(11_880), provider="yamato"),)
    sent = order(line(dress, 2, 5500), total=11_880, fees=fees, payments=payments)
    record = placed(channel, sent)
    [parcel] = shipped(record)
    return channel, place, dress, record, parcel


def test_cash_on_delivery_refused_before_its_sale_was_posted():
    """受取拒否 (往復運賃 1,100 税込): nothing was sold, so nothing is taken back; 荷造運賃 1,000 and 仮払消費税 100 are left."""
    _channel, place, dress, record, parcel = paid_by_cod()
    assert (figure("inventory.in_transit"), figure("sales.ec")) == (4_200, 0)

    documents = [record_refusal(shipment_id=parcel.pk, external_id="X-1", freight=Decimal(1100), **HOW) for _ in (1, 2)]

    assert documents[0] == documents[1]
    assert (documents[0].kind, documents[0].gross_amount, documents[0].cost_amount) == ("REFUSED", 0, 4_200)
    assert (figures(dress, place), worth(dress)) == ((2, 0), (2, Decimal(4_200)))
    assert {role: figure(role) for role in ("inventory.in_transit", "sales.ec", "output_tax", "cost_of_sales", "receivable.cod")} == {
        "inventory.in_transit": 0, "sales.ec": 0, "output_tax": 0, "cost_of_sales": 0, "receivable.cod": 0,
    }  # fmt: skip
    assert (figure("freight"), figure("input_tax"), figure("other_payables")) == (1_000, 100, 1_100)
    parcel.refresh_from_db()
    assert (parcel.state, parcel.revenue_date) == ("RETURNED", None)
    assert kinds(record)[-1] == "RETURNED"
    assert not BillableItem.objects.exists()
    with pytest.raises(NotShippable):
        deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)


def test_what_was_paid_for_a_refused_parcel_is_owed_back_with_its_fees():
    channel, place = shop(revenue_basis="ACCEPTANCE")
    dress = sku()
    stock(dress, place, 1, unit_value=420)
    fees = (FeeInput("SHIPPING", Decimal(550)),)
    sent = order(line(dress, 1, 1100), total=1650, fees=fees, payments=(card(1650, "CAPTURED"),))
    [parcel] = shipped(placed(channel, sent))
    assert figure("deposits") == 1650

    document = record_refusal(shipment_id=parcel.pk, external_id="X-1", **HOW)

    assert (figure("deposits"), figure("refunds_payable")) == (0, 1650)
    [owed] = open_items(document_type="RETURN", document_ids=[document.pk])
    assert (owed.role, owed.remaining) == ("refunds_payable", 1650)
    assert OrderPayment.objects.get().applied_amount == 1650


def with_fee(pieces: int, *, status: str = "CAPTURED", basis: str = "DELIVERY") -> tuple[Order, ShipmentLine]:
    """Shirts of 1,100 yen in one parcel, 送料 550, paid by card."""
    channel, place = shop(revenue_basis=basis)
    shirt = sku()
    stock(shirt, place, pieces)
    total = 1100 * pieces + 550
    fees = (FeeInput("SHIPPING", Decimal(550)),)
    record = placed(channel, order(line(shirt, pieces, 1100), total=total, fees=fees, payments=(card(total, status),)))
    shipped(record)
    return record, ShipmentLine.objects.get()


def take_back(record: Order, parcel_line: ShipmentLine, units: int, external_id: str = "R-1", **fields) -> Return:
    lines = [ReturnedLine(parcel_line.pk, units)]
    return record_return(order_id=record.pk, external_id=external_id, lines=lines, **fields, **HOW)


MONEY = ("deposits", "refunds_payable", "receivable.card", "sales.shipping_fee", "output_tax")


def money() -> tuple[int, ...]:
    return tuple(map(figure, MONEY))


@pytest.mark.parametrize("basis", ["DELIVERY", "ACCEPTANCE"])
def test_a_fee_that_is_kept_is_earned_when_all_of_its_parcel_came_back(basis):
    """前受金 550 / 送料収入 500, 仮受消費税 50: no sale will follow with which it could be posted."""
    record, parcel_line = with_fee(2, basis=basis)

    take_back(record, parcel_line, 1)
    assert money() == (1650, 1100, 2750, 0, 0)
    take_back(record, parcel_line, 1, "R-2")

    assert money() == (0, 2200, 2750, 500, 50)
    parcel = Shipment.objects.get()
    assert (parcel.state, parcel.revenue_date, figure("sales.ec")) == ("RETURNED", TODAY, 0)
    assert [(bill.kind, bill.gross_amount) for bill in BillableItem.objects.all()] == [("FEE", 550)]


def test_a_fee_that_is_kept_is_owed_by_the_card_company_where_nothing_was_captured():
    record, parcel_line = with_fee(1, status="AUTHORIZED")

    take_back(record, parcel_line, 1)

    assert money() == (0, 0, 550, 500, 50)
    payment = OrderPayment.objects.get()
    assert (payment.applied_amount, payment.unsold_amount) == (550, 1100)


def test_no_deposit_is_left_of_a_cancelled_order_of_which_a_parcel_came_back():
    channel, place = shop(revenue_basis="DELIVERY")
    shirt = sku()
    stock(shirt, place, 2)
    fees = (FeeInput("SHIPPING", Decimal(550)),)
    record = placed(
        channel, order(line(shirt, 2, 1100), total=2750, fees=fees, payments=(card(2750, "CAPTURED"),))
    )  # fmt: skip
    [parcel] = released(record)
    ship(requests=[ShipRequest(parcel.pk, {parcel.lines.get().order_line_id: 1})], **HOW)
    cancel_by_staff(order_id=record.pk, reason="残りは不要", **HOW)
    assert money() == (1650, 1100, 2750, 0, 0)

    take_back(record, ShipmentLine.objects.get(), 1)

    assert money() == (0, 2200, 2750, 500, 50)


def test_a_fee_of_consigned_goods_that_all_came_back_is_billed():
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group()))
    goods = sku()
    stock(goods, place, 2)
    fees = (FeeInput("SHIPPING", Decimal(550)),)
    sent = order(line(goods, 2, 1100), total=2750, fees=fees, account_code="AC1", payments=())
    record = placed(channel, sent)
    shipped(record)

    take_back(record, ShipmentLine.objects.get(), 2)

    assert (figure("receivable.account"), figure("sales.shipping_fee"), exposure()) == (550, 500, 550)
    assert outside_figures() == (0, 0)


@pytest.mark.parametrize("then", ["return", "refusal", "delivery"])
def test_a_fee_is_given_back_once(then):
    """With the first shirt; with the others, be they taken back, refused or sold, nothing becomes of the fee any more."""
    record, parcel_line = with_fee(3)

    document = take_back(record, parcel_line, 1, refund_fees=True)
    assert [(row.fee_id is None, row.is_unsold, row.gross_amount) for row in document.lines.order_by("pk")] == [
        (True, True, 0), (False, True, 0),
    ]  # fmt: skip
    assert money() == (2200, 1650, 3850, 0, 0)

    if then == "return":
        take_back(record, parcel_line, 1, "R-2", refund_fees=True)
    elif then == "refusal":
        record_refusal(shipment_id=parcel_line.shipment_id, external_id="X-1", **HOW)
    else:
        deliver(shipment_ids=[parcel_line.shipment_id], delivered_date=TODAY, **HOW)

    left = {
        "return": (1100, 2750, 3850, 0, 0),
        "refusal": (0, 3850, 3850, 0, 0),
        "delivery": (0, 1650, 3850, 0, 200),
    }
    assert (money(), figure("sales.ec")) == (left[then], 2000 if then == "delivery" else 0)


def test_a_refused_parcel_leaves_the_money_of_the_other_one_alone():
    channel, place = shop(revenue_basis="DELIVERY")
    dress, hat = sku(), sku()
    stock(dress, place, 1, unit_value=420)
    sent = order(line(dress, 1, 1100), line(hat, 1, 2200), payments=(card(3300, "CAPTURED"),))
    record = placed(channel, sent)
    release_orders(order_ids=[record.pk], in_part=True, **HOW)
    first = Shipment.objects.get()
    ship(requests=[ShipRequest(first.pk)], **HOW)

    record_refusal(shipment_id=first.pk, external_id="X-1", **HOW)
    assert (figure("deposits"), figure("refunds_payable")) == (2200, 1100)
    cancel_by_staff(order_id=record.pk, reason="残りも不要", **HOW)

    assert (figure("deposits"), figure("refunds_payable")) == (0, 3300)


def test_defective_pieces_of_a_refused_parcel_are_written_down():
    _channel, place, dress, _record, parcel = paid_by_cod("ACCEPTANCE")

    record_refusal(shipment_id=parcel.pk, external_id="X-1", condition="DEFECTIVE", **HOW)

    assert (figures(dress, place), figures(dress, Location.objects.get(code="DEFECT"))) == ((0, 0), (2, 0))
    assert (figure("stock_writedown"), figure("inventory.in_transit"), figure("cost_of_sales")) == (4_200, 0, 0)


def test_a_part_that_comes_back_before_acceptance_is_not_sold_with_the_rest():
    """3 for 100 at a cost of 100: each part to the yen, the last one the rest."""
    _channel, place, goods, record, parcel_line = on_account(3, 33, 100, basis="ACCEPTANCE")
    assert exposure() == 99

    document = record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 1)], **HOW)

    assert (document.gross_amount, figures(goods, place)) == (0, (1, 0))
    assert exposure() == 66
    accept(shipment_ids=[parcel_line.shipment_id], accepted_date=LATER, at=NOON + (LATER - TODAY), by=DESK)
    assert figure("receivable.account") == 66
    assert figure("sales.wholesale") + figure("output_tax") == 66
    assert int(document.cost_amount) + figure("cost_of_sales") == 100
    assert outside_figures() == (0, 0)
    assert exposure() == 66
    [item] = BillableItem.objects.filter(kind="GOODS")
    assert (item.quantity, item.gross_amount) == (2, 66)

    record_return(order_id=record.pk, external_id="R-2", lines=[ReturnedLine(parcel_line.pk, 2)], **HOW)
    assert (figure("receivable.account"), figure("cost_of_sales"), figures(goods, place)) == (0, 0, (3, 0))
    assert worth(goods) == (3, Decimal(100))
    with pytest.raises(NotReturnable):
        record_return(order_id=record.pk, external_id="R-3", lines=[ReturnedLine(parcel_line.pk, 1)], **HOW)


def test_nothing_is_refunded_without_goods_before_the_sale():
    _channel, _place, _goods, record, parcel_line = on_account(3, 33, 100, basis="DELIVERY")

    with pytest.raises(NotReturnable) as refusal:
        lines = [ReturnedLine(parcel_line.pk, 1, "NOT_RETURNED")]
        record_return(order_id=record.pk, external_id="R-1", lines=lines, **HOW)

    assert [problem.code for problem in refusal.value.problems] == ["not_sold"]
    assert not Return.objects.exists()


def test_a_kit_that_was_not_sold_comes_back_with_every_component():
    channel, place = shop(revenue_basis="DELIVERY")
    kit, shirt, sock = sku(), sku(), sku()
    define_kit(sku_code=kit.code, components={shirt.code: 1, sock.code: 2}, **HOW)
    stock(shirt, place, 2, unit_value=500)
    stock(sock, place, 4, unit_value=50)
    record = placed(channel, order(line(kit, 2, 2200)))
    shipped(record)
    parcel_line = ShipmentLine.objects.get()

    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 1)], **HOW)
    deliver(shipment_ids=[parcel_line.shipment_id], delivered_date=TODAY, **HOW)

    assert (figures(shirt, place), figures(sock, place)) == ((1, 0), (2, 0))
    assert (figure("cost_of_sales"), figure("inventory.in_transit")) == (600, 0)


def consigned(quantity: int = 10, price: int = 6_600, cost: int = 25_000):
    """消化仕入: 10 pieces at 6,600 incl. (上代 11,000 × 60 %), cost 2,500 each, with the account."""
    return on_account(quantity, price, cost, basis="SALES_REPORT")


def report(channel, parcel_line, units: int, external_id: str = "SR-1", on: dt.date = LATER) -> SalesReport:
    lines = [SoldUnits(parcel_line.pk, units)]
    at = NOON + max(on - TODAY, dt.timedelta())
    return report_sales(channel=channel.code, external_id=external_id, lines=lines, report_date=on, at=at, by=DESK)


def test_a_sales_report_of_one_piece():
    """売掛金 6,600 / 売上高 6,000, 仮受消費税 600; 売上原価 // 委託先在庫."""
    channel, place, goods, record, parcel_line = consigned()
    assert (outside_figures(), figure("sales.wholesale"), exposure()) == ((0, 25_000), 0, 66_000)
    assert figures(goods, Location.objects.get(kind="CONSIGNED")) == (10, 0)

    document = report(channel, parcel_line, 1)

    assert (figure("receivable.account"), figure("sales.wholesale"), figure("output_tax")) == (6_600, 6_000, 600)
    assert (figure("cost_of_sales"), outside_figures()) == (2_500, (0, 22_500))
    assert (document.gross_amount, document.cost_amount) == (6_600, 2_500)
    [item] = open_items(document_type="SALES_REPORT", document_ids=[document.pk])
    assert (item.party.kind, item.item_date, item.remaining) == ("BILL_TO", LATER, 6_600)
    [bill] = BillableItem.objects.all()
    assert (bill.document_number, bill.transaction_date, bill.quantity) == (document.number, LATER, 1)
    assert exposure() == 66_000, "what was unbilled is a receivable now"
    assert (kinds(record)[-1], Shipment.objects.get().state) == ("REPORTED", "SHIPPED")
    assert figures(goods, place) == (0, 0)


def test_several_reports_a_return_of_the_rest_and_one_of_what_was_sold():
    """7 pieces at a price and a cost that do not divide: every part to the yen, the last takes the rest."""
    channel, place, goods, record, parcel_line = on_account(7, 143, 1_000, basis="SALES_REPORT")

    first, second = report(channel, parcel_line, 3), report(channel, parcel_line, 2, "SR-2")
    back = record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 2)], **HOW)

    assert first.gross_amount + second.gross_amount == 715
    assert (back.gross_amount, figures(goods, place)) == (0, (2, 0))
    assert first.cost_amount + second.cost_amount + back.cost_amount == 1_000
    assert (outside_figures(), exposure(), figure("receivable.account")) == ((0, 0), 715, 715)
    assert Shipment.objects.get().state == "ACCEPTED"

    sold_back = record_return(order_id=record.pk, external_id="R-2", lines=[ReturnedLine(parcel_line.pk, 5)], **HOW)
    assert sold_back.gross_amount == 715
    assert (figure("receivable.account"), figure("cost_of_sales"), figure("refunds_payable"), exposure()) == (
        0,
        0,
        0,
        0,
    )
    assert (figures(goods, place), worth(goods)) == ((7, 0), (7, Decimal(1_000)))


def test_one_return_of_unsold_and_sold_pieces():
    channel, place, goods, record, parcel_line = consigned(quantity=4, cost=10_000)
    report(channel, parcel_line, 3)

    document = record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 2)], **HOW)

    assert [(row.is_unsold, row.quantity, int(row.gross_amount)) for row in document.lines.order_by("pk")] == [
        (True, 1, 0), (False, 1, 6_600),
    ]  # fmt: skip
    assert (figure("receivable.account"), figure("cost_of_sales"), outside_figures()) == (13_200, 5_000, (0, 0))
    assert figures(goods, place) == (2, 0)


def test_the_same_report_again_is_the_first_one_other_content_a_conflict():
    channel, _place, _goods, _record, parcel_line = consigned()
    first = report(channel, parcel_line, 1)

    assert report(channel, parcel_line, 1) == first
    with pytest.raises(Conflict):
        report(channel, parcel_line, 2)

    assert (SalesReport.objects.count(), figure("sales.wholesale")) == (1, 6_000)


def test_names_everything_that_cannot_have_been_sold_and_posts_nothing():
    channel, _place, _goods, _record, parcel_line = consigned()
    other, house = shop(kind="WHOLESALE")
    sold_at_once = sku()
    stock(sold_at_once, house, 1)
    shipped(placed(other, order(line(sold_at_once, 1), external_id="B-1")))
    foreign = ShipmentLine.objects.exclude(pk=parcel_line.pk).get()
    before = figure("sales.wholesale")

    with pytest.raises(NotReportable) as refusal:
        lines = [SoldUnits(parcel_line.pk, 11), SoldUnits(foreign.pk, 1), SoldUnits(0, 1)]
        report_sales(channel=channel.code, external_id="SR-1", lines=lines, **HOW)
    with pytest.raises(NotReportable) as at_once:
        report_sales(channel=other.code, external_id="SR-2", lines=[SoldUnits(foreign.pk, 1)], **HOW)
    with pytest.raises(NotReportable) as nothing:
        report_sales(channel=channel.code, external_id="SR-3", lines=[], **HOW)

    assert [problem.code for problem in refusal.value.problems] == [
        "more_than_out_there",
        "unknown_line",
        "unknown_line",
    ]
    assert [problem.code for problem in at_once.value.problems] == ["not_consigned"]
    assert [problem.code for problem in nothing.value.problems] == ["wrong_lines"]
    assert not SalesReport.objects.exists()
    assert figure("sales.wholesale") == before


def test_a_sale_of_tomorrow_is_not_reported():
    channel, _place, _goods, _record, parcel_line = consigned()
    sold = [SoldUnits(parcel_line.pk, 1)]

    with pytest.raises(InvalidInput) as refusal:
        report_sales(
            channel=channel.code, external_id="SR-1", lines=sold, report_date=TODAY + dt.timedelta(days=1), **HOW
        )

    assert [(one.pointer, one.code) for one in refusal.value.problems] == [("/report_date", "in_future")]
    assert (outside_figures(), SalesReport.objects.exists()) == ((0, 25_000), False)


def test_what_came_back_cannot_be_reported_any_more():
    channel, _place, _goods, record, parcel_line = consigned(quantity=2, cost=5_000)
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 1)], **HOW)

    with pytest.raises(NotReportable):
        report(channel, parcel_line, 2)
    report(channel, parcel_line, 1)

    assert (figure("sales.wholesale"), figure("cost_of_sales")) == (6_000, 2_500)


def test_acceptance_of_consigned_goods_reports_all_that_is_left():
    channel, _place, _goods, _record, parcel_line = consigned()
    report(channel, parcel_line, 4)

    for _again in range(2):
        accept(shipment_ids=[parcel_line.shipment_id], accepted_date=LATER, at=NOON + (LATER - TODAY), by=DESK)

    assert SalesReport.objects.count() == 2
    assert (figure("sales.wholesale"), figure("cost_of_sales"), outside_figures()) == (60_000, 25_000, (0, 0))
    shipment = Shipment.objects.get()
    assert (shipment.state, shipment.accepted_date) == ("ACCEPTED", LATER)


def test_a_fee_is_posted_with_the_first_report_only():
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    account("AC1", bill_to=bill_to("B1"))
    goods = sku()
    stock(goods, place, 2, unit_value=100)
    fees = (FeeInput("SHIPPING", Decimal(550)),)
    sent = order(line(goods, 2, 1100), total=2750, fees=fees, account_code="AC1", payments=())
    shipped(placed(channel, sent))
    parcel_line = ShipmentLine.objects.get()

    first, second = report(channel, parcel_line, 1), report(channel, parcel_line, 1, "SR-2")

    assert (first.gross_amount, second.gross_amount) == (1_650, 1_100)
    assert figure("sales.shipping_fee") == 500


def test_the_order_of_a_refused_parcel_stays_shipped():
    _channel, _place, _dress, record, parcel = paid_by_cod()

    record_refusal(shipment_id=parcel.pk, external_id="X-1", **HOW)

    record.refresh_from_db()
    assert (record.state, Order.objects.get().lines.get().returned_quantity) == ("SHIPPED", 2)


def test_a_report_is_final():
    channel, _place, _goods, _record, parcel_line = consigned()
    report(channel, parcel_line, 1)

    for statement in ("UPDATE {0} SET gross_amount = 0", "DELETE FROM {0}"):
        for table in ("orders_salesreport", "orders_salesreportline"):
            with pytest.raises(IntegrityError, match=table), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement.format(table))


@pytest.mark.parametrize("counters", [{"reported_quantity": 11}, {"unsold_quantity": 1}])
def test_the_database_counts_no_more_than_the_parcel_holds(counters):
    _channel, _place, _goods, _record, parcel_line = consigned()

    with pytest.raises(IntegrityError, match="not_more_reported_or_unsold_than_in_the_parcel"), transaction.atomic():
        ShipmentLine.objects.filter(pk=parcel_line.pk).update(**counters)


def test_verify_sees_what_a_report_did_not_post_and_what_a_line_miscounts():
    channel, _place, _goods, _record, parcel_line = consigned()
    report(channel, parcel_line, 2)
    with transaction.atomic():
        ShipmentLine.objects.filter(pk=parcel_line.pk).update(reported_quantity=3)
        found = {(fault.promise, fault.subject_type) for result in verify() for fault in result.faults}
        transaction.set_rollback(True)

    assert found == {("P6", "SHIPMENT")}


def held_in_two(costs: tuple[int, int]):
    """Two parcels of three pieces with one account, bought at two costs."""
    channel, place = shop(kind="WHOLESALE", revenue_basis="SALES_REPORT")
    account("AC1", bill_to=bill_to("B1", credit_group=credit_group(limit=10_000_000)))
    goods = sku()
    for number, cost in enumerate(costs):
        lines = [ReceiptLine(1, goods.pk, 3, Decimal(cost))]
        receive(external_id=f"R-{number}", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)
        sent = order(
            line(goods, 3, 1100), account_code="AC1", payments=(), prices_include_tax=True, external_id=f"A-{number}"
        )
        shipped(placed(channel, sent))
    return channel, goods, list(ShipmentLine.objects.order_by("pk")), Location.objects.get(kind="CONSIGNED")


@pytest.mark.parametrize("units", [(3, 2), (2, 3)], ids=["the cheap ones first", "the dear ones"])
def test_what_a_count_with_the_account_lacked_leaves_no_value_and_no_report_behind(units):
    """Of six pieces at 100 and 200 one is missing, which cost 150 at the average: all that is reported, the rest of the value goes along."""
    channel, goods, parcel_lines, held = held_in_two((100, 200))
    record_count(external_id="C-1", location_id=held.pk, counts=[Count(1, goods.pk, 5)], occurred_at=NOON, **HOW)

    documents = [
        report(channel, parcel_line, count, f"SR-{parcel_line.pk}")
        for parcel_line, count in zip(parcel_lines, units, strict=True)
    ]

    assert [int(document.cost_amount) for document in documents] == [units[0] * 100, units[1] * 200]
    assert (outside_figures(), figure("cost_of_sales"), worth(goods, "CONSIGNED")) == ((0, 0), 750, (0, Decimal(0)))


def test_consigned_goods_that_are_written_down_are_sold_and_come_home_at_what_is_left():
    channel, place, goods, record, parcel_line = on_account(4, 1_100, 400, basis="SALES_REPORT")
    held = Location.objects.get(kind="CONSIGNED")
    lines = [WriteDownLine(1, goods.pk, Decimal(250))]
    write_down(external_id="W-1", location_id=held.pk, lines=lines, occurred_at=NOON, **HOW)

    report(channel, parcel_line, 1)
    record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 3)], **HOW)

    # Of 150 yen the first piece takes the 100 it left with; what comes home is worth the rest.
    assert (outside_figures(), figure("cost_of_sales")) == ((0, 0), 100)
    assert (figures(goods, place), worth(goods)) == ((3, 0), (3, Decimal(50)))


def test_defective_goods_that_come_home_are_worth_nothing_whatever_was_written_down():
    _channel, _place, goods, record, parcel_line = on_account(2, 1_100, 200, basis="SALES_REPORT")
    held = Location.objects.get(kind="CONSIGNED")
    lines = [WriteDownLine(1, goods.pk, Decimal(50))]
    write_down(external_id="W-1", location_id=held.pk, lines=lines, occurred_at=NOON, **HOW)

    back = [ReturnedLine(parcel_line.pk, 2, "DEFECTIVE")]
    record_return(order_id=record.pk, external_id="R-1", lines=back, **HOW)

    assert (outside_figures(), worth(goods, "DEFECT")) == ((0, 0), (2, Decimal(0)))
