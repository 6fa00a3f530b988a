"""Which movements at a place were goods for customers, by the columns of a movement ``m`` and its document ``d``.

What is sold as it arrives or is accepted (着荷, 検収) leaves its place for the road, and is sold out there: of a single place that counts when it
leaves. What went back to a supplier, and what was lost, is no sale.
"""

LEFT = """(m.reason_id IS NULL AND m.quantity < 0 AND (
    d.kind = 'ISSUE' AND d.source_type <> 'SUPPLIER_RETURN' OR d.kind = 'TRANSFER' AND d.source_type = 'SHIPMENT'))"""
CAME_BACK = (
    "(m.reason_id IS NULL AND m.quantity > 0 AND d.kind IN ('RECEIPT', 'TRANSFER') AND d.source_type = 'RETURN')"
)
