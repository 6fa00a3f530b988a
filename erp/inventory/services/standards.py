"""Cost pools that are kept at standard (標準原価): what came at another cost is a variance, and a new standard revalues what is there.

Issues need nothing of this: the value is carried, so a share of what is carried at standard leaves at standard, and the last piece takes the rest.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting.services import hold_open_dates, post_entries
from erp.core.use_case import acting
from erp.inventory import postings
from erp.inventory.postings import Sums


@dataclass(frozen=True, slots=True)
class Variance:
    """By how much the value of a pool was raised (or lowered) to its standard, because of a document and on its day."""

    document_id: int
    on: dt.date
    account_role: str
    amount: Decimal


def post_variances(variances: Sequence[Variance], *, at: dt.datetime) -> None:
    """原価差異, one entry per document: on the day of the fact, or the first open one after it."""
    if not variances:
        return
    sums: dict[tuple[int, dt.date], Sums] = defaultdict(Sums)
    for one in variances:
        sums[one.document_id, one.on].debit(one.account_role, one.amount)
        sums[one.document_id, one.on].credit(postings.COST_VARIANCE, one.amount)
    opened = hold_open_dates(on for _document, on in sums)
    drafts = [
        draft
        for (document_id, on), of_document in sums.items()
        for draft in postings.entry(
            of_document.lines(),
            on=opened[on],
            description=_("Variance from standard cost"),
            source_type="STOCK",
            source_id=document_id,
        )
    ]
    post_entries(drafts=drafts, at=at, by=acting())
