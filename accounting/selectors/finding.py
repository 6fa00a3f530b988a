"""What the one search finds in the books."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma

from accounting.models import JournalEntry, Settlement
from erp.core.documents import label_of
from erp.core.finding import Findable, register


def register_findables() -> None:
    register(
        Findable(
            "accounting.journalentry",
            ("number__exact", "description"),
            name=lambda entry: entry.number, facts=_of_entry, rank=60,
        ),
        Findable(
            "accounting.settlement",
            ("external_id__folded", "party_label"),
            name=lambda settlement: settlement.external_id, facts=_of_settlement, rank=61,
        ),
    )  # fmt: skip


def _of_entry(entry: JournalEntry, viewer: Any) -> Iterable[object]:
    return (entry.entry_date, entry.get_kind_display(), label_of(entry.source_type), entry.description)


def _of_settlement(settlement: Settlement, viewer: Any) -> Iterable[object]:
    amount = f"¥{intcomma(f'{settlement.bank_amount:.0f}')}"
    return (settlement.get_kind_display(), settlement.party_label, settlement.settled_on, amount)
