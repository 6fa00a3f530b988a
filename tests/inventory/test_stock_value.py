"""在庫評価表 and 受払表: what they say of any day equals the inventory accounts, whatever happened and whenever it was written down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from random import Random

import pytest
from django.db import transaction

from accounting.models import Period
from accounting.services import close_period, open_periods
from catalog.models import Supplier
from erp.core.errors import DomainError
from erp.inventory import services
from erp.inventory.models import CostBalance, Location, StockBalance
from erp.inventory.selectors import stock_value as reports
from erp.inventory.selectors.stock_value import INWARD, OUTWARD, By, Flow, Scope
from erp.inventory.services import (
    AdjustmentLine,
    Count,
    CountEntry,
    CountScope,
    PhysicalLine,
    ReceiptLine,
    SortedLine,
    SupplierReturnLine,
    TransferLine,
    WriteDownLine,
)
from tests.inventory.factories import CLERK, location, pool, sku

FIRST, LAST = dt.date(2026, 9, 28), dt.date(2026, 11, 20)


def noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(3), tzinfo=dt.UTC)


class History:
    """Random days of a company with two warehouses, an outlet with a pool of its own, a road and a place for defective pieces."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.outlet = location("SHOP", cost_pool=pool("OUTLET"))
        self.places = [location(), location("SHOP"), self.outlet]
        self.road, self.defect = Location.objects.get(code="TRANSIT"), Location.objects.get(code="DEFECT")
        self.skus = [sku() for _number in range(3)]
        self.supplier = Supplier.objects.create(code="S1", name="S1", registration_number="T7123456789012")
        self.receipts: list[int] = []
        self.sent: list[tuple[int, int, int, int]] = []
        self.number = 0

    def day(self, today: dt.date) -> dict[str, int]:
        """A few events; some of them happened days ago. What the house refuses did not happen."""
        done: dict[str, int] = {}
        for _event in range(3):
            act = self.dice.choice(self.acts())
            ago = self.dice.choice([0, 0, 2, 9, 25])
            self.number += 1
            how = {"occurred_at": noon(today - dt.timedelta(days=ago)), "at": noon(today), "by": CLERK}
            try:
                with transaction.atomic():
                    act(how)
            except DomainError:
                continue
            done[act.__name__] = done.get(act.__name__, 0) + 1
        return done

    def acts(self) -> list[Callable[[dict], None]]:
        return [
            self.receive, self.receive, self.send_back, self.adjust, self.transfer, self.send, self.arrive, self.damage, self.count,
            self.write_down, self.add_cost,
        ]  # fmt: skip

    def any(self) -> tuple[str, int, int, int]:
        return (
            f"D-{self.number}",
            self.dice.choice(self.places).pk,
            self.dice.choice(self.skus).pk,
            self.dice.randint(1, 9),
        )

    def receive(self, how: dict) -> None:
        name, place, item, pieces = self.any()
        line = ReceiptLine(1, item, pieces, Decimal(self.dice.randint(90, 130)))
        booked = services.receive(
            external_id=name, location_id=place, supplier_id=self.supplier.pk, lines=[line], **how
        )
        self.receipts.append(booked.document_id)

    def send_back(self, how: dict) -> None:
        name, place, item, pieces = self.any()
        line = SupplierReturnLine(1, item, pieces, Decimal(100))
        services.return_to_supplier(
            external_id=name, location_id=place, supplier_id=self.supplier.pk, lines=[line], **how
        )

    def adjust(self, how: dict) -> None:
        name, place, item, pieces = self.any()
        line, reason = self.dice.choice([(pieces, "FOUND"), (-pieces, "LOSS")])
        services.adjust(
            external_id=name, location_id=place, lines=[AdjustmentLine(1, item, line)], reason_code=reason, **how
        )

    def transfer(self, how: dict) -> None:
        name, place, item, pieces = self.any()
        target = self.dice.choice([*self.places, self.defect]).pk
        services.transfer(
            external_id=name,
            from_location_id=place,
            to_location_id=target,
            lines=[TransferLine(1, item, pieces)],
            **how,
        )

    def send(self, how: dict) -> None:
        name, place, item, pieces = self.any()
        target = next(each.pk for each in self.places if each.pk != place)
        booked = services.transfer(
            external_id=name,
            from_location_id=place,
            to_location_id=self.road.pk,
            destination_id=target,
            lines=[TransferLine(1, item, pieces)],
            **how,
        )
        self.sent.append((booked.document_id, target, item, pieces))

    def arrive(self, how: dict) -> None:
        name, _place, _item, _pieces = self.any()
        if self.sent:
            document, place, item, pieces = self.dice.choice(self.sent)
            line = TransferLine(1, item, self.dice.randint(1, pieces))
            services.arrive(external_id=name, transfer_id=document, to_location_id=place, lines=[line], **how)

    def damage(self, how: dict) -> None:
        name, place, item, pieces = self.any()
        services.record_physical_fact(
            source_type="DAMAGE", external_id=name, location_id=place, lines=[PhysicalLine(1, item, pieces)],
            reason_code="DAMAGE", **how,
        )  # fmt: skip

    def break_one(self, day: dt.date) -> None:
        """On the last day somebody tells of a piece that broke long ago, in a closed month."""
        most = StockBalance.objects.filter(location__in=self.places).order_by("-on_hand")[0]
        services.record_physical_fact(
            source_type="DAMAGE", external_id=f"B-{day}", location_id=most.location_id, lines=[PhysicalLine(1, most.sku_id, 1)],
            reason_code="DAMAGE", occurred_at=noon(day), at=noon(LAST), by=CLERK,
        )  # fmt: skip

    def count(self, how: dict) -> None:
        name, place, item, pieces = self.any()
        services.record_count(external_id=name, location_id=place, counts=[Count(1, item, pieces)], **how)

    def write_down(self, how: dict) -> None:
        name, place, item, pieces = self.any()
        services.write_down(
            external_id=name, location_id=place, lines=[WriteDownLine(1, item, Decimal(pieces * 3))], **how
        )

    def add_cost(self, how: dict) -> None:
        name, _place, _item, pieces = self.any()
        if self.receipts:
            services.add_late_cost(
                external_id=name, receipt_id=self.dice.choice(self.receipts), amounts=[(1, Decimal(pieces * 11 - 30))],
                contra_role="freight", **how,
            )  # fmt: skip


def close(month: dt.date) -> None:
    at = noon(LAST)
    open_periods(through=month, at=at, by=CLERK)
    for period in Period.objects.filter(state=Period.State.OPEN, starts_on__lte=month).order_by("starts_on"):
        close_period(period_id=period.pk, at=at, by=CLERK)


# In the fifteenth history nothing lies anywhere when somebody wants to send it over the road: it does not have every kind of act.
@pytest.mark.django_db
@pytest.mark.parametrize(
    "seed", [2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 26) if seed != 15)]
)
def test_on_each_day_stock_is_worth_what_its_accounts_say(seed):
    history = History(seed)
    done: dict[str, int] = {}
    days = [FIRST + dt.timedelta(days=number) for number in range((LAST - FIRST).days + 1)]

    for today in days:
        if today == dt.date(2026, 10, 3):
            close(dt.date(2026, 9, 30))
        if today == dt.date(2026, 11, 6):
            close(dt.date(2026, 10, 31))
        for name, count in history.day(today).items():
            done[name] = done.get(name, 0) + count

    history.break_one(dt.date(2026, 9, 29))
    history.break_one(dt.date(2026, 10, 30))

    assert len(done) == 10, done
    assert [proof for day in days for proof in reports.proofs(day) if proof.difference] == []
    # Facts of September and October came after their closing, so the accounts of both ends learn of them later.
    assert reports.booked_later(dt.date(2026, 9, 30)) != []
    assert reports.booked_later(dt.date(2026, 10, 31)) != []
    assert reports.booked_later(LAST) == []
    carried = sum(CostBalance.objects.values_list("value", flat=True))
    assert sum(row.value for row in reports.values_on(LAST)) == carried == sum(p.ledger for p in reports.proofs(LAST))
    for by in By:
        rows = reports.flows_between(dt.date(2026, 10, 5), dt.date(2026, 11, 4), by=by)
        for row in rows:
            pieces, value = row.sum_of(list(Flow))
            assert (row.opening[0] + pieces, row.opening[1] + value) == row.closing
        assert sum(row.closing[1] for row in rows) == sum(r.value for r in reports.values_on(dt.date(2026, 11, 4)))


@pytest.mark.django_db
def test_what_moved_stands_under_what_it_was_and_a_place_has_the_share_of_its_pieces():
    history = History(1)
    first, second, _outlet = history.places
    goods = history.skus[0]
    on = dt.date(2026, 11, 2)
    how = {"occurred_at": noon(on), "at": noon(on), "by": CLERK}
    services.receive(
        external_id="R", location_id=first.pk, supplier_id=history.supplier.pk,
        lines=[ReceiptLine(1, goods.pk, 10, Decimal(100))], **how,
    )  # fmt: skip
    services.transfer(
        external_id="T",
        from_location_id=first.pk,
        to_location_id=second.pk,
        lines=[TransferLine(1, goods.pk, 4)],
        **how,
    )
    services.write_down(external_id="W", location_id=first.pk, lines=[WriteDownLine(1, goods.pk, Decimal(300))], **how)

    [row] = reports.flows_between(on, on)
    places = reports.values_on(on, by=By.LOCATION)
    of_second = reports.flows_between(on, on, by=By.SKU, scope=Scope(location_id=second.pk))

    assert (row.opening, row.closing) == ((0, 0), (10, 700))
    assert row.flows == {
        Flow.PURCHASED: (10, 1000), Flow.MOVED_IN: (4, 400), Flow.MOVED_OUT: (-4, -400), Flow.REVALUED: (0, -300),
    }  # fmt: skip
    assert (row.sum_of(INWARD), row.sum_of(OUTWARD)) == ((14, 1400), (-4, -400))
    # 700 for ten pieces: six are worth 420 and four 280, though the loss was booked at the first place alone.
    assert [(held.pieces, held.value) for held in places] == [(6, 420), (4, 280)]
    assert of_second[0].flows == {Flow.MOVED_IN: (4, 400), Flow.REVALUED: (0, -120)}
    assert of_second[0].closing == (4, 280)


@pytest.mark.django_db
def test_what_is_scrapped_at_inspection_is_no_move():
    inspection, shop, goods, on = location("INSPECTION"), location(), sku(), dt.date(2026, 11, 2)
    how = {"occurred_at": noon(on), "at": noon(on), "by": CLERK}
    services.receive(
        external_id="R", location_id=inspection.pk, lines=[ReceiptLine(1, goods.pk, 3, Decimal(100))], **how
    )
    lines = [SortedLine(goods.pk, sellable=2, scrapped=1)]
    services.sort_inspected(
        external_id="S", location_id=inspection.pk, sellable_to_id=shop.pk, lines=lines, **how
    )  # fmt: skip

    [row] = reports.flows_between(on, on)

    assert row.flows == {
        Flow.PURCHASED: (3, 300), Flow.MOVED_IN: (2, 200), Flow.MOVED_OUT: (-2, -200), Flow.ADJUSTED_DOWN: (-1, -100),
    }  # fmt: skip


@pytest.mark.django_db
def test_a_stocktake_in_the_night_of_a_month_that_is_closed_before_its_differences_are_posted():
    """棚卸 at the end of October: one SKU is counted before midnight, the other after it."""
    shop, early, late = location("SHOP"), sku(), sku()
    night = dt.datetime(2026, 10, 31, 14, tzinfo=dt.UTC)
    for goods in (early, late):
        how = {"occurred_at": noon(dt.date(2026, 10, 1)), "at": noon(dt.date(2026, 10, 1)), "by": CLERK}
        services.receive(
            external_id=f"R-{goods.pk}", location_id=shop.pk, lines=[ReceiptLine(1, goods.pk, 5, Decimal(100))], **how
        )
    stocktake = services.open_count(external_id="T", location_id=shop.pk, scope=CountScope(), at=night, by=CLERK)
    services.start_count(count_id=stocktake, at=night, by=CLERK)
    for goods, seen_at in ((early, night), (late, night + dt.timedelta(hours=2))):
        seen = [CountEntry(goods.code, goods.pk, 4, seen_at)]
        services.enter_counts(count_id=stocktake, sheet="A", entries=seen, at=seen_at, by=CLERK)
    close(dt.date(2026, 10, 31))
    how = {"count_id": stocktake, "at": noon(LAST), "by": CLERK}
    services.close_count(uncounted="LEAVE", **how)
    assert not services.request_posting(**how)
    while services.post_count_chunk(**how):
        pass

    days = [dt.date(2026, 10, 30), dt.date(2026, 10, 31), dt.date(2026, 11, 1), LAST]
    assert [proof for day in days for proof in reports.proofs(day) if proof.difference] == []
    assert [row.amount for row in reports.booked_later(dt.date(2026, 10, 31))] == [-100]
