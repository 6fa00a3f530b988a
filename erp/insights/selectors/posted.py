"""What was posted as sold, line by line: parcels, sales reports of consigned goods, and less of them what came back, each on its day in the books.

The amounts are those of the documents, which are posted as they stand: ``verify`` compares every document with its entries.
"""

from __future__ import annotations

# The documents that sell goods or take them back, as the journal names them.
DOCUMENTS = ("SHIPMENT", "SALES_REPORT", "RETURN")

# A parcel is sold as a whole, less what came back before: units are counted from the front, their share is rounded down (selectors.units of
# orders), and what the others had cost stands on their return. Consigned goods are sold by the reports of who holds them.
# What is ordered in another currency is never posted (orders' CURRENCY), so only returns say theirs.
# Goods whose SKU was known only after their sale cost nothing on its day: their cost is a part of its own on the day that it was posted.
# A refund without goods has no pieces; a return that nobody has a sale of names its SKU, channel and customer itself.
POSTED = """
WITH part AS (
    SELECT 'SHIPMENT' AS document, inside.id AS part_id, parcel.id AS document_id, parcel.revenue_date AS day, inside.order_line_id,
           parcel.order_id, NULL::bigint AS sku_id, NULL::bigint AS channel_id, NULL::bigint AS customer_record_id,
           (inside.quantity - inside.unsold_quantity)::bigint AS units,
           CASE WHEN inside.unsold_quantity = 0 THEN inside.net_amount
                ELSE trunc(inside.net_amount * (inside.quantity - inside.unsold_quantity) / inside.quantity) END AS net,
           CASE WHEN inside.cost_date IS NOT NULL THEN 0
                WHEN inside.unsold_quantity = 0 THEN inside.cost_amount
                ELSE inside.cost_amount - coalesce((SELECT sum(back.cost_amount) FROM orders_returnline back
                                                    WHERE back.shipment_line_id = inside.id AND back.is_unsold), 0) END AS cost
    FROM orders_shipment parcel JOIN orders_shipmentline inside ON inside.shipment_id = parcel.id
    WHERE (parcel.revenue_date BETWEEN %(first)s AND %(last)s OR parcel.revenue_date BETWEEN %(first_before)s AND %(last_before)s)
      AND parcel.revenue_basis <> 'SALES_REPORT'
      AND inside.unsold_quantity < inside.quantity
    UNION ALL
    SELECT 'SHIPMENT', inside.id, parcel.id, inside.cost_date, inside.order_line_id, parcel.order_id, NULL, NULL, NULL, 0, 0, inside.cost_amount
    FROM orders_shipmentline inside JOIN orders_shipment parcel ON parcel.id = inside.shipment_id
    WHERE (inside.cost_date BETWEEN %(first)s AND %(last)s OR inside.cost_date BETWEEN %(first_before)s AND %(last_before)s)
      AND %(with_margin)s
    UNION ALL
    SELECT 'SALES_REPORT', told.id, report.id, report.report_date, inside.order_line_id, parcel.order_id, NULL, NULL, NULL,
           told.quantity, told.net_amount, told.cost_amount
    FROM orders_salesreport report JOIN orders_salesreportline told ON told.report_id = report.id
    JOIN orders_shipmentline inside ON inside.id = told.shipment_line_id JOIN orders_shipment parcel ON parcel.id = inside.shipment_id
    WHERE (report.report_date BETWEEN %(first)s AND %(last)s OR report.report_date BETWEEN %(first_before)s AND %(last_before)s)
    UNION ALL
    SELECT 'RETURN', back.id, document.id, document.posted_date, inside.order_line_id, document.order_id, back.sku_id, document.channel_id,
           document.customer_record_id, CASE WHEN document.kind = 'REFUND_ONLY' THEN 0 ELSE -back.quantity END, -back.net_amount, -back.cost_amount
    FROM orders_return document JOIN orders_returnline back ON back.document_id = document.id
    LEFT JOIN orders_shipmentline inside ON inside.id = back.shipment_line_id
    WHERE (document.posted_date BETWEEN %(first)s AND %(last)s OR document.posted_date BETWEEN %(first_before)s AND %(last_before)s)
      AND NOT back.is_unsold AND back.fee_id IS NULL
      AND document.currency = %(currency)s
), fact AS (
    SELECT {row} AS row_key, {column} AS column_key, part.day >= %(first)s AS is_now,
           coalesce(-2 * o.account_id - 1, record.golden_id) AS customer, part.document, part.part_id, part.document_id, part.order_line_id,
           part.order_id, part.day, part.units, part.net AS sales, {sold} AS net, {cost} AS cost
    FROM part LEFT JOIN orders_order o ON o.id = part.order_id LEFT JOIN orders_orderline line ON line.id = part.order_line_id
    {joins}
    WHERE (%(channels)s::bigint[] IS NULL OR coalesce(o.channel_id, part.channel_id) = ANY(%(channels)s::bigint[])) {only}
)
"""
