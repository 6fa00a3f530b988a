"""発注候補: how fast each SKU sells, what is there and still to come, and what to buy so that it lasts.

Position = on hand − claims + still to come − what orders and customer orders (客注) want and nothing is kept for. What goes from one place to another
is claimed where it leaves and still to come where it goes, also what went to the road without a transfer order; what waits for inspection (検品待ち)
is still to come for the company, since nobody has said where it will go, less what is claimed there. At the reorder point or below it a SKU is bought
again, up to the point and so many days of sales more, in whole lots. The point is set by hand, or it is the sales of the lead time and a
safety stock.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from erp.core.clock import end_of
from erp.inventory.models import NOT_FOR_SALE
from erp.inventory.selectors import sold_at
from erp.inventory.selectors.promises import waiting_customer_orders
from erp.inventory.selectors.stock_value import OF_STYLES, Scope, rows_of

WEEKS = (4, 8, 13)
# Where neither a rule nor the supplier says how long it takes.
LEAD_TIME_DAYS = 14
# What went to the road without a transfer order and has not come by then is waited for no more; nor are the transfers of years read again each day.
LOST_ON_THE_ROAD = dt.timedelta(days=180)

_demands: list[Callable[[], dict[int, int]]] = []


def register_demand(open_demand: Callable[[], dict[int, int]]) -> None:
    """Who knows what documents still want to ship, in pieces by SKU: told by the room that owns them, in ``AppConfig.ready``."""
    _demands.append(open_demand)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One SKU as a buyer sees it. ``sold`` are pieces of the last 4, 8 and 13 weeks, net of returns; ``days`` those of the chosen span."""

    sku_id: int
    code: str
    name: str
    supplier_id: int | None
    supplier: str
    sold: tuple[int, int, int]
    days: int
    weeks_place: int
    on_hand: int
    claimed: int
    coming: int
    next_arrival: dt.date | None
    backorder: int
    lead_time_days: int
    lot: int
    safety_stock: int
    point_by_hand: int | None
    cover_days: int
    is_bought: bool

    @property
    def speed(self) -> Fraction:
        """Pieces a day."""
        return Fraction(max(self.sold[self.weeks_place], 0), self.days)

    @property
    def position(self) -> int:
        return self.on_hand - self.claimed + self.coming - self.backorder

    @property
    def reorder_point(self) -> int:
        if self.point_by_hand is not None:
            return self.point_by_hand
        return math.ceil(self.speed * self.lead_time_days) + self.safety_stock

    @property
    def is_due(self) -> bool:
        """Nothing is bought again of what neither sells nor is owed nor has a point."""
        return self.is_bought and self.position <= self.reorder_point and (self.reorder_point > 0 or self.position < 0)

    @property
    def suggested(self) -> int:
        if not self.is_due:
            return 0
        lacking = self.reorder_point + math.ceil(self.speed * self.cover_days) - self.position
        return math.ceil(Fraction(max(lacking, 1), self.lot)) * self.lot

    @property
    def days_of_cover(self) -> Decimal | None:
        """How long the position lasts at this speed; None: for ever, since nothing sells."""
        if self.position <= 0:
            return Decimal(0)
        return None if not self.speed else Decimal(math.floor(self.position / self.speed))


_CANDIDATES = f"""
WITH sold AS (
    SELECT m.sku_id, -sum(m.quantity) FILTER (WHERE m.occurred_at >= %(first)s) AS short, -sum(m.quantity) FILTER (WHERE m.occurred_at >= %(second)s)
               AS medium, -sum(m.quantity) AS long
    FROM inventory_stockmovement m JOIN inventory_stockdocument d ON d.id = m.document_id
    WHERE m.occurred_at >= %(third)s AND m.occurred_at < %(end)s AND CASE WHEN %(location)s::bigint IS NULL
          THEN m.reason_id IS NULL AND ((d.kind = 'ISSUE' AND d.source_type <> 'SUPPLIER_RETURN' AND m.quantity < 0)
                                        OR (d.kind = 'RECEIPT' AND d.source_type = 'RETURN'))
          ELSE m.location_id = %(location)s AND ({sold_at.LEFT} OR {sold_at.CAME_BACK}) END
    GROUP BY m.sku_id),
here AS (
    SELECT b.sku_id, sum(b.on_hand) AS on_hand, sum(b.allocated) AS claimed
    FROM inventory_stockbalance b JOIN inventory_location place ON place.id = b.location_id
    WHERE place.is_active AND place.kind <> ALL (%(not_for_sale)s) AND (%(location)s::bigint IS NULL OR place.id = %(location)s)
    GROUP BY b.sku_id),
coming AS (
    SELECT sku_id, sum(quantity - received_quantity) AS pieces, min(expected_date) AS soonest FROM inventory_expectedreceipt
    WHERE cancelled_at IS NULL AND received_quantity < quantity AND (%(location)s::bigint IS NULL OR location_id = %(location)s)
    GROUP BY sku_id),
under_way AS (
    SELECT line.sku_id, o.to_location_id AS goal_id,
           CASE WHEN o.state = 'SHIPPED' THEN line.shipped - line.received - line.lost ELSE coalesce(claim.quantity, 0) END AS pieces
    FROM inventory_transferorder o JOIN inventory_transferorderline line ON line.order_id = o.id
    LEFT JOIN inventory_reservation claim ON claim.sku_id = line.sku_id AND claim.location_id = o.from_location_id
        AND claim.document_type = 'TRANSFER_ORDER' AND claim.document_id = o.id AND claim.document_line = line.id
    WHERE o.state IN ('REQUESTED', 'SHIPPED')
    UNION ALL
    SELECT sent.sku_id,
           coalesce((SELECT r.destination_id FROM inventory_stockdocument r
                     WHERE r.source_type = 'TRANSFER_REDIRECT' AND r.source_id = d.id ORDER BY r.id DESC LIMIT 1), d.destination_id),
           sent.quantity - coalesce((
               SELECT -sum(off.quantity) FROM inventory_stockdocument done JOIN inventory_stockmovement off ON off.document_id = done.id
               LEFT JOIN inventory_reason why ON why.id = off.reason_id
               WHERE done.source_type IN ('TRANSFER_ARRIVAL', 'TRANSFER_LOSS') AND done.source_id = d.id AND off.quantity < 0
                 AND off.document_line = sent.document_line AND why.code IS DISTINCT FROM 'PROVISIONAL'), 0)
    FROM inventory_stockdocument d JOIN inventory_stockmovement sent ON sent.document_id = d.id
    JOIN inventory_location road ON road.id = sent.location_id
    JOIN inventory_stockbalance b ON b.sku_id = sent.sku_id AND b.location_id = sent.location_id AND b.on_hand > 0
    WHERE sent.occurred_at >= %(lost)s
      AND d.source_type = 'TRANSFER' AND d.destination_id IS NOT NULL AND sent.quantity > 0 AND sent.reason_id IS NULL AND road.kind = 'IN_TRANSIT'
      AND NOT EXISTS (SELECT FROM inventory_transferorder o WHERE o.document_id = d.id)),
moving AS (
    SELECT under_way.sku_id, sum(under_way.pieces) AS pieces FROM under_way JOIN inventory_location goal ON goal.id = under_way.goal_id
    WHERE under_way.pieces > 0 AND goal.is_active AND CASE WHEN %(location)s::bigint IS NULL
          THEN goal.kind = 'INSPECTION' OR goal.kind <> ALL (%(not_for_sale)s)
          ELSE goal.id = %(location)s AND goal.kind <> ALL (%(not_for_sale)s) END
    GROUP BY under_way.sku_id),
looked_at AS (
    SELECT b.sku_id, sum(b.on_hand - b.allocated) AS pieces FROM inventory_stockbalance b JOIN inventory_location place ON place.id = b.location_id
    WHERE place.kind = 'INSPECTION' AND b.on_hand > 0 AND %(location)s::bigint IS NULL GROUP BY b.sku_id),
kept AS (SELECT sku_id, sum(quantity) AS pieces FROM inventory_reservation WHERE document_type = 'ORDER' AND quantity > 0 GROUP BY sku_id),
wanted AS (SELECT * FROM unnest(%(wanted_skus)s::bigint[], %(wanted_pieces)s::bigint[]) AS w (sku_id, pieces)),
awaited AS (SELECT * FROM unnest(%(awaited_skus)s::bigint[], %(awaited_pieces)s::bigint[]) AS w (sku_id, pieces))
SELECT sku.id, sku.code, product.name, supplier.id, coalesce(supplier.code || ' ' || supplier.name, ''),
       coalesce(sold.short, 0)::int, coalesce(sold.medium, 0)::int, coalesce(sold.long, 0)::int,
       coalesce(here.on_hand, 0)::int, coalesce(here.claimed, 0)::int,
       (coalesce(coming.pieces, 0) + coalesce(moving.pieces, 0) + coalesce(looked_at.pieces, 0))::int, coming.soonest,
       CASE WHEN %(location)s::bigint IS NULL
            THEN greatest(coalesce(wanted.pieces, 0) - coalesce(kept.pieces, 0), 0) + coalesce(awaited.pieces, 0) ELSE 0 END::int,
       coalesce(rule.lead_time_days, nullif(supplier.lead_time_days, 0), {LEAD_TIME_DAYS}), coalesce(rule.lot, 1), coalesce(rule.safety_stock, 0),
       rule.reorder_point, coalesce(rule.cover_days, 28), coalesce(rule.is_active, product.life_cycle NOT IN ('CLEARANCE', 'DISCONTINUED'))
FROM catalog_sku sku JOIN catalog_product product ON product.id = sku.product_id
LEFT JOIN catalog_supplier supplier ON supplier.id = product.supplier_id
LEFT JOIN sold ON sold.sku_id = sku.id LEFT JOIN here ON here.sku_id = sku.id LEFT JOIN coming ON coming.sku_id = sku.id
LEFT JOIN moving ON moving.sku_id = sku.id LEFT JOIN looked_at ON looked_at.sku_id = sku.id
LEFT JOIN kept ON kept.sku_id = sku.id LEFT JOIN wanted ON wanted.sku_id = sku.id LEFT JOIN awaited ON awaited.sku_id = sku.id
LEFT JOIN LATERAL (
    SELECT * FROM inventory_reorderrule r WHERE r.sku_id = sku.id AND (r.location_id IS NULL OR r.location_id = %(location)s)
    ORDER BY r.location_id NULLS LAST LIMIT 1) rule ON true
WHERE sku.is_active AND NOT sku.is_kit AND {OF_STYLES}
  AND (sold.sku_id IS NOT NULL OR here.on_hand > 0 OR coming.sku_id IS NOT NULL OR moving.sku_id IS NOT NULL OR looked_at.sku_id IS NOT NULL
       OR wanted.sku_id IS NOT NULL OR awaited.sku_id IS NOT NULL OR rule.id IS NOT NULL)
"""  # noqa: S608 - made of our own constants only


def candidates(day: dt.date, *, weeks: int = 8, scope: Scope, only_due: bool = True) -> list[Candidate]:
    """What to buy on a day, the most urgent first: what lasts the fewest days. Of the company, or of one place (``scope.location_id``).

    What orders and customer orders want and nothing is kept for counts for the company only, since it is not decided which place will serve it.
    """
    assert weeks in WEEKS
    ends = [end_of(day - dt.timedelta(weeks=span)) for span in WEEKS]
    wanted: dict[int, int] = {}
    for open_demand in _demands if scope.location_id is None else ():
        for sku_id, pieces in open_demand().items():
            wanted[sku_id] = wanted.get(sku_id, 0) + pieces
    awaited: dict[int, int] = {}
    for want in waiting_customer_orders(at=end_of(day)) if scope.location_id is None else ():
        awaited[want.sku_id] = awaited.get(want.sku_id, 0) + want.quantity
    limits = {
        "first": ends[0], "second": ends[1], "third": ends[2], "end": end_of(day), "lost": end_of(day - LOST_ON_THE_ROAD),
        "not_for_sale": list(NOT_FOR_SALE),
        "wanted_skus": list(wanted), "wanted_pieces": list(wanted.values()),
        "awaited_skus": list(awaited), "awaited_pieces": list(awaited.values()),
    }  # fmt: skip
    found = []
    for row in rows_of(_CANDIDATES, {**scope.values(), **limits}):
        values: list[Any] = [*row[:5], (row[5], row[6], row[7]), weeks * 7, WEEKS.index(weeks), *row[8:]]
        found.append(Candidate(*values))
    return sorted((one for one in found if one.is_due or not only_due), key=_urgency)


def _urgency(one: Candidate) -> tuple[bool, Decimal, int, str]:
    cover = one.days_of_cover
    return cover is None, cover or Decimal(0), one.position, one.code


_LEAD_TIMES = f"""
SELECT sku.id, coalesce((SELECT lead_time_days FROM inventory_reorderrule WHERE sku_id = sku.id AND location_id IS NULL),
                        nullif(supplier.lead_time_days, 0), {LEAD_TIME_DAYS})
FROM catalog_sku sku JOIN catalog_product product ON product.id = sku.product_id
LEFT JOIN catalog_supplier supplier ON supplier.id = product.supplier_id
WHERE sku.id = ANY(%(skus)s)
"""  # noqa: S608 - made of our own constants only


def lead_times(sku_ids: Collection[int]) -> dict[int, int]:
    """Days from the order to the arrival, of the company's rule, else of the supplier."""
    return dict(rows_of(_LEAD_TIMES, {"skus": list(sku_ids)}))
