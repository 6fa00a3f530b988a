"""Giving what is reserved for one order to another: by a person, with a right of its own, told in the history of both.

Takes these levels of the house's lock order: documents by id, promises, balances.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import F
from django.utils.translation import gettext as _

from catalog.selectors import sku_codes
from erp.core import rows
from erp.core.actors import Actor
from erp.core.errors import NotAllowedNow
from erp.core.use_case import use_case
from erp.inventory.selectors import ReservedPart, reserved
from erp.inventory.services import ClaimMove, let_go_of_lines, lock_promises, move_claims, rank_claims
from erp.orders import selectors
from erp.orders.exceptions import OrderNotFound
from erp.orders.models import Order, OrderEvent, OrderHold
from erp.orders.services import waiting
from erp.orders.services.allocation import close_shortages, lock_orders
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS


@use_case
def move_reservation(
    *, from_order_id: int, to_order_id: int, sku_id: int, pieces: int, at: dt.datetime, by: Actor
) -> dict[int, str]:
    """Give ``pieces`` of a SKU that are reserved for one order to another that lacks them. Returns the states of both.

    The giver waits for stock again. Raises OrderNotFound; NotAllowedNow when the giver is being picked or does not have the pieces, or the taker
    does not lack them or is under a credit stop; NotReserved when they lie where the taker's channel does not sell from.
    """
    ids = lock_orders([from_order_id, to_order_id])
    if len(ids) < 2:
        raise OrderNotFound(_("There is no such order."))
    lock_promises(document_type="ORDER", document_ids=ids)
    heads = {head["id"]: head for head in selectors.order_heads(ids)}
    _refuse(heads[from_order_id]["is_being_picked"], to_order_id)
    claims = reserved("ORDER", ids)
    moves = _pair(from_order_id, to_order_id, sku_id, pieces, claims)
    taker = heads[to_order_id]
    move_claims(
        document_type="ORDER",
        from_document=from_order_id,
        to_document=to_order_id,
        moves=moves,
        channel_id=taker["channel_id"],
        priority=taker["priority"],
        at=at,
        by=by,
    )
    let_go_of_lines(document_type="ORDER", lines=[(to_order_id, move.to_line, sku_id) for move in moves])
    waiting.end([to_order_id], reasons=waiting.KEEP_BACK, at=at, by=by)
    code = sku_codes([sku_id])[sku_id]
    told = {
        from_order_id: _("%(sku)s × %(pieces)d to %(order)s"),
        to_order_id: _("%(sku)s × %(pieces)d from %(order)s"),
    }
    numbers = {from_order_id: taker["number"], to_order_id: heads[from_order_id]["number"]}
    words = {key: text % {"sku": code, "pieces": pieces, "order": numbers[key]} for key, text in told.items()}
    rows.insert(OrderEvent, EVENT_COLUMNS, [(key, "MOVED", "", "", words[key], at, str(by)) for key in ids])
    Order.objects.filter(pk__in=ids).update(version=F("version") + 1)
    announce(heads.values())
    states = {key: move_states(order_ids=[key], at=at, by=by, why=words[key])[key] for key in ids}
    close_shortages(selectors.whole_orders([to_order_id]), at=at, by=by)
    return states


def _refuse(giver_is_picked: bool, to_order_id: int) -> None:
    if giver_is_picked:
        raise NotAllowedNow(_("The warehouse picks the order that should give. Call its release back first."))
    stopped = OrderHold.objects.filter(
        order=to_order_id, reason=OrderHold.Reason.CREDIT_EXCEEDED, resolved_at__isnull=True
    )
    if stopped.exists():
        raise NotAllowedNow(_("The order that should get is under a credit stop."))


def _pair(
    from_order_id: int, to_order_id: int, sku_id: int, pieces: int, claims: list[ReservedPart]
) -> list[ClaimMove]:
    """Line by line: what the giver has against what the taker lacks."""
    has: dict[int, int] = {}
    have: dict[int, int] = {}
    for part in claims:
        if part.sku_id == sku_id:
            sums = has if part.document_id == from_order_id else have
            sums[part.document_line] = sums.get(part.document_line, 0) + part.quantity
    lacks = {
        need.line_id: need.pieces - have.get(need.line_id, 0)
        for need in selectors.open_needs([to_order_id]).get(to_order_id, ())
        if need.sku_id == sku_id
    }
    if pieces < 1 or pieces > sum(has.values()):
        raise NotAllowedNow(
            _("%(count)d pieces are reserved for the order that should give.") % {"count": sum(has.values())}
        )
    if pieces > sum(lacking for lacking in lacks.values() if lacking > 0):
        raise NotAllowedNow(_("The order that should get does not lack so many pieces."))
    moves, left = [], pieces
    for from_line, there in sorted(has.items()):
        for to_line, lacking in sorted(lacks.items()):
            part_of = min(left, there, lacking)
            if part_of > 0:
                moves.append(ClaimMove(from_line, to_line, sku_id, part_of))
                there -= part_of
                lacks[to_line] -= part_of
                left -= part_of
    return moves


@use_case
def set_priority(*, order_ids: list[int], priority: int, at: dt.datetime, by: Actor) -> int:
    """Serve these orders earlier (a smaller number) or later, and let them keep their pieces longer or less long. Returns how many changed.

    It stays when a revision comes. Raises NotAllowedNow outside of 0 to 999.
    """
    if not 0 <= priority <= 999:
        raise NotAllowedNow(_("A priority lies between 0 and 999."))
    ids = lock_orders(order_ids)
    before = dict(Order.objects.filter(pk__in=ids).exclude(priority=priority).values_list("pk", "priority"))
    if not before:
        return 0
    rank_claims(document_type="ORDER", document_ids=sorted(before), priority=priority, at=at, by=by)
    Order.objects.filter(pk__in=before).update(priority=priority, version=F("version") + 1)
    rows.insert(
        OrderEvent,
        EVENT_COLUMNS,
        [(key, "PRIORITY", "", "", f"{was} → {priority}", at, str(by)) for key, was in sorted(before.items())],
    )
    announce(selectors.order_heads(before))
    return len(before)
