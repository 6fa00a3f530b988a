"""Money received before goods leave: a deposit (前受金) until they do, a refund that we owe when they will not. Takes the level open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db.models import Q
from django.utils.translation import gettext as _

from accounting.selectors import open_items, payment_routes
from accounting.services import EntryDraft, Party, post_entries
from erp.core.actors import Actor
from erp.core.errors import NotAllowedNow
from erp.core.money import ZERO
from erp.orders import postings, selectors
from erp.orders.models import Order, OrderPayment, PaymentMethod
from erp.orders.postings import Dimensions, Document, MoneyPart
from erp.orders.services.drafting import Draft
from erp.orders.services.open_days import money_day
from erp.orders.services.parties import counterparty, customer_party, dimensions_of
from erp.orders.services.writing import Written


def post_receipt(order: Order, payment: OrderPayment, amount: Decimal, *, at: dt.datetime, by: Actor) -> None:
    if not amount or not payment.role:
        return
    draft = postings.advance_receipt(
        document=Document("ORDER", order.pk, order.number),
        money=MoneyPart(amount, payment.role, counterparty(payment)),
        customer=customer_party(order),
        on=money_day(at),
        dimensions=dimensions_of(order),
    )
    post_entries(drafts=[draft], at=at, by=by)


def owe_deposits_back(order: Order, *, keep: Decimal = ZERO, at: dt.datetime, by: Actor) -> Decimal:
    """What was received for goods that will not be sold becomes a refund we owe: all deposits but ``keep``. Returns how much.

    Needs the order's channel and account beside it.
    """
    customer = customer_party(order)
    items = open_items(document_type="ORDER", document_ids=[order.pk], roles=["deposits"])
    owed = left = max(sum((item.remaining for item in items), ZERO) - keep, ZERO)
    deposits = []
    for item in items:
        if part := min(item.remaining, left):
            deposits.append(MoneyPart(part, "deposits", customer, settles=item.id))
            left -= part
    if deposits:
        draft = postings.deposit_to_refund(
            title=_("Cancellation"),
            document=Document("ORDER", order.pk, order.number),
            deposits=deposits,
            customer=customer,
            on=money_day(at),
            dimensions=dimensions_of(order),
        )
        post_entries(drafts=[draft], at=at, by=by)
    return owed


def owe_back_what_no_sale_takes(order: Order, *, at: dt.datetime, by: Actor) -> Decimal:
    """Money came in after the order was cancelled, or after goods of it came back before they were sold. Returns how much of it we owe back."""
    if not selectors.is_rest_owed_back(order.pk):
        return ZERO
    return owe_deposits_back(order, keep=selectors.still_to_be_sold(order.pk), at=at, by=by)


def post_advance_receipts(
    drafts: Sequence[Draft], written: Mapping[int, Written], *, at: dt.datetime, by: Actor
) -> None:
    """Deposits of orders whose money was captured when they were placed, or amended: what is not in the books yet."""
    if not any(payment.to_post and payment.role for draft in drafts for payment in draft.payments):
        return
    on, entries = money_day(at), list[EntryDraft]()
    for draft in drafts:
        customer = Party("CUSTOMER", draft.customer_record_id or 0, _orderer_label(draft))
        department = draft.account.department_id if draft.account else None
        dimensions = Dimensions(draft.channel.pk, department or draft.channel.department_id, draft.order.currency)
        for payment in draft.payments:
            if payment.to_post and payment.role:
                party = None
                if payment.counterparty_id:
                    party = Party("COUNTERPARTY", payment.counterparty_id, payment.party_label)
                entries.append(
                    postings.advance_receipt(
                        document=Document("ORDER", draft.order_id, draft.number),
                        money=MoneyPart(payment.to_post, payment.role, party),
                        customer=customer,
                        on=on,
                        dimensions=dimensions,
                    )
                )
    post_entries(drafts=entries, at=at, by=by)


def find_routes(*, order_id: int, at: dt.datetime, by: Actor) -> None:
    """Give payments that came before their route was set up the route they have now, and post what was received on them.

    Raises NotAllowedNow when one still has none. Part of a transaction that holds the order's lock.
    """
    order = Order.objects.select_related("channel", "account").get(pk=order_id)
    routes = payment_routes()
    has_money = Q(amount__gt=0) | Q(received_amount__gt=0)
    waiting = order.payments.filter(has_money, role="").exclude(method=PaymentMethod.NONE)
    for payment in waiting.order_by("line_no"):
        route = routes.find(order.channel_id, payment.method, payment.provider)
        if route is None:
            label = f"{PaymentMethod(payment.method).label} {payment.provider}".strip()
            raise NotAllowedNow(_("Say first where money of “%(method)s” comes from.") % {"method": label})
        payment.role, payment.must_be_paid_first = route.role, route.must_be_paid_first
        payment.counterparty_id = route.party.id if route.party else None
        OrderPayment.objects.filter(pk=payment.pk).update(
            role=payment.role, must_be_paid_first=payment.must_be_paid_first, counterparty_id=payment.counterparty_id
        )
        post_receipt(order, payment, payment.received_amount, at=at, by=by)


def _orderer_label(draft: Draft) -> str:
    person = draft.order.orderer
    name = f"{person.company} {person.family_name} {person.given_name}".strip() if person else ""
    return name[:150] or draft.number
