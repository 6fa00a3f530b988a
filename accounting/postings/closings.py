"""The entries that closings make: the tax difference of a closing invoice and the consumption tax of a business year."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from accounting.postings.drafts import CREDIT, DEBIT, EntryDraft, Line, NewItem

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
