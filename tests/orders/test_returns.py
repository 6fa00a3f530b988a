"""What comes back: at the sale's amounts and the issue's cost, piece by piece, once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounting.selectors import open_items
from catalog.services import define_kit
from erp.core import checks
from erp.core.errors import Conflict
from erp.inventory.models import CostPool, Location
from erp.inventory.services import PhysicalLine, ReceiptLine, receive, record_physical_fact
from erp.orders.exceptions import NotReturnable
from erp.orders.models import Order, Return, Shipment, ShipmentLine
from erp.orders.services import (
    PaymentNews,
    ReturnedLine,
    record_payment_event,
    record_refusal,
    record_return,
)
from tests.inventory import factories as inventory
from tests.inventory.factories import figures, sku, stock, worth
from tests.orders.factories import DESK, NOON, card, figure, line, order, placed, released, shipped, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}


def sold(channel, *lines, **fields) -> tuple[Order, list[ShipmentLine]]:
    record = placed(channel, order(*lines, **fields))
    shipped(record)
    return record, list(ShipmentLine.objects.filter(shipment__order=record).order_by("pk"))


def take_back(record: Order, external_id: str, *lines: ReturnedLine, **fields) -> Return:
    return record_return(order_id=record.pk, external_id=external_id, lines=lines, **fields, **HOW)


def two_places():
    """A channel that sells from two warehouses with cost pools of their own, so that each piece shows where it came from."""
    east, west = (
        inventory.location(cost_pool=CostPool.objects.create(code=code, name=code, account_role="inventory.goods"))
        for code in ("EAST", "WEST")
    )
    return inventory.channel(east, west), east, west


def test_units_taken_from_two_places_come_back_one_by_one_each_to_its_own():
    channel, east, west = two_places()
    shirt = sku()
    stock(shirt, east, 2, unit_value=400)
    stock(shirt, west, 1, unit_value=700)
    record, [parcel_line] = sold(channel, line(shirt, 3, 1100))
    assert (figures(shirt, east), figures(shirt, west)) == ((0, 0), (0, 0))

    for number, (expected, cost) in enumerate([((1, 0), 400), ((2, 0), 400), ((2, 1), 700)], 1):
        document = take_back(record, f"R-{number}", ReturnedLine(parcel_line.pk, 1))
        assert (figures(shirt, east)[0], figures(shirt, west)[0]) == expected
        assert document.cost_amount == cost

    assert figure("cost_of_sales") == 0
    assert (worth(shirt, "EAST"), worth(shirt, "WEST")) == ((2, Decimal(800)), (1, Decimal(700)))


def test_a_kit_comes_back_with_every_component():
    channel, place = shop()
    kit, shirt, sock = sku(), sku(), sku()
    define_kit(sku_code=kit.code, components={shirt.code: 1, sock.code: 2}, **HOW)
    stock(shirt, place, 2, unit_value=500)
    stock(sock, place, 4, unit_value=50)
    record, [parcel_line] = sold(channel, line(kit, 2, 2200))
    assert (figures(shirt, place), figures(sock, place)) == ((0, 0), (0, 0))

    document = take_back(record, "R-1", ReturnedLine(parcel_line.pk, 1))

    assert (figures(shirt, place), figures(sock, place)) == ((1, 0), (2, 0))
    assert document.cost_amount == 600


def test_defective_pieces_lie_apart_without_value():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5, unit_value=420)
    record, [parcel_line] = sold(channel, line(shirt, 2, 1100))

    take_back(record, "R-1", ReturnedLine(parcel_line.pk, 1, "DEFECTIVE"))

    assert figures(shirt, place) == (3, 0)
    assert figures(shirt, Location.objects.get(code="DEFECT")) == (1, 0)
    assert (worth(shirt), worth(shirt, "DEFECT")) == ((3, Decimal(1260)), (1, Decimal(0)))
    assert (figure("stock_writedown"), figure("cost_of_sales")) == (420, 420)


def test_a_refund_without_goods_moves_no_stock():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5, unit_value=420)
    record, [parcel_line] = sold(channel, line(shirt, 2, 1100))

    document = take_back(record, "R-1", ReturnedLine(parcel_line.pk, 1, "NOT_RETURNED"))

    assert (document.gross_amount, document.cost_amount) == (1100, 0)
    assert figures(shirt, place) == (3, 0)
    assert figure("cost_of_sales") == 840
    assert figure("receivable.card") == 1100


def test_a_return_whose_piece_was_sold_again_before_it_was_typed_leaves_nothing_there_and_the_books_right():
    channel, place = shop()
    shirt = sku()
    receive(
        external_id="R-0", location_id=place.pk, lines=[ReceiptLine(1, shirt.pk, 1, Decimal(420))], occurred_at=NOON, **HOW
    )  # fmt: skip
    record, [parcel_line] = sold(channel, line(shirt, 1, 1100))
    record_physical_fact(
        source_type="GONE", external_id="G-1", location_id=place.pk, lines=[PhysicalLine(1, shirt.pk, 1)], reason_code="SAMPLE",
        occurred_at=NOON, **HOW,
    )  # fmt: skip

    document = take_back(record, "R-1", ReturnedLine(parcel_line.pk, 1))

    assert document.cost_amount == 420
    assert figures(shirt, place) == (0, 0)
    assert worth(shirt) == (0, 0)
    faults = [fault for check in checks.registered() if check.promise in ("P1", "P2", "P6") for fault in check.find()]
    assert faults == []


def test_names_everything_that_cannot_come_back_and_moves_nothing():
    channel, place = shop()
    shirt, hat = sku(), sku()
    stock(shirt, place, 5, unit_value=420)
    stock(hat, place, 5, unit_value=100)
    record, [first, second] = sold(channel, line(shirt, 2, 1100), line(hat, 1, 550))

    with pytest.raises(NotReturnable) as refusal:
        take_back(record, "R-1", ReturnedLine(first.pk, 3), ReturnedLine(second.pk, 1, "LOST"), ReturnedLine(0, 1))

    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [
        (str(first.pk), "not_returnable"), (str(second.pk), "unknown_value"), ("0", "not_returnable"),
    ]  # fmt: skip
    assert not Return.objects.exists()
    assert (figures(shirt, place), figures(hat, place)) == ((3, 0), (4, 0))
    assert figure("sales.returns") == 0


def test_the_same_return_again_is_the_first_document_other_content_a_conflict():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record, [parcel_line] = sold(channel, line(shirt, 3, 1100))
    first = take_back(record, "R-1", ReturnedLine(parcel_line.pk, 1))

    assert take_back(record, "R-1", ReturnedLine(parcel_line.pk, 1)) == first
    with pytest.raises(Conflict):
        take_back(record, "R-1", ReturnedLine(parcel_line.pk, 2))

    assert Return.objects.count() == 1
    assert figures(shirt, place) == (3, 0)


def test_goods_that_have_not_left_cannot_come_back():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    record = placed(channel, order(line(shirt, 1, 1100)))
    released(record)

    with pytest.raises(NotReturnable) as refusal:
        take_back(record, "R-1", ReturnedLine(ShipmentLine.objects.get().pk, 1))

    assert [problem.code for problem in refusal.value.problems] == ["not_shipped"]
    assert not Return.objects.exists()


def test_money_received_before_is_owed_back_and_leaves_through_the_provider_that_still_has_it():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 5, unit_value=420)
    record, [parcel_line] = sold(channel, line(shirt, 2, 1100), payments=(card(2200, "CAPTURED"),))
    assert (figure("receivable.card"), figure("deposits")) == (2200, 0)

    document = take_back(record, "R-1", ReturnedLine(parcel_line.pk, 1))

    [owed] = open_items(document_type="RETURN", document_ids=[document.pk])
    assert (owed.role, owed.side, owed.remaining) == ("refunds_payable", "CREDIT", 1100)
    news = PaymentNews("e-1", "REFUNDED", NOON, Decimal(1100))
    for _again in range(2):
        record_payment_event(channel=channel.code, external_id="A-1", event=news, **HOW)
    assert (figure("refunds_payable"), figure("receivable.card"), figure("bank")) == (0, 1100, 0)


def test_a_parcel_of_which_one_piece_came_back_before_is_refused_for_the_rest():
    channel, place = shop()
    shirt, hat = sku(), sku()
    stock(shirt, place, 5, unit_value=420)
    stock(hat, place, 5, unit_value=100)
    record, [first, _second] = sold(channel, line(shirt, 1, 1100), line(hat, 1, 550))
    take_back(record, "R-1", ReturnedLine(first.pk, 1))

    parcel = Shipment.objects.get()
    documents = [record_refusal(shipment_id=parcel.pk, external_id="X-1", freight=Decimal(1100), **HOW) for _ in (1, 2)]

    assert documents[0] == documents[1]
    assert documents[0].gross_amount == 550
    assert (figures(shirt, place), figures(hat, place)) == ((5, 0), (5, 0))
    assert (figure("receivable.card"), figure("cost_of_sales"), figure("freight")) == (0, 0, 1000)
    parcel.refresh_from_db()
    assert parcel.state == "RETURNED"
