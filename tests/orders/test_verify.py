"""``verify`` names the culprit when orders, stock and books disagree, and is silent while they agree."""

import pytest
from django.db import connection

from erp.core.verify import verify
from erp.orders.models import OrderLine
from tests.inventory.factories import sku, stock
from tests.orders.factories import card, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def sold():
    channel, place = shop()
    shirt = sku()
    stock(shirt, place, 10, unit_value=420)
    record = placed(channel, order(line(shirt, 2, 1100)))
    return record, shipped(record)[0]


def faults() -> list[str]:
    return [
        f"{fault.promise} {fault.subject_label}"
        for result in verify()
        for fault in result.faults
        if fault.subject_type in ("ORDER", "SHIPMENT")
    ]


def without_guards(statement: str, *parameters: object) -> None:
    """Write as nobody may, to see whether it is found."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, parameters)


def test_is_silent_after_the_main_job(sold):
    assert faults() == []


def test_names_the_shipment_whose_cost_is_not_what_left_stock(sold):
    _record, parcel = sold

    without_guards("UPDATE orders_shipmentline SET cost_amount = cost_amount + 1 WHERE shipment_id = %s", parcel.pk)

    assert faults() == [f"P6 {parcel.number}"]


def test_names_the_shipment_whose_sale_is_not_what_was_posted(sold):
    _record, parcel = sold

    without_guards("UPDATE orders_shipment SET net_amount = net_amount + 1 WHERE id = %s", parcel.pk)

    assert faults() == [f"P6 {parcel.number}"]


def test_names_the_order_whose_lines_count_wrong(sold):
    record, _parcel = sold

    OrderLine.objects.filter(order=record).update(shipped_quantity=1)

    assert f"P6 {record.number}" in faults()


def test_names_the_order_whose_deposit_is_not_what_was_received(sold):
    channel = sold[0].channel
    shirt = sold[0].lines.get().sku
    record = placed(channel, order(line(shirt, 2), external_id="A-2", payments=(card(2200, "CAPTURED"),)))
    unpaid = placed(channel, order(line(shirt, 1), external_id="A-3"))
    assert faults() == []

    record.payments.update(received_amount=3300)
    unpaid.payments.update(received_amount=1)

    assert faults() == [f"P6 {record.number}", f"P6 {unpaid.number}"]


def test_names_the_order_whose_raw_message_is_not_its_content(sold):
    record, _parcel = sold

    without_guards("UPDATE orders_order SET fingerprint = 'x' WHERE id = %s", record.pk)

    assert faults() == [f"P4 {record.number}"]
