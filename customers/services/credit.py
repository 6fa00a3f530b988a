"""The exposure ledger per credit group. Check and reserve happen under the group's row lock, or two orders pass the same limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection

from customers.models import CreditGroup, ExposureEntry
from customers.selectors import CreditStanding, standing_of
from erp.core import rows
from erp.core.actors import Actor
from erp.core.use_case import use_case


@dataclass(frozen=True, slots=True)
class ExposureDelta:
    """``amount`` in the group's currency; positive raises the exposure. ``kind`` is one of ``ExposureEntry.Kind``."""

    credit_group_id: int
    kind: str
    amount: Decimal
    document_type: str
    document_id: int


def lock_credit(*, credit_group_ids: Iterable[int], on: date) -> dict[int, CreditStanding]:
    """Lock credit groups until the end of the transaction and say where each stands on a date. Unknown ids are missing."""
    return {pk: standing_of(group, on=on) for pk, group in _lock_groups(credit_group_ids).items()}


_ADD = """
UPDATE customers_creditgroup AS credit SET exposure = credit.exposure + delta.amount, version = credit.version + 1
FROM unnest(%s::bigint[], %s::numeric[]) AS delta (id, amount) WHERE credit.id = delta.id
"""


@use_case
def add_exposure(*, deltas: Sequence[ExposureDelta], at: datetime, by: Actor) -> None:
    """Append to the exposure ledger and move each group's running exposure with it. Constant number of statements.

    Not repeatable: the caller's document says whether its part was added before.
    """
    moving = [delta for delta in deltas if delta.amount]
    if not moving:
        return
    unknown_kinds = {delta.kind for delta in moving} - set(ExposureEntry.Kind.values)
    assert not unknown_kinds, f"no kind of exposure: {unknown_kinds}"
    groups = _lock_groups(delta.credit_group_id for delta in moving)
    totals: dict[int, Decimal] = dict.fromkeys(groups, Decimal(0))
    entries = []
    for delta in moving:
        group = groups[delta.credit_group_id]
        totals[group.pk] += delta.amount
        entries.append(
            (group.pk, delta.kind, delta.amount, group.currency, delta.document_type, delta.document_id, at, str(by))
        )
    columns = ["credit_group_id", "kind", "amount", "currency", "document_type", "document_id", "recorded_at", "actor"]
    rows.insert(ExposureEntry, columns, entries)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [list(totals), list(totals.values())])


def _lock_groups(ids: Iterable[int]) -> dict[int, CreditGroup]:
    wanted = CreditGroup.objects.filter(pk__in=set(ids)).order_by("pk")
    return {group.pk: group for group in wanted.select_for_update(of=("self",), no_key=True)}
