"""What an invoice may print later. Shipments, fees and returns leave it behind with everything the invoice needs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from operator import attrgetter

from accounting.models import BillableItem
from erp.core import rows
from erp.core.actors import Actor
from erp.core.money import COMPANY_CURRENCY
from erp.core.use_case import use_case


@dataclass(frozen=True, slots=True, kw_only=True)
class BillableDraft:
    """One line an invoice may print; the fields of ``BillableItem``. A return has negative quantity and amounts."""

    kind: str
    channel_id: int
    document_type: str
    document_id: int
    document_line: int
    document_number: str
    transaction_date: date
    description: str
    quantity: int
    unit_price: Decimal
    tax_included: bool
    tax_code: str
    tax_percent: Decimal
    net_amount: Decimal
    tax_amount: Decimal
    gross_amount: Decimal
    is_reduced: bool = False
    bill_to_id: int | None = None
    account_id: int | None = None
    addressee: str = ""
    order_number: str = ""
    customer_po_number: str = ""
    original_date: date | None = None
    ship_to_name: str = ""
    item_code: str = ""
    currency: str = COMPANY_CURRENCY


_NAMES = tuple(item.name for item in fields(BillableDraft))
_values = attrgetter(*_NAMES)


@use_case
def add_billable_items(
    *, items: Sequence[BillableDraft], batch: rows.Batch | None = None, at: dt.datetime, by: Actor
) -> None:
    """Keep what an invoice may print, with the writes of a ``batch`` if one is given. One statement for any number of items; the calling
    document makes it repeatable."""
    for item in items:
        if item.net_amount + item.tax_amount != item.gross_amount:
            raise AssertionError(f"net and tax do not make gross: {item}")
    own = rows.Batch() if batch is None else batch
    own.insert(BillableItem, (*_NAMES, "recorded_at", "actor"), [(*_values(item), at, str(by)) for item in items])
    if batch is None:
        own.run()
