"""Reasons to wait (確認待ち): opened and resolved by people, each with who and why."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.utils.translation import gettext as _

from catalog.selectors import sku_facts
from customers.selectors import accounts_by_id
from erp.core import rows
from erp.core.actors import Actor
from erp.core.errors import NotAllowedNow
from erp.core.models import TaxRate
from erp.core.money import ZERO, Rounding
from erp.core.tax import Rate
from erp.core.use_case import use_case
from erp.orders import selectors
from erp.orders.exceptions import OrderNotFound
from erp.orders.models import (
    OVER,
    Order,
    OrderAdjustment,
    OrderEvent,
    OrderFee,
    OrderHold,
    OrderLine,
    OrderLineComponent,
    OrderTaxTotal,
)
from erp.orders.services import deposits, late_goods, late_revisions
from erp.orders.services.allocation import allocate_locked
from erp.orders.services.amounts import Item, rate_totals, scale_to_gross
from erp.orders.services.states import announce, move_states
from erp.orders.services.writing import EVENT_COLUMNS, HOLD_COLUMNS


@use_case
def hold_order(*, order_id: int, detail: str, at: dt.datetime, by: Actor) -> str:
    """Put an order on hold by hand. Returns its state. Raises OrderNotFound, NotAllowedNow for one of which nothing is left to hold back."""
    order = _lock(order_id)
    if order.state in OVER:
        raise NotAllowedNow(
            _("Nothing of the order is left to hold back: %(state)s") % {"state": order.get_state_display()}
        )
    open_hold = OrderHold.objects.filter(order=order_id, reason=OrderHold.Reason.MANUAL, resolved_at__isnull=True)
    if not open_hold.exists():
        rows.insert(OrderHold, HOLD_COLUMNS, [(order_id, OrderHold.Reason.MANUAL, detail[:300], at, str(by), "", "")])
        rows.insert(OrderEvent, EVENT_COLUMNS, [(order_id, "HELD", "", "", detail[:300], at, str(by))])
        # It may wait for something else already; one more reason is news all the same.
        announce(selectors.order_heads([order_id]))
    return move_states(order_ids=[order_id], at=at, by=by, why=detail)[order_id]


@use_case
def resolve_hold(*, order_id: int, reason: str, resolution: str, at: dt.datetime, by: Actor) -> str:
    """Clear one reason to wait, after doing what it asks for; stock is allocated when it was kept back. Returns the order's state.

    TOTAL_MISMATCH is resolved by accepting the total as charged; UNKNOWN_SKU only when every line has its SKU (see ``assign_sku``);
    NO_PAYMENT_ROUTE only when every way of payment has its route in the books now; LATE_REVISION by leaving the order as it is (or by
    ``apply_late_revision``); AMOUNT_UNKNOWN and CURRENCY only by an amendment
    that names the amounts, or comes in the currency of the channel. Raises OrderNotFound, NotAllowedNow.
    """
    order = _lock(order_id)
    hold = OrderHold.objects.filter(order=order_id, reason=reason, resolved_at__isnull=True).first()
    if hold is None:
        return order.state
    if reason == OrderHold.Reason.AMOUNT_UNKNOWN and order.total is None:
        raise NotAllowedNow(_("The amounts have to come from the channel as a new revision."))
    if reason == OrderHold.Reason.CURRENCY:
        raise NotAllowedNow(_("The order has to come from the channel in its currency, as a new revision."))
    if reason == OrderHold.Reason.UNKNOWN_SKU and OrderLine.objects.filter(order=order_id, sku__isnull=True).exists():
        raise NotAllowedNow(_("Give every line its SKU first."))
    if reason == OrderHold.Reason.TOTAL_MISMATCH:
        _accept_charged_total(order)
    if reason == OrderHold.Reason.NO_PAYMENT_ROUTE:
        deposits.find_routes(order_id=order_id, at=at, by=by)
    if reason == OrderHold.Reason.LATE_REVISION:
        late_revisions.close(order_id, resolution=resolution, at=at, by=by)
    OrderHold.objects.filter(pk=hold.pk).update(resolved_at=at, resolved_by=str(by), resolution=resolution[:300])
    detail = f"{OrderHold.Reason(reason).label}: {resolution}"
    rows.insert(OrderEvent, EVENT_COLUMNS, [(order_id, "HOLD_RESOLVED", "", "", detail[:300], at, str(by))])
    allocate_locked([order_id], at=at, by=by)
    state = move_states(order_ids=[order_id], at=at, by=by, why=detail)[order_id]
    announce(selectors.order_heads([order_id]))
    return state


@use_case
def make_final(*, order_id: int, reason: str, at: dt.datetime, by: Actor) -> str:
    """Take a provisional order as final (本受注) because somebody heard so by another way; mostly a revision of the channel says it.

    Returns the order's state; a final order stays as it is. Raises OrderNotFound, NotAllowedNow for a cancelled order.
    """
    order = _lock(order_id)
    if not order.is_provisional:
        return order.state
    if order.cancelled_at is not None:
        raise NotAllowedNow(_("The order is cancelled."))
    Order.objects.filter(pk=order_id).update(is_provisional=False)
    detail = _("Taken as final: %(reason)s") % {"reason": reason}
    rows.insert(OrderEvent, EVENT_COLUMNS, [(order_id, "AMENDED", "", "", detail[:300], at, str(by))])
    announce(selectors.order_heads([order_id]))
    return move_states(order_ids=[order_id], at=at, by=by, why=detail)[order_id]


@use_case
def assign_sku(*, line_id: int, sku_code: str, at: dt.datetime, by: Actor) -> None:
    """Say which SKU an unknown line means; of what was sold over a counter already, stock is taken and its cost posted now.

    Raises OrderNotFound, NotAllowedNow for an unknown SKU or a line that has one.
    """
    line = OrderLine.objects.filter(pk=line_id).first()
    if line is None:
        raise OrderNotFound(_("There is no such order line."))
    _lock(line.order_id)
    facts = sku_facts([sku_code]).get(sku_code)
    if facts is None or line.sku_id is not None:
        raise NotAllowedNow(_("“%(code)s” cannot be set on this line.") % {"code": sku_code})
    OrderLine.objects.filter(pk=line_id).update(sku_id=facts.sku_id, release_date=facts.release_date)
    rows.insert(
        OrderLineComponent,
        ("line_id", "sku_id", "quantity_per_unit"),
        [(line_id, sku_id, per_unit) for sku_id, per_unit in facts.components],
    )
    if line.shipped_quantity:
        late_goods.take_sold_late(line=line, facts=facts, at=at, by=by)
    detail = f"{line.sku_code or line.channel_item_code or line.name} → {sku_code}"
    rows.insert(OrderEvent, EVENT_COLUMNS, [(line.order_id, "AMENDED", "", "", detail[:300], at, str(by))])


def _lock(order_id: int) -> Order:
    order = Order.objects.filter(pk=order_id).select_for_update(no_key=True).first()
    if order is None:
        raise OrderNotFound(_("There is no such order."))
    return order


def _accept_charged_total(order: Order) -> None:
    """Make the document say what was charged: the gross is a fact, its net and tax follow from it, the difference is a line of its own."""
    if order.stated_total is None or order.total is None or order.stated_total == order.total:
        return
    lines = list(OrderLine.objects.filter(order=order).order_by("line_no"))
    fees = list(OrderFee.objects.filter(order=order).order_by("line_no"))
    priced: list[OrderLine | OrderFee] = [*lines, *fees]
    rates = {rate.code: rate for rate in TaxRate.objects.filter(code__in={row.tax_code for row in priced})}
    items = [_item(row, rates[row.tax_code]) for row in priced]
    terms = accounts_by_id([order.account_id]).get(order.account_id) if order.account_id else None
    rounding = Rounding(terms.tax_rounding if terms else order.channel.tax_rounding)
    scaled = scale_to_gross(items, order.stated_total, rounding=rounding, currency=order.currency)
    columns = ["net_amount", "tax_amount", "gross_amount"]
    figures = [(item.net, item.tax, item.gross) for item in scaled]
    rows.update(OrderLine, "id", columns, [(row.pk, *figure) for row, figure in zip(lines, figures, strict=False)])
    rows.update(
        OrderFee, "id", columns, [(row.pk, *figure) for row, figure in zip(fees, figures[len(lines) :], strict=True)]
    )
    for total in rate_totals(scaled):
        OrderTaxTotal.objects.filter(order=order, tax_code=total.rate.code).update(
            net_amount=total.net, tax_amount=total.tax, gross_amount=total.gross
        )
    number = OrderAdjustment.objects.filter(order=order).count() + 1
    OrderAdjustment.objects.create(
        order=order,
        line_no=number,
        kind=OrderAdjustment.Kind.ROUNDING,
        funded_by=OrderAdjustment.Funder.SHOP,
        amount=order.total - order.stated_total,
    )
    tax = sum((item.tax for item in scaled), ZERO)
    third_party = order.total - (order.amount_due if order.amount_due is not None else order.total)
    Order.objects.filter(pk=order.pk).update(
        total=order.stated_total,
        tax_amount=tax,
        net_amount=order.stated_total - tax,
        amount_due=order.stated_total - third_party,
    )


def _item(row: OrderLine | OrderFee, rate: TaxRate) -> Item:
    known = Rate(rate.tax_class, rate.code, rate.percent, rate.valid_from, rate.valid_to)
    gross = row.gross_amount if row.gross_amount is not None else Decimal(0)
    return Item(known, gross, tax_included=True, gross=gross)
