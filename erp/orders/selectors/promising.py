"""What orders lack of what is expected, and on which day the last missing piece of a line should come. Reads only."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.selectors import sku_codes
from erp.core import rows
from erp.inventory.selectors import WantedPieces, promised, promised_documents, reserved
from erp.orders.models import OrderLine, OrderWait
from erp.orders.selectors.orders import MAY_LACK_STOCK, open_needs

# Not of orders that get nothing by themselves: under a credit stop, or kept back.
_WAITING = """
SELECT o.id, o.channel_id, o.priority, o.recorded_at FROM orders_order o
WHERE o.state = ANY(%s::text[]) AND o.id IN (
    SELECT line.order_id FROM orders_orderlinecomponent part JOIN orders_orderline line ON line.id = part.line_id
    WHERE part.sku_id = ANY(%s::bigint[]) AND line.quantity > line.shipped_quantity + line.cancelled_quantity)
  AND NOT EXISTS (SELECT FROM orders_orderhold h WHERE h.order_id = o.id AND h.reason = 'CREDIT_EXCEEDED' AND h.resolved_at IS NULL)
  AND NOT EXISTS (SELECT FROM orders_orderwait w WHERE w.order_id = o.id AND w.closed_at IS NULL AND w.reason <> %s
                  AND (w.due_on IS NULL OR w.due_on > %s))
ORDER BY o.priority, o.id
"""


def missing_pieces(sku_ids: Sequence[int], *, today: dt.date) -> list[WantedPieces]:
    """What waiting orders lack of these SKUs, line by line and component by component."""
    states = [str(state) for state in MAY_LACK_STOCK]
    found = rows.ask(_WAITING, [states, list(sku_ids), OrderWait.Reason.PAID_LATE.value, today]).all()
    ids = [row[0] for row in found]
    if not ids:
        return []
    wanted, needs, have = set(sku_ids), open_needs(ids), _reserved(ids)
    lacking = []
    for order_id, channel_id, priority, since in found:
        for need in needs.get(order_id, ()):
            if need.sku_id in wanted and need.sku_id is not None:
                pieces = need.pieces - have.get((need.line_id, need.sku_id), 0)
                if pieces > 0:
                    lacking.append(
                        WantedPieces("ORDER", order_id, need.line_id, need.sku_id, channel_id, pieces, priority, since)
                    )
    return lacking


@dataclass(frozen=True, slots=True)
class ArrivalDate:
    """Of an order line: the day that stands there, and the day on which its last missing piece should come by what is promised now.

    ``told`` is the day that the shopper knew of when the first mail about another was owed.
    """

    order_id: int
    line_id: int
    line_no: int
    sku_code: str
    stands: dt.date | None
    expected: dt.date | None
    is_short: bool
    told_by_channel: dt.date | None
    told: dt.date | None


def orders_with_dates() -> list[int]:
    """Orders of which a line is promised something, or says when it should come."""
    dated = OrderLine.objects.filter(arrival_date__isnull=False).values_list("order_id", flat=True)
    return sorted({*dated, *promised_documents("ORDER")})


def arrival_dates(order_ids: Sequence[int]) -> list[ArrivalDate]:
    """Of every line that says a day, or should. A line is expected only when all it lacks is promised."""
    ids = list(order_ids)
    needs, have = open_needs(ids), _reserved(ids)
    pieces: dict[tuple[int, int], int] = defaultdict(int)
    last: dict[tuple[int, int], dt.date] = {}
    for part in promised("ORDER", ids):
        key = (part.document_line, part.sku_id)
        pieces[key] += part.quantity
        last[key] = max(last.get(key, part.promised_date), part.promised_date)
    expected: dict[int, dt.date | None] = {}
    short: set[int] = set()
    for need in (need for of_order in needs.values() for need in of_order):
        line_key = (need.line_id, need.sku_id or 0)
        lacking = need.pieces - have.get(line_key, 0)
        if lacking <= 0:
            continue
        day = last.get(line_key) if pieces[line_key] >= lacking else None
        before = expected.get(need.line_id, day)
        expected[need.line_id] = max(before, day) if before and day else None
        short.add(need.line_id)
    lines = OrderLine.objects.filter(order__in=ids).order_by("order_id", "line_no")
    found = [
        ArrivalDate(order_id, key, line_no, code, stands, expected.get(key), key in short, by_channel, told)
        for key, order_id, line_no, code, stands, by_channel, told in lines.values_list(
            "pk", "order_id", "line_no", "sku_code", "arrival_date", "promised_date", "arrival_told"
        )
    ]
    return [line for line in found if line.stands or line.expected]


def lacking_of_line(order_id: int, line_id: int) -> dict[int, tuple[str, int]]:
    """By SKU: its code, and the pieces that a line lacks of it."""
    have = _reserved([order_id])
    lacks = {
        need.sku_id: need.pieces - have.get((line_id, need.sku_id), 0)
        for need in open_needs([order_id]).get(order_id, ())
        if need.line_id == line_id and need.sku_id is not None
    }
    codes = sku_codes(lacks)
    return {sku_id: (codes[sku_id], pieces) for sku_id, pieces in lacks.items() if pieces > 0}


def whole_orders(order_ids: Sequence[int]) -> list[int]:
    """Those that lack no piece."""
    needs, have = open_needs(order_ids), _reserved(order_ids)
    return [
        key for key in order_ids
        if all(need.pieces <= have.get((need.line_id, need.sku_id or 0), 0) for need in needs.get(key, ()))
    ]  # fmt: skip


def _reserved(order_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    have: dict[tuple[int, int], int] = defaultdict(int)
    for part in reserved("ORDER", order_ids):
        have[part.document_line, part.sku_id] += part.quantity
    return have
