"""Who paid what of the sales of an order: the customer, and third parties (a mall, a maker, a provider) whose coupons and points were used.

What comes back is taken from the customer first and from third parties last: as long as what is kept is worth as much as their discount, it stays
what it was. So what a customer gets back is never more than what they paid, and what a receipt says is left (``selectors.receipts``). That holds
whether goods come back after their sale or before it: of the sales so far the customer may have paid what a third party was to pay of those to
come, and then the third party takes over their debt (``Purse.give_back``). Pure but for the questions at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from accounting.selectors import OpenItemView
from accounting.services import Party
from erp.core.money import ZERO
from erp.orders.models import OrderFee, OrderPayment, ReturnLine, ShipmentLine
from erp.orders.selectors.remaining import given_back_unsold
from erp.orders.selectors.units import sold
from erp.orders.services.parcels import ParcelOrder, Payment
from erp.orders.services.parties import counterparty

# What is owed is told apart by the role of its account and by who owes it.
Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Share:
    """So much of a return is of one payer. ``funder`` is empty for the customer; ``others`` is owed by third parties alone."""

    amount: Decimal
    funder: Party | None = None
    role: str = ""
    others: frozenset[Key] = frozenset()

    def is_of(self, item: OpenItemView) -> bool:
        key = (item.role, item.party.kind, item.party.id)
        if self.funder is None:
            return key not in self.others
        return key == (self.role, self.funder.kind, self.funder.id)


@dataclass(slots=True)
class Payers:
    """The sales of an order so far, part by part in the order in which they are taken back, and how much of them was."""

    parts: list[tuple[Decimal, Party | None, str]] = field(default_factory=list)
    others: frozenset[Key] = frozenset()
    done: Decimal = ZERO

    def take_back(self, gross: Decimal) -> list[Share]:
        """Who gets back, or owes less of, the next ``gross``. What nobody is known to have paid is the customer's."""
        first, left, shares = self.done, gross, []
        self.done += gross
        for amount, funder, role in self.parts:
            skipped = min(first, amount)
            first -= skipped
            part = min(amount - skipped, left)
            if part > 0:
                shares.append(Share(part, funder, role, self.others))
                left -= part
        return [*shares, Share(left, others=self.others)] if left else shares


def payers_of(
    order_ids: Iterable[int], payments: Sequence[OrderPayment], *, before: Iterable[int]
) -> dict[int, Payers]:
    """By order, of its payments, as they were before the returns whose ids are given.

    Nothing is asked where no third party paid for any of them. A third party without a name stays with the customer.
    """
    found = {order_id: Payers() for order_id in order_ids}
    funded = {
        payment.order_id for payment in payments if payment.is_of_funder and payment.applied_amount and payment.role
    }
    if not funded:
        return found
    sales, backs = _sold(funded), _taken_back(funded, before)
    for order_id in funded:
        parts: list[tuple[Decimal, Party | None, str]] = []
        mine = [payment for payment in payments if payment.order_id == order_id]
        for payment in mine:
            party = counterparty(payment)
            if party is not None and payment.is_of_funder:
                parts.append((payment.applied_amount, party, payment.role))
        of_customer = sales.get(order_id, ZERO) - sum((amount for amount, _party, _role in parts), ZERO)
        found[order_id] = Payers([(of_customer, None, ""), *parts], owed_by_others(mine), backs.get(order_id, ZERO))
    return found


def owed_by_others(payments: Iterable[OrderPayment | Payment]) -> frozenset[Key]:
    """The debts of an order that are of third parties alone."""
    keys: dict[bool, set[Key]] = {True: set(), False: set()}
    for payment in payments:
        party = counterparty(payment)
        if party is not None:
            keys[payment.is_of_funder].add((payment.role, party.kind, party.id))
    return frozenset(keys[True] - keys[False])


def paid_by_customers(orders: Iterable[ParcelOrder]) -> dict[int, Decimal]:
    """By order, what the customer pays of the sales that stand, where a third party was to pay more than it has. Nothing is asked where none was."""
    funders = {order.id: [one for one in order.payments if one.is_of_funder and one.role] for order in orders}
    funded = {key for key, found in funders.items() if any(one.to_be_applied for one in found)}
    if not funded:
        return {}
    sales, backs = _sold(funded), _taken_back(funded, ())
    return {
        key: max(
            sales.get(key, ZERO) - backs.get(key, ZERO) - sum((one.applied_amount for one in funders[key]), ZERO), ZERO
        )
        for key in funded
    }


def _sold(order_ids: Iterable[int]) -> dict[int, Decimal]:
    """What was posted as sold, with tax, whether or not it came back since. A fee that was given back before was sold to nobody."""
    total: dict[int, Decimal] = {}
    for line in ShipmentLine.objects.filter(shipment__order__in=order_ids).select_related("shipment"):
        order_id = line.shipment.order_id
        total[order_id] = total.get(order_id, ZERO) + sold(line, line.shipment).gross
    fees = OrderFee.objects.filter(order__in=order_ids, shipment__revenue_date__isnull=False)
    for order_id, gross in fees.exclude(given_back_unsold()).values_list("order_id", "gross_amount"):
        total[order_id] = total.get(order_id, ZERO) + (gross or ZERO)
    return total


def _taken_back(order_ids: Iterable[int], but: Iterable[int]) -> dict[int, Decimal]:
    """What other returns took back of it."""
    total: dict[int, Decimal] = {}
    lines = ReturnLine.objects.filter(document__order__in=order_ids, is_unsold=False).exclude(document__in=list(but))
    for order_id, gross in lines.values_list("document__order_id", "gross_amount"):
        total[order_id] = total.get(order_id, ZERO) + gross
    return total
