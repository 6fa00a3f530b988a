"""Which money pays which shipment: deposits first, then what a provider, an account or the orderer will owe. Level: open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from accounting.selectors import open_items
from accounting.services import Party
from erp.core import business_days, rows
from erp.core.money import ZERO
from erp.orders.models import OrderPayment, PaymentMethod
from erp.orders.postings import MoneyPart
from erp.orders.services.parcels import ParcelOrder, Payment
from erp.orders.services.parties import counterparty, customer_party


@dataclass(slots=True)
class GivenBack:
    """The deposits that were meant for goods which are not sold, and what third parties owe instead of the customer for those that are."""

    deposits: list[MoneyPart] = field(default_factory=list)
    taken_over: list[MoneyPart] = field(default_factory=list)

    @property
    def relieved(self) -> Decimal:
        """So much of what the customer has paid, or owes, for sales that stand is not theirs any more."""
        return sum((part.amount for part in self.taken_over), ZERO)


class Purse:
    """What is left of an order's money while several shipments take their parts in one call."""

    def __init__(self, order: ParcelOrder, deposits: Iterable[tuple[int, Decimal]]) -> None:
        self.order = order
        self.applied = {payment.id: payment.applied_amount for payment in order.payments}
        self.unsold = {payment.id: payment.unsold_amount for payment in order.payments}
        self.owed = {payment.id: payment.owed_amount for payment in order.payments}
        self.deposits = dict(deposits)

    def take(self, gross: Decimal, *, on: dt.date) -> list[MoneyPart]:
        """The parts that pay ``gross``: payment by payment, deposits before new debts.

        What no payment covers, or one whose way nobody knows, is owed by the orderer.
        """
        parts: list[MoneyPart] = []
        left = gross
        for payment, portion, from_deposit in self._portions(gross):
            parts += self._from_deposits(from_deposit)
            if portion > from_deposit:
                parts.append(self._debt(payment, portion - from_deposit, on))
            self.applied[payment.id] += portion
            self.owed[payment.id] += portion - from_deposit
            left -= portion
        if left > 0:
            parts.append(MoneyPart(left, "receivable.account", customer_party(self.order)))
        return parts

    def give_back(self, gross: Decimal, *, paid_by_customer: Decimal, on: dt.date) -> GivenBack:
        """Goods of ``gross`` are not sold after all. What was never received for them is owed by nobody, and what is sold later is paid by what
        follows: the customer has no more to pay for the rest because goods came back.

        Of third parties' discounts no more is lost than what is kept is worth less: where the customer has paid for sales that stand
        (``paid_by_customer``), they take that over, beginning with the last, as returns of what was sold relieve the first.
        """
        found, of_others = GivenBack(), list[tuple[Payment, Decimal]]()
        for payment, portion, from_deposit in self._portions(gross):
            found.deposits += self._from_deposits(from_deposit)
            self.applied[payment.id] += from_deposit
            if payment.is_of_funder:
                of_others.append((payment, portion - from_deposit))
            else:
                self.unsold[payment.id] += portion - from_deposit
        left = paid_by_customer
        for payment, portion in reversed(of_others):
            part = min(portion, left)
            if part:
                found.taken_over.append(self._debt(payment, part, on))
            self.applied[payment.id] += part
            self.owed[payment.id] += part
            self.unsold[payment.id] += portion - part
            left -= part
        return found

    def _portions(self, gross: Decimal) -> Iterator[tuple[Payment, Decimal, Decimal]]:
        """How much of ``gross`` each payment pays in its turn, and how much of that lies there as a deposit. The caller takes it before the next."""
        left = gross
        for payment in self.order.payments:
            portion = min(left, payment.amount - self.applied[payment.id] - self.unsold[payment.id])
            if portion <= 0 or not payment.role:
                continue
            # Parts that left before the money came are debts of the provider, so what was applied says nothing of the deposit.
            yield payment, portion, min(portion, payment.received_amount, sum(self.deposits.values(), ZERO))
            left -= portion

    def _from_deposits(self, amount: Decimal) -> list[MoneyPart]:
        parts = []
        customer = customer_party(self.order)
        for item_id, remaining in self.deposits.items():
            part = min(amount, remaining)
            if part:
                parts.append(MoneyPart(part, "deposits", customer, settles=item_id))
                self.deposits[item_id] = remaining - part
                amount -= part
        return parts

    def _debt(self, payment: Payment, amount: Decimal, on: dt.date) -> MoneyPart:
        terms = self.order.terms
        if payment.method == PaymentMethod.ON_ACCOUNT and terms is not None:
            closing = business_days.closing_date(on, terms.closing_day)
            due = business_days.due_date(closing, terms.payment_month_offset, terms.payment_day, terms.holiday_rule)
            return MoneyPart(amount, payment.role, Party("BILL_TO", terms.bill_to_id, terms.bill_to_label), due)
        if payment.method == PaymentMethod.ON_ACCOUNT:
            # Staff let the order go although its account is not known here.
            return MoneyPart(amount, payment.role, customer_party(self.order))
        return MoneyPart(amount, payment.role, counterparty(payment))


def open_purses(orders: Iterable[ParcelOrder]) -> dict[int, Purse]:
    """The purses of locked orders, by order id. Asks only where money came before the goods left."""
    found = {order.id: order for order in orders}
    with_deposit = [key for key, order in found.items() if any(paid.received_amount for paid in order.payments)]
    deposits: dict[int, list[tuple[int, Decimal]]] = {}
    if with_deposit:
        for item in open_items(document_type="ORDER", document_ids=with_deposit, roles=["deposits"]):
            if item.remaining:
                deposits.setdefault(item.document_id, []).append((item.id, item.remaining))
    return {key: Purse(order, deposits.get(key, [])) for key, order in found.items()}


def save_purses(purses: Iterable[Purse], *, batch: rows.Batch) -> None:
    changed = [
        (payment.id, *now)
        for purse in purses
        for payment in purse.order.payments
        if (now := (purse.applied[payment.id], purse.unsold[payment.id], purse.owed[payment.id]))
        != (payment.applied_amount, payment.unsold_amount, payment.owed_amount)
    ]
    batch.update(OrderPayment, "id", ["applied_amount", "unsold_amount", "owed_amount"], changed)
