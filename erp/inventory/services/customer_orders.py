"""Customer orders (客注): pieces a customer waits for at a shop. They get what comes by priority and age, before everybody who comes later.

Takes these levels of the house's lock order: the hold by name, promises of it, balances by primary key, hold lines.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.utils.translation import gettext as _

from erp.core import locks, staff_tasks
from erp.core.actors import Actor
from erp.core.use_case import use_case
from erp.inventory.models import Hold, HoldLine
from erp.inventory.selectors.promises import waiting_customer_orders
from erp.inventory.services import balances, holds, promises
from erp.inventory.services.claims import HOLD_LOST

ARRIVED = "CUSTOMER_ORDER_ARRIVED"


def fill_customer_orders(*, at: dt.datetime, by: Actor) -> int:
    """Give every open customer order what is free of what it lacks, each in a transaction of its own. Returns how many have all their pieces now."""
    waiting = list(dict.fromkeys(want.document_id for want in waiting_customer_orders(at=at)))
    done = sum(_fill(hold_id=hold_id, at=at, by=by) for hold_id in waiting)
    # Filled by a receipt itself, or there from the beginning.
    whole = Hold.objects.filter(
        kind=Hold.Kind.CUSTOMER_ORDER, closed_at__isnull=True, filled_at__isnull=True, expires_at__gt=at
    )
    for hold_id in whole.exclude(pk__in=waiting).order_by("pk").values_list("pk", flat=True):
        done += _fill(hold_id=hold_id, at=at, by=by)
    _tidy(at=at, by=by)
    return done


@use_case
def _fill(*, hold_id: int, at: dt.datetime, by: Actor) -> bool:
    """Whether the hold got its last piece. From then on the customer has so many days to fetch them, and somebody calls."""
    hold = Hold.objects.get(pk=hold_id)
    locks.hold(holds.lock_name(hold.channel_id, hold.ref))
    promises.lock_promises(document_type="HOLD", document_ids=[hold_id])
    hold.refresh_from_db()
    if hold.closed_at is not None or hold.expires_at <= at:
        return False
    before = _pieces_of(hold)
    holds.acquire(hold, dict(hold.wanted), at=at)
    kept = _pieces_of(hold)
    if kept != before:
        promises.let_go_promises(document_type="HOLD", document_ids=[hold_id])
    promises.forget_arrived(document_type="HOLD", document_ids=[hold_id])
    if kept < sum(pieces for _sku, pieces in hold.wanted):
        return False
    staff_tasks.close_open(
        kind=HOLD_LOST, subject_type="HOLD", subject_ids=[hold_id], resolution="allocated", at=at, by=by
    )
    if hold.filled_at is not None:
        return False
    until = at + settings.HOLD_PICKUP
    Hold.objects.filter(pk=hold_id).update(filled_at=at, expires_at=until)
    HoldLine.objects.filter(hold=hold, released_at__isnull=True).update(expires_at=until)
    told = _("All %(pieces)d pieces are there. %(owner)s %(phone)s") % {
        "pieces": kept, "owner": hold.owner_label, "phone": hold.owner_phone,
    }  # fmt: skip
    finding = staff_tasks.Finding(ARRIVED, "HOLD", hold_id, hold.ref, told.strip(), due_at=until)
    staff_tasks.open_tasks([finding], at=at, by=by)
    return True


def _pieces_of(hold: Hold) -> int:
    return sum(HoldLine.objects.filter(hold=hold, released_at__isnull=True).values_list("quantity", flat=True))


@use_case
def _tidy(*, at: dt.datetime, by: Actor) -> None:
    """A receipt may give a piece to a hold at the moment it becomes an order for something else: nobody keeps that piece any more."""
    closed = list(
        HoldLine.objects.filter(released_at__isnull=True, hold__closed_at__isnull=False, hold__kind=Hold.Kind.CUSTOMER_ORDER)
        .order_by("hold").values_list("hold", flat=True).distinct()
    )  # fmt: skip
    if closed:
        promises.let_go_promises(document_type="HOLD", document_ids=closed)
        locked = balances.locked(balances.LOCK_OF_HOLDS, [at, closed])
        holds.release_lines(closed, locked, at=at)
