"""Whatever comes in whatever order: all money that came, or that drivers collect, is in the books, or a task tells of the rest."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from django.db.models import F, Sum

from customers.models import CreditGroup
from erp.core.errors import DomainError
from erp.core.models import Channel, StaffTask
from erp.core.verify import verify
from erp.inventory.models import Location
from erp.inventory.services import ReceiptLine, receive
from erp.orders.models import Order, OrderLine, OrderPayment, PaymentEvent, Shipment, ShipmentLine
from erp.orders.selectors import still_to_be_sold
from erp.orders.selectors.collecting import collections
from erp.orders.selectors.units import outside
from erp.orders.services import (
    AdjustmentInput,
    FeeInput,
    PaymentInput,
    PaymentNews,
    ReturnedLine,
    ShipRequest,
    accept,
    book_second_transfer,
    cancel_by_staff,
    cancel_order,
    cancel_release,
    confirm_refund,
    deliver,
    place_order,
    record_payment_event,
    record_refusal,
    record_return,
    release_orders,
    ship,
)
from tests.customers.factories import account, bill_to, credit_group
from tests.inventory.factories import sku
from tests.orders.factories import DESK, NOON, TODAY, figure, line, order, placed, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
PIECES, PRICE = 3, 1100
MOST_ACTS = 22
# How often each is tried; what cannot be done at the time is refused.
GOODS = {"release": 6, "ship": 6, "deliver": 4, "take_back": 4, "refuse": 1, "cancel": 1, "call_back": 1, "stop": 1}


class History:
    """One order, and all that channels, staff and whoever brings the money do about it."""

    way: ClassVar[PaymentInput]
    acts: ClassVar[dict[str, int]]
    coupons: ClassVar[list[int]] = [0, 0, 1000]

    def open_shop(self, revenue_basis: str) -> tuple[Channel, Location]:
        return shop(revenue_basis=revenue_basis)

    def said(self) -> dict[str, Any]:
        """What the order says beside its goods and its payment."""
        return {}

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.channel, place = self.open_shop(self.chance.choice(["SHIPMENT", "DELIVERY"]))
        # Drawn apart, so that the acts of a seed are the same with and without them.
        terms = random.Random(f"terms of {seed}")
        self.fee, self.coupon = terms.choice([0, 0, 550]), terms.choice(self.coupons)
        self.shirt = sku()
        lines = [ReceiptLine(1, self.shirt.pk, 20, Decimal(100))]
        receive(external_id="opening", location_id=place.pk, lines=lines, occurred_at=NOON, **HOW)
        self.record = placed(self.channel, self.document(PIECES))
        self.news, self.revision = 0, 1
        self.done: list[str] = []

    def due(self, pieces: int = PIECES) -> int:
        return PRICE * pieces + self.fee - self.coupon

    def document(self, pieces: int, revision: int = 1):
        due = Decimal(self.due(pieces))
        paid = PaymentInput(self.way.method, due, self.way.status, provider=self.way.provider)
        fees = (FeeInput("SHIPPING", Decimal(self.fee)),) if self.fee else ()
        coupons = (AdjustmentInput("COUPON", "MAKER", Decimal(self.coupon)),) if self.coupon else ()
        return order(
            line(self.shirt, pieces, PRICE), payments=(paid,), fees=fees, adjustments=coupons, total=PRICE * pieces + self.fee,
            amount_due=due, revision=revision, **self.said(),
        )  # fmt: skip

    def act(self) -> None:
        acts = GOODS | self.acts
        [name] = self.chance.choices(list(acts), weights=list(acts.values()))
        try:
            told = getattr(self, name)()
        except DomainError as refusal:
            told = type(refusal).__name__
        self.done.append(f"{name}: {told}")

    def hear(self, kind: str, amount: int | None, reference: str = "") -> None:
        self.news += 1
        said = None if amount is None else Decimal(amount)
        event = PaymentNews(f"n-{self.news}", kind, NOON, said, reference=reference)
        record_payment_event(channel=self.channel.code, external_id="A-1", event=event, **HOW)

    def release(self) -> object:
        return release_orders(order_ids=[self.record.pk], **HOW)

    def ship(self) -> object:
        parcel = Shipment.objects.filter(state="INSTRUCTED").first()
        if parcel is None:
            return None
        inside = parcel.lines.get()
        units = self.chance.randint(1, inside.quantity)
        return ship(requests=[ShipRequest(parcel.pk, {inside.order_line_id: units})], **HOW)

    def deliver(self) -> object:
        parcel = Shipment.objects.filter(state="SHIPPED").first()
        return parcel and deliver(shipment_ids=[parcel.pk], delivered_date=TODAY, **HOW)

    def refuse(self) -> object:
        parcel = Shipment.objects.filter(shipped_at__isnull=False).exclude(state="RETURNED").first()
        return parcel and record_refusal(shipment_id=parcel.pk, external_id=f"X-{parcel.pk}", **HOW)

    def take_back(self) -> object:
        out = [
            item
            for item in ShipmentLine.objects.filter(shipment__shipped_at__isnull=False).order_by("pk")
            if item.quantity > item.returned_quantity
        ]
        if not out:
            return None
        self.news += 1
        drawn = random.Random(self.news)
        with_fees = drawn.random() < 0.3
        lines = [ReturnedLine(drawn.choice(out).pk, 1)]
        return record_return(
            order_id=self.record.pk, external_id=f"B-{self.news}", lines=lines, refund_fees=with_fees, **HOW
        )

    def cancel(self) -> object:
        return cancel_order(channel=self.channel.code, external_id="A-1", **HOW)

    def call_back(self) -> object:
        parcel = Shipment.objects.filter(state="INSTRUCTED").first()
        return parcel and cancel_release(shipment_id=parcel.pk, reason="", **HOW)

    def stop(self) -> object:
        return cancel_by_staff(order_id=self.record.pk, reason="", **HOW)

    def amend(self) -> object:
        self.revision += 1
        document = self.document(self.chance.randint(1, PIECES + 1), self.revision)
        return place_order(channel=self.channel.code, order=document, **HOW).state

    def payment(self) -> OrderPayment:
        mine = OrderPayment.objects.exclude(method="FUNDER").order_by("line_no")
        return mine.filter(amount__gt=0).first() or mine.first()

    def tasks(self) -> set[str]:
        return set(StaffTask.objects.filter(closed_at=None).values_list("kind", flat=True))

    def check(self) -> None:
        """No deposit is more than what will be sold, and none is left of an order that is over; a maker pays of what is kept what it promised."""
        record, tasks = Order.objects.get(), self.tasks()
        story = (self.fee, self.coupon, self.channel.revenue_basis, tasks, self.done)
        deposits = figure("deposits")
        assert deposits >= 0, story
        assert figure("refunds_payable") >= 0, story
        assert deposits <= still_to_be_sold(record.pk) or "REFUND_OF_DIFFERENCE" in tasks, (deposits, story)
        to_send = OrderLine.objects.filter(quantity__gt=F("shipped_quantity") + F("cancelled_quantity")).exists()
        out = any(outside(item, item.shipment).quantity for item in ShipmentLine.objects.select_related("shipment"))
        if to_send or out:
            return
        assert deposits == 0 or "REFUND_OF_DIFFERENCE" in tasks, (deposits, story)
        if record.cancelled_at is None:
            kept = sum(map(figure, ("sales.ec", "sales.wholesale", "sales.shipping_fee", "output_tax"))) - figure(
                "sales.returns"
            )
            assert figure("receivable.agent") == min(self.coupon, kept), (kept, story)

    def finish(self) -> None:
        assert [fault for result in verify() for fault in result.faults] == [], self.done


class Transfers(History):
    """Paid by transfer; ``bank`` is what the statement of the account says."""

    way = PaymentInput("BANK_TRANSFER", Decimal(0), "PENDING")
    acts: ClassVar[dict[str, int]] = {"pay": 5, "refund": 2, "settle": 2, "again": 2, "amend": 1}
    bank = 0

    def pay(self) -> int:
        amount = self.chance.choice([self.due(), self.due(), PRICE, 700, self.due() + 500])
        self.hear("PAID", amount)
        self.bank += amount
        return amount

    def refund(self) -> int:
        amount = self.chance.choice([self.due(), PRICE, 300])
        self.hear("REFUNDED", amount)
        self.bank -= amount
        return amount

    def settle(self) -> Decimal:
        """Accounting pays back what is owed, from the bank."""
        paid = confirm_refund(payment_id=self.payment().pk, **HOW)
        self.bank -= int(paid)
        return paid

    def again(self) -> Decimal:
        return book_second_transfer(payment_id=self.payment().pk, **HOW)

    def check(self) -> None:
        super().check()
        tasks = self.tasks()
        told = PaymentEvent.objects.filter(kind="PAID").aggregate(total=Sum("amount"))["total"] or 0
        not_booked = told - OrderPayment.objects.aggregate(total=Sum("received_amount"))["total"]
        not_owed = max(-Order.objects.get().refund_gap_amount, Decimal(0))
        story = (figure("bank"), self.bank, not_booked, not_owed, tasks, self.done)
        assert figure("bank") - self.bank == not_owed - not_booked, story
        assert (not_booked > 0) == ("PAID_AGAIN" in tasks), story
        assert (not_owed > 0) == ("REFUND_NOT_OWED" in tasks), story


class Cards(History):
    """Authorised with the order; the provider owes what was captured, less what it has paid back."""

    way = PaymentInput("CARD", Decimal(0), "AUTHORIZED")
    acts: ClassVar[dict[str, int]] = {"capture": 4, "again": 1, "refund": 2, "settle": 2}
    paid_back = 0

    def capture(self) -> tuple[int | None, str]:
        """All of it, the whole, or a part; of parts some have a name of their own, and some come again under another message."""
        amount, drawn = self.chance.choice([None, self.due(), PRICE]), random.Random(f"name of {self.news}")
        name = drawn.choice(["", "", f"txn_{self.news}", "txn_1"]) if amount == PRICE else ""
        self.hear("CAPTURED", amount, name)
        return amount, name

    def again(self) -> Decimal:
        return book_second_transfer(payment_id=self.payment().pk, **HOW)

    def refund(self) -> int:
        amount = self.chance.choice([self.due(), PRICE, 300])
        self.hear("REFUNDED", amount)
        self.paid_back += amount
        return amount

    def settle(self) -> Decimal:
        paid = confirm_refund(payment_id=self.payment().pk, **HOW)
        self.paid_back += int(paid)
        return paid

    def check(self) -> None:
        super().check()
        payment, gap = self.payment(), Order.objects.get().refund_gap_amount
        came = payment.received_amount + payment.owed_amount
        story = (figure("receivable.card"), figure("bank"), came, self.paid_back, gap, self.tasks(), self.done)
        assert (gap < 0) == ("REFUND_NOT_OWED" in self.tasks()), story
        assert figure("receivable.card") + figure("bank") == came - self.paid_back - gap, story
        if payment.told_amount >= payment.amount:
            assert came >= payment.amount, story
        asked = payment.not_booked_amount if "PAID_AGAIN" in self.tasks() else 0
        captured = payment.events.filter(kind="CAPTURED")
        parts = captured.exclude(amount=None).filter(amount__lt=payment.amount).values_list("amount", flat=True)
        if len(parts) == captured.count():
            # Each part that was told stands in the books, is asked about, or came when all was here.
            assert came + asked >= min(sum(parts), payment.to_be_paid), story
        # No more than all of it, or than its parts add up to.
        assert came <= max(payment.amount, sum(parts)), story


class OnDelivery(History):
    """Drivers collect what the labels asked for with which parcels left, but for those that were refused."""

    way = PaymentInput("COD", Decimal(0), "PENDING", provider="yamato")
    acts: ClassVar[dict[str, int]] = {"refuse": 3, "amend": 1}

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.labels: dict[int, Decimal] = {}

    def ship(self) -> object:
        parcels = list(Shipment.objects.filter(state="INSTRUCTED").values_list("pk", flat=True))
        found = collections(parcels)
        done = super().ship()
        for key in Shipment.objects.filter(pk__in=parcels, state="SHIPPED").values_list("pk", flat=True):
            self.labels[key] = (found[key].here if key in found else None) or Decimal(0)
        return done and (done, self.labels)

    def refuse(self) -> object:
        """At the door: what was delivered is paid for."""
        parcel = Shipment.objects.filter(state="SHIPPED").order_by("pk").last()
        return parcel and record_refusal(shipment_id=parcel.pk, external_id=f"X-{parcel.pk}", **HOW)

    def check(self) -> None:
        super().check()
        back = set(Shipment.objects.filter(state="RETURNED").values_list("pk", flat=True))
        asked = sum((amount for key, amount in self.labels.items() if key not in back), Decimal(0))
        due = figure("receivable.cod") + min(self.payment().to_be_applied, still_to_be_sold(self.record.pk))
        parcels = list(Shipment.objects.filter(state="INSTRUCTED").values_list("pk", flat=True))
        ahead = sum((found.here or Decimal(0) for found in collections(parcels).values()), Decimal(0))
        ordered, packed = (
            OrderLine.objects.aggregate(units=Sum(F("quantity") - F("cancelled_quantity")))["units"],
            ShipmentLine.objects.exclude(shipment__state="CANCELLED").aggregate(units=Sum("quantity"))["units"] or 0,
        )
        story = (asked, due, ahead, self.fee, self.coupon, self.channel.revenue_basis, self.tasks(), self.done)
        if "COD_DIFFERENCE" in self.tasks():
            assert asked + ahead != due, story
        elif parcels or ordered == packed:
            assert asked + ahead == due, story
        else:
            assert asked <= due, story


class OnAccount(History):
    """Sold to a shop on account: its credit is used up by what it owes and by what it is still to be sold, whatever happens to the goods."""

    way = PaymentInput("ON_ACCOUNT", Decimal(0), "PENDING")
    acts: ClassVar[dict[str, int]] = {"accept": 2, "amend": 2}
    coupons: ClassVar[list[int]] = [0]

    def open_shop(self, revenue_basis: str) -> tuple[Channel, Location]:
        account("AC1", bill_to=bill_to("B1", credit_group=credit_group()))
        return shop(kind="WHOLESALE", revenue_basis=revenue_basis)

    def said(self) -> dict[str, Any]:
        return {"account_code": "AC1"}

    def accept(self) -> object:
        parcel = Shipment.objects.filter(state="DELIVERED").first()
        return parcel and accept(shipment_ids=[parcel.pk], accepted_date=TODAY, **HOW)

    def check(self) -> None:
        super().check()
        used, owed = CreditGroup.objects.get().exposure, figure("receivable.account")
        ahead = still_to_be_sold(self.record.pk)
        story = (used, owed, ahead, self.fee, self.channel.revenue_basis, self.tasks(), self.done)
        assert used == owed + ahead, story


@pytest.mark.parametrize("way", [Transfers, Cards, OnDelivery, OnAccount])
@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 12))])
def test_what_came_is_in_the_books_or_a_task_tells_of_it(way, seed):
    history = way(seed)
    for _number in range(MOST_ACTS):
        history.act()
        history.check()
    history.finish()
