"""Which mails to shoppers follow from what happens to an order. Each is owed in the transaction of what it tells, once per occasion.

Whether Mamori sends it at all is the rule of the channel (``erp.correspondence``). Orders and parcels of the past, as an import brings them,
are no news to anybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.models import StaffTask
from erp.core.use_case import use_case
from erp.correspondence.models import MailKind
from erp.correspondence.selectors import documents_to_tell, documents_told
from erp.correspondence.services import Owed, hasten, owe, withdraw
from erp.orders import selectors
from erp.orders.models import Order, OrderLine, OrderPayment, PaymentMethod, Return
from erp.orders.selectors import ArrivalDate
from erp.orders.services.drafting import Draft
from erp.orders.services.parcels import Parcel
from erp.orders.services.return_documents import NewReturn

# What is older than this when it is recorded was told to the shopper long ago.
NEWS_FOR = dt.timedelta(days=7)
# How long a shipping notice waits for the tracking number of a parcel that left without one.
WAITS_FOR_TRACKING = dt.timedelta(hours=6)
# Paid before shipment, and not by whoever sits before the shop: these wait to hear that their money has come.
AWAIT_THANKS = frozenset({PaymentMethod.BANK_TRANSFER, PaymentMethod.CONVENIENCE_STORE})
SHORT_TASKS = ("OVERSOLD", "RESERVATION_LOST")
REMIND_BEFORE = dt.timedelta(days=2)


def tell_placed(
    drafts: Iterable[Draft], short: Collection[int], *, batch: rows.Batch, at: dt.datetime, by: Actor
) -> None:
    """New orders, and of those in ``short`` that pieces are missing."""
    owed = []
    for draft in drafts:
        if at - draft.order.ordered_at < NEWS_FOR:
            order = draft.channel.pk, "ORDER", draft.order_id, draft.number
            owed.append(Owed(MailKind.ORDER_RECEIVED, *order, "placed"))
            if draft.order_id in short:
                owed.append(_apology(draft.order_id, draft.channel.pk, draft.number, draft.order.revision))
    owe(owed, at=at, by=by, batch=batch)


def tell_amended(draft: Draft, *, is_short: bool, at: dt.datetime, by: Actor) -> None:
    revision = draft.order.revision
    order = draft.channel.pk, "ORDER", draft.order_id, draft.number
    owed = [Owed(MailKind.ORDER_CHANGED, *order, f"revision:{revision}")]
    if is_short:
        owed.append(_apology(draft.order_id, draft.channel.pk, draft.number, revision))
    owe(owed, at=at, by=by)


def tell_still_short(order_ids: Collection[int], *, at: dt.datetime, by: Actor) -> None:
    """Orders that lost pieces to a physical fact and found no others."""
    if order_ids:
        found = Order.objects.filter(pk__in=order_ids).order_by("pk")
        owe(
            [_apology(*row) for row in found.values_list("pk", "channel_id", "number", "revision")], at=at, by=by
        )  # fmt: skip


def _apology(order_id: int, channel_id: int, number: str, revision: int) -> Owed:
    """Taken back when the pieces turn up before anybody has sent it (``short_no_more``)."""
    return Owed(MailKind.SHORTAGE, channel_id, "ORDER", order_id, number, f"short:{revision}")


def is_short(order_id: int) -> bool:
    tasks = StaffTask.objects.filter(kind__in=SHORT_TASKS, subject_type="ORDER", subject_id=order_id)
    return tasks.filter(closed_at__isnull=True).exists()


def short_no_more(order_ids: Sequence[int], *, at: dt.datetime, by: Actor) -> None:
    withdraw(
        kind=MailKind.SHORTAGE,
        document_type="ORDER",
        document_ids=order_ids,
        reason=_("The order is short of nothing any more."),
        at=at,
        by=by,
    )


def tell_arrivals(
    lines: Sequence[ArrivalDate], heads: Sequence[Mapping[str, Any]], *, at: dt.datetime, by: Actor
) -> None:
    """The expected arrivals of orders, of which some have just moved; ``lines`` are all that have one, with what stood there before.

    What nobody has sent yet tells of days that are over: it is taken back. A mail is owed while a line is expected on another day than the shopper
    knows of; of one that moved back to that day nothing is told. A mail is written from what stands in the order when it goes out, so one that went
    told what stood there until now. Where the EC site or nobody writes, whatever stands there counts as told.
    """
    labels = {head["id"]: head for head in heads}
    # Taken back first: what a worker begins meanwhile has gone, and whatever has not is gone for good.
    arrivals_no_more(list(labels), at=at, by=by)
    went = documents_told(kind=MailKind.ARRIVAL_MOVED, document_type="ORDER", document_ids=list(labels))
    known = {line.line_id: _known_arrival(line, is_told=line.order_id in went) for line in lines}
    news = [line for line in lines if _is_news(line, known[line.line_id])]
    order_ids = sorted({line.order_id for line in news})
    owed = [
        Owed(MailKind.ARRIVAL_MOVED, head["channel_id"], "ORDER", key, head["number"], f"arrival:{head['version']}")
        for key, head in ((key, labels[key]) for key in order_ids)
    ]
    owe(owed, at=at, by=by)
    to_tell = documents_to_tell(kind=MailKind.ARRIVAL_MOVED, document_type="ORDER", document_ids=order_ids)
    told_by_others = {line.line_id: line.expected for line in news if line.order_id not in to_tell}
    told = [(line.line_id, told_by_others.get(line.line_id, known[line.line_id] or line.expected)) for line in lines]
    rows.update(OrderLine, "id", ["arrival_told"], told)


def _known_arrival(line: ArrivalDate, *, is_told: bool) -> dt.date | None:
    if is_told and line.stands:
        return line.stands
    return line.told or line.told_by_channel or line.stands


def _is_news(line: ArrivalDate, known: dt.date | None) -> bool:
    """A first day is none, nor one that is earlier than the channel told; a line without a day is somebody's task (``PROMISE_LATER``)."""
    if known is None or line.expected is None:
        return False
    return line.expected > known if known == line.told_by_channel else line.expected != known


def arrivals_no_more(order_ids: Sequence[int], *, at: dt.datetime, by: Actor) -> None:
    reason = _("The expected arrival moved again, or the goods came.")
    withdraw(
        kind=MailKind.ARRIVAL_MOVED, document_type="ORDER", document_ids=order_ids, reason=reason, at=at, by=by
    )  # fmt: skip


def tell_paid(payment: OrderPayment, order: Order, *, at: dt.datetime, by: Actor) -> None:
    """All money of a payment in advance is here."""
    if payment.method in AWAIT_THANKS and order.cancelled_at is None:
        occasion = f"payment:{payment.pk}:{order.revision}"
        owed = Owed(
            MailKind.PAYMENT_RECEIVED, order.channel_id, "ORDER", order.pk, order.number, occasion, "PAYMENT", payment.pk
        )  # fmt: skip
        owe([owed], at=at, by=by)


def tell_shipped(
    leaving: Iterable[Parcel], untracked: frozenset[int], *, on: dt.date, batch: rows.Batch, at: dt.datetime, by: Actor
) -> None:
    """Parcels without a tracking number are told of when it comes, or when it is late."""
    if business_date(at) - on >= NEWS_FOR:
        return
    owed = [
        Owed(
            MailKind.SHIPPED, parcel.order.channel_id, "ORDER", parcel.order_id, parcel.order.number, f"shipment:{parcel.id}",
            "SHIPMENT", parcel.id, at + WAITS_FOR_TRACKING if parcel.id in untracked else None,
        )
        for parcel in leaving
    ]  # fmt: skip
    owe(owed, at=at, by=by, batch=batch)


def tell_tracked(shipment_id: int, *, at: dt.datetime) -> None:
    hasten(kind=MailKind.SHIPPED, about_type="SHIPMENT", about_id=shipment_id, at=at)


def tell_cancelled(order: Order, *, was_short: bool, at: dt.datetime, by: Actor) -> None:
    """An order that was short of goods is cancelled with an apology."""
    kind = MailKind.SHORTAGE if was_short else MailKind.CANCELLED
    owe([Owed(kind, order.channel_id, "ORDER", order.pk, order.number, "cancelled")], at=at, by=by)


def tell_returned(
    kind: str, documents: Iterable[NewReturn], numbers: dict[int, str], batch: rows.Batch, *, at: dt.datetime, by: Actor
) -> None:
    """A refused parcel is told of by its carrier."""
    if kind == Return.Kind.REFUSED:
        return
    owed = [
        Owed(
            MailKind.RETURNED, item.channel_id, "ORDER", item.order_id, numbers[item.order_id], f"return:{item.id}", "RETURN", item.id
        )
        for item in documents
        if item.order_id is not None and business_date(at) - item.on < NEWS_FOR
    ]  # fmt: skip
    owe(owed, at=at, by=by, batch=batch)


@use_case
def remind_of_payments(*, at: dt.datetime, by: Actor) -> int:
    """A job: remind of payments in advance that are due within two days and have not come. Once per payment and due date; returns how many are
    due so."""
    due = selectors.payments_due(after=at, until=at + REMIND_BEFORE)
    owed = [
        Owed(
            MailKind.PAYMENT_REMINDER, item.channel_id, "ORDER", item.order_id, item.number,
            f"due:{item.payment_id}:{business_date(item.due_at)}", "PAYMENT", item.payment_id,
        )
        for item in due
    ]  # fmt: skip
    owe(owed, at=at, by=by)
    return len(due)
