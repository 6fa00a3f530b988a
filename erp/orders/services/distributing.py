"""入荷配分(受注): what lies at a place reserved for the orders of accounts, in the shares that staff decide; and taken back.

Takes these levels of the house's lock order: document (the distribution's row, then orders by id), promises, balances by primary key. A large one
is confirmed and undone in chunks of orders, each a transaction of its own that knows what was done before: broken off, it goes on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, Sum
from django.utils.translation import gettext as _

from catalog.selectors import sku_codes
from customers.selectors import accounts_by_id
from erp.core import locks, rows, who
from erp.core.actors import Actor
from erp.core.clock import written_moment
from erp.core.errors import Conflict, InvalidInput, NotAllowedNow, NotFound, Problem
from erp.core.use_case import use_case
from erp.inventory.services import Part, Share, give_back, let_go_of_lines, lock_promises, reserve_at
from erp.orders import selectors
from erp.orders.models import (
    Order,
    OrderDistribution,
    OrderDistributionLine,
    OrderDistributionShare,
    OrderEvent,
    OrderWait,
)
from erp.orders.selectors import OpenWant, open_wants
from erp.orders.services import waiting
from erp.orders.services.allocation import close_shortages, lock_orders
from erp.orders.services.distribution_plans import Cells, dealt
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS, WAIT_COLUMNS

State = OrderDistribution.State
CHUNK = 100
# More columns nobody reads.
MOST_ACCOUNTS = 60
MOST_PIECES = 1_000_000


@dataclass(frozen=True, slots=True)
class DistributionOutcome:
    """Of confirming or undoing: pieces reserved, or given back, of how many were asked for, in how many orders. ``left`` names the orders that
    the warehouse picks, of which nothing was taken."""

    pieces: int
    asked: int
    orders: int
    is_replay: bool = False
    left: tuple[str, ...] = ()


@use_case
def draft_order_distribution(
    *,
    external_id: str,
    source_id: int,
    sku_ids: Sequence[int],
    account_ids: Sequence[int] = (),
    purchase: str = "",
    kept_back: Mapping[int, int] | None = None,
    note: str = "",
    at: dt.datetime,
    by: Actor,
) -> int:
    """Begin to share out SKUs that lie at a place among accounts that lack them; without ``account_ids`` all that do now. Repeatable by its number.

    Raises InvalidInput: no number, too many accounts, or nobody lacks any of the goods; NotFound: an account that does not exist; Conflict: the
    number was used for something else.
    """
    if not external_id.strip() or len(external_id) > 60:
        raise InvalidInput([Problem("/external_id", "required", _("A distribution needs a number of its own."))])
    locks.hold(f"order-distribution:{external_id}")
    skus = list(dict.fromkeys(sku_ids))
    known = OrderDistribution.objects.filter(external_id=external_id).first()
    if known is not None:
        same = (known.source_id, known.purchase, known.asked["skus"]) == (source_id, purchase, skus)
        if not same or (account_ids and set(known.asked["accounts"]) != set(account_ids)):
            raise Conflict(_("%(id)s was booked before with other content.") % {"id": external_id})
        return known.pk
    wants = open_wants(source_id=source_id, sku_ids=skus, account_ids=list(account_ids) or None)
    lacking = {want.account_id for want in wants if want.lacking}
    if not lacking:
        raise InvalidInput([Problem("/accounts", "empty", _("No order of an account lacks any of these goods here."))])
    if len(set(account_ids) or lacking) > MOST_ACCOUNTS:
        told = _("At most %(most)d accounts at once, and %(count)d lack these goods. Name some of them.")
        words = {"most": MOST_ACCOUNTS, "count": len(set(account_ids) or lacking)}
        raise InvalidInput([Problem("/accounts", "too_many", told % words)])
    names = accounts_by_id([*account_ids, *lacking])
    if unknown := [key for key in account_ids if key not in names]:
        raise NotFound(_("There is no account %(id)s.") % {"id": unknown[0]})
    accounts = sorted(set(account_ids) or lacking, key=lambda key: names[key].account_code)
    return OrderDistribution.objects.create(
        external_id=external_id,
        source_id=source_id,
        purchase=purchase,
        asked={"skus": skus, "accounts": accounts},
        kept_back=_stored(_checked_kept(kept_back or {})),
        note=note[:200],
        created_at=at,
        created_by=str(by),
    ).pk


@use_case
def set_order_distribution(
    *, distribution_id: int, version: int, cells: Cells, kept_back: Mapping[int, int], at: dt.datetime, by: Actor
) -> int:
    """Say which account gets how many pieces, (SKU, account) → pieces, and by SKU how many stay free at the place, instead of all that was said
    before. Nothing is reserved yet. Returns the next version.

    Raises InvalidInput: impossible pieces; NotFound; Conflict: it is not the draft of that version any more.
    """
    row = _locked(distribution_id)
    _refuse_unless_as_seen(row, version)
    return _write(row, cells, kept_back)


def confirm_order_distribution(
    *, distribution_id: int, version: int, cells: Cells, kept_back: Mapping[int, int], at: dt.datetime, by: Actor
) -> DistributionOutcome:
    """Reserve what these cells give to accounts, for the lines of their orders by priority and age. Up to a hundred orders all or nothing; more of
    them a hundred at a time. The same by the same person again changes nothing, or goes on where it was broken off.

    Raises:
        InsufficientStock: names every SKU of which fewer pieces are free, beyond what is kept back.
        InvalidInput: nothing is given, or names every account that lacks less of a SKU than it is given.
        Conflict: somebody else confirmed it, or changed it meanwhile.
        NotFound; NotAllowedNow: it was undone.
    """
    is_replay = _begin(distribution_id=distribution_id, version=version, cells=cells, kept_back=kept_back, at=at, by=by)
    while _reserve_next(distribution_id=distribution_id, at=at, by=by):
        pass
    return _outcome(distribution_id, is_replay=is_replay)


def go_on_with_order_distribution(*, distribution_id: int, at: dt.datetime, by: Actor) -> DistributionOutcome:
    """Reserve the rest of one that was broken off, by whoever finds it. Raises as confirming does."""
    while _reserve_next(distribution_id=distribution_id, at=at, by=by):
        pass
    return _outcome(distribution_id)


@use_case
def finish_order_distribution(*, distribution_id: int, at: dt.datetime, by: Actor) -> None:
    """Let one that was broken off end with what it has reserved: the rest of its lines get nothing. A confirmed one stays as it is.

    Raises NotFound, NotAllowedNow.
    """
    row = _locked(distribution_id)
    if row.state == State.CONFIRMED:
        return
    if row.state != State.CONFIRMING:
        raise _not_now(row)
    row.lines.filter(reserved__isnull=True).update(reserved=0)
    OrderDistribution.objects.filter(pk=row.pk).update(state=State.CONFIRMED)


def undo_order_distribution(*, distribution_id: int, at: dt.datetime, by: Actor) -> DistributionOutcome:
    """Give back what was reserved and has not left. Orders that the warehouse picks keep what they have of it and are named. All others wait again
    as before, and those that lack pieces now wait for a hand: what a person took away from them no job gives back.

    Raises NotFound; NotAllowedNow: nothing was confirmed.
    """
    is_replay = OrderDistribution.objects.filter(pk=distribution_id, state=State.UNDONE).exists()
    before = _released(distribution_id)
    after, left = 0, []
    while step := _undo_next(distribution_id=distribution_id, after=after, at=at, by=by):
        after, picked = step
        left += picked
    done = _released(distribution_id)
    lines = OrderDistributionLine.objects.filter(distribution=distribution_id, undone_at__isnull=False)
    orders = lines.filter(released__gt=0).values("order").distinct().count()
    return DistributionOutcome(done - before, done, orders, is_replay=is_replay, left=tuple(left))


@use_case
def _begin(
    *, distribution_id: int, version: int, cells: Cells, kept_back: Mapping[int, int], at: dt.datetime, by: Actor
) -> bool:
    """Write down who gets what and reserve it for the first orders. Returns whether the same was confirmed before by the same person."""
    row = _locked(distribution_id)
    if row.state == State.UNDONE:
        raise _not_now(row)
    if row.state != State.DRAFT:
        told = {(sku_id, account_id): count for sku_id, account_id, count in _shares(row)}
        given = {cell: count for cell, count in cells.items() if count}
        if row.confirmed_by == str(by) and told == given and row.kept_back == _stored(_checked_kept(kept_back)):
            return True
        raise _confirmed_by_another(row)
    _refuse_unless_as_seen(row, version)
    _write(row, cells, kept_back)
    asked = {"source_id": row.source_id, "sku_ids": row.asked["skus"], "account_ids": row.asked["accounts"]}
    # Looked at once more behind the locks: a newer revision of an order replaces the lines that ours would point to.
    lock_orders(want.order_id for want in open_wants(**asked))
    plan = dealt(open_wants(**asked), cells)
    _refuse_beyond_wants(cells, plan)
    rows.insert(
        OrderDistributionLine,
        ("distribution_id", "order_id", "order_line_id", "sku_id", "quantity", "released"),
        [(row.pk, want.order_id, want.line_id, want.sku_id, pieces, 0) for want, pieces in plan],
    )
    row.state, row.confirmed_at, row.confirmed_by = State.CONFIRMING, at, str(by)
    row.save(update_fields=["state", "confirmed_at", "confirmed_by"])
    _reserve(row, at=at, by=by)
    return False


def _refuse_beyond_wants(cells: Cells, plan: Sequence[tuple[OpenWant, int]]) -> None:
    given: dict[tuple[int, int], int] = {}
    for want, pieces in plan:
        cell = (want.sku_id, want.account_id)
        given[cell] = given.get(cell, 0) + pieces
    over = {cell: given.get(cell, 0) for cell, count in cells.items() if count > given.get(cell, 0)}
    if not any(cells.values()):
        raise InvalidInput([Problem("", "empty", _("Nothing was distributed."))])
    if over:
        codes = sku_codes(sku_id for sku_id, _account in over)
        names = accounts_by_id(account_id for _sku, account_id in over)
        told = _("%(account)s, %(sku)s: its orders lack %(lacking)d, %(given)d were given.")
        raise InvalidInput(
            [
                Problem(
                    f"/cells/{sku_id}/{account_id}",
                    "invalid",
                    told % {"account": names[account_id].account_name, "sku": codes[sku_id], "lacking": lacking, "given": cells[sku_id, account_id]},
                )
                for (sku_id, account_id), lacking in sorted(over.items())
            ]
        )  # fmt: skip


@use_case
def _reserve_next(*, distribution_id: int, at: dt.datetime, by: Actor) -> bool:
    """Reserve for the next orders. Returns whether there were any: the last call finds none."""
    row = _locked(distribution_id)
    if row.state == State.CONFIRMED:
        return False
    if row.state != State.CONFIRMING:
        raise _not_now(row)
    return _reserve(row, at=at, by=by)


def _reserve(row: OrderDistribution, *, at: dt.datetime, by: Actor) -> bool:
    waiting_lines = row.lines.filter(reserved__isnull=True)
    chosen = waiting_lines.order_by("order_id").values_list("order_id", flat=True).distinct()[:CHUNK]
    ids = lock_orders(chosen)
    if not ids:
        OrderDistribution.objects.filter(pk=row.pk).update(state=State.CONFIRMED)
        return False
    # From here on no goods that come are reserved for them behind our back.
    lock_promises(document_type="ORDER", document_ids=ids)
    lines = list(waiting_lines.filter(order__in=ids).order_by("pk"))
    now = {
        (want.line_id, want.sku_id): want
        for want in open_wants(source_id=row.source_id, sku_ids=row.asked["skus"], order_ids=ids)
    }
    granted = [
        (line, want, min(line.quantity, want.lacking))
        for line in lines
        if line.order_line_id and (want := now.get((line.order_line_id, line.sku_id))) and want.lacking
    ]
    reserve_at(
        location_id=row.source_id,
        document_type="ORDER",
        shares=[
            Share(want.channel_id, want.order_id, want.line_id, want.sku_id, pieces, want.priority)
            for _line, want, pieces in granted
        ],
        kept_back={int(sku_id): pieces for sku_id, pieces in row.kept_back.items()},
        at=at,
        by=by,
    )
    let_go_of_lines(document_type="ORDER", lines=[(w.order_id, w.line_id, w.sku_id) for _line, w, _pieces in granted])
    pieces_of = dict.fromkeys((line.pk for line in lines), 0) | {line.pk: pieces for line, _w, pieces in granted}
    rows.update(OrderDistributionLine, "id", ("reserved",), list(pieces_of.items()))
    whole = selectors.whole_orders(ids)
    _end_waits(row, whole, at=at, by=by)
    close_shortages(whole, at=at, by=by)
    served = {want.order_id for _line, want, _pieces in granted}
    _tell(served, ids, kind="ALLOCATED", why=_("Distribution %(id)s") % {"id": row.external_id}, at=at, by=by)
    if not waiting_lines.exists():
        OrderDistribution.objects.filter(pk=row.pk).update(state=State.CONFIRMED)
        return False
    return True


def _end_waits(row: OrderDistribution, order_ids: Sequence[int], *, at: dt.datetime, by: Actor) -> None:
    """An order that has all its pieces waits for nobody's hand. What is ended is remembered: undoing begins it again."""
    found = OrderWait.objects.filter(order__in=order_ids, closed_at__isnull=True, reason__in=waiting.KEEP_BACK)
    ended = [
        [order_id, reason, due_on and due_on.isoformat()]
        for order_id, reason, due_on in found.order_by("order_id", "reason").values_list("order_id", "reason", "due_on")
    ]
    if ended:
        waiting.end(order_ids, reasons=waiting.KEEP_BACK, at=at, by=by)
        row.ended_waits = [*row.ended_waits, *ended]
        OrderDistribution.objects.filter(pk=row.pk).update(ended_waits=row.ended_waits)


def _tell(touched: set[int], order_ids: Sequence[int], *, kind: str, why: str, at: dt.datetime, by: Actor) -> None:
    """Events, versions, announcements and states of the orders whose reservations changed."""
    events = [(key, kind, "", "", why[:1000], at, str(by)) for key in sorted(touched)]
    rows.insert(OrderEvent, EVENT_COLUMNS, events)
    Order.objects.filter(pk__in=touched).update(version=F("version") + 1)
    announce(selectors.order_heads(touched))
    move_states(order_ids=order_ids, at=at, by=by, why=why)


@use_case
def _undo_next(*, distribution_id: int, after: int, at: dt.datetime, by: Actor) -> tuple[int, list[str]] | None:
    """Give back of the next orders behind one. Returns the last of them and the numbers of those that are being picked; None at the end."""
    row = _locked(distribution_id)
    if row.state == State.UNDONE:
        return None
    if row.state == State.DRAFT:
        raise _not_now(row)
    still = row.lines.filter(undone_at__isnull=True)
    chosen = still.filter(order__gt=after).order_by("order_id").values_list("order_id", flat=True).distinct()[:CHUNK]
    ids = lock_orders(chosen)
    if not ids:
        undone = {"state": State.UNDONE, "undone_at": at, "undone_by": str(by)}
        OrderDistribution.objects.filter(pk=row.pk).update(**({"state": State.CONFIRMED} if still.exists() else undone))
        return None
    picked = selectors.orders_being_picked(ids)
    free = [key for key in ids if key not in picked]
    of_chunk = list(still.filter(order__in=ids).order_by("pk"))
    # What has not had its turn, or got nothing, is undone wherever its order is: nobody goes on with it.
    lines = [line for line in of_chunk if line.order_id not in picked or not line.reserved]
    keeping = {line.order_id for line in of_chunk if line.order_id in picked and line.reserved}
    parts = [
        Part(line.order_id, line.order_line_id, line.sku_id, line.reserved)
        for line in lines
        if line.reserved and line.order_line_id
    ]
    freed = give_back(location_id=row.source_id, document_type="ORDER", parts=parts, at=at, by=by)
    rows.update(
        OrderDistributionLine,
        "id",
        ("reserved", "released", "undone_at"),
        [
            (line.pk, line.reserved or 0, freed.get((line.order_id, line.order_line_id or 0, line.sku_id), 0), at)
            for line in lines
        ],
    )
    touched = {order_id for order_id, _line, _sku in freed}
    _begin_waits_again(row, touched, at=at, by=by)
    why = _("Distribution %(id)s was undone") % {"id": row.external_id}
    _tell(touched, free, kind="UNRESERVED", why=why, at=at, by=by)
    numbers = Order.objects.filter(pk__in=keeping).order_by("pk").values_list("number", flat=True)
    return max(ids), list(numbers)


def _begin_waits_again(row: OrderDistribution, order_ids: set[int], *, at: dt.datetime, by: Actor) -> None:
    short = order_ids - set(selectors.whole_orders(sorted(order_ids)))
    known = set(OrderWait.objects.filter(order__in=short, closed_at__isnull=True).values_list("order_id", "reason"))
    again = [
        (order_id, reason, due_on and dt.date.fromisoformat(due_on), at, str(by))
        for order_id, reason, due_on in row.ended_waits
        if order_id in short and (order_id, reason) not in known
    ]
    rows.insert(OrderWait, WAIT_COLUMNS, again)
    by_itself = short - waiting.kept_back(short, at=at)
    by_hand = [(order_id, waiting.Reason.BY_HAND, None, at, str(by)) for order_id in sorted(by_itself)]
    rows.insert(OrderWait, WAIT_COLUMNS, by_hand)


def _write(row: OrderDistribution, cells: Cells, kept_back: Mapping[int, int]) -> int:
    asked = {(sku_id, account_id) for sku_id in row.asked["skus"] for account_id in row.asked["accounts"]}
    problems = [
        Problem(f"/cells/{sku_id}/{account_id}", "invalid", _("Pieces are whole numbers from 0."))
        for (sku_id, account_id), count in cells.items()
        if not 0 <= count <= MOST_PIECES or (sku_id, account_id) not in asked
    ]
    if problems:
        raise InvalidInput(problems)
    row.kept_back, row.version = _stored(_checked_kept(kept_back)), row.version + 1
    row.save(update_fields=["kept_back", "version"])
    row.shares.all().delete()
    rows.insert(
        OrderDistributionShare,
        ("distribution_id", "sku_id", "account_id", "quantity"),
        [(row.pk, *cell, count) for cell, count in sorted(cells.items()) if count],
    )
    return row.version


def _checked_kept(kept_back: Mapping[int, int]) -> Mapping[int, int]:
    if any(not 0 <= pieces <= MOST_PIECES for pieces in kept_back.values()):
        raise InvalidInput([Problem("/kept_back", "invalid", _("Pieces are whole numbers from 0."))])
    return kept_back


def _stored(kept_back: Mapping[int, int]) -> dict[str, int]:
    return {str(sku_id): pieces for sku_id, pieces in sorted(kept_back.items()) if pieces}


def _shares(row: OrderDistribution) -> list[tuple[int, int, int]]:
    return list(row.shares.values_list("sku_id", "account_id", "quantity"))


def _outcome(distribution_id: int, *, is_replay: bool = False) -> DistributionOutcome:
    lines = OrderDistributionLine.objects.filter(distribution=distribution_id)
    sums = lines.aggregate(asked=Sum("quantity"), pieces=Sum("reserved"))
    orders = lines.filter(reserved__gt=0).values("order").distinct().count()
    return DistributionOutcome(sums["pieces"] or 0, sums["asked"] or 0, orders, is_replay)


def _released(distribution_id: int) -> int:
    found = OrderDistributionLine.objects.filter(distribution=distribution_id).aggregate(pieces=Sum("released"))
    return found["pieces"] or 0


def _locked(distribution_id: int) -> OrderDistribution:
    row = OrderDistribution.objects.select_for_update(no_key=True).filter(pk=distribution_id).first()
    if row is None:
        raise NotFound(_("There is no such distribution."))
    return row


def _refuse_unless_as_seen(row: OrderDistribution, version: int) -> None:
    if row.state == State.UNDONE:
        raise _not_now(row)
    if row.state != State.DRAFT:
        raise _confirmed_by_another(row)
    if row.version != version:
        raise Conflict(
            _("%(number)s was changed by somebody else meanwhile. Look at it again.") % {"number": row.external_id}
        )


def _confirmed_by_another(row: OrderDistribution) -> Conflict:
    told = _("%(number)s was confirmed by %(who)s at %(time)s. Nothing more was reserved.")
    time = written_moment(row.confirmed_at) if row.confirmed_at else ""
    return Conflict(told % {"number": row.external_id, "who": who.told(row.confirmed_by), "time": time})


def _not_now(row: OrderDistribution) -> NotAllowedNow:
    told = _("%(number)s: this cannot be done now (%(state)s).")
    return NotAllowedNow(told % {"number": row.external_id, "state": row.get_state_display()})
