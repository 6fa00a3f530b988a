"""The entries that money makes: payouts, receipts, payments, refunds. Pure: items and amounts in, a draft out.

The treatments are worked out to the yen in ``tests/worked_examples``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from accounting.postings.drafts import CREDIT, DEBIT, EntryDraft, Line
from accounting.selectors.chart import Party
from erp.core.money import ZERO, Rounding, round_fraction
from erp.core.tax import Rate

# Names of source documents; a receipt of goods and a return have names of their own.
PAYOUT, RECEIPT, SUPPLIER_PAYMENT, REFUND = "PAYOUT", "MONEY_RECEIPT", "SUPPLIER_PAYMENT", "MONEY_REFUND"


@dataclass(frozen=True, slots=True)
class Settled:
    """That ``amount`` of an open item is settled. ``side`` is the item's: a CREDIT item among receivables reduces the sum."""

    item_id: int
    side: str
    amount: Decimal
    channel_id: int | None = None


@dataclass(frozen=True, slots=True)
class TaxSplit:
    net: Decimal
    tax: Decimal
    code: str


def tax_inside(gross: Decimal, rate: Rate) -> TaxSplit:
    """A tax-inclusive amount split, its tax rounded down: 415 at 10% is 378 and 37."""
    percent = Fraction(rate.percent)
    tax = round_fraction(Fraction(gross) * percent / (100 + percent), method=Rounding.DOWN)
    return TaxSplit(gross - tax, tax, rate.code)


def signed_sum(items: Iterable[Settled], *, side: str) -> Decimal:
    return sum((item.amount if item.side == side else -item.amount for item in items), ZERO)


def payout(
    *,
    settlement_id: int,
    counterparty: Party,
    on: date,
    label: str,
    items: Sequence[Settled],
    bank: Decimal,
    fee: TaxSplit | None,
    promotion: Decimal,
) -> EntryDraft:
    """普通預金, 支払手数料 (仮払消費税) or 決済手数料(非課税), 販売促進費 // the receivables of a provider, carrier or mall."""
    role = "fees.exempt" if fee is not None and not fee.tax else "fees"
    lines = [
        *_line(DEBIT, "bank", bank),
        *_fee_lines(fee, role=role, party=counterparty),
        *_line(DEBIT, "promotion", promotion, party=counterparty, tax_code="OUT_OF_SCOPE"),
        *_settling(items),
    ]
    return EntryDraft(on, label, PAYOUT, settlement_id, lines)


def receipt(
    *,
    settlement_id: int,
    debtor: Party,
    on: date,
    label: str,
    items: Sequence[Settled],
    bank: Decimal,
    fee: TaxSplit | None,
    excess: Decimal,
) -> EntryDraft:
    """普通預金, 売上値引, 仮受消費税 // 売掛金. The transfer fee that the debtor kept is a discount at the sale's own rate.

    What came in beyond the items is 仮受金 until somebody knows what it is for.
    """
    discount = []
    if fee is not None:
        discount = [
            *_line(DEBIT, "sales.discounts", fee.net, party=debtor, tax_code=fee.code),
            *_line(DEBIT, "output_tax", fee.tax, party=debtor, tax_code=fee.code),
        ]
    lines = [
        *_line(DEBIT, "bank", bank),
        *discount,
        *_settling(items),
        *_line(CREDIT, "suspense_receipts", excess, party=debtor),
    ]
    return EntryDraft(on, label, RECEIPT, settlement_id, lines)


def supplier_payment(
    *, settlement_id: int, party: Party, on: date, label: str, items: Sequence[Settled], fee: TaxSplit | None
) -> EntryDraft:
    """買掛金, 支払手数料, 仮払消費税 // 普通預金. The fee is ours: what we owe the supplier leaves in full."""
    return EntryDraft(on, label, SUPPLIER_PAYMENT, settlement_id, _paid_out(items, fee, party))


def refund(
    *, settlement_id: int, party: Party, on: date, label: str, items: Sequence[Settled], fee: TaxSplit | None
) -> EntryDraft:
    """未払金(返金) // 普通預金: money goes back to whoever paid too much, or for nothing."""
    return EntryDraft(on, label, REFUND, settlement_id, _paid_out(items, fee, party))


def _paid_out(items: Sequence[Settled], fee: TaxSplit | None, party: Party) -> list[Line]:
    paid = signed_sum(items, side=CREDIT) + (fee.net + fee.tax if fee is not None else ZERO)
    return [*_settling(items), *_fee_lines(fee, role="fees", party=None), *_line(CREDIT, "bank", paid, party=party)]


def _line(side: str, role: str, amount: Decimal, party: Party | None = None, tax_code: str = "") -> list[Line]:
    """Nothing for nothing: a line of zero is no line."""
    return [Line(side, amount, role=role, party=party, tax_code=tax_code)] if amount else []


def _fee_lines(fee: TaxSplit | None, *, role: str, party: Party | None) -> list[Line]:
    if fee is None:
        return []
    return [
        *_line(DEBIT, role, fee.net, party=party, tax_code=fee.code),
        *_line(DEBIT, "input_tax", fee.tax, party=party, tax_code=fee.code),
    ]


def _settling(items: Sequence[Settled]) -> list[Line]:
    return [
        Line(CREDIT if item.side == DEBIT else DEBIT, item.amount, settles=item.item_id, channel_id=item.channel_id)
        for item in items
    ]
