"""How every room says what an entry is to be: lines by role, never by account number; control accounts name what they open or settle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from accounting.models import Side
from accounting.selectors.chart import Party
from erp.core.money import COMPANY_CURRENCY

DEBIT = Side.DEBIT.value
CREDIT = Side.CREDIT.value


@dataclass(frozen=True, slots=True)
class NewItem:
    """An open item that a line opens on its account, in the line's amount."""

    party: Party
    due_date: date | None
    document_type: str
    document_id: int
    document_label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One debit or credit of a draft.

    Exactly one of ``role`` and ``account_code`` names the account; a line that ``settles`` an item needs neither, it is posted on the item's
    own account. Control accounts of open items need ``opens`` or ``settles``.
    """

    side: str
    amount: Decimal
    role: str = ""
    account_code: str = ""
    channel_id: int | None = None
    department_id: int | None = None
    party: Party | None = None
    tax_code: str = ""
    source_line: int | None = None
    opens: NewItem | None = None
    settles: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """One entry to be posted. ``source_type`` and ``source_id`` name the document that caused it."""

    entry_date: date
    description: str
    source_type: str
    source_id: int
    lines: Sequence[Line] = field(default_factory=tuple)
    currency: str = COMPANY_CURRENCY


def debit_minus_credit(lines: Sequence[Line]) -> Decimal:
    """Zero for a balanced draft."""
    return sum((line.amount if line.side == DEBIT else -line.amount for line in lines), Decimal(0))
