"""Any sequence of stock's verbs keeps the promises: on hand is the sum of movements, allocated the sum of claims, value follows pieces, and what
is used of a quota is what its channel's documents have, however they came by it."""

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
from erp.core.clock import business_date
from erp.core.models import Channel
from erp.inventory import selectors, services
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.models import ChannelQuota, ProvisionalReceipt, Reservation, StockBalance
from erp.inventory.selectors import WantedPieces
from erp.inventory.services import ClaimMove, Demand, ExpectedLine, HoldDemand, Issue, Issued, PhysicalLine, ReceiptLine
from tests.inventory.factories import CLERK, NOON, channel, location, sku

NUMBERS = count(1)
PIECES = st.integers(1, 5)
SKU = st.integers(0, 1)


class Stock(RuleBasedStateMachine):
    """Two SKUs and a kit of them, two places and the road between, a channel with quotas and one without; the model counts what may be sold."""

    @initialize()
    def open_shop(self) -> None:
        self.places = [location(), location("SHOP")]
        self.goods = [sku(), sku()]
        self.road = location("IN_TRANSIT")
        self.kit = sku()
        parts = {self.goods[0].code: 1, self.goods[1].code: 2}
        define_kit(sku_code=self.kit.code, components=parts, at=NOON, by=CLERK)
        self.site = channel(*self.places)
        self.mall = channel(*self.places)
        self.now = NOON
        pieces = {item.pk: 4 for item in self.goods}
        services.set_aside(channel_id=self.site.pk, pieces=pieces, at=self.now, by=CLERK)
        self.owner: dict[int, int] = {}
        self.documents: list[int] = []
        self.holds: list[str] = []
        self.sent: list[tuple[int, int, int, int]] = []
        self.issued: list[Issued] = []
        # What each count of a balance found beyond its books, and nothing has explained yet: (moment, pieces), signed.
        self.found: dict[tuple[int, int], list[list[Any]]] = {}

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
        self.is_of(document, self.site)
        for index, wanted in enumerate((first, second)):
            got = sum(part.quantity for part in granted if part.sku_id == self.goods[index].pk)
            assert min(wanted, before[index]) <= got <= wanted
            if not refs:
                assert got == min(wanted, before[index])

    def is_of(self, document: int, site: Channel) -> None:
        self.documents.append(document)
        self.owner[document] = site.pk

    @rule(index=SKU, pieces=PIECES)
    def reserve_in_spite_of_the_quota(self, index: int, pieces: int) -> None:
        document, item = self.next_number(), self.goods[index].pk
        demands = [Demand(document, 1, item, pieces, 50)]
        services.reserve(
            channel_id=self.mall.pk, document_type="MACHINE", demands=demands, at=self.now, by=CLERK
        )  # fmt: skip
        self.is_of(document, self.mall)

    @rule(index=SKU, place=st.integers(0, 1), wanted=PIECES, comes=PIECES, for_mall=st.booleans())
    def keep_a_promise(self, index: int, place: int, wanted: int, comes: int, for_mall: bool) -> None:
        document, item, where = self.next_number(), self.goods[index].pk, self.places[place].pk
        site = self.mall if for_mall else self.site
        line = ExpectedLine(1, item, comes, business_date(self.now))
        (expected,) = services.expect_receipt(
            external_id=f"machine-{document}", location_id=where, lines=[line], at=self.now, by=CLERK
        )
        lacking = WantedPieces("MACHINE", document, 1, item, site.pk, wanted, 50, self.now)
        services.promise(sku_ids=[item], demands=[lacking], at=self.now, by=CLERK)
        free = sum(row.unclaimed for row in StockBalance.objects.filter(sku=item, location=where))
        left_before = ProvisionalReceipt.objects.filter(sku=item, location=where)
        left = sum(row.quantity - row.settled_quantity for row in left_before)
        services.receive(
            external_id=f"machine-{document}",
            location_id=where,
            lines=[ReceiptLine(1, item, comes, Decimal(500), expected)],
            occurred_at=self.now,
            at=self.now,
            by=CLERK,
        )
        kept = sum(part.quantity for part in selectors.reserved("MACHINE", [document]))
        # What tills sold beyond the books had left before: the receipt gives it out again.
        assert kept == min(wanted, comes, free + comes - min(comes, left))
        self.is_of(document, site)

    @precondition(lambda self: len(self.documents) > 1)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        giver, taker = data.draw(st.lists(st.sampled_from(self.documents), min_size=2, max_size=2, unique=True))
        for part in selectors.reserved("MACHINE", [giver])[:1]:
            pieces = data.draw(st.integers(1, part.quantity))
            moved = services.move_claims(
                document_type="MACHINE",
                from_document=giver,
                to_document=taker,
                moves=[ClaimMove(part.document_line, part.document_line, part.sku_id, pieces)],
                channel_id=self.owner[taker],
                priority=50,
                at=self.now,
                by=CLERK,
            )
            assert moved == pieces

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
        where = {
            "from_location_id": origin.pk,
            "to_location_id": self.road.pk,
            "destination_id": self.places[1 - place].pk,
        }
        try:
            sent = services.transfer(**self.document(), **where, lines=lines)
        except InsufficientStock:
            assert free < pieces
        else:
            assert free >= pieces
            self.sent.append((sent.document_id, 1 - place, item.pk, pieces))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        document, place, item, pieces = self.sent.pop()
        came = data.draw(st.integers(1, pieces))
        lines = [services.TransferLine(1, item, came)]
        to = self.places[place].pk
        services.arrive(**self.document(), transfer_id=document, to_location_id=to, lines=lines)
        if came < pieces:
            self.sent.append((document, place, item, pieces - came))

    @rule(index=SKU, place=st.integers(0, 1), counted=st.integers(0, 5))
    def count(self, index: int, place: int, counted: int) -> None:
        item, where = self.goods[index], self.places[place]
        before = self.on_hand(item, where.pk)
        beyond = counted - before + self.unexplained(item, where.pk)
        services.record_count(**self.document(), location_id=where.pk, counts=[services.Count(1, item.pk, counted)])
        assert self.on_hand(item, where.pk) == counted
        self.found.setdefault((item.pk, where.pk), []).append([self.now, beyond])
        self.now += dt.timedelta(seconds=1)

    @rule(index=SKU, place=st.integers(0, 1), pieces=PIECES, minutes=st.integers(0, 40), cost=st.integers(0, 1000))
    def receive_what_came_before(self, index: int, place: int, pieces: int, minutes: int, cost: int) -> None:
        """Told late: what counts have found since is not added again, nor what tills had sold beyond the books."""
        item, where = self.goods[index], self.places[place].pk
        before, beyond_books = self.on_hand(item, where), self.unexplained(item, where)
        came = self.now - dt.timedelta(minutes=minutes)
        left = pieces
        for one in self.found.get((item.pk, where), []):
            if one[0] >= came and one[1] > 0:
                known = min(left, one[1])
                one[1], left = one[1] - known, left - known
        services.receive(
            **{**self.document(), "occurred_at": came},
            location_id=where,
            lines=[ReceiptLine(1, item.pk, pieces, Decimal(cost))],
        )
        assert self.on_hand(item, where) == before + left - min(left, beyond_books)

    def on_hand(self, item: Sku, place: int) -> int:
        return sum(row.on_hand for row in StockBalance.objects.filter(sku=item, location=place))

    def unexplained(self, item: Sku, place: int) -> int:
        rows = ProvisionalReceipt.objects.filter(sku=item, location=place)
        return sum(row.quantity - row.settled_quantity for row in rows)

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
        asked = ("P1", "P2", "P3")
        assert [fault for check in checks.registered() if check.promise in asked for fault in check.find()] == []

    @invariant()
    def a_quota_is_used_by_what_its_channel_has(self) -> None:
        own = [document for document, owner in self.owner.items() if owner == self.site.pk]
        for item in self.goods:
            claims = Reservation.objects.filter(document_type="MACHINE", document_id__in=own, sku=item)
            used = ChannelQuota.objects.get(channel=self.site, sku=item).used
            assert used == sum(claim.quantity + claim.consumed for claim in claims)


@pytest.mark.django_db
def test_no_sequence_of_acts_breaks_a_promise():
    run_state_machine_as_test(Stock, settings=settings(max_examples=30, stateful_step_count=25, deadline=None))
