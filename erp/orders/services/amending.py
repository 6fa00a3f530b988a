"""Amendment by revision: until 出荷指示 the order is written anew, afterwards the change is a task for staff. Raw revisions stay in the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat, Left
from django.utils.translation import gettext as _

from customers.models import ExposureEntry
from customers.selectors import accounts_by_id
from customers.services import ExposureDelta, add_exposure
from erp.core import locks, rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import NotAllowedNow
from erp.core.money import ZERO
from erp.core.use_case import use_case
from erp.inventory.selectors import reserved
from erp.inventory.services import let_go_promises, lock_for_exchange, release, reserve
from erp.orders import selectors
from erp.orders.exceptions import OrderNotFound
from erp.orders.models import (
    Delivery,
    Order,
    OrderAdjustment,
    OrderEvent,
    OrderFee,
    OrderHold,
    OrderLine,
    OrderLineComponent,
    OrderPayment,
    OrderTaxTotal,
    Shipment,
    ShipmentLine,
)
from erp.orders.services import carrying, late_revisions, letters, refunds, surplus, waiting
from erp.orders.services.allocation import close_shortages
from erp.orders.services.documents import AllocatedLine, OrderInput, OrderOutcome
from erp.orders.services.drafting import Draft, ask_context, draft_order
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import (
    EVENT_COLUMNS,
    HOLD_COLUMNS,
    ORDER_COLUMNS,
    ask_keys,
    hold_rows,
    order_row,
    write_children,
)

_REWRITTEN: tuple[Any, ...] = (OrderTaxTotal, OrderAdjustment, OrderFee)


def amend(draft: Draft, *, order_id: int, at: dt.datetime, by: Actor) -> OrderOutcome:
    """Replace an order by its newer revision, or say why staff have to decide (``is_task``): then nothing is written, and the caller keeps it.

    Part of a transaction that holds the order's lock by name.
    """
    from erp.orders.services import deposits, placing  # placing amends what it finds recorded

    order = Order.objects.select_related("account").select_for_update(of=("self",), no_key=True).get(pk=order_id)
    if blocker := _why_not(order, draft):
        return replace(describe([order_id])[order_id], is_task=True, why_staff=blocker)
    draft.order_id, draft.number = order.pk, order.number
    carrying.carry_over(order, draft)
    waiting.carry_over(order, draft, at=at)
    placing.register_customers([draft], at=at, by=by)
    _end_exposure(order, at=at, by=by)
    exposures = placing.judge_credit([draft], on=business_date(at), at=at, by=by)
    let_go_promises(document_type="ORDER", document_ids=[order.pk])
    lock_for_exchange(
        channel_id=draft.channel.pk,
        document_type="ORDER",
        document_ids=[order.pk],
        sku_ids=draft.component_ids,
        hold_refs=[draft.order.hold_ref] if draft.order.hold_ref else [],
        at=at,
    )
    release(document_type="ORDER", document_ids=[order.pk], at=at, by=by)
    _clear(order)
    carrying.write(order, draft, at=at, by=by)
    written = write_children([draft], ask_keys([draft.order])())
    granted = reserve(
        channel_id=draft.channel.pk,
        document_type="ORDER",
        demands=written[order.pk].demands,
        hold_refs={order.pk: draft.order.hold_ref} if draft.order.hold_ref else {},
        at=at,
        by=by,
    )
    close_shortages([order.pk], resolution="amended", at=at, by=by)
    late_revisions.close(
        order.pk, resolution=_("Revision %(revision)s") % {"revision": draft.order.revision}, at=at, by=by
    )
    staff_tasks.close_open(
        kind="PAYMENT_SHORT", subject_type="ORDER", subject_ids=[order.pk], resolution="amended", at=at, by=by
    )
    short = placing.report_shortages([draft], placing.allocated_lines([draft], written, granted), at=at, by=by)
    deposits.post_advance_receipts([draft], written, at=at, by=by)
    row = order_row(
        draft, state=order.state, exposure=exposures.get(order.pk, ZERO), at=at, by=by, version=order.version + 1
    )
    kept = {"id", "channel_id", "external_id", "number", "state_since", "recorded_at", "actor", "shop_note"}
    values = {name: value for name, value in zip(ORDER_COLUMNS, row, strict=True) if name not in kept}
    rows.update(Order, "id", list(values), [(order.pk, *values.values())])
    rows.insert(OrderHold, HOLD_COLUMNS, hold_rows(draft, at=at, by=by))
    waiting.begin(draft, at=at, by=by)
    detail = _("Revision %(revision)s") % {"revision": draft.order.revision}
    rows.insert(OrderEvent, EVENT_COLUMNS, [(order.pk, "AMENDED", "", "", detail, at, str(by))])
    letters.tell_amended(draft, is_short=bool(short), at=at, by=by)
    if draft.priced is not None:
        # As long as the amounts are not known, nobody can say that there is too much.
        refunds.book_what_was_reported([order], at=at, by=by)
        surplus.tell(order.pk, at=at, by=by)
    move_states(order_ids=[order.pk], at=at, by=by, why=detail)
    announce(selectors.order_heads([order.pk]))
    return replace(describe([order.pk])[order.pk], is_amendment=True)


@use_case
def apply_late_revision(*, order_id: int, at: dt.datetime, by: Actor) -> OrderOutcome:
    """Amend an order by the newest revision that came too late, now that it can: its parcels were called back (出荷指示取消).

    Raises OrderNotFound, NotAllowedNow when none waits or the order still cannot be amended.
    """
    named = Order.objects.filter(pk=order_id).values_list("channel__code", "external_id").first()
    if named is None:
        raise OrderNotFound(_("There is no such order."))
    channel, external_id = named
    locks.hold(f"order:{channel}:{external_id}")
    late = late_revisions.newest(Order.objects.get(pk=order_id))
    if late is None:
        raise NotAllowedNow(_("No newer revision waits for this order."))
    order = OrderInput.of(late.content)
    outcome = amend(draft_order(order, ask_context(channel, [order])()), order_id=order_id, at=at, by=by)
    if outcome.is_task:
        raise NotAllowedNow(outcome.why_staff)
    return outcome


def describe(order_ids: Collection[int]) -> dict[int, OrderOutcome]:
    """Orders as they stand, in the shape of the answer to their placing, in a constant number of queries."""
    ids = sorted(set(order_ids))
    if not ids:
        return {}
    pieces: dict[tuple[int, int], int] = {}
    for part in reserved("ORDER", ids):
        pieces[part.document_line, part.sku_id] = pieces.get((part.document_line, part.sku_id), 0) + part.quantity
    components: dict[int, list[tuple[int, int]]] = {}
    of_orders = OrderLineComponent.objects.filter(line__order__in=ids)
    for line_id, sku_id, per_unit in of_orders.values_list("line_id", "sku_id", "quantity_per_unit"):
        components.setdefault(line_id, []).append((sku_id, per_unit))
    lines: dict[int, list[AllocatedLine]] = {}
    for line in OrderLine.objects.filter(order__in=ids).order_by("order_id", "line_no"):
        units = (pieces.get((line.pk, sku), 0) // per_unit for sku, per_unit in components.get(line.pk, []))
        lines.setdefault(line.order_id, []).append(
            AllocatedLine(line.line_id, line.sku_code, line.quantity, min(units, default=0))
        )
    holds: dict[int, list[str]] = {}
    waiting = OrderHold.objects.filter(order__in=ids, resolved_at__isnull=True).order_by("order_id", "reason")
    for order_id, reason in waiting.values_list("order_id", "reason"):
        holds.setdefault(order_id, []).append(reason)
    return {
        order.pk: OrderOutcome(
            external_id=order.external_id,
            order_id=order.pk,
            number=order.number,
            state=order.state,
            revision=order.revision,
            lines=tuple(lines.get(order.pk, ())),
            holds=tuple(holds.get(order.pk, ())),
        )
        for order in Order.objects.filter(pk__in=ids)
    }


def _why_not(order: Order, draft: Draft) -> str:
    """Why an order can no longer be rewritten, in words for staff; empty when it can."""
    if order.cancelled_at is not None:
        return _("A newer revision came for a cancelled order.")
    if Shipment.objects.filter(order=order).exclude(state=Shipment.State.CANCELLED).exists():
        return _("A newer revision came after the order was released to the warehouse.")
    if (
        draft.order.currency != order.currency
        and OrderPayment.objects.filter(order=order, received_amount__gt=0).exists()
    ):
        return _("A newer revision came in another currency after money was received.")
    return ""


def _end_exposure(order: Order, *, at: dt.datetime, by: Actor) -> None:
    """The old revision claims no credit any more, of the account that it named."""
    terms = accounts_by_id([order.account_id]).get(order.account_id) if order.account_id else None
    if order.exposure_amount and terms is not None and terms.credit_group_id:
        kind = ExposureEntry.Kind.OPEN_ORDER
        delta = ExposureDelta(terms.credit_group_id, kind, -order.exposure_amount, "ORDER", order.pk)
        add_exposure(deltas=[delta], at=at, by=by)


def _clear(order: Order) -> None:
    """Remove the rows of the old revision; its raw message and the audit trail keep what they said.

    Shipments that were called back stay, empty, with their delivery under a name of its own. What staff held by hand stays held. Payments are
    ``carrying``'s.
    """
    for model in _REWRITTEN:
        model.objects.filter(order=order).delete()
    OrderHold.objects.filter(order=order, resolved_at__isnull=True).exclude(reason=OrderHold.Reason.MANUAL).delete()
    OrderLineComponent.objects.filter(line__order=order).delete()
    ShipmentLine.objects.filter(shipment__order=order).delete()
    OrderLine.objects.filter(order=order).delete()
    Delivery.objects.filter(order=order, shipments__isnull=True).delete()
    Delivery.objects.filter(order=order).update(ref=Concat(Cast("pk", CharField()), Value("/"), Left("ref", 40)))
