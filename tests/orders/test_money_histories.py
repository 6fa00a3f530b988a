"""Whatever comes in whatever order: what the books have in the bank is what came and went there, or a task tells of the rest."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from django.db.models import Sum

from erp.core.errors import DomainError
from erp.core.models import StaffTask
from erp.orders.models import Order, OrderPayment, PaymentEvent, Shipment, ShipmentLine
from erp.orders.services import (
    PaymentInput,
    PaymentNews,
    ReturnedLine,
    ShipRequest,
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
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, TODAY, figure, line, order, placed, shop

pytestmark = pytest.mark.django_db

HOW = {"at": NOON, "by": DESK}
PIECES, PRICE = 3, 1100
MOST_ACTS = 22
# How often each is tried; what cannot be done at the time is refused.
ACTS = {
    "pay": 5, "refund": 2, "release": 6, "ship": 6, "deliver": 4, "take_back": 4, "refuse": 1, "cancel": 1, "call_back": 1, "stop": 1,
    "settle": 2, "again": 2, "amend": 1,
}  # fmt: skip


class History:
    """One order paid by transfer, and all that channels, staff and the bank do about it. ``bank`` is what the statement of the account says."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.channel, place = shop(revenue_basis=self.chance.choice(["SHIPMENT", "DELIVERY"]))
        self.shirt = sku()
        stock(self.shirt, place, 20)
        self.record = placed(self.channel, self.document(PIECES))
        self.bank, self.news, self.revision = Decimal(0), 0, 1
        self.done: list[str] = []

    def document(self, pieces: int, revision: int = 1):
        paid = PaymentInput("BANK_TRANSFER", Decimal(PRICE * pieces), "PENDING")
        return order(line(self.shirt, pieces, PRICE), payments=(paid,), revision=revision)

    def act(self) -> None:
        [name] = self.chance.choices(list(ACTS), weights=list(ACTS.values()))
        try:
            told = getattr(self, name)()
        except DomainError as refusal:
            told = type(refusal).__name__
        self.done.append(f"{name}: {told}")

    def hear(self, kind: str, amount: int) -> None:
        self.news += 1
        event = PaymentNews(f"n-{self.news}", kind, NOON, Decimal(amount))
        record_payment_event(channel=self.channel.code, external_id="A-1", event=event, **HOW)
        self.bank += amount if kind == "PAID" else -amount

    def pay(self) -> int:
        amount = self.chance.choice([PRICE * PIECES, PRICE * PIECES, PRICE, 700, PRICE * PIECES + 500])
        self.hear("PAID", amount)
        return amount

    def refund(self) -> int:
        amount = self.chance.choice([PRICE * PIECES, PRICE, 300])
        self.hear("REFUNDED", amount)
        return amount

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
            for item in ShipmentLine.objects.filter(shipment__shipped_at__isnull=False)
            if item.quantity > item.returned_quantity
        ]
        if not out:
            return None
        self.news += 1
        lines = [ReturnedLine(out[0].pk, 1)]
        return record_return(order_id=self.record.pk, external_id=f"B-{self.news}", lines=lines, **HOW)

    def cancel(self) -> object:
        return cancel_order(channel=self.channel.code, external_id="A-1", **HOW)

    def call_back(self) -> object:
        parcel = Shipment.objects.filter(state="INSTRUCTED").first()
        return parcel and cancel_release(shipment_id=parcel.pk, reason="", **HOW)

    def stop(self) -> object:
        return cancel_by_staff(order_id=self.record.pk, reason="", **HOW)

    def settle(self) -> Decimal:
        """Accounting pays back what is owed, from the bank."""
        paid = confirm_refund(payment_id=self.payment().pk, **HOW)
        self.bank -= paid
        return paid

    def again(self) -> Decimal:
        return book_second_transfer(payment_id=self.payment().pk, **HOW)

    def amend(self) -> object:
        self.revision += 1
        document = self.document(self.chance.randint(1, PIECES + 1), self.revision)
        return place_order(channel=self.channel.code, order=document, **HOW).state

    def payment(self) -> OrderPayment:
        return OrderPayment.objects.filter(amount__gt=0).first() or OrderPayment.objects.first()

    def check(self) -> None:
        tasks = set(StaffTask.objects.filter(closed_at=None).values_list("kind", flat=True))
        told = PaymentEvent.objects.filter(kind="PAID").aggregate(total=Sum("amount"))["total"] or 0
        not_booked = told - OrderPayment.objects.aggregate(total=Sum("received_amount"))["total"]
        not_owed = max(-Order.objects.get().refund_gap_amount, Decimal(0))
        story = (figure("bank"), self.bank, not_booked, not_owed, tasks, self.done)
        assert figure("bank") - self.bank == not_owed - not_booked, story
        assert (not_booked > 0) == ("PAID_AGAIN" in tasks), story
        assert (not_owed > 0) == ("REFUND_NOT_OWED" in tasks), story
        assert figure("deposits") >= 0
        assert figure("refunds_payable") >= 0


@pytest.mark.parametrize("seed", range(16))
def test_what_is_in_the_bank_is_in_the_books_or_a_task_tells_of_it(seed):
    history = History(seed)
    for _number in range(MOST_ACTS):
        history.act()
        history.check()
