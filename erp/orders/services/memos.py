"""What people of the house tell each other about an order (社内メモ). A memo stays as it was written; a correction is another one."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from erp.core import rows
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.orders.exceptions import OrderNotFound
from erp.orders.models import Order, OrderEvent
from erp.orders.services.writing import EVENT_COLUMNS

LONGEST_MEMO = 1000


@use_case
def write_memo(*, order_id: int, text: str, at: dt.datetime, by: Actor) -> None:
    """Leave a memo on an order, in whatever state it is. No channel hears of it; a second click changes nothing.

    Raises OrderNotFound, InvalidInput.
    """
    memo = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if not memo:
        raise InvalidInput([Problem("/text", "required", _("Write what the memo shall say."))])
    if len(memo) > LONGEST_MEMO:
        told = _("A memo has at most %(most)d characters; this one has %(count)d.")
        raise InvalidInput([Problem("/text", "max_length", told % {"most": LONGEST_MEMO, "count": len(memo)})])
    if not Order.objects.filter(pk=order_id).exists():
        raise OrderNotFound(_("There is no such order."))
    last = OrderEvent.objects.filter(order=order_id, kind=OrderEvent.Kind.MEMO).order_by("-pk").first()
    if last is not None and (last.detail, last.actor) == (memo, str(by)):
        return  # a second click
    rows.insert(OrderEvent, EVENT_COLUMNS, [(order_id, OrderEvent.Kind.MEMO, "", "", memo, at, str(by))])
