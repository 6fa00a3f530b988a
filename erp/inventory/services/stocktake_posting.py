"""棚卸の記帳: the differences of a stocktake become movements, some hundred SKUs per transaction, and go on where they were broken off.

Takes these levels of the house's lock order: document (the stocktake's row), balances by primary key, hold lines, cost rows by SKU.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.use_case import use_case
from erp.inventory.models import Reason, StockCount, StockCountLine, StockDocument
from erp.inventory.services import documents
from erp.inventory.services.facts import FOUND, Fact, Touched
from erp.inventory.services.physical import LOSS, Seen, keep_on_record, moved_since, settle
from erp.inventory.services.stocktake_review import go_on_with_counts
from erp.inventory.services.stocktakes import locked_count, move_on, refuse_unless

STOCK_COUNT = "STOCK_COUNT"
# A transaction ends within seconds, however large the place.
CHUNK = 500
State = StockCount.State


@use_case
def post_count_chunk(*, count_id: int, limit: int = CHUNK, at: dt.datetime, by: Actor) -> int:
    """Post the next SKUs of a stocktake as one document, and one entry of the books. Returns how many are left; none: it is posted.

    A difference is what was seen less what the books say of the moment of the count, asked again under the lock, and is added to what is
    there now: what moved since still applies. Nothing is refused. Missing pieces that others claimed are taken from the claim that matters
    least, pieces beyond the books come in provisionally first. Repeatable: what is posted is not posted again.

    Raises NotFound; NotAllowedNow: it is not to be posted.
    """
    count = locked_count(count_id)
    if count.state == State.POSTED:
        return 0
    refuse_unless(count, State.POSTING)
    waiting = StockCountLine.objects.filter(count=count, posted_at__isnull=True, counted__isnull=False)
    lines = list(waiting.order_by("id")[:limit])
    if not lines:
        move_on(count, State.POSTED, posted_at=at)
        return 0
    _post(count, lines, at=at, by=by)
    left = waiting.count()
    values = {"chunks": count.chunks + 1}
    move_on(count, State.POSTING if left else State.POSTED, **(values if left else values | {"posted_at": at}))
    return left


def post_counts(*, at: dt.datetime, by: Actor) -> int:
    """Whatever stocktake was broken off: its list, its comparison, or, once let through, its posting. Returns how many documents that made."""
    go_on_with_counts(at=at, by=by)
    made = 0
    for count_id in StockCount.objects.filter(state=State.POSTING).order_by("pk").values_list("pk", flat=True):
        while post_count_chunk(count_id=count_id, at=at, by=by):
            made += 1
        made += 1
    return made


def _post(count: StockCount, lines: Sequence[StockCountLine], *, at: dt.datetime, by: Actor) -> None:
    moments = {line.sku_id: line.counted_at for line in lines if line.counted_at is not None}
    # As of the first of them: by the day of a document what it moved in a closed month is found.
    first = min(moments.values())
    document_id = documents.new_document(
        kind=StockDocument.Kind.ADJUSTMENT,
        source_type=STOCK_COUNT,
        source_id=count.pk,
        external_id=f"{count.external_id}#{count.chunks + 1}",
        content=[count.pk, [(line.sku_id, line.counted, line.counted_at) for line in lines]],
        note=_("Stocktake %(number)s") % {"number": count.external_id},
        occurred_at=first,
        at=at,
        by=by,
    )
    reasons = {reason.code: reason for reason in Reason.objects.filter(code__in=[LOSS, FOUND])}
    fact = Fact(count.location_id, None, at=at, by=by)
    booking = fact.lock(moments, occurred_at=first)
    since = moved_since(count.location_id, moments)
    differences, seen = {}, []
    for line in lines:
        on_hand = booking.on_hand((line.sku_id, count.location_id))
        one = Seen.against(since[line.sku_id], on_hand, line.sku_id, line.counted or 0, moments[line.sku_id])
        seen.append(one)
        differences[line.sku_id] = one.difference

    touched = {
        line.sku_id: Touched(document_id, line.pk, line.sku_id, abs(differences[line.sku_id]), moments[line.sku_id])
        for line in lines
    }
    missing = [touched[sku_id] for sku_id, pieces in differences.items() if pieces < 0]
    fact.make_room(booking, missing)
    for gone in missing:
        fact.take(booking, gone, reasons[LOSS])
    fact.bring(booking, [touched[sku_id] for sku_id, pieces in differences.items() if pieces > 0], reasons[FOUND])
    settle(seen, location_id=count.location_id)
    booking.write()
    fact.file()
    keep_on_record(seen, document_id=document_id, location_id=count.location_id, at=at, by=by)
    rows.update(
        StockCountLine,
        "id",
        ("posted_difference", "document_id", "posted_at"),
        [(line.pk, differences[line.sku_id], document_id, at) for line in lines],
    )
