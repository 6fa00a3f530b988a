"""Any sequence of stock's verbs keeps the promises: on hand is the sum of movements, allocated the sum of claims, value follows pieces."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count

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

from erp.core import checks
from erp.inventory import selectors, services
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.services import Demand, HoldDemand, Issue, PhysicalLine, ReceiptLine
from tests.inventory.factories import CLERK, NOON, channel, location, sku

NUMBERS = count(1)
PIECES = st.integers(1, 5)
SKU = st.integers(0, 1)


class Stock(RuleBasedStateMachine):
    """Two SKUs, two places, one channel; the model counts what may be sold."""

    @initialize()
    def open_shop(self) -> None:
        self.places = [location(), location("SHOP")]
        self.goods = [sku(), sku()]
        self.site = channel(*self.places)
        self.now = NOON
        self.documents: list[int] = []
        self.holds: list[str] = []

    def next_number(self) -> int:
        # Never the same number again: the database outlives the single run.
        return next(NUMBERS)

    def available(self, index: int) -> int:
        item = self.goods[index]
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
        services.issue_reserved(
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

    @invariant()
    def promises_hold(self) -> None:
        assert [fault for check in checks.registered() if check.promise in ("P1", "P2") for fault in check.find()] == []


@pytest.mark.django_db
def test_no_sequence_of_acts_breaks_a_promise():
    run_state_machine_as_test(Stock, settings=settings(max_examples=40, stateful_step_count=20, deadline=None))
