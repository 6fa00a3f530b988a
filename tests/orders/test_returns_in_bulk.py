"""Many returns in one call: the same figures as one by one, in the same number of statements."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from accounting.selectors import open_items
from erp.core.errors import Conflict, InvalidInput
from erp.inventory.selectors.stock_value import proofs, values_on
from erp.orders.exceptions import NotReturnable
from erp.orders.models import Order, OrderLine, Return, ReturnLine, ShipmentLine
from erp.orders.services import (
    ReturnedLine,
    ReturnRequest,
    UnlinkedLine,
    UnlinkedReturn,
    record_return,
    record_returns,
    record_unlinked_returns,
)
from tests.inventory.factories import figures, sku, statements, stock
from tests.orders.factories import DESK, NOON, TODAY, figure, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db


def sold(channel, article, quantity: int, external_id: str) -> tuple[Order, ShipmentLine]:
    record = placed(channel, order(line(article, quantity, 1100), external_id=external_id))
    shipped(record)
    return record, ShipmentLine.objects.get(shipment__order=record)


def test_returns_of_several_orders_in_one_call():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=420)
    first, first_line = sold(channel, shirt, 3, "A-1")
    second, second_line = sold(channel, shirt, 2, "A-2")

    documents = record_returns(
        returns=[
            ReturnRequest(first.pk, "R-1", (ReturnedLine(first_line.pk, 1),)),
            ReturnRequest(second.pk, "R-2", (ReturnedLine(second_line.pk, 2),)),
            ReturnRequest(first.pk, "R-3", (ReturnedLine(first_line.pk, 2),)),
        ],
        at=NOON,
        by=DESK,
    )

    assert [(d.external_id, d.order_id, d.net_amount, d.tax_amount, d.cost_amount) for d in documents] == [
        ("R-1", first.pk, 1000, 100, 420),
        ("R-2", second.pk, 2000, 200, 840),
        ("R-3", first.pk, 2000, 200, 840),
    ]
    assert figures(shirt, place) == (10, 0)
    assert figure("sales.returns") == -5000 or figure("sales.returns") == 5000
    assert figure("receivable.card") == 0
    assert figure("output_tax") == 0
    assert figure("cost_of_sales") == 0
    assert list(OrderLine.objects.order_by("pk").values_list("returned_quantity", flat=True)) == [3, 2]
    assert open_items(document_type="SHIPMENT", document_ids=[first_line.shipment_id, second_line.shipment_id]) == []


def test_again_returns_the_first_documents_and_other_content_is_refused():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    record, parcel_line = sold(channel, shirt, 3, "A-1")
    request = ReturnRequest(record.pk, "R-1", (ReturnedLine(parcel_line.pk, 1),))
    [first] = record_returns(returns=[request], at=NOON, by=DESK)

    [again] = record_returns(returns=[request], at=NOON, by=DESK)

    assert again.pk == first.pk
    assert ReturnLine.objects.count() == 1
    with pytest.raises(Conflict):
        record_return(order_id=record.pk, external_id="R-1", lines=[ReturnedLine(parcel_line.pk, 2)], at=NOON, by=DESK)


def test_one_return_too_many_refuses_all_and_names_each():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10)
    first, first_line = sold(channel, shirt, 3, "A-1")
    second, second_line = sold(channel, shirt, 1, "A-2")

    with pytest.raises(NotReturnable) as refusal:
        record_returns(
            returns=[
                ReturnRequest(first.pk, "R-1", (ReturnedLine(first_line.pk, 2),)),
                ReturnRequest(first.pk, "R-2", (ReturnedLine(first_line.pk, 2),)),
                ReturnRequest(second.pk, "R-3", (ReturnedLine(second_line.pk, 5),)),
            ],
            at=NOON,
            by=DESK,
        )

    assert [problem.pointer for problem in refusal.value.problems] == [str(first_line.pk), str(second_line.pk)]
    assert not Return.objects.exists()
    assert figures(shirt, place) == (6, 0)


def test_statements_do_not_grow_with_the_number_of_returns():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 100)
    sales = [sold(channel, shirt, 1, f"A-{number}") for number in range(9)]
    requests = [
        ReturnRequest(record.pk, f"R-{record.pk}", (ReturnedLine(parcel_line.pk, 1),)) for record, parcel_line in sales
    ]

    # Fewer rows than go by COPY, which is a step, once (tests/orders/test_query_counts.py).
    of_one = statements(lambda: record_returns(returns=requests[:1], at=NOON, by=DESK))
    of_eight = statements(lambda: record_returns(returns=requests[1:9], at=NOON, by=DESK))

    assert len(of_one) == len(of_eight)


def unlinked(number: int, article) -> UnlinkedReturn:
    lines = (
        UnlinkedLine("Shirt", 2, Decimal(999), article.pk, article.code, cost=Decimal(600)),
        UnlinkedLine("Discount", 1, Decimal(300), condition="NOT_RETURNED", role="sales.discounts"),
    )
    return UnlinkedReturn(f"C-{number}", lines, TODAY)


def test_unlinked_returns_take_each_line_to_its_account_and_say_so():
    channel, place = shop()
    shirt = sku()
    returns = [unlinked(1, shirt), unlinked(2, shirt)]

    documents = record_unlinked_returns(channel=channel.code, returns=returns, location_id=place.pk, at=NOON, by=DESK)

    assert [(d.net_amount, d.tax_amount, d.cost_amount, d.has_original) for d in documents] == [
        (1299, 129, 600, False)
    ] * 2
    assert (abs(figure("sales.returns")), abs(figure("sales.discounts"))) == (1998, 600)
    assert figure("refunds_payable") == 2856
    assert figures(shirt, place) == (4, 0)


def test_an_unlinked_return_of_tomorrow_is_refused_and_named():
    channel, place = shop()
    shirt = sku()
    returns = [unlinked(1, shirt), replace(unlinked(2, shirt), return_date=TODAY + dt.timedelta(days=1))]

    with pytest.raises(InvalidInput) as refusal:
        record_unlinked_returns(channel=channel.code, returns=returns, location_id=place.pk, at=NOON, by=DESK)

    assert [(one.pointer, one.code) for one in refusal.value.problems] == [("/C-2/return_date", "in_future")]
    assert not Return.objects.exists()


def test_statements_do_not_grow_with_the_number_of_unlinked_returns():
    channel, place = shop()
    shirt = sku()

    def record(numbers):
        returns = [unlinked(number, shirt) for number in numbers]
        record_unlinked_returns(channel=channel.code, returns=returns, location_id=place.pk, at=NOON, by=DESK)

    assert len(statements(lambda: record([1]))) == len(statements(lambda: record(range(2, 8))))


def test_unlinked_returns_of_several_days_arrive_on_the_day_on_which_their_value_is_posted():
    channel, place = shop()
    shirt = sku()
    days = [TODAY - dt.timedelta(days=3), TODAY - dt.timedelta(days=1)]
    returns = [replace(unlinked(number, shirt), return_date=day) for number, day in enumerate(reversed(days), 1)]

    record_unlinked_returns(channel=channel.code, returns=returns, location_id=place.pk, at=NOON, by=DESK)

    between = [TODAY - dt.timedelta(days=ago) for ago in (3, 2, 1, 0)]
    assert [sum(row.value for row in values_on(day)) for day in between] == [600, 600, 1_200, 1_200]
    assert [proof for day in between for proof in proofs(day) if proof.difference] == []
