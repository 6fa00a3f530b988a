"""Who stands behind a posting, by name."""

from __future__ import annotations

from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounting.models import PartyKind, Posting

# What a settlement posts beside its items (仮受金, fees) names its party and no item. The newest item that was posted for the same one tells the
# name; nobody is party 0, as which customers without a record are booked.
_NEWEST = (
    Posting.objects.filter(
        party_kind=OuterRef("party_kind"), party_id=OuterRef("party_id"), party_id__gt=0, open_item__isnull=False
    )
    .order_by("-entry_date", "-pk")
    .values("open_item__party_label")[:1]
)


def with_parties(postings: QuerySet[Posting]) -> QuerySet[Any]:
    """Each with ``party_label``: the name on its item or on the newest one of its party; for all rows in their one statement."""
    named: QuerySet[Any] = postings.annotate(
        party_label=Coalesce(F("open_item__party_label"), Subquery(_NEWEST), Value(""))
    )
    return named


def party_of(posting: Any) -> str:
    """The name of the party of a row of ``with_parties``; its kind and number where no item ever named it; nothing where there is no party."""
    if posting.party_label or posting.party_id is None:
        return str(posting.party_label)
    return f"{PartyKind(posting.party_kind).label} {posting.party_id}"
