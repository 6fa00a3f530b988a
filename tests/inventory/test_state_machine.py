"""Any sequence of stock's verbs keeps the promises: on hand is the sum of movements, allocated the sum of claims, value follows pieces."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catalog.models import Sku
from catalog.services import define_kit
from erp.core import checks
from erp.inventory import selectors, services
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.models import StockBalance
from erp.inventory.services import Demand, HoldDemand, Issue, Issued, PhysicalLine, ReceiptLine
from tests.inventory.factories import CLERK, NOON, channel, location, sku

NUMBERS = count(1)
PIECES = st.integers(1, 5)
SKU = st.integers(0, 1)


class Stock(RuleBasedStateMachine):
    """Two SKUs and a kit of them, two places and the road between, one channel; the model counts what may be sold."""

    @initialize()
    def open_shop(self) -> None:
        self.places = [location(), location("SHOP")]
        self.goods = [sku(), sku()]
        self.road = location("IN_TRANSIT")
        self.kit = sku()
        parts = {self.goods[0].code: 1, self.goods[1].code: 2}
        define_kit(sku_code=self.kit.code, components=parts, at=NOON, by=CLERK)
        self.site = channel(*self.places)
        self.now = NOON
        self.documents: list[int] = []
        self.holds: list[str] = []
        self.sent: list[tuple[int, int, int]] = []
        self.issued: list[Issued] = []

    def next_number(self) -> int:
        # Never the same number again: the database outlives the single run.
        return next(NUMBERS)

    def document(self) -> dict[str, Any]:
        number = f"machine-{self.next_number()}"
        return {"external_id": number, "occurred_at": self.now, "at": self.now, "by": CLERK}

    def available(self, index: int) -> int:
        return self.available_of(self.goods[index])

    def available_of(self, item: Sku) -> int:
        answer = selectors.available_to_promise(channel_id=self.site.pk, sku_ids=[item.pk], at=self.now)
        return answer[item.pk].available

    @rule(index=SKU, place=st.integers(0, 1), pieces=PIECES, cost=st.integers(0, 1000))
    def receive(self, index: int, place: int, pieces: int, cost: int) -> None:
        services.receive(
            external_id=f"machine-{self.next_number()}",
            location_id=self.places[place].pk,
            lines=[ReceiptLine(1, self.goods[index].pk, pieces, Decimal(cost))],
            occurred_at=self.now,
            at=self.now,
            by=CLERK,
        )

    @rule(first=PIECES, second=PIECES, priority=st.integers(1, 99), converts=st.booleans())
    def reserve(self, first: int, second: int, priority: int, converts: bool) -> None:
        document = self.next_number()
        before = [self.available(0), self.available(1)]
        refs = {document: self.holds.pop()} if converts and self.holds else {}
        granted = services.reserve(
            channel_id=self.site.pk,
            document_type="MACHINE",
            demands=[
                Demand(document, 1, self.goods[0].pk, first, priority),
                Demand(document, 2, self.goods[1].pk, second, priority),
            ],
            hold_refs=refs,
            at=self.now,
            by=CLERK,
        )
        self.documents.append(document)
        for index, wanted in enumerate((first, second)):
            got = sum(part.quantity for part in granted if part.sku_id == self.goods[index].pk)
            assert min(wanted, before[index]) <= got <= wanted
            if not refs:
                assert got == min(wanted, before[index])

    @precondition(lambda self: self.documents)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        document = data.draw(st.sampled_from(self.documents))
        reserved = selectors.reserved("MACHINE", [document])
        freed = services.release(document_type="MACHINE", document_ids=[document], at=self.now, by=CLERK)
        assert freed == sum(part.quantity for part in reserved)

    @precondition(lambda self: self.documents)
    @rule(data=st.data())
    def issue(self, data: st.DataObject) -> None:
        document = data.draw(st.sampled_from(self.documents))
        source = self.next_number()
        issues = [
            Issue(source, source, document, part.document_line, part.sku_id, data.draw(st.integers(1, part.quantity)))
            for part in selectors.reserved("MACHINE", [document])
        ]
        self.issued += services.issue_reserved(
            source_type="MACHINE_SHIPMENT",
            document_type="MACHINE",
            issues=issues,
            channel_id=self.site.pk,
            occurred_at=self.now,
            at=self.now,
            by=CLERK,
        )

    @rule(index=SKU, pieces=PIECES, minutes=st.integers(1, 30))
    def hold(self, index: int, pieces: int, minutes: int) -> None:
        ref = f"h{self.next_number()}"
        left = self.available(index)
        try:
            services.place_hold(
                channel_id=self.site.pk,
                ref=ref,
                lines=[HoldDemand(self.goods[index].pk, pieces)],
                expires_at=self.now + dt.timedelta(minutes=minutes),
                at=self.now,
                by=CLERK,
            )
        except InsufficientStock:
            assert left < pieces
        else:
            assert left >= pieces
            self.holds.append(ref)

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), minutes=st.integers(1, 30))
    def extend(self, data: st.DataObject, minutes: int) -> None:
        ref = data.draw(st.sampled_from(self.holds))
        until = self.now + dt.timedelta(minutes=minutes)
        held = selectors.hold(channel_id=self.site.pk, ref=ref)
        try:
            kept = services.extend_hold(channel_id=self.site.pk, ref=ref, expires_at=until, at=self.now, by=CLERK)
        except InsufficientStock:
            # Only who lost the pieces in between can fail to get them again.
            lost = sum(line.quantity for line in held.wanted) > sum(line.quantity for line in held.lines)
            assert lost or held.expires_at <= self.now
        else:
            assert kept.expires_at == until

    @precondition(lambda self: self.issued)
    @rule(place=st.integers(0, 1))
    def come_back(self, place: int) -> None:
        part = self.issued.pop()
        back = services.PutBack(1, part.sku_id, part.quantity, self.places[place].pk, part.value)
        number = self.next_number()
        services.put_back(
            source_type="MACHINE_RETURN", source_id=number, lines=[back], channel_id=self.site.pk,
            occurred_at=self.now, at=self.now, by=CLERK,
        )  # fmt: skip

    @rule(index=SKU, place=st.integers(0, 1), pieces=PIECES)
    def send_off(self, index: int, place: int, pieces: int) -> None:
        item, origin = self.goods[index], self.places[place]
        free = sum(row.unclaimed for row in StockBalance.objects.filter(sku=item, location=origin))
        lines = [services.TransferLine(1, item.pk, pieces)]
        where = {"from_location_id": origin.pk, "to_location_id": self.road.pk}
        try:
            sent = services.transfer(**self.document(), **where, lines=lines)
        except InsufficientStock:
            assert free < pieces
        else:
            assert free >= pieces
            self.sent.append((sent.document_id, item.pk, pieces))

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 1), data=st.data())
    def arrive(self, place: int, data: st.DataObject) -> None:
        document, item, pieces = self.sent.pop()
        came = data.draw(st.integers(1, pieces))
        lines = [services.TransferLine(1, item, came)]
        to = self.places[place].pk
        services.arrive(**self.document(), transfer_id=document, to_location_id=to, lines=lines)
        if came < pieces:
            self.sent.append((document, item, pieces - came))

    @rule(index=SKU, place=st.integers(0, 1), counted=st.integers(0, 5))
    def count(self, index: int, place: int, counted: int) -> None:
        item, where = self.goods[index], self.places[place]
        services.record_count(**self.document(), location_id=where.pk, counts=[services.Count(1, item.pk, counted)])
        assert sum(row.on_hand for row in StockBalance.objects.filter(sku=item, location=where)) == counted

    @rule(minutes=st.integers(1, 20))
    def time_passes(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        services.sweep_expired_holds(at=self.now, by=CLERK)

    @rule(index=SKU, place=st.integers(0, 1), pieces=PIECES)
    def shop_sale(self, index: int, place: int, pieces: int) -> None:
        services.record_physical_fact(
            source_type="MACHINE_SALE",
            source_id=self.next_number(),
            location_id=self.places[place].pk,
            lines=[PhysicalLine(1, self.goods[index].pk, pieces)],
            occurred_at=self.now,
            at=self.now,
            by=CLERK,
        )

    @rule()
    def a_kit_is_what_its_parts_make(self) -> None:
        assert self.available_of(self.kit) == min(self.available(0), self.available(1) // 2)

    @invariant()
    def promises_hold(self) -> None:
        assert [fault for check in checks.registered() if check.promise in ("P1", "P2") for fault in check.find()] == []


@pytest.mark.django_db
def test_no_sequence_of_acts_breaks_a_promise():
    run_state_machine_as_test(Stock, settings=settings(max_examples=30, stateful_step_count=25, deadline=None))
