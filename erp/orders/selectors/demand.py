"""What orders still want to ship, for whoever buys goods."""

from __future__ import annotations

from django.db import connection

from erp.orders.models import OrderState

_OPEN = """
SELECT component.sku_id, sum((line.quantity - line.cancelled_quantity - line.shipped_quantity) * component.quantity_per_unit)::bigint
FROM orders_order o JOIN orders_orderline line ON line.order_id = o.id JOIN orders_orderlinecomponent component ON component.line_id = line.id
WHERE o.state <> ALL (%s) AND line.quantity > line.cancelled_quantity + line.shipped_quantity
GROUP BY component.sku_id
"""


def open_demand() -> dict[int, int]:
    """Pieces by SKU of all orders under way, whether something is kept for them or not; kits by their components."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [[OrderState.SHIPPED.value, OrderState.CANCELLED.value]])
        return dict(cursor.fetchall())
