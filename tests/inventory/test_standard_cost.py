"""Standard cost: 1,000 a piece, and from the 10th 1,100. What comes at another cost is 原価差異 (5170), and no residue stays."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.utils import IntegrityError

from catalog.models import Supplier
from erp.core import checks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput
from erp.inventory import services
from erp.inventory.models import CostPool, StandardCost
from erp.inventory.services import (
    PhysicalLine,
    PutBack,
    ReceiptLine,
    SupplierReturnLine,
    TransferLine,
    WriteDownLine,
)
from tests.inventory.factories import CLERK, entries, location, pool, sku, worth
from tests.worked_examples.journal import Entry, Journal
from tests.worked_examples.stage import noon

pytestmark = pytest.mark.django_db
NIGHT = Actor.job("standard-costs")
STANDARD = CostPool.CostingMethod.STANDARD


@pytest.fixture
def shop():
    """A shop whose pool is kept at standard, a shirt, and whom it is bought from."""
    CostPool.objects.filter(pk=pool("SHOPS").pk).update(costing_method=STANDARD)
    shirt = sku()
    StandardCost.objects.create(sku=shirt, cost=1_000, valid_from=dt.date(2026, 11, 1))
    StandardCost.objects.create(sku=shirt, cost=1_100, valid_from=dt.date(2026, 11, 10))
    supplier = Supplier.objects.create(code="S1", name="S1", registration_number="T7123456789012")
    return location("SHOP", cost_pool=pool("SHOPS")), shirt, supplier


def how(day: int) -> dict:
    at = noon(f"2026-11-{day:02}")
    return {"occurred_at": at, "at": at, "by": CLERK}


def receive(place, shirt, supplier, pieces, cost, day):
    return services.receive(
        external_id=f"R-{day}", location_id=place.pk, supplier_id=supplier.pk,
        lines=[ReceiptLine(1, shirt.pk, pieces, Decimal(cost))], **how(day),
    )  # fmt: skip


def damage(place, shirt, pieces, day):
    [gone] = services.record_physical_fact(
        source_type="DAMAGE", external_id=f"D-{day}", location_id=place.pk, lines=[PhysicalLine(1, shirt.pk, pieces)],
        reason_code="DAMAGE", **how(day),
    )  # fmt: skip
    return gone.value


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2", "P6") for fault in check.find()]


def test_a_month_at_standard_cost(shop):
    place, shirt, supplier = shop
    journal = Journal()

    receive(place, shirt, supplier, 10, 1_100, 2)
    receive(place, shirt, supplier, 20, 950, 3)
    assert worth(shirt, "SHOPS") == (30, 30_000)
    assert damage(place, shirt, 15, 5) == 15_000
    # What the 10th brings is carried from then on, and again nothing happens.
    at = noon("2026-11-10")
    assert (services.apply_todays_standards(at=at, by=NIGHT), services.apply_todays_standards(at=at, by=NIGHT)) == (
        1,
        0,
    )
    assert worth(shirt, "SHOPS") == (15, 16_500)
    services.return_to_supplier(
        external_id="B", location_id=place.pk, supplier_id=supplier.pk,
        lines=[SupplierReturnLine(1, shirt.pk, 5, Decimal(950))], **how(11),
    )  # fmt: skip
    assert (worth(shirt, "SHOPS"), damage(place, shirt, 10, 12), worth(shirt, "SHOPS")) == (
        (10, 11_000),
        11_000,
        (0, 0),
    )

    assert [entry for entry in journal.new() if "5170 購買価格差異" in {*entry.debit, *entry.credit}] == [
        Entry({"5170 購買価格差異": 1_000}, {"1210 商品": 1_000}),
        Entry({"1210 商品": 1_000}, {"5170 購買価格差異": 1_000}),
        Entry({"1210 商品": 1_500}, {"5170 購買価格差異": 1_500}),
        # 5 × 1,100 were carried, 5 × 950 are credited: the pool keeps 750 too much until it is brought back.
        Entry({"5170 購買価格差異": 750}, {"1210 商品": 750}),
    ]
    assert no_faults() == []


def test_what_comes_back_or_from_another_pool_is_carried_at_standard_from_then_on(shop):
    place, shirt, _supplier = shop
    warehouse = location()
    services.receive(
        external_id="R", location_id=warehouse.pk, lines=[ReceiptLine(1, shirt.pk, 5, Decimal(900))], **how(2)
    )

    moved = services.transfer(
        external_id="T",
        from_location_id=warehouse.pk,
        to_location_id=place.pk,
        lines=[TransferLine(1, shirt.pk, 4)],
        **how(3),
    )
    services.put_back(
        source_type="RETURN",
        source_id=7,
        lines=[PutBack(1, shirt.pk, 1, place.pk, Decimal(0))],
        channel_id=None,
        **how(3),
    )

    assert (worth(shirt), worth(shirt, "SHOPS")) == ((1, 900), (5, 5_000))
    assert entries("STOCK", moved.document_id) == {("1210", "DEBIT"): 400, ("5170", "CREDIT"): 400}
    assert no_faults() == []


def test_what_has_no_standard_cost_keeps_its_average_and_a_write_down_is_a_new_standard(shop):
    place, shirt, supplier = shop
    unknown = sku()
    receive(place, unknown, supplier, 3, 777, 2)
    receive(place, shirt, supplier, 10, 1_000, 11)
    line = WriteDownLine(1, shirt.pk, Decimal(100))

    with pytest.raises(InvalidInput) as refusal:
        services.write_down(external_id="W", location_id=place.pk, lines=[line], **how(12))
    StandardCost.objects.create(sku=shirt, cost=600, valid_from=dt.date(2026, 11, 13))
    done = services.revalue_at_standard(
        external_id="W-2", cost_pool_id=place.cost_pool_id, as_write_down=True, at=noon("2026-11-13"), by=CLERK
    )

    assert [problem.code for problem in refusal.value.problems] == ["at_standard"]
    assert entries("STANDARD_COST", done.document_id) == {("5160", "DEBIT"): 5_000, ("1210", "CREDIT"): 5_000}
    assert (worth(shirt, "SHOPS"), worth(unknown, "SHOPS")) == ((10, 6_000), (3, 2_331))
    assert no_faults() == []


def test_goods_outside_are_never_kept_at_standard():
    """Without the trigger the first statement is done, and goods on the road would leave at another value than they went in with."""
    with pytest.raises(IntegrityError, match="holds goods that are outside"), transaction.atomic():
        CostPool.objects.filter(code="IN_TRANSIT").update(costing_method=STANDARD)
    CostPool.objects.filter(pk=pool("SHOPS").pk).update(costing_method=STANDARD)
    with pytest.raises(IntegrityError, match="holds goods that are outside"), transaction.atomic():
        location("IN_TRANSIT", cost_pool=pool("SHOPS"))
