"""棚卸差異: comparing what was seen with the books of that moment, and whose word lets the differences be posted.

The list is looked at anew whenever it is asked for, since a till may report late what it sold before the count. That is done in passes of
chunks, each a transaction: ``compared_to`` says up to which SKU a pass has come. What is counted again meanwhile is compared at its end: that are
the entries after ``compared_entry``. Level: document (the row).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Abs
from django.utils.translation import gettext as _

from catalog.selectors import cost_on
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotAllowedNow, Problem
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.inventory.models import Location, StockCount, StockCountEntry, StockCountLine
from erp.inventory.services import alone
from erp.inventory.services.stocktakes import SKUS_AT_ONCE, locked_count, move_on, refuse_unless, start_count

State = StockCount.State

# Goods that were seen and are not on the list get a line of their own.
_FOUND = """
INSERT INTO inventory_stockcountline
    (count_id, sku_id, is_listed, shelf, frozen_on_hand, frozen_seq, entries, has_moved, is_superseded)
SELECT e.count_id, e.sku_id, false, '', 0, 0, 0, false, false
FROM (SELECT DISTINCT count_id, sku_id FROM inventory_stockcountentry WHERE count_id = %(count)s AND sku_id = ANY(%(skus)s)) e
WHERE NOT EXISTS (SELECT FROM inventory_stockcountline l WHERE l.count_id = e.count_id AND l.sku_id = e.sku_id)
ORDER BY e.sku_id
"""

# The next SKUs of a pass: on the list, or found.
_NEXT = """
SELECT sku_id FROM (
    (SELECT sku_id FROM inventory_stockcountline WHERE count_id = %(count)s AND sku_id > %(last)s ORDER BY sku_id LIMIT %(limit)s)
    UNION
    (SELECT DISTINCT sku_id FROM inventory_stockcountentry WHERE count_id = %(count)s AND sku_id > %(last)s ORDER BY sku_id LIMIT %(limit)s)
) n ORDER BY sku_id LIMIT %(limit)s
"""

# Book at a moment: what is there now less what moved since. What nobody saw and is taken for gone was not there when counting ended,
# but for what came after the list was frozen. A count of the same SKU at a later moment, posted meanwhile, knows better.
_COMPARE = """
WITH entry AS (
    SELECT id, sku_id, kind, quantity, counted_at FROM inventory_stockcountentry
    WHERE count_id = %(count)s AND sku_id = ANY(%(skus)s)
), anew AS (
    SELECT DISTINCT ON (sku_id) sku_id, counted_at, id FROM entry WHERE kind = 'RECOUNT' ORDER BY sku_id, counted_at DESC, id DESC
), seen AS (
    SELECT entry.sku_id, greatest(sum(entry.quantity), 0)::int AS counted, count(*)::int AS entries,
           min(entry.counted_at) AS first_at, max(entry.counted_at) AS last_at
    FROM entry LEFT JOIN anew USING (sku_id)
    WHERE anew.id IS NULL OR (entry.counted_at, entry.id) >= (anew.counted_at, anew.id)
    GROUP BY entry.sku_id
), moment AS (
    SELECT l.id, l.sku_id, seen.counted, coalesce(seen.entries, 0) AS entries, seen.first_at,
           CASE WHEN seen.sku_id IS NOT NULL THEN seen.last_at WHEN %(zero)s THEN %(closed)s::timestamptz END AS counted_at
    FROM inventory_stockcountline l LEFT JOIN seen USING (sku_id)
    WHERE l.count_id = %(count)s AND l.sku_id = ANY(%(skus)s) AND l.posted_at IS NULL
), against AS (
    SELECT m.*,
        CASE WHEN m.counted_at IS NOT NULL THEN
            coalesce((SELECT b.on_hand FROM inventory_stockbalance b
                      WHERE b.sku_id = m.sku_id AND b.location_id = %(location)s), 0)
            - coalesce((SELECT sum(x.quantity) FROM inventory_stockmovement x
                        WHERE x.sku_id = m.sku_id AND x.location_id = %(location)s AND x.occurred_at > m.counted_at), 0)
        END::int AS book,
        CASE WHEN m.counted IS NULL AND m.counted_at IS NOT NULL THEN
            coalesce((SELECT sum(x.quantity) FROM inventory_stockmovement x
                      WHERE x.sku_id = m.sku_id AND x.location_id = %(location)s AND x.quantity > 0
                        AND x.occurred_at > %(frozen)s AND x.occurred_at <= m.counted_at), 0)
        END::int AS came,
        m.first_at < m.counted_at AND EXISTS (
            SELECT FROM inventory_stockmovement x WHERE x.sku_id = m.sku_id AND x.location_id = %(location)s
            AND x.occurred_at > m.first_at AND x.occurred_at <= m.counted_at) AS has_moved,
        CASE WHEN m.counted_at IS NOT NULL THEN {provisionally} END AS provisionally,
        m.counted_at IS NOT NULL AND {superseded} AS is_superseded
    FROM moment m
), looked AS (
    SELECT against.*, CASE WHEN against.counted_at IS NOT NULL THEN
        coalesce(against.counted, greatest(least(against.book, against.came), 0)) END AS seen_pieces
    FROM against
), compared AS (
    SELECT id, sku_id, entries, counted_at, has_moved, is_superseded, seen_pieces,
           book + least(greatest(seen_pieces - book, 0), provisionally) AS book
    FROM looked
), valued AS (
    SELECT c.*, CASE WHEN c.is_superseded THEN 0 ELSE c.seen_pieces - c.book END AS difference FROM compared c
)
UPDATE inventory_stockcountline l
SET entries = v.entries, counted = v.seen_pieces, counted_at = v.counted_at, book = v.book, difference = v.difference,
    has_moved = coalesce(v.has_moved, false), is_superseded = v.is_superseded,
    value = CASE
        WHEN v.difference = 0 THEN 0
        WHEN cost.quantity > 0 THEN round(v.difference * cost.value / cost.quantity)
        WHEN v.difference IS NOT NULL THEN coalesce(round(v.difference * coalesce(known.cost, (
            SELECT x.value / x.quantity FROM inventory_stockmovement x
            WHERE x.sku_id = v.sku_id AND x.quantity > 0 AND x.value > 0 ORDER BY x.id DESC LIMIT 1))), 0)
    END
FROM valued v
LEFT JOIN unnest(%(cost_skus)s::bigint[], %(costs)s::numeric[]) AS known (sku_id, cost) ON known.sku_id = v.sku_id
LEFT JOIN inventory_costbalance cost ON cost.sku_id = v.sku_id AND cost.cost_pool_id = %(pool)s
WHERE l.id = v.id
"""

# ``m`` is a row with a SKU and the moment at which it was counted. What left beyond the books afterwards lay there when it was counted: it came in
# provisionally, and is not found once more.
PROVISIONALLY = """greatest(coalesce((
            SELECT sum(x.quantity) FROM inventory_stockmovement x JOIN inventory_reason why ON why.id = x.reason_id
            WHERE x.sku_id = m.sku_id AND x.location_id = %(location)s AND x.occurred_at > m.counted_at AND why.code = 'PROVISIONAL'), 0), 0)::int"""

# A later count that was booked knows better, also where it found no difference.
SUPERSEDED = """EXISTS (
            SELECT FROM inventory_countrecord later
            WHERE later.sku_id = m.sku_id AND later.location_id = %(location)s AND later.counted_at > m.counted_at)"""


def close_count(*, count_id: int, uncounted: str, at: dt.datetime, by: Actor) -> None:
    """End counting and compare. ``uncounted`` says what becomes of SKUs of the list that nobody counted: LEAVE them, or ZERO: they are gone.

    Raises:
        InvalidInput: nothing was said about them, or nothing was counted.
        NotFound, NotAllowedNow.
    """
    _end_counting(count_id=count_id, uncounted=uncounted, at=at, by=by)
    _compare_rest(count_id=count_id, at=at, by=by)


@use_case
def _end_counting(*, count_id: int, uncounted: str, at: dt.datetime, by: Actor) -> None:
    count = locked_count(count_id)
    refuse_unless(count, State.COUNTING)
    if uncounted not in StockCount.Uncounted.values:
        raise InvalidInput([Problem("/uncounted", "required", _("Say what becomes of SKUs that nobody counted."))])
    if not StockCountEntry.objects.filter(count=count).exists():
        raise InvalidInput([Problem("", "empty", _("Nothing was counted."))])
    move_on(count, State.REVIEW, uncounted=uncounted, closed_at=at, closed_by=str(by))
    _begin(count)


def compare_count(*, count_id: int, at: dt.datetime, by: Actor) -> None:
    """Compare again: after recounts, or when tills have reported late. A pass that was broken off goes on. Changes nothing outside of REVIEW.

    Raises NotFound.
    """
    _begin_pass(count_id=count_id, at=at, by=by)
    _compare_rest(count_id=count_id, at=at, by=by)


@use_case
def _begin_pass(*, count_id: int, at: dt.datetime, by: Actor) -> None:
    count = locked_count(count_id)
    if count.state == State.REVIEW and count.compared_to is None:
        _begin(count)


@use_case
def compare_chunk(*, count_id: int, limit: int = SKUS_AT_ONCE, at: dt.datetime, by: Actor) -> bool:
    """Compare the next SKUs of a pass that was begun. Returns whether some are left. Raises NotFound."""
    count = locked_count(count_id)
    if count.state != State.REVIEW or count.compared_to is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"count": count.pk, "last": count.compared_to, "limit": limit})
        sku_ids = [sku_id for (sku_id,) in cursor.fetchall()]
    _compare(count, sku_ids)
    if len(sku_ids) == limit:
        StockCount.objects.filter(pk=count.pk).update(compared_to=sku_ids[-1])
        return True
    _compare_late(count)
    StockCount.objects.filter(pk=count.pk).update(compared_to=None)
    return False


def _compare_rest(*, count_id: int, at: dt.datetime, by: Actor) -> None:
    while compare_chunk(count_id=count_id, at=at, by=by):
        pass


def go_on_with_counts(*, at: dt.datetime, by: Actor) -> None:
    """Freeze and compare to its end what was broken off, as by a stop of the server."""
    found = StockCount.objects.order_by("pk").values_list("pk", flat=True)
    for count_id in found.filter(state=State.PREPARING, frozen_at__isnull=False):
        start_count(count_id=count_id, at=at, by=by)
    for count_id in found.filter(state=State.REVIEW, compared_to__isnull=False):
        _compare_rest(count_id=count_id, at=at, by=by)


@use_case
def reopen_count(*, count_id: int, at: dt.datetime, by: Actor) -> None:
    """Back to counting, the list and all entries as they are. Raises NotFound, NotAllowedNow."""
    count = locked_count(count_id)
    refuse_unless(count, State.REVIEW)
    move_on(count, State.COUNTING, uncounted="", closed_at=None, closed_by="", compared_to=None)


def request_posting(*, count_id: int, at: dt.datetime, by: Actor) -> bool:
    """Compare once more and ask for the differences to be posted. Returns whether somebody else has to approve them: they exceed a limit of
    the location, in yen or in pieces, more and less added up without their signs, with what this person has booked there alone on the day.

    Nothing is asked for unless all of it was compared; broken off before, it stays REVIEW. Raises NotFound, NotAllowedNow.
    """
    compare_count(count_id=count_id, at=at, by=by)
    while (needed := _ask_for_posting(count_id=count_id, at=at, by=by)) is None:
        _compare_rest(count_id=count_id, at=at, by=by)
    return needed


@use_case
def _ask_for_posting(*, count_id: int, at: dt.datetime, by: Actor) -> bool | None:
    """None: somebody has begun to compare again meanwhile."""
    count = locked_count(count_id)
    refuse_unless(count, State.REVIEW)
    if count.compared_to is not None:
        return None
    _compare_late(count)
    sums = StockCountLine.objects.filter(count=count, difference__isnull=False).aggregate(
        pieces=Sum(Abs("difference")), value=Sum(Abs("value"))
    )
    pieces, value = sums["pieces"] or 0, sums["value"] or ZERO
    alone.queue(count.location_id, by=by)
    booked_pieces, booked_value = alone.booked_alone(location_id=count.location_id, at=at, by=by)
    place = Location.objects.get(pk=count.location_id)
    needed = alone.exceeds_limit(place, booked_pieces + pieces, booked_value + value)
    move_on(
        count,
        State.APPROVAL if needed else State.POSTING,
        difference_pieces=pieces,
        difference_value=value,
        needs_approval=needed,
        requested_by=str(by),
    )
    return needed


@use_case
def approve_count(*, count_id: int, at: dt.datetime, by: Actor) -> None:
    """Let the differences be posted. Never by whoever started, counted, ended or asked for it: two people answer for what is missing.

    Calling again changes nothing. Raises NotFound, NotAllowedNow.
    """
    count = locked_count(count_id)
    if count.state in (State.POSTING, State.POSTED) and count.approved_by == str(by):
        return
    refuse_unless(count, State.APPROVAL)
    involved = {count.started_by, count.closed_by, count.requested_by}
    if str(by) in involved or StockCountEntry.objects.filter(count=count, actor=str(by)).exists():
        raise NotAllowedNow(_("You have counted, started or ended this stocktake. Somebody else has to approve it."))
    move_on(count, State.POSTING, approved_by=str(by), approved_at=at)


@use_case
def send_count_back(*, count_id: int, at: dt.datetime, by: Actor) -> None:
    """Do not approve: the differences are to be looked at again. Raises NotFound, NotAllowedNow."""
    count = locked_count(count_id)
    refuse_unless(count, State.APPROVAL)
    move_on(count, State.REVIEW, requested_by="")


def _begin(count: StockCount) -> None:
    """Nobody enters anything while the row is locked, so every entry that comes has a higher number than the last one now."""
    last = StockCountEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    StockCount.objects.filter(pk=count.pk).update(compared_to=0, compared_entry=last)
    count.compared_to, count.compared_entry = 0, last


def _compare_late(count: StockCount) -> None:
    """What was counted again since the pass began, and may lie behind it."""
    late = StockCountEntry.objects.filter(count=count, pk__gt=count.compared_entry)
    if sku_ids := list(late.order_by().values_list("sku_id", flat=True).distinct()):
        _compare(count, sku_ids)


def _compare(count: StockCount, sku_ids: Sequence[int]) -> None:
    assert count.closed_at is not None, "what is compared is counted no more"
    # What pieces are taken for of which none are there (``Fact.bring``): a limit is held against the same value.
    costs = cost_on(sku_ids, business_date(count.closed_at))
    asked: dict[str, Any] = {
        "count": count.pk,
        "location": count.location_id,
        "pool": Location.objects.values_list("cost_pool_id", flat=True).get(pk=count.location_id),
        "zero": count.uncounted == StockCount.Uncounted.ZERO,
        "closed": count.closed_at,
        "frozen": count.frozen_at,
        "skus": list(sku_ids),
        "cost_skus": list(costs),
        "costs": list(costs.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, asked)
        cursor.execute(_COMPARE.format(superseded=SUPERSEDED, provisionally=PROVISIONALLY), asked)
