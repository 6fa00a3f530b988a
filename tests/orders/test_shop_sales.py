"""Sales that already happened: never refused, each once, in stock and books on the day they were made, with a task for what is odd."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from accounting.models import OpenItem, Period
from accounting.services import close_period, open_periods
from catalog.services import define_kit
from erp.core.errors import InvalidInput, NotFound
from erp.core.models import MessageLog, StaffTask
from erp.core.verify import verify
from erp.inventory.models import StockMovement
from erp.orders.exceptions import OrderConflict
from erp.orders.models import Order, OrderTaxTotal, Shipment
from erp.orders.services import PaymentInput, StatedTax, assign_sku, place_order, record_shop_sales
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import entries, figures, sku, statements, stock
from tests.orders.factories import DESK, NOON, TODAY, figure, line, order, shop
from tests.racing import race

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
MORNING = NOON - dt.timedelta(hours=3)


def till(*places, **fields):
    return make_channel(*places, kind="SHOP", **fields)


@pytest.fixture
def counter():
    _unused, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    return till(place), place, shirt


def sale(*lines, external_id="T-1", method="CASH", **fields):
    total = fields.pop("total", sum(int(item.unit_price) * item.quantity for item in lines))
    fields.setdefault("payments", (PaymentInput(method, Decimal(total), "PAID"),))
    fields.setdefault("ordered_at", MORNING)
    return order(*lines, external_id=external_id, total=total, **fields)


def record(channel, *sales):
    return record_shop_sales(channel=channel.code, sales=sales, **HOW)


def tasks() -> list[str]:
    return sorted(StaffTask.objects.filter(closed_at__isnull=True).values_list("kind", flat=True))


def faults() -> list[str]:
    """What verify finds, but for stock that the tests booked in without postings."""
    return [str(fault) for result in verify() for fault in result.faults if fault.subject_type != "LEDGER_ACCOUNT"]


def test_a_sale_takes_stock_and_posts_revenue_tax_cost_and_cash(counter):
    channel, place, shirt = counter

    [outcome] = record(channel, sale(line(shirt, 2, 1100)))

    made = Order.objects.get()
    parcel = Shipment.objects.get()
    assert (outcome.number, outcome.tasks, outcome.is_replay) == (made.number, (), False)
    assert (made.state, made.ordered_at, made.total, made.tax_amount) == ("SHIPPED", MORNING, 2200, 200)
    assert (parcel.state, parcel.ship_date, parcel.revenue_date) == ("DELIVERED", TODAY, TODAY)
    assert figures(shirt, place) == (8, 0)
    assert StockMovement.objects.latest("pk").occurred_at == MORNING
    assert entries("SHIPMENT", parcel.pk) == {
        ("1110", "DEBIT"): 2200, ("4120", "CREDIT"): 2000, ("2190", "CREDIT"): 200, ("5110", "DEBIT"): 800, ("1210", "CREDIT"): 800,
    }  # fmt: skip
    assert not OpenItem.objects.exists()
    assert (tasks(), faults()) == ([], [])


def test_a_card_sale_is_owed_by_the_provider(counter):
    channel, _place, shirt = counter

    record(channel, sale(line(shirt, 1, 1100), method="CARD"))

    assert (figure("cash"), figure("receivable.card"), figure("sales.shop")) == (0, 1100, 1000)
    assert OpenItem.objects.get().amount == 1100
    assert faults() == []


def test_tax_once_per_receipt_and_rate_the_stated_kept_beside_ours(counter):
    channel, _place, shirt = counter
    stated = StatedTax("STANDARD", Decimal(10), Decimal(1497), Decimal(135))

    record(channel, sale(line(shirt, 3, 499, line_id="1"), stated_taxes=(stated,)))

    total = OrderTaxTotal.objects.get()
    assert (total.gross_amount, total.tax_amount, total.stated_tax) == (1497, 136, 135)
    assert Order.objects.get().tax_difference == 1


def test_reserved_pieces_are_taken_and_their_order_is_told(counter):
    channel, place, shirt = counter
    site = make_channel(place)
    place_order(channel=site.code, order=order(line(shirt, 9)), **HOW)

    record(channel, sale(line(shirt, 4, 1100)))

    assert figures(shirt, place) == (6, 6)
    assert tasks() == ["RESERVATION_LOST"]


def test_pieces_beyond_the_books_come_in_provisionally(counter):
    channel, place, shirt = counter

    record(channel, sale(line(shirt, 12, 1100)))

    assert figures(shirt, place) == (0, 0)
    assert tasks() == ["STOCKTAKE"]
    assert Shipment.objects.get().cost_amount == 4800
    assert faults() == []


def test_a_kit_takes_its_components(counter):
    channel, place, shirt = counter
    sock, bundle = sku(), sku()
    stock(sock, place, 10, unit_value=50)
    define_kit(sku_code=bundle.code, components={shirt.code: 1, sock.code: 2}, **HOW)

    record(channel, sale(line(bundle, 2, 2200)))

    assert (figures(shirt, place), figures(sock, place)) == ((8, 0), (6, 0))
    assert Shipment.objects.get().cost_amount == 1000
    assert faults() == []


def test_an_unknown_sku_is_sold_and_a_person_says_later_which_it_was(counter):
    channel, place, shirt = counter

    [outcome] = record(channel, sale(line(shirt, 1, 1100), line("NO-SUCH", 2, 1100)))

    assert outcome.tasks == ("SALE_SKU_UNKNOWN",)
    assert (figure("sales.shop"), figure("cash"), figure("cost_of_sales")) == (3000, 3300, 400)
    assert "NO-SUCH" in StaffTask.objects.get(kind="SALE_SKU_UNKNOWN").detail
    assert (figures(shirt, place), faults()) == ((9, 0), [])

    assign_sku(line_id=Order.objects.get().lines.get(sku=None).pk, sku_code=shirt.code, **HOW)

    assert (figures(shirt, place), figure("cost_of_sales"), figure("sales.shop")) == ((7, 0), 1200, 3000)
    assert (tasks(), faults()) == ([], [])


def test_a_total_that_does_not_add_up_is_booked_as_charged(counter):
    channel, _place, shirt = counter

    [outcome] = record(channel, sale(line(shirt, 2, 1100), total=2000))

    assert outcome.tasks == ("SALE_TO_CHECK",)
    assert Order.objects.get().total == 2000
    assert (figure("cash"), figure("sales.shop"), figure("output_tax")) == (2000, 1819, 181)
    assert faults() == []


def test_a_way_of_paying_nobody_knows_is_owed_until_a_person_says(counter):
    channel, _place, shirt = counter

    [outcome] = record(channel, sale(line(shirt, 1, 1100), method="NONE"))

    assert outcome.tasks == ()
    assert figure("receivable.account") == 1100
    assert faults() == []


def test_a_closed_period_takes_the_sale_on_its_first_open_day(counter):
    channel, place, shirt = counter
    open_periods(through=dt.date(2026, 10, 1), **HOW)
    close_period(period_id=Period.objects.get(starts_on=dt.date(2026, 10, 1)).pk, **HOW)
    late = dt.datetime(2026, 10, 31, 3, 0, tzinfo=dt.UTC)

    [outcome] = record(channel, sale(line(shirt, 1, 1100), ordered_at=late))

    parcel = Shipment.objects.get()
    assert outcome.tasks == ("SALE_IN_CLOSED_PERIOD",)
    assert (parcel.ship_date, parcel.revenue_date) == (dt.date(2026, 10, 31), dt.date(2026, 11, 1))
    assert StockMovement.objects.latest("pk").occurred_at == late
    assert figures(shirt, place) == (9, 0)
    assert faults() == []


def test_the_same_sale_again_changes_nothing_and_another_under_its_number_is_told(counter):
    channel, place, shirt = counter
    one = sale(line(shirt, 1, 1100))

    [first] = record(channel, one)
    again, other, fresh, twice = record(
        channel,
        one,
        sale(line(shirt, 5, 1100)),
        sale(line(shirt, 1, 1100), external_id="T-2"),
        sale(line(shirt, 1, 1100), external_id="T-2"),
    )

    assert (again.is_replay, again.number) == (True, first.number)
    assert isinstance(other.refusal, OrderConflict)
    assert (fresh.is_replay, twice.is_replay, twice.number) == (False, True, fresh.number)
    assert figures(shirt, place) == (8, 0)
    assert tasks() == ["SALE_CONFLICT"]
    outcomes = list(MessageLog.objects.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == ["DONE", "REPLAYED", "REFUSED", "DONE", "REPLAYED"]
    assert faults() == []


def test_only_a_malformed_sale_is_refused_and_harms_no_other(counter):
    channel, place, shirt = counter
    unknown = replace(sale(line(shirt, 1, 1100)), total=None, lines=(line(shirt, 0, None),), payments=())

    bad, good = record(channel, unknown, sale(line(shirt, 1, 1100), external_id="T-2"))

    assert isinstance(bad.refusal, InvalidInput)
    assert {problem.pointer for problem in bad.refusal.problems} == {
        "/total",
        "/lines/0/quantity",
        "/lines/0/unit_price",
    }
    assert good.refusal is None
    assert figures(shirt, place) == (9, 0)
    assert MessageLog.objects.get(outcome="REFUSED").external_id == "T-1"


def test_a_shop_without_a_place_has_nothing_to_sell_from(counter):
    _channel, _place, shirt = counter

    with pytest.raises(NotFound):
        record(till(), sale(line(shirt, 1, 1100)))

    assert not Order.objects.exists()


def test_the_number_of_statements_does_not_grow_with_sales(counter):
    channel, place, shirt = counter
    stock(shirt, place, 10_000, unit_value=400)

    def count(size: int) -> int:
        sales = [sale(line(shirt, 1, 1100), external_id=f"S-{size}-{number}") for number in range(size)]
        return len(statements(lambda: record(channel, *sales)))

    count(1)
    assert count(2) == count(5)
    assert count(110) == count(150) <= 60


@pytest.mark.django_db(transaction=True)
def test_the_same_sale_from_two_lines_at_once_is_recorded_once():
    _unused, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=400)
    channel = till(place)

    answers = race(*[lambda: record(channel, sale(line(shirt, 1, 1100)))[0]] * 3, names=[f"order:{channel.code}:T-1"])

    assert sorted(answer.is_replay for answer in answers) == [False, True, True]
    assert figures(shirt, place) == (9, 0)
