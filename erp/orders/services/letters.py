"""Which mails to shoppers follow from what happens to an order. Each is owed in the transaction of what it tells, once per occasion.

Whether Mamori sends it at all is the rule of the channel (``erp.correspondence``). Orders and parcels of the past, as an import brings them,
are no news to anybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence

from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.models import StaffTask
from erp.core.use_case import use_case
from erp.correspondence.models import MailKind
from erp.correspondence.services import Owed, hasten, owe, withdraw
from erp.orders import selectors
from erp.orders.models import Order, OrderPayment, PaymentMethod, Return
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
