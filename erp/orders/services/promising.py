"""Promising what is expected to orders that lack it (入荷予定引当), and telling when the day moves. Level-triggered: a job compares and sets right.

Takes these levels of the house's lock order: document, promises, expected receipts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db.models import F
from django.utils.translation import gettext as _

from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date, written_day
from erp.core.use_case import use_case
from erp.inventory.selectors import arrived_documents, differs, promisable_skus
from erp.inventory.services import forget_arrived, promise
from erp.orders import selectors
from erp.orders.models import Order, OrderEvent, OrderLine
from erp.orders.selectors import ArrivalDate
from erp.orders.services import letters
from erp.orders.services.allocation import close_shortages, lock_orders
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS

SKUS_AT_ONCE = 20
ORDERS_AT_ONCE = 100
PROMISE_LATER = "PROMISE_LATER"


def keep_promises(*, at: dt.datetime, by: Actor) -> int:
    """A job: tell orders whose goods came, deal out anew what is expected where anything moved, and tell whose day moved.

    Returns how many promises changed. Again, none; where nothing moved, nothing is locked.
    """
    while ids := arrived_documents("ORDER", limit=ORDERS_AT_ONCE):
        _note_arrivals(order_ids=ids, at=at, by=by)
    changed, today = 0, business_date(at)
    for sku_ids in _chunks(promisable_skus(), SKUS_AT_ONCE):
        if differs(sku_ids=sku_ids, demands=selectors.missing_pieces(sku_ids, today=today), at=at):
            changed += _promise(sku_ids=sku_ids, at=at, by=by)
    for order_ids in _chunks(selectors.orders_with_dates(), ORDERS_AT_ONCE):
        moved = {line.order_id for line in selectors.arrival_dates(order_ids) if line.stands != line.expected}
        if moved:
            _tell_days(order_ids=sorted(moved), at=at, by=by)
    return changed


@use_case
def _promise(*, sku_ids: Sequence[int], at: dt.datetime, by: Actor) -> int:
    """Looked at once more behind the locks of the orders, so that nothing is promised to one that is cancelled meanwhile."""
    today = business_date(at)
    lock_orders(want.document_id for want in selectors.missing_pieces(sku_ids, today=today))
    return promise(sku_ids=sku_ids, demands=selectors.missing_pieces(sku_ids, today=today), at=at, by=by)


@use_case
def _note_arrivals(*, order_ids: Sequence[int], at: dt.datetime, by: Actor) -> None:
    """Pieces were reserved in the transaction that received them; the order hears of it here."""
    ids = lock_orders(order_ids)
    forget_arrived(document_type="ORDER", document_ids=order_ids)
    words = _("Goods that were promised came.")
    rows.insert(OrderEvent, EVENT_COLUMNS, [(key, "ALLOCATED", "", "", words, at, str(by)) for key in ids])
    Order.objects.filter(pk__in=ids).update(version=F("version") + 1)
    announce(selectors.order_heads(ids))
    move_states(order_ids=ids, at=at, by=by)
    close_shortages(selectors.whole_orders(ids), at=at, by=by)
    _tell_days(order_ids=ids, at=at, by=by)


@use_case
def _tell_days(*, order_ids: Sequence[int], at: dt.datetime, by: Actor) -> None:
    """Bring the expected arrivals on these orders up to date; a day that moved is an event, a later one is somebody's task."""
    ids = lock_orders(order_ids)
    dated = selectors.arrival_dates(ids)
    moved = [line for line in dated if line.stands != line.expected]
    if not moved:
        return
    rows.update(OrderLine, "id", ["arrival_date"], [(line.line_id, line.expected) for line in moved])
    # A line whose goods are reserved waits for nothing any more; its reservation is an event of its own.
    told = [line for line in moved if line.is_short]
    rows.insert(
        OrderEvent,
        EVENT_COLUMNS,
        [(line.order_id, "PROMISED", "", "", _words(line)[:300], at, str(by)) for line in told],
    )
    changed = sorted({line.order_id for line in moved})
    Order.objects.filter(pk__in=changed).update(version=F("version") + 1)
    heads = selectors.order_heads(changed)
    announce(heads)
    letters.tell_arrivals([line for line in dated if line.order_id in set(changed)], heads, at=at, by=by)
    _ask_to_tell(told, {head["id"]: head["number"] for head in heads}, at=at, by=by)


def _ask_to_tell(lines: Sequence[ArrivalDate], numbers: dict[int, str], *, at: dt.datetime, by: Actor) -> None:
    """A customer was told a day, by the channel or by what stood here: a later one, or none, has to be told."""
    later: dict[int, list[str]] = {}
    for line in lines:
        told = line.told_by_channel or line.stands
        if told and (line.expected is None or line.expected > told):
            since = _("told: %(day)s") % {"day": written_day(told)}
            later.setdefault(line.order_id, []).append(f"{_words(line)} ({since})")
    findings = [
        staff_tasks.Finding(PROMISE_LATER, "ORDER", key, numbers[key], "、".join(words)[:1000])
        for key, words in later.items()
    ]
    staff_tasks.open_tasks(findings, at=at, by=by)
    fine = sorted({line.order_id for line in lines} - set(later))
    staff_tasks.close_open(
        kind=PROMISE_LATER, subject_type="ORDER", subject_ids=fine, resolution="earlier", at=at, by=by
    )


def _words(line: ArrivalDate) -> str:
    before, now = (written_day(day) if day else "–" for day in (line.stands, line.expected))
    return f"{line.sku_code} {before} → {now}"


def _chunks(keys: Sequence[int], size: int) -> list[list[int]]:
    return [list(keys[first : first + size]) for first in range(0, len(keys), size)]
