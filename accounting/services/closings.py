"""What closings post: the tax difference of a closing invoice and the consumption tax of a business year. Locks: document by name."""

from __future__ import annotations

import datetime as dt
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting import postings
from accounting.models import JournalEntry
from accounting.postings import NewItem
from accounting.postings.closings import TAX_CLOSING, TAX_DIFFERENCE
from accounting.selectors.ledgers import balance_of
from accounting.services.entries import PostedEntry, post_entries
from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import Conflict
from erp.core.use_case import use_case


@use_case
def post_tax_difference(
    *,
    item: NewItem,
    difference: Decimal,
    entry_date: date,
    tax_code: str,
    channel_id: int | None = None,
    at: dt.datetime,
    by: Actor,
) -> PostedEntry | None:
    """Post what a closing invoice's tax exceeds its slips' provisional tax by (消費税差額); negative, what it falls short.

    ``item`` names bill-to and invoice. Once per invoice and tax code; nothing is posted for zero.

    Raises:
        Conflict: this invoice's difference was posted before.
    """
    if not difference:
        return None
    locks.hold(f"tax difference:{item.document_id}")
    posted = JournalEntry.objects.filter(
        source_type=TAX_DIFFERENCE, source_id=item.document_id, postings__tax_code=tax_code, reversed_by__isnull=True
    ).exclude(kind=JournalEntry.Kind.REVERSAL)
    if posted.exists():
        raise Conflict(_("The tax difference of %(invoice)s is posted already.") % {"invoice": item.document_label})
    draft = postings.tax_difference(
        on=entry_date, difference=difference, item=item, tax_code=tax_code, channel_id=channel_id
    )
    return post_entries(drafts=[draft], at=at, by=by)[0]


@use_case
def post_year_end_tax(
    *, entry_date: date, payable: Decimal, description: str, at: dt.datetime, by: Actor
) -> PostedEntry:
    """Close 仮受消費税 and 仮払消費税 of the business year that ends on ``entry_date`` into what the return says is payable.

    ``payable`` is negative for a refund; the rest is 雑収入 or 雑損失. Once per year end.

    Raises:
        Conflict: the year was closed before; reverse that entry first.
    """
    year = entry_date.year
    locks.hold(f"tax closing:{year}")
    closings = JournalEntry.objects.filter(source_type=TAX_CLOSING, source_id=year, reversed_by__isnull=True)
    if closings.exclude(kind=JournalEntry.Kind.REVERSAL).exists():
        raise Conflict(_("The consumption tax of %(year)s is closed already.") % {"year": year})
    draft = postings.year_end_tax(
        on=entry_date,
        year=year,
        label=description,
        output_tax=balance_of("output_tax", on=entry_date),
        input_tax=balance_of("input_tax", on=entry_date),
        payable=payable,
    )
    return post_entries(drafts=[draft], at=at, by=by)[0]
