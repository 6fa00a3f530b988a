"""Which money pays which shipment: deposits first, then what a provider, an account or the orderer will owe. Level: open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

from accounting.selectors import open_items
from accounting.services import Party
from customers.selectors import AccountTerms, accounts_by_id
from erp.core import business_days, rows
from erp.core.money import ZERO
from erp.orders.models import Order, OrderPayment, PaymentMethod
from erp.orders.postings import MoneyPart
from erp.orders.services.payments import counterparty, customer_party


class Purse:
    """What is left of an order's money while several shipments take their parts in one call."""

    def __init__(
        self,
        order: Order,
        payments: Sequence[OrderPayment],
        deposits: Iterable[tuple[int, Decimal]],
        terms: AccountTerms | None,
    ) -> None:
        self.order = order
        self.payments = list(payments)
        self.applied = {payment.pk: payment.applied_amount for payment in payments}
        self.deposits = dict(deposits)
        self.terms = terms

    def take(self, gross: Decimal, *, on: dt.date) -> list[MoneyPart]:
        """The parts that pay ``gross``: payment by payment, deposits before new debts.

        What no payment covers, or one whose way nobody knows, is owed by the orderer.
        """
        parts: list[MoneyPart] = []
        left = gross
        for payment in self.payments:
            portion = min(left, payment.amount - self.applied[payment.pk])
            if portion <= 0 or not payment.role:
                continue
            # Parts that left before the money came are debts of the provider, so what was applied says nothing of the deposit.
            from_deposit = min(portion, payment.received_amount, sum(self.deposits.values(), ZERO))
            parts += self._from_deposits(from_deposit)
            if portion > from_deposit:
                parts.append(self._debt(payment, portion - from_deposit, on))
            self.applied[payment.pk] += portion
            left -= portion
        if left > 0:
            parts.append(MoneyPart(left, "receivable.account", customer_party(self.order)))
        return parts

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

    def _debt(self, payment: OrderPayment, amount: Decimal, on: dt.date) -> MoneyPart:
        if payment.method == PaymentMethod.ON_ACCOUNT and self.terms is not None:
            closing = business_days.closing_date(on, self.terms.closing_day)
            due = business_days.due_date(
                closing, self.terms.payment_month_offset, self.terms.payment_day, self.terms.holiday_rule
            )
            return MoneyPart(
                amount, payment.role, Party("BILL_TO", self.terms.bill_to_id, self.terms.bill_to_label), due
            )
        if payment.method == PaymentMethod.ON_ACCOUNT:
            # Staff let the order go although its account is not known here.
            return MoneyPart(amount, payment.role, customer_party(self.order))
        return MoneyPart(amount, payment.role, counterparty(payment))


def open_purses(orders: Sequence[Order]) -> dict[int, Purse]:
    """The purses of locked orders, by order id, in a constant number of queries."""
    ids = [order.pk for order in orders]
    by_order: dict[int, list[OrderPayment]] = {}
    for payment in OrderPayment.objects.filter(order__in=ids).order_by("order_id", "line_no"):
        by_order.setdefault(payment.order_id, []).append(payment)
    with_deposit = [key for key, paid in by_order.items() if any(payment.received_amount for payment in paid)]
    deposits: dict[int, list[tuple[int, Decimal]]] = {}
    if with_deposit:
        for item in open_items(document_type="ORDER", document_ids=with_deposit, roles=["deposits"]):
            if item.remaining:
                deposits.setdefault(item.document_id, []).append((item.id, item.remaining))
    accounts = {order.account_id for order in orders if order.account_id is not None}
    terms = accounts_by_id(accounts) if accounts else {}
    return {
        order.pk: Purse(order, by_order.get(order.pk, []), deposits.get(order.pk, []), terms.get(order.account_id or 0))
        for order in orders
    }


def save_purses(purses: Iterable[Purse]) -> None:
    changed = [
        (payment.pk, purse.applied[payment.pk])
        for purse in purses
        for payment in purse.payments
        if purse.applied[payment.pk] != payment.applied_amount
    ]
    rows.update(OrderPayment, "id", ["applied_amount"], changed)
