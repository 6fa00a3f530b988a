"""棚卸: opening a stocktake, freezing its list, and taking in what is seen. What becomes of the differences: ``stocktake_review``.

The stocktake's own row is its document level of the house's lock order: whoever moves it on locks it, whoever counts shares it, so that counters
never wait for each other and nobody counts into a list that was closed meanwhile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from erp.core import locks, rows
from erp.core.actors import Actor
from erp.core.errors import Conflict, InvalidInput, NotAllowedNow, NotFound, Problem
from erp.core.use_case import use_case
from erp.inventory.models import Location, StockCount, StockCountEntry, StockCountLine
from erp.inventory.selectors.stocktakes import sheet_totals
from erp.inventory.services.figures import faults_of_pieces, kits_among

State, Scope = StockCount.State, StockCount.Scope
# A reader's device may lag behind, a clock may run ahead by so much.
TOLERANCE = dt.timedelta(minutes=5)
MOST_SAMPLED = 10_000
# So many SKUs are frozen or compared per transaction, which ends within a second, however large the place.
SKUS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class CountScope:
    """What is on the list: everything that lies there, all SKUs of some styles, shelves from one to another, so many SKUs drawn by lot, or
    just these SKUs."""

    kind: str = Scope.WHOLE.value
    product_ids: tuple[int, ...] = ()
    first_shelf: str = ""
    last_shelf: str = ""
    sample: int = 0
    sku_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CountEntry:
    """What was seen. ``key`` is the counter's own and makes sending it again harmless; ``is_recount`` starts the SKU anew."""

    key: str
    sku_id: int
    quantity: int
    counted_at: dt.datetime
    way: str = StockCountEntry.Way.SCAN.value
    is_recount: bool = False


@use_case
def open_count(
    *, external_id: str, location_id: int, scope: CountScope, note: str = "", at: dt.datetime, by: Actor
) -> int:
    """Prepare a stocktake of a location under its number. Nothing is frozen yet. Repeatable by ``external_id``.

    Raises:
        InvalidInput: a scope without its details.
        NotFound: no such location.
        Conflict: the number belongs to a stocktake of another place or list.
    """
    problems = _faults_of_scope(external_id, scope)
    if problems:
        raise InvalidInput(problems)
    locks.hold(f"stocktake:{external_id}")
    asked = _asked(scope)
    known = StockCount.objects.filter(external_id=external_id).first()
    if known is not None:
        if (known.location_id, known.scope, known.asked) != (location_id, scope.kind, asked):
            raise Conflict(_("%(id)s is a stocktake of another list.") % {"id": external_id})
        return known.pk
    if not Location.objects.filter(pk=location_id, is_active=True).exists():
        raise NotFound(_("There is no location “%(code)s”.") % {"code": location_id})
    return StockCount.objects.create(
        external_id=external_id,
        location_id=location_id,
        scope=scope.kind,
        asked=asked,
        note=note[:200],
        created_at=at,
        opened_by=str(by),
    ).pk


def _faults_of_scope(external_id: str, scope: CountScope) -> list[Problem]:
    problems = []
    if not external_id.strip() or len(external_id) > 60:
        problems.append(Problem("/external_id", "required", _("A stocktake needs a number of its own.")))
    if scope.kind not in Scope.values:
        problems.append(Problem("/scope", "invalid", _("Say what is to be counted.")))
    if scope.kind == Scope.PRODUCTS and not scope.product_ids:
        problems.append(Problem("/products", "required", _("Name the styles that are to be counted.")))
    if scope.kind == Scope.SHELVES and not (scope.first_shelf and scope.last_shelf):
        problems.append(Problem("/shelves", "required", _("Name the first and the last shelf.")))
    if scope.kind == Scope.SAMPLE and not 0 < scope.sample <= MOST_SAMPLED:
        told = _("A sample has from 1 to %(most)d SKUs.") % {"most": MOST_SAMPLED}
        problems.append(Problem("/sample", "invalid", told))
    if scope.kind == Scope.SKUS and not scope.sku_ids:
        problems.append(Problem("/skus", "required", _("Name the SKUs that are to be counted.")))
    return problems


def _asked(scope: CountScope) -> dict[str, Any]:
    if scope.kind == Scope.PRODUCTS:
        return {"products": sorted(set(scope.product_ids))}
    if scope.kind == Scope.SHELVES:
        return {"first": scope.first_shelf, "last": scope.last_shelf}
    if scope.kind == Scope.SKUS:
        return {"skus": sorted(set(scope.sku_ids))}
    return {"sample": scope.sample} if scope.kind == Scope.SAMPLE else {}


# One snapshot per chunk: figure and number of each balance are of the same moment, however many are sold meanwhile. Chunks need not be of one
# moment: what differs is asked of the ledger, SKU by SKU, as of the moment of its own count.
_FREEZE = """
INSERT INTO inventory_stockcountline
    (count_id, sku_id, is_listed, shelf, frozen_on_hand, frozen_seq, entries, has_moved, is_superseded)
SELECT %(count)s, listed.sku_id, true, coalesce(shelf.code, ''), coalesce(b.on_hand, 0), coalesce(b.balance_seq, 0), 0, false, false
FROM (SELECT sku_id FROM ({listed}) asked ORDER BY sku_id LIMIT %(limit)s) listed
LEFT JOIN inventory_stockbalance b ON b.sku_id = listed.sku_id AND b.location_id = %(location)s
LEFT JOIN inventory_shelf shelf ON shelf.sku_id = listed.sku_id AND shelf.location_id = %(location)s
ORDER BY coalesce(shelf.code, '~'), listed.sku_id
"""
_LYING = (
    "SELECT sku_id FROM inventory_stockbalance WHERE location_id = %(location)s AND on_hand > 0 AND sku_id > %(last)s"
)
_LISTED = {
    Scope.WHOLE.value: _LYING,
    Scope.PRODUCTS.value: """SELECT sku.id AS sku_id FROM catalog_sku sku WHERE sku.product_id = ANY(%(products)s) AND sku.id > %(last)s
        AND NOT sku.is_kit AND (sku.is_active OR EXISTS (SELECT FROM inventory_stockbalance b
             WHERE b.sku_id = sku.id AND b.location_id = %(location)s AND b.on_hand > 0))""",
    Scope.SHELVES.value: """SELECT sku_id FROM inventory_shelf WHERE location_id = %(location)s AND sku_id > %(last)s
        AND upper(code) BETWEEN upper(%(first)s) AND upper(%(until)s)
        AND NOT EXISTS (SELECT FROM catalog_sku kit WHERE kit.id = sku_id AND kit.is_kit)""",
    Scope.SKUS.value: "SELECT id AS sku_id FROM catalog_sku WHERE id = ANY(%(skus)s) AND id > %(last)s AND NOT is_kit",
    Scope.SAMPLE.value: f"{_LYING} ORDER BY random() LIMIT %(sample)s",
}


def start_count(*, count_id: int, at: dt.datetime, by: Actor) -> int:
    """Freeze the list with what the books say now, and let it be counted. Returns how many SKUs are on it; a started one stays as it is.

    In chunks (``freeze_chunk``): what was broken off goes on when this is called again, and it is counted when all of it is there.

    Raises:
        NotFound; NotAllowedNow: it was cancelled, or there is nothing to count.
    """
    while freeze_chunk(count_id=count_id, at=at, by=by):
        pass
    return StockCountLine.objects.filter(count=count_id).count()


@use_case
def freeze_chunk(*, count_id: int, limit: int = SKUS_AT_ONCE, at: dt.datetime, by: Actor) -> bool:
    """Freeze the next SKUs of the list, by their id. Returns whether some are left; none: it is being counted. Repeatable.

    ``frozen_at`` is when the first chunk was frozen: what comes in while others follow counts as come since.

    Raises:
        NotFound; NotAllowedNow: it was cancelled, or there is nothing to count.
    """
    count = locked_count(count_id)
    if count.state == State.COUNTING:
        return False
    refuse_unless(count, State.PREPARING)
    last = count.lines.order_by("-sku_id").values_list("sku_id", flat=True).first() or 0
    if count.scope == Scope.SAMPLE:
        # Drawn once.
        limit = MOST_SAMPLED + 1
    until = count.asked.get("last")
    asked = {
        **count.asked,
        "count": count.pk,
        "location": count.location_id,
        "until": until,
        "last": last,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FREEZE.format(listed=_LISTED[count.scope]), asked)
        frozen = int(cursor.rowcount)
    if not frozen and not last:
        raise NotAllowedNow(_("Nothing lies there that could be counted."))
    first = {} if count.frozen_at else {"frozen_at": at, "started_by": str(by)}
    move_on(count, State.PREPARING if frozen == limit else State.COUNTING, **first)
    return frozen == limit


@use_case
def enter_counts(*, count_id: int, sheet: str, entries: Sequence[CountEntry], at: dt.datetime, by: Actor) -> int:
    """Take in what was seen. Pieces of a SKU add up over sheets; a recount starts it anew. Returns how many entries were new: the same keys
    again change nothing. SKUs that are not on the list are goods that were found.

    While differences are looked at only recounts are taken.

    Raises:
        NotFound; NotAllowedNow: it is not being counted.
        InvalidInput: names every entry of impossible pieces or moments.
    """
    state, frozen_at = _shared_count(count_id)
    if state not in (State.COUNTING, State.REVIEW):
        raise NotAllowedNow(_("This stocktake is not being counted."))
    problems, kits = _faults_of_sheet(sheet), kits_among(entry.sku_id for entry in entries)
    for index, entry in enumerate(entries):
        problems += _faults_of_entry(index, entry, frozen_at, kits, only_recounts=state == State.REVIEW, at=at)
    if problems:
        raise InvalidInput(problems)
    wanted = {entry.key: entry for entry in entries}
    known = _known_keys(count_id, wanted)
    new = [entry for key, entry in wanted.items() if key not in known]
    _insert(count_id, sheet, new, at=at, by=by)
    return len(new)


@use_case
def take_in_counts(
    *, count_id: int, sheet: str, entries: Sequence[CountEntry], at: dt.datetime, by: Actor
) -> dict[str, str]:
    """Take in of a device's entries those that can be taken, each by itself. Returns the others: key → why not. Whoever counted keeps them.

    An entry that was taken before is taken, whatever became of the stocktake meanwhile: its answer may have been lost on the way. A sheet has
    never fewer than no pieces of a SKU.

    Raises:
        NotFound; InvalidInput: no sheet.
    """
    state, frozen_at = _shared_count(count_id)
    if problems := _faults_of_sheet(sheet):
        raise InvalidInput(problems)
    known = _known_keys(count_id, [entry.key for entry in entries])
    left = sheet_totals(count_id, sheet.strip(), [entry.sku_id for entry in entries])
    kits = kits_among(entry.sku_id for entry in entries)
    refused: dict[str, str] = {}
    new: dict[str, CountEntry] = {}
    for index, entry in enumerate(entries):
        if entry.key in known or entry.key in new:
            continue
        if state not in (State.COUNTING, State.REVIEW):
            told = _(
                "Counting is closed. Ask whoever leads the stocktake to go back to counting, then send this again."
            )
            refused[entry.key] = told
            continue
        problems = _faults_of_entry(index, entry, frozen_at, kits, only_recounts=state == State.REVIEW, at=at)
        total = entry.quantity if entry.is_recount else left.get(entry.sku_id, 0) + entry.quantity
        if not problems and entry.quantity < 0 and total < 0:
            problems = [Problem(f"/entries/{index}", "invalid", _("The sheet has not so many pieces to take away."))]
        if problems:
            refused[entry.key] = " ".join(dict.fromkeys(problem.detail for problem in problems))
            continue
        left[entry.sku_id] = total
        new[entry.key] = entry
    _insert(count_id, sheet, list(new.values()), at=at, by=by)
    return refused


def _known_keys(count_id: int, keys: Iterable[str]) -> set[str]:
    found = StockCountEntry.objects.filter(count=count_id, key__in=list(keys))
    return set(found.values_list("key", flat=True))


def _insert(count_id: int, sheet: str, new: Sequence[CountEntry], *, at: dt.datetime, by: Actor) -> None:
    kinds = StockCountEntry.Kind
    rows.insert(
        StockCountEntry,
        ("count_id", "sku_id", "sheet", "kind", "way", "quantity", "counted_at", "recorded_at", "actor", "key"),
        [
            (
                count_id, entry.sku_id, sheet.strip(), (kinds.RECOUNT if entry.is_recount else kinds.ADD).value, entry.way,
                entry.quantity, min(entry.counted_at, at), at, str(by), entry.key,
            )
            for entry in new
        ],
    )  # fmt: skip


def _faults_of_sheet(sheet: str) -> list[Problem]:
    if sheet.strip() and len(sheet) <= 40:
        return []
    return [Problem("/sheet", "required", _("Say which sheet this is."))]


def _faults_of_entry(
    index: int,
    entry: CountEntry,
    frozen_at: dt.datetime,
    kits: Collection[int],
    *,
    only_recounts: bool,
    at: dt.datetime,
) -> list[Problem]:
    pointer = f"/entries/{index}"
    problems = faults_of_pieces(index, entry.quantity)
    if entry.sku_id in kits:
        problems.append(Problem(pointer, "kit", _("A kit is counted by what is in it.")))
    if not entry.key or len(entry.key) > 60:
        problems.append(Problem(pointer, "required", _("Every entry needs a key of its own.")))
    if entry.is_recount and entry.quantity < 0:
        problems.append(Problem(pointer, "invalid", _("A count is not negative.")))
    if not frozen_at - TOLERANCE <= entry.counted_at <= at + TOLERANCE:
        problems.append(Problem(pointer, "bad_time", _("It was counted before the list was frozen, or in the future.")))
    if only_recounts and not entry.is_recount:
        told = _("Counting has ended. Count this SKU again from nothing, or go back to counting.")
        problems.append(Problem(pointer, "only_recounts", told))
    return problems


@use_case
def cancel_count(*, count_id: int, at: dt.datetime, by: Actor) -> None:
    """Give a stocktake up before anything of it is posted. Its entries stay. Calling again changes nothing.

    Raises NotFound, NotAllowedNow.
    """
    count = locked_count(count_id)
    if count.state == State.CANCELLED:
        return
    refuse_unless(count, State.PREPARING, State.COUNTING, State.REVIEW, State.APPROVAL)
    move_on(count, State.CANCELLED, cancelled_at=at)


# A shared lock: counters let each other by, whoever closes the list waits for them and they for him.
_SHARE = "SELECT state, frozen_at FROM inventory_stockcount WHERE id = %s FOR SHARE"


def _shared_count(count_id: int) -> tuple[str, dt.datetime]:
    with connection.cursor() as cursor:
        cursor.execute(_SHARE, [count_id])
        row = cursor.fetchone()
    if row is None:
        raise NotFound(_("There is no such stocktake."))
    return row[0], row[1]


def locked_count(count_id: int) -> StockCount:
    """The stocktake, locked against everybody who counts or moves it on. Internal to ``services``."""
    count = StockCount.objects.select_for_update(no_key=True).filter(pk=count_id).first()
    if count is None:
        raise NotFound(_("There is no such stocktake."))
    return count


def refuse_unless(count: StockCount, *states: str) -> None:
    if count.state not in states:
        told = _("%(number)s: this cannot be done now (%(state)s).")
        raise NotAllowedNow(told % {"number": count.external_id, "state": count.get_state_display()})


def move_on(count: StockCount, state: str, **values: object) -> None:
    changed: Mapping[str, object] = {"state": state, **values}
    for name, value in changed.items():
        setattr(count, name, value)
    count.save(update_fields=list(changed))
