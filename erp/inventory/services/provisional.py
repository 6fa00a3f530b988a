"""Pieces that a physical fact took beyond the books, and what explains them later. Internal to ``services``.

Nothing is locked for them: whoever reads or writes one holds its balance.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from django.db.models import F

from erp.core import rows
from erp.core.clock import begin_of
from erp.core.money import round_fraction, share_of_next
from erp.inventory import postings
from erp.inventory.models import ProvisionalReceipt, Reason
from erp.inventory.postings import Sums
from erp.inventory.services.balances import BalanceKey
from erp.inventory.services.movements import Booking

PROVISIONAL = "PROVISIONAL"
_COLUMNS = ("settled_quantity", "settled_value")


def reason() -> Reason:
    return Reason.objects.get(code=PROVISIONAL)


def open_provisionals(keys: Collection[BalanceKey], *, since: dt.date | None = None) -> list[ProvisionalReceipt]:
    """What is not explained yet on balances that are locked, oldest first. ``since``: of what left on that day or later."""
    skus, locations = {sku for sku, _loc in keys}, {loc for _sku, loc in keys}
    found = ProvisionalReceipt.objects.filter(
        sku_id__in=skus, location_id__in=locations, settled_quantity__lt=F("quantity")
    ).order_by("id")
    if since is not None:
        found = found.filter(occurred_at__gte=begin_of(since))
    return [row for row in found if (row.sku_id, row.location_id) in keys]


def settle_with_receipt(
    received: Mapping[BalanceKey, Sequence[Decimal]],
    booking: Booking,
    sums: Sums,
    *,
    document_id: int,
    since: dt.date | None = None,
) -> None:
    """The goods that had left before their receipt was booked leave the receipt again, at what they really cost.

    ``received`` says pieces and cost per balance. What the provisional value missed goes to cost of sales, where the goods went.
    """
    pending = open_provisionals(received, since=since)
    if not pending:
        return
    why = reason()
    left = {key: int(pieces) for key, (pieces, _cost) in received.items()}
    settled = []
    for row in pending:
        key = (row.sku_id, row.location_id)
        pieces = min(row.quantity - row.settled_quantity, left[key])
        if not pieces:
            continue
        left[key] -= pieces
        true_cost = booking.value_within(
            key, pieces, round_fraction(Fraction(received[key][1]) * pieces / int(received[key][0]))
        )
        assumed = _part(row, pieces)
        booking.move(
            key, -pieces, value=-true_cost, document_id=document_id, document_line=row.document_line, reason_id=why.pk
        )
        sums.credit(booking.account_role(key), true_cost)
        sums.debit(why.account_role, assumed)
        sums.debit(postings.COST_OF_SALES, true_cost - assumed)
        settled.append((row.pk, row.settled_quantity + pieces, row.settled_value + assumed))
    rows.update(ProvisionalReceipt, "id", _COLUMNS, settled)


def settle_by_count(counted: Mapping[BalanceKey, tuple[dt.datetime, int]]) -> None:
    """Somebody counted: the count is the truth, so no later receipt is to be lowered for these pieces.

    Of what came in provisionally after the count, it explains so many pieces as it found and the books of its moment lacked. That it was a
    count is remembered: a receipt of before it, told later, is what the count had explained.
    """
    left = {key: pieces for key, (_counted_at, pieces) in counted.items()}
    settled = []
    for row in open_provisionals(counted):
        key = (row.sku_id, row.location_id)
        pieces = row.quantity - row.settled_quantity
        if row.occurred_at > counted[key][0]:
            pieces = min(pieces, left[key])
            left[key] -= pieces
        if pieces:
            by_count = (row.counted_quantity + pieces, counted[key][0])
            settled.append((row.pk, row.settled_quantity + pieces, row.settled_value + _part(row, pieces), *by_count))
    rows.update(ProvisionalReceipt, "id", (*_COLUMNS, "counted_quantity", "counted_at"), settled)


def take_counted(row: ProvisionalReceipt, pieces: int) -> Decimal:
    """So many of the pieces that a count explained are those of a receipt. Returns what they were taken for; the caller writes the row."""
    others = row.settled_quantity - row.counted_quantity
    row.counted_quantity -= pieces
    return share_of_next(row.value, pieces, done=others, of=row.quantity)


def note(found: Sequence[tuple[BalanceKey, int, Decimal, int, int, dt.datetime]], *, channel_id: int | None) -> None:
    """Remember provisional receipts: (balance, pieces, value, document line, document, moment)."""
    rows.insert(
        ProvisionalReceipt,
        (
            "sku_id", "location_id", "quantity", "value", "document_line", "document_id", "occurred_at", "channel_id",
            "settled_quantity", "settled_value", "counted_quantity",
        ),
        [(*key, pieces, value, *line, channel_id, 0, Decimal(0), 0) for key, pieces, value, *line in found],
    )  # fmt: skip


def _part(row: ProvisionalReceipt, pieces: int) -> Decimal:
    """The value that ``pieces`` of a provisional receipt were taken for; the last ones take the rest."""
    if row.settled_quantity + pieces == row.quantity:
        return row.value - row.settled_value
    return round_fraction(Fraction(row.value) * pieces / row.quantity)
