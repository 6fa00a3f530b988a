"""Issues 領収書. Takes the level document: the order's row, so that two people never issue two firsts."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from erp.core import numbering
from erp.core.actors import Actor
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.orders import selectors
from erp.orders.exceptions import NotReceiptable, OrderNotFound, ReceiptIssued
from erp.orders.models import Order, Receipt


@use_case
def issue_receipt(
    *,
    order_id: int,
    addressee: str,
    proviso: str,
    medium: str,
    token: str,
    again_because: str = "",
    at: dt.datetime,
    by: Actor,
) -> Receipt:
    """Issue the receipt of an order for what was paid of it, frozen with all that it prints. The same ``token`` again is the same receipt.

    A second one is issued only with ``again_because``; it is marked 再発行 and counted.

    Raises:
        OrderNotFound
        InvalidInput: no addressee or proviso, 上様 where it is not allowed; names every fault.
        NotReceiptable: not paid, nothing left, issued by somebody else; names every reason.
        ReceiptIssued: there is one and nobody said why again.
    """
    order = Order.objects.select_related("channel").filter(pk=order_id)
    order_row = order.select_for_update(of=("self",), no_key=True).first()
    if order_row is None:
        raise OrderNotFound(_("There is no such order."))
    if known := Receipt.objects.filter(order=order_id, token=token).first():
        return known
    problems = selectors.find_word_problems(addressee, proviso)
    if medium not in Receipt.Medium.values:
        problems.append(Problem("/medium", "unknown", _("On paper, or as PDF by mail.")))
    if problems:
        raise InvalidInput(problems)
    sheet = selectors.receipt_sheet(order_row)
    if sheet.problems:
        raise NotReceiptable(_("No receipt can be issued."), problems=sheet.problems)
    if sheet.issued and not again_because.strip():
        told = _("Receipt %(number)s was issued already. Say why it is issued again.")
        raise ReceiptIssued(told % {"number": sheet.issued[-1].number})
    return Receipt.objects.create(
        number=numbering.next_numbers(numbering.RECEIPT)[0],
        order=order_row,
        issue=len(sheet.issued) + 1,
        medium=medium,
        addressee=addressee.strip(),
        proviso=proviso.strip(),
        issued_on=business_date(at),
        currency=order_row.currency,
        amount=sheet.amount,
        content=selectors.content_of(sheet, medium=medium) | {"honorific": selectors.honorific_of(addressee.strip())},
        reason=again_because.strip()[:200] if sheet.issued else "",
        token=token[:40],
        recorded_at=at,
        actor=str(by),
    )
