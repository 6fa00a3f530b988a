"""Revisions that came when their order could not be amended any more: kept with what they say, and told to staff. Level: document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from erp.core import rows, staff_tasks
from erp.core.actors import Actor
from erp.core.clock import written_day
from erp.core.models import MessageLog, StaffTask
from erp.orders.models import Delivery, LateRevision, Order, OrderHold, OrderLine, Shipment
from erp.orders.services.documents import DeliveryInput, OrderInput, OrderOutcome
from erp.orders.services.drafting import Draft

TASK = "AMEND_AFTER_RELEASE"
_COLUMNS = ("order_id", "revision", "fingerprint", "content", "message_id", "reason", "changes", "recorded_at", "actor")


def keep(late: Sequence[tuple[Draft, OrderOutcome]], *, at: dt.datetime, by: Actor) -> None:
    """Keep what these revisions say and open the task of each order, or bring it up to date. Part of the transaction that stored their
    messages."""
    if not late:
        return
    ids = [outcome.order_id or 0 for _draft, outcome in late]
    orders = {order.pk: order for order in Order.objects.filter(pk__in=ids)}
    messages = _messages([draft for draft, _outcome in late])
    lines: dict[int, dict[str, OrderLine]] = {key: {} for key in orders}
    for line in OrderLine.objects.filter(order__in=orders).order_by("line_no"):
        lines[line.order_id][line.line_id] = line
    places: dict[int, dict[str, str]] = {key: {} for key in orders}
    for delivery in Delivery.objects.filter(order__in=orders).order_by("pk"):
        places[delivery.order_id][delivery.ref] = _place(delivery)
    kept, findings = [], []
    for draft, outcome in late:
        order, revision = orders[outcome.order_id or 0], draft.order.revision
        record = (order, lines[order.pk], places[order.pk], draft.order)
        changes = "\n".join(_differences(*record, with_amounts=True))
        # The task is read by whoever packs, too; what the order amounts to stands on the revision alone.
        told = "\n".join(_differences(*record, with_amounts=False))
        told = told or (_("Amounts only; see the revision.") if changes else "")
        nothing = _("Nothing that an order shows.")
        key = messages[order.external_id, revision]
        reason = outcome.why_staff[:300]
        kept.append(
            (order.pk, revision, draft.fingerprint, draft.canonical, key, reason, changes or nothing, at, str(by))
        )
        said = {
            "revision": revision,
            "recorded": order.revision,
            "why": outcome.why_staff,
            "changes": told or nothing,
            "message": key,
        }
        detail = _("Revision %(revision)s (recorded: %(recorded)s). %(why)s\n%(changes)s\nMessage %(message)s") % said
        findings.append(staff_tasks.Finding(TASK, "ORDER", order.pk, order.number, detail))
    rows.insert(LateRevision, _COLUMNS, kept)
    staff_tasks.open_tasks(findings, at=at, by=by)


def close(order_id: int, *, resolution: str, at: dt.datetime, by: Actor) -> None:
    """The order was amended or cancelled after all, or somebody decided to leave it as it is."""
    staff_tasks.close_open(kind=TASK, subject_type="ORDER", subject_ids=[order_id], resolution=resolution, at=at, by=by)


def hold_called_back(order_id: int, *, at: dt.datetime, by: Actor) -> None:
    """An order whose last parcel was called back can be amended again: it waits while nobody has decided about what came too late."""
    order = Order.objects.get(pk=order_id)
    is_open = StaffTask.objects.filter(kind=TASK, subject_type="ORDER", subject_id=order_id, closed_at__isnull=True)
    if Shipment.objects.filter(order=order).exclude(state=Shipment.State.CANCELLED).exists() or not is_open.exists():
        return
    late = newest(order)
    if late is not None:
        OrderHold.objects.get_or_create(
            order=order,
            reason=OrderHold.Reason.LATE_REVISION,
            resolved_at=None,
            defaults={"detail": late.changes[:300], "opened_at": at, "opened_by": str(by)},
        )


def newest(order: Order) -> LateRevision | None:
    """The one that waits, if any does: newer than what is recorded."""
    return LateRevision.objects.filter(order=order, revision__gt=order.revision).order_by("-revision").first()


def _messages(drafts: Sequence[Draft]) -> dict[tuple[str, int], int]:
    """The raw messages of revisions of one channel, as just stored."""
    found = MessageLog.objects.filter(
        channel_id=drafts[0].channel.pk,
        external_id__in={draft.order.external_id for draft in drafts},
        kind="order",
        outcome=MessageLog.Outcome.TASK,
    )
    named = found.order_by("pk").values_list("external_id", "revision", "pk")
    return {(external_id, revision): key for external_id, revision, key in named}


def _differences(
    order: Order, lines: Mapping[str, OrderLine], places: Mapping[str, str], sent: OrderInput, *, with_amounts: bool
) -> Iterator[str]:
    """What would change, in words for staff: lines by id, addresses by reference of their delivery, amounts, notes."""
    yield from _lines(lines, sent, with_amounts=with_amounts)
    for delivery in sent.deliveries or (DeliveryInput(),):
        if places.get(delivery.ref) != _place(delivery):
            yield _("Deliver to: %(place)s") % {"place": _place(delivery)}
    amounts: list[tuple[str, Any, Any]] = [
        (_("Total"), order.stated_total, sent.total),
        (_("Amount due"), order.amount_due, sent.amount_due if sent.amount_due is not None else order.amount_due),
    ]
    facts: list[tuple[str, Any, Any]] = [
        (_("Customer's note"), order.customer_note, sent.customer_note),
        (_("Provisional"), order.is_provisional, sent.is_provisional),
    ]
    for name, recorded, new in [*(amounts if with_amounts else ()), *facts]:
        if recorded != new:
            yield f"{name}: {_told(recorded)} → {_told(new)}"


def _lines(lines: Mapping[str, OrderLine], sent: OrderInput, *, with_amounts: bool) -> Iterator[str]:
    recorded = dict(lines)
    for line in sent.lines:
        old, label = recorded.pop(line.line_id, None), line.sku or line.channel_item_code or line.name
        if old is None:
            yield f"+ {label} × {line.quantity}"
        elif (old.sku_code, old.quantity) != (line.sku, line.quantity):
            yield f"{old.sku_code or old.name} × {old.quantity} → {label} × {line.quantity}"
        elif with_amounts and old.unit_price != line.unit_price:
            yield f"{label}: {_told(old.unit_price)} → {_told(line.unit_price)}"
    for gone in recorded.values():
        yield f"− {gone.sku_code or gone.name} × {gone.quantity}"


def _place(delivery: Delivery | DeliveryInput) -> str:
    parts = (
        delivery.recipient_name, delivery.postal_code, delivery.prefecture, delivery.city, delivery.street, delivery.building,
        delivery.pickup_point, written_day(delivery.wish_date) if delivery.wish_date else "", delivery.time_slot,
    )  # fmt: skip
    return " ".join(filter(None, parts))


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "–" if value in (None, "") else f"{value.normalize():,f}" if hasattr(value, "normalize") else str(value)
