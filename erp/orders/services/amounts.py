"""What an order amounts to (pure): discounts spread, tax once per rate, every line's share. The order is the document (適格請求書の単位).

Sources: 消令70の10, 消基通1-8-15 (rounding once per document per rate); discounts over mixed rates by the ratio of the rate groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from erp.core.money import ZERO, Rounding, round_fraction, round_money, split_by_weight
from erp.core.tax import Rate, RateTotal, TaxedAmount, document_tax, spread_discount
from erp.orders.services.documents import AdjustmentInput, OrderInput, StatedTax


@dataclass(frozen=True, slots=True)
class Item:
    """One line or fee before and after pricing. ``charged`` is quantity × unit price; net, tax and gross are after discounts."""

    rate: Rate
    charged: Decimal
    tax_included: bool
    discount: Decimal = ZERO
    net: Decimal = ZERO
    tax: Decimal = ZERO
    gross: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PricedOrder:
    """Items in the order of lines, then fees. ``problem`` says in words why the sums do not meet what the channel stated."""

    lines: tuple[Item, ...]
    fees: tuple[Item, ...]
    totals: tuple[RateTotal, ...]
    total: Decimal
    third_party: Decimal
    problem: str = ""

    @property
    def net(self) -> Decimal:
        return sum((total.net for total in self.totals), ZERO)

    @property
    def tax(self) -> Decimal:
        return sum((total.tax for total in self.totals), ZERO)


def price_order(order: OrderInput, *, lines: Sequence[Rate], fees: Sequence[Rate], rounding: Rounding) -> PricedOrder:
    """Price a well-formed order with all amounts known. ``lines`` and ``fees`` are the rates of its lines and fees, in order."""
    items = [
        Item(rate, round_money(line.quantity * (line.unit_price or ZERO), currency=order.currency), line.tax_included)
        for line, rate in zip(order.lines, lines, strict=True)
    ]
    items += [Item(rate, fee.amount or ZERO, fee.tax_included) for fee, rate in zip(order.fees, fees, strict=True)]
    line_ids = [line.line_id for line in order.lines]
    discounts = [item for item in order.adjustments if item.funded_by == "SHOP"]
    third_party = sum((item.amount for item in order.adjustments if item.funded_by != "SHOP"), ZERO)
    discounted, overshoot = _spread_discounts(items, line_ids, discounts, currency=order.currency)
    priced, totals = price_items(discounted, rounding=rounding, currency=order.currency)
    total = sum((item.gross for item in priced), ZERO)
    if order.stated_taxes and order.total is not None and total != order.total:
        adopted = _adopt_stated_gross(priced, totals, order.stated_taxes, order.total, rounding, order.currency)
        if adopted is not None:
            priced, totals = adopted
            total = order.total
    problem = "discount" if overshoot else _disagreement(order, total, third_party)
    cut = len(order.lines)
    return PricedOrder(tuple(priced[:cut]), tuple(priced[cut:]), tuple(totals), total, third_party, problem)


def price_items(items: Sequence[Item], *, rounding: Rounding, currency: str) -> tuple[list[Item], list[RateTotal]]:
    """Tax once per rate over all items, shared out by largest remainder; each rate total is the sum of its items."""
    totals = document_tax(
        [TaxedAmount(item.rate, item.charged - item.discount, item.tax_included) for item in items],
        rounding=rounding,
        currency=currency,
    )
    priced = list(items)
    result = []
    for code, total in totals.items():
        members = [index for index, item in enumerate(items) if item.rate.code == code]
        shares = split_by_weight(total.tax, [_tax_weight(items[index]) for index in members], currency=currency)
        for index, tax in zip(members, shares, strict=True):
            amount = items[index].charged - items[index].discount
            net, gross = (amount - tax, amount) if items[index].tax_included else (amount, amount + tax)
            priced[index] = replace(items[index], net=net, tax=tax, gross=gross)
        net = sum((priced[index].net for index in members), ZERO)
        result.append(RateTotal(total.rate, net, total.tax, net + total.tax))
    return priced, result


def scale_to_gross(items: Sequence[Item], gross: Decimal, *, rounding: Rounding, currency: str) -> list[Item]:
    """The same items when the charged gross is fixed: each takes its share of ``gross``, tax is taken out of it once per rate."""
    shares = split_by_weight(gross, [item.gross for item in items], currency=currency)
    fixed = [
        replace(item, charged=share, discount=ZERO, tax_included=True)
        for item, share in zip(items, shares, strict=True)
    ]
    priced, _totals = price_items(fixed, rounding=rounding, currency=currency)
    return [replace(item, net=new.net, tax=new.tax, gross=new.gross) for item, new in zip(items, priced, strict=True)]


def rate_totals(items: Iterable[Item]) -> list[RateTotal]:
    """The totals per rate of items that are already priced."""
    totals: dict[str, RateTotal] = {}
    for item in items:
        known = totals.get(item.rate.code, RateTotal(item.rate, ZERO, ZERO, ZERO))
        totals[item.rate.code] = RateTotal(
            item.rate, known.net + item.net, known.tax + item.tax, known.gross + item.gross
        )
    return list(totals.values())


def _tax_weight(item: Item) -> Decimal:
    """Proportional to the exact tax of one item; within a rate only the mixture of inclusive and exclusive amounts makes a difference."""
    amount = item.charged - item.discount
    return amount if item.tax_included else amount * (100 + item.rate.percent) / 100


def _spread_discounts(
    items: Sequence[Item], line_ids: Sequence[str], discounts: Sequence[AdjustmentInput], *, currency: str
) -> tuple[list[Item], bool]:
    """Take shop-funded discounts off the items: a line's own first, then those of the whole order over goods, then over fees.

    Returns the items and whether more was discounted than there is.
    """
    left = [item.charged for item in items]
    overshoot = False
    for discount in sorted(discounts, key=lambda item: not item.line_id):
        if discount.line_id:
            targets = [line_ids.index(discount.line_id)]
        else:
            goods = list(range(len(line_ids)))
            targets = goods if sum(left[index] for index in goods) >= discount.amount else list(range(len(items)))
        possible = min(discount.amount, sum((left[index] for index in targets), ZERO))
        overshoot = overshoot or possible < discount.amount
        shares = spread_discount(possible, {index: left[index] for index in targets}, currency=currency)
        for index, share in shares.items():
            left[index] -= share
    return [replace(item, discount=item.charged - rest) for item, rest in zip(items, left, strict=True)], overshoot


def _adopt_stated_gross(
    items: Sequence[Item],
    totals: Sequence[RateTotal],
    stated: Sequence[StatedTax],
    stated_total: Decimal,
    rounding: Rounding,
    currency: str,
) -> tuple[list[Item], list[RateTotal]] | None:
    """Follow the gross an EC site charged when only its rounding of tax differs from ours (per line instead of per document)."""
    by_percent = {tax.percent: tax.amount for tax in stated}
    if len(by_percent) != len(stated) or sum(by_percent.values(), ZERO) != stated_total:
        return None
    result = list(items)
    for total in totals:
        members = [index for index, item in enumerate(items) if item.rate.code == total.rate.code]
        gross = by_percent.get(total.rate.percent)
        if gross is None or abs(gross - total.gross) > len(members):
            return None
        scaled = scale_to_gross([items[index] for index in members], gross, rounding=rounding, currency=currency)
        for index, item in zip(members, scaled, strict=True):
            result[index] = item
    return result, rate_totals(result)


def _disagreement(order: OrderInput, total: Decimal, third_party: Decimal) -> str:
    if order.total is not None and order.total != total:
        return "total"
    due = total - third_party
    if order.amount_due is not None and order.amount_due != due:
        return "amount_due"
    if order.payments and sum((payment.amount for payment in order.payments), ZERO) != due:
        return "payments"
    return ""


def tax_inside(gross: Decimal, percent: Decimal, *, rounding: Rounding, currency: str) -> Decimal:
    """The tax contained in a gross amount."""
    return round_fraction(
        Fraction(gross) * Fraction(percent) / (100 + Fraction(percent)), currency=currency, method=rounding
    )
