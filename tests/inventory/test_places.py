"""Places under their codes, mall-held goods, safety stock, and what a document moved where."""

from __future__ import annotations

import pytest

from erp.core.errors import Conflict, InvalidInput
from erp.inventory import selectors, services
from erp.inventory.models import Location
from erp.inventory.selectors.documents import DocumentLine, lines_of_document, stock_documents
from erp.inventory.services import TransferLine
from tests.inventory.factories import CLERK, NOON, channel, location, pool, sku, stock

pytestmark = pytest.mark.django_db


def open_at_mall(holder_channel_id, code="MALL-A"):
    return services.open_location(
        code=code, name="モール倉庫", kind="MALL_HELD", holder_channel_id=holder_channel_id, at=NOON, by=CLERK
    )


def shown(site, item):
    figure = selectors.available_to_promise(channel_id=site.pk, sku_ids=[item.pk], at=NOON)[item.pk]
    return figure.available, figure.version


def test_a_place_that_a_mall_holds_is_opened_once_and_belongs_to_that_mall():
    pool()
    mall, other = channel(kind="MALL"), channel(kind="MALL")

    place_id = open_at_mall(mall.pk)

    assert open_at_mall(mall.pk) == place_id
    assert Location.objects.get(pk=place_id).holder_channel_id == mall.pk
    with pytest.raises(Conflict, match="MALL-A"):
        open_at_mall(other.pk)
    with pytest.raises(InvalidInput) as refusal:
        open_at_mall(None, code="MALL-B")
    assert [problem.pointer for problem in refusal.value.problems] == ["/holder_channel_id"]
    assert list(Location.objects.filter(kind="MALL_HELD").values_list("code", flat=True)) == ["MALL-A"]


def test_safety_stock_is_kept_back_from_a_channel_and_told_at_once():
    place, shirt, socks = location(), sku(), sku()
    site, other = channel(place), channel(place)
    for item in (shirt, socks):
        stock(item, place, 10)

    for sku_id, quantity in ((None, 1), (shirt.pk, 3)):
        services.keep_back(channel_id=site.pk, sku_id=sku_id, quantity=quantity, at=NOON, by=CLERK)

    assert [shown(site, item)[0] for item in (shirt, socks)] == [7, 9]
    assert shown(other, shirt)[0] == 10
    before = shown(site, shirt)[1]
    services.keep_back(channel_id=site.pk, sku_id=shirt.pk, quantity=3, at=NOON, by=CLERK)
    assert shown(site, shirt)[1] == before
    services.keep_back(channel_id=site.pk, sku_id=shirt.pk, quantity=0, at=NOON, by=CLERK)
    assert shown(site, shirt)[0] == 10
    assert shown(site, shirt)[1] > before
    with pytest.raises(InvalidInput) as refusal:
        services.keep_back(channel_id=site.pk, sku_id=None, quantity=-1, at=NOON, by=CLERK)
    assert [problem.pointer for problem in refusal.value.problems] == ["/quantity"]


def test_a_transfer_moved_each_of_its_lines_twice():
    here, there, shirt = location(), location(), sku()
    stock(shirt, here, 5, unit_value=200)

    services.transfer(
        external_id="T-1", from_location_id=here.pk, to_location_id=there.pk, lines=[TransferLine(1, shirt.pk, 3)],
        occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip

    document = stock_documents(source_type="TRANSFER", external_ids=["T-1"])["T-1"]
    assert sorted(lines_of_document(document.id), key=lambda line: line.quantity) == [
        DocumentLine(1, shirt.pk, here.pk, -3, -600),
        DocumentLine(1, shirt.pk, there.pk, 3, 600),
    ]
