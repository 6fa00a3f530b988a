"""What accounts have ordered and lack of some goods, and what came of a distribution among them. Reads only."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from erp.core import rows
from erp.inventory.selectors import places_of_channels, reserved
from erp.orders.models import OrderDistributionLine, OrderWait
from erp.orders.selectors.orders import MAY_LACK_STOCK, open_needs

# Not of orders under a credit stop, nor of those whose reservation was given up because their money is overdue.
_OF_ACCOUNTS = """
SELECT o.id, o.number, o.account_id, o.channel_id, o.priority, o.order_date FROM orders_order o
WHERE o.state = ANY(%s::text[]) AND o.account_id IS NOT NULL
  AND (%s::bigint[] IS NULL OR o.account_id = ANY(%s::bigint[])) AND (%s::bigint[] IS NULL OR o.id = ANY(%s::bigint[]))
  AND o.id IN (
    SELECT line.order_id FROM orders_orderlinecomponent part JOIN orders_orderline line ON line.id = part.line_id
    WHERE part.sku_id = ANY(%s::bigint[]) AND line.quantity > line.shipped_quantity + line.cancelled_quantity)
  AND NOT EXISTS (SELECT FROM orders_orderhold h WHERE h.order_id = o.id AND h.reason = 'CREDIT_EXCEEDED' AND h.resolved_at IS NULL)
  AND NOT EXISTS (SELECT FROM orders_orderwait w WHERE w.order_id = o.id AND w.closed_at IS NULL AND w.reason = %s)
ORDER BY o.priority, o.id
"""


@dataclass(frozen=True, slots=True)
class OpenWant:
    """Of a line of an account's order: the pieces of a SKU that it lacks, and those that are reserved for it. A kit by its components."""

    order_id: int
    number: str
    account_id: int
    channel_id: int
    priority: int
    order_date: dt.date
    line_id: int
    sku_id: int
    lacking: int
    reserved: int


def open_wants(
    *,
    source_id: int,
    sku_ids: Sequence[int],
    account_ids: Sequence[int] | None = None,
    order_ids: Sequence[int] | None = None,
) -> list[OpenWant]:
    """What accounts want of these SKUs, in the order in which they are served (priority, then age), of channels that sell from the place.

    Of all accounts and all orders unless some are named.
    """
    states = [str(state) for state in MAY_LACK_STOCK]
    accounts = None if account_ids is None else list(account_ids)
    orders = None if order_ids is None else list(order_ids)
    overdue = OrderWait.Reason.PAYMENT_OVERDUE.value
    found = rows.ask(_OF_ACCOUNTS, [states, accounts, accounts, orders, orders, list(sku_ids), overdue]).all()
    sells = places_of_channels({row[3] for row in found})
    found = [row for row in found if source_id in sells.get(row[3], ())]
    ids, wanted = [row[0] for row in found], set(sku_ids)
    needs, have = open_needs(ids), _reserved(ids)
    return [
        OpenWant(
            order_id,
            number,
            account,
            channel,
            priority,
            on,
            need.line_id,
            need.sku_id,
            max(need.pieces - kept, 0),
            kept,
        )
        for order_id, number, account, channel, priority, on in found
        for need in needs.get(order_id, ())
        if need.sku_id is not None and need.sku_id in wanted
        for kept in [have.get((need.line_id, need.sku_id), 0)]
    ]


def lacking_of(order_ids: Sequence[int]) -> dict[int, int]:
    """By order, the pieces that it lacks of everything it wants."""
    needs, have = open_needs(order_ids), _reserved(order_ids)
    return {
        key: sum(max(need.pieces - have.get((need.line_id, need.sku_id or 0), 0), 0) for need in needs.get(key, ()))
        for key in order_ids
    }


def _reserved(order_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    have: dict[tuple[int, int], int] = defaultdict(int)
    for part in reserved("ORDER", order_ids):
        have[part.document_line, part.sku_id] += part.quantity
    return have


@dataclass(frozen=True, slots=True)
class Distributed:
    """Of an order: which line got how many pieces of which SKU of a distribution. ``reserved`` None: not yet."""

    order_id: int
    number: str
    account: str
    state: str
    sku_code: str
    quantity: int
    reserved: int | None
    released: int
    became: str


def distributed(distribution_id: int) -> list[Distributed]:
    """What the lines of orders get, or got, of a distribution, by account and order."""
    found = OrderDistributionLine.objects.filter(distribution=distribution_id)
    found = found.select_related("order__account", "sku").order_by(
        "order__account__code", "order_id", "sku__code", "pk"
    )
    lines = list(found)
    is_undone = any(line.undone_at for line in lines)
    return [
        Distributed(
            line.order_id, line.order.number, str(line.order.account or ""), line.order.get_state_display(), line.sku.code,
            line.quantity, line.reserved, line.released, _became(line, is_undone=is_undone),
        )
        for line in lines
    ]  # fmt: skip


def _became(line: OrderDistributionLine, *, is_undone: bool) -> str:
    """What became of the pieces of a line, said after somebody has undone the distribution or parts of it as well."""
    if line.reserved is None:
        return _("Not its turn yet")
    if line.undone_at is None:
        if line.reserved == 0:
            return _("Nothing was reserved")
        return _("Kept, not given back") if is_undone else _("Reserved")
    if line.reserved == 0:
        return _("Undone, nothing had been reserved")
    if line.released == line.reserved:
        return _("Given back")
    told = _("%(released)d given back, %(gone)d had left or were the order's no more")
    return told % {"released": line.released, "gone": line.reserved - line.released}
