"""The entries that closings make: the tax difference of a closing invoice, the consumption tax of a business year, and 三分法."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from accounting.postings.drafts import CREDIT, DEBIT, EntryDraft, Line, NewItem
from erp.core.money import ZERO

TAX_DIFFERENCE, TAX_CLOSING = "TAX_DIFFERENCE", "TAX_CLOSING"


def tax_difference(
    *, on: date, difference: Decimal, item: NewItem, tax_code: str, channel_id: int | None = None
) -> EntryDraft:
    """売掛金 // 仮受消費税 (消費税差額): the invoice's tax less what its slips posted. Negative, it goes the other way."""
    receivable, tax = (DEBIT, CREDIT) if difference > 0 else (CREDIT, DEBIT)
    amount = abs(difference)
    lines = [
        Line(receivable, amount, role="receivable.account", opens=item, channel_id=channel_id),
        Line(tax, amount, role="output_tax", tax_code=tax_code, channel_id=channel_id, party=item.party),
    ]
    return EntryDraft(on, item.document_label, TAX_DIFFERENCE, item.document_id, lines)


def year_end_tax(
    *, on: date, year: int, label: str, output_tax: Decimal, input_tax: Decimal, payable: Decimal
) -> EntryDraft:
    """仮受消費税 // 仮払消費税, 未払消費税, and what the return's rounding leaves to 雑収入 or 雑損失. A refund is negative."""
    gain = output_tax - input_tax - payable
    lines = [
        *_signed(DEBIT, "output_tax", output_tax),
        *_signed(CREDIT, "input_tax", input_tax),
        *_signed(CREDIT, "tax_payable", payable),
        *(_signed(CREDIT, "rounding_gain", gain) if gain > 0 else _signed(DEBIT, "rounding_loss", -gain)),
    ]
    return EntryDraft(on, label, TAX_CLOSING, year, lines)


def _signed(side: str, role: str, amount: Decimal) -> list[Line]:
    if not amount:
        return []
    other = CREDIT if side == DEBIT else DEBIT
    return [Line(side if amount > 0 else other, abs(amount), role=role)]


@dataclass(frozen=True, slots=True)
class Moved:
    """What one entry, or a whole period, moved on an account: debit less credit."""

    account_code: str
    amount: Decimal


def three_part(
    moved: Sequence[Moved], *, stock: set[str], cost_of_sales: str, losses: set[str], goods: str, purchases: str
) -> dict[str, Decimal]:
    """売上原価対立法 → 三分法: stock in and cost of sales become 仕入; losses stay against 商品. Debit less credit by account.

    Stock issued at cost (売上原価 // 商品) vanishes: under 三分法 cost of sales is known at closing only.
    """
    result: dict[str, Decimal] = {}
    for item in moved:
        if item.account_code not in stock and item.account_code != cost_of_sales:
            result[item.account_code] = result.get(item.account_code, ZERO) + item.amount
    lost = sum((item.amount for item in moved if item.account_code in losses), ZERO)
    flow = sum(
        (item.amount for item in moved if item.account_code in stock or item.account_code == cost_of_sales), ZERO
    )
    result[goods] = result.get(goods, ZERO) - lost
    result[purchases] = result.get(purchases, ZERO) + flow + lost
    return {code: amount for code, amount in result.items() if amount}


def three_part_closing(*, opening: Decimal, book: Decimal, roles: Mapping[str, str]) -> dict[str, Decimal]:
    """期首商品棚卸高 // 商品, 商品 // 期末商品棚卸高: the closing entries of 三分法. ``book`` is the stock before losses."""
    return {
        roles["opening_stock"]: opening,
        roles["inventory.goods"]: book - opening,
        roles["closing_stock"]: -book,
    }
