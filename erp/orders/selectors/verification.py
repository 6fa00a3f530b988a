"""What ``manage.py verify`` asks of orders: P4, the order's part of P6, and the counters and claims that follow from documents. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounting.selectors import DocumentSums, open_items, sums_by_document
from erp.core import rows
from erp.core.checks import Check, Fault, register
from erp.core.money import ZERO
from erp.inventory.selectors import issued_values, reserved
from erp.orders.models import Order, OrderFee, OrderLine, OrderPayment, SalesReport, Shipment, ShipmentLine
from erp.orders.selectors.orders import open_needs
from erp.orders.selectors.remaining import given_back_unsold
from erp.orders.selectors.units import unsold

CHUNK = 500
GONE = (Shipment.State.SHIPPED, Shipment.State.DELIVERED, Shipment.State.ACCEPTED, Shipment.State.RETURNED)

NOTHING = DocumentSums(ZERO, ZERO, ZERO)

_WITHOUT_MESSAGE = """
SELECT o.id, o.number FROM orders_order o
WHERE NOT EXISTS (SELECT FROM core_messagelog m WHERE m.channel_id = o.channel_id AND m.external_id = o.external_id
                  AND m.kind = 'order' AND m.outcome IN ('DONE', 'TASK') AND m.revision = o.revision AND m.fingerprint = o.fingerprint)
"""


def _orders_without_message() -> Iterator[Fault]:
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_MESSAGE)
        for key, number in cursor.fetchall():
            yield Fault("P4", "ORDER", key, number, _("The raw message of its recorded revision is missing."))


def _chunks(keys: Callable[[int], list[int]]) -> Iterator[list[int]]:
    """Keys in steps, each asked for beyond the last, so that memory stays flat however many there are."""
    last = 0
    while batch := keys(last):
        yield batch
        last = batch[-1]


def _gone_after(last: int) -> list[int]:
    found = Shipment.objects.filter(state__in=GONE, pk__gt=last).order_by("pk")
    return list(found.values_list("pk", flat=True)[:CHUNK])


def _shipments() -> Iterator[Fault]:
    for ids in _chunks(_gone_after):
        yield from _movements_of(ids)
        yield from _postings_of(ids)


# One array instead of a list of parameters: PostgreSQL takes 65,535 of those and compares them one by one.
_PER_UNIT = """
SELECT line_id, sum(quantity_per_unit)::int FROM orders_orderlinecomponent WHERE line_id = ANY(%s::bigint[]) GROUP BY line_id
"""


def _movements_of(shipment_ids: list[int]) -> Iterator[Fault]:
    """Every shipped line has the pieces and the cost that the ledger of stock says it took."""
    lines = {
        line.pk: line
        for line in ShipmentLine.objects.filter(shipment__in=shipment_ids).select_related("shipment").order_by("pk")
    }
    per_unit: dict[int, int] = dict(rows.ask(_PER_UNIT, [[line.order_line_id for line in lines.values()]]).all())
    issued = issued_values("SHIPMENT", list(lines), source_ids=shipment_ids)
    for key, line in lines.items():
        taken = issued.get(key, [])
        pieces, value = sum(part.quantity for part in taken), sum((part.value for part in taken), ZERO)
        wanted = line.quantity * per_unit.get(line.order_line_id, 0)
        if pieces != wanted or value != line.cost_amount:
            detail = _("Line %(line)s: %(wanted)s pieces at %(cost)s shipped, %(pieces)s at %(value)s left stock.") % {
                "line": key, "wanted": wanted, "cost": line.cost_amount, "pieces": pieces, "value": value,
            }  # fmt: skip
            yield Fault("P6", "SHIPMENT", line.shipment_id, line.shipment.number, detail)


def _postings_of(shipment_ids: list[int]) -> Iterator[Fault]:
    """Revenue, tax and cost of sales stand in the books exactly when the revenue basis was met."""
    posted = sums_by_document(source_type="SHIPMENT", source_ids=shipment_ids)
    unsold_of = _unsold_of(shipment_ids)
    consigned = ShipmentLine.objects.filter(shipment__in=shipment_ids, reported_quantity__gt=0)
    reported = set(consigned.values_list("shipment_id", flat=True))
    for shipment in Shipment.objects.filter(pk__in=shipment_ids).order_by("pk"):
        found = posted.get(shipment.pk, NOTHING)
        wanted = NOTHING
        # The sale of consigned goods is posted by their reports, with the fees. Where all of them came back, the fees stand alone.
        if shipment.revenue_date is not None and shipment.pk not in reported:
            back = unsold_of.get(shipment.pk, NOTHING)
            wanted = DocumentSums(
                shipment.net_amount - back.revenue, shipment.tax_amount - back.tax, shipment.cost_amount - back.cost
            )
        if found != wanted:
            detail = _("Net %(net)s, tax %(tax)s, cost %(cost)s expected; %(found_net)s, %(found_tax)s, %(found_cost)s posted.") % {
                "net": wanted.revenue, "tax": wanted.tax, "cost": wanted.cost,
                "found_net": found.revenue, "found_tax": found.tax, "found_cost": found.cost,
            }  # fmt: skip
            yield Fault("P6", "SHIPMENT", shipment.pk, shipment.number, detail)


def _unsold_of(shipment_ids: list[int]) -> dict[int, DocumentSums]:
    """What came back of shipments before their sale was posted, at what its sale would have been."""
    lines = list(
        ShipmentLine.objects.filter(shipment__in=shipment_ids, unsold_quantity__gt=0).select_related("shipment")
    )
    if not lines:
        return {}
    issued = issued_values("SHIPMENT", [line.pk for line in lines], source_ids=shipment_ids)
    found: dict[int, DocumentSums] = {}
    for line in lines:
        units, so_far = unsold(line), found.get(line.shipment_id, NOTHING)
        cost = units.cost(issued.get(line.pk, ()))
        found[line.shipment_id] = DocumentSums(so_far.revenue + units.net, so_far.tax + units.tax, so_far.cost + cost)
    fees = OrderFee.objects.filter(given_back_unsold(), shipment__in=[*found])
    for shipment_id, net, tax in fees.values_list("shipment_id", "net_amount", "tax_amount"):
        so_far = found[shipment_id]
        found[shipment_id] = DocumentSums(so_far.revenue + (net or ZERO), so_far.tax + (tax or ZERO), so_far.cost)
    return found


def _reports_after(last: int) -> list[int]:
    return list(SalesReport.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK])


def _reports() -> Iterator[Fault]:
    """A sales report posted what it says, no more and no less."""
    for ids in _chunks(_reports_after):
        posted = sums_by_document(source_type="SALES_REPORT", source_ids=ids)
        for report in SalesReport.objects.filter(pk__in=ids).order_by("pk"):
            found = posted.get(report.pk, NOTHING)
            wanted = DocumentSums(report.net_amount, report.tax_amount, report.cost_amount)
            if found != wanted:
                detail = _("Net %(net)s, tax %(tax)s, cost %(cost)s expected; %(found_net)s, %(found_tax)s, %(found_cost)s posted.") % {
                    "net": wanted.revenue, "tax": wanted.tax, "cost": wanted.cost,
                    "found_net": found.revenue, "found_tax": found.tax, "found_cost": found.cost,
                }  # fmt: skip
                yield Fault("P6", "SALES_REPORT", report.pk, report.number, detail)


_OUTSIDE_MISCOUNTED = """
SELECT parcel.id, parcel.number, part.id, part.reported_quantity, coalesce(sold.units, 0), part.unsold_quantity, coalesce(back.units, 0)
FROM orders_shipmentline part JOIN orders_shipment parcel ON parcel.id = part.shipment_id
LEFT JOIN (SELECT shipment_line_id, sum(quantity) AS units FROM orders_salesreportline GROUP BY 1) AS sold ON sold.shipment_line_id = part.id
LEFT JOIN (SELECT shipment_line_id, sum(quantity) AS units FROM orders_returnline WHERE is_unsold GROUP BY 1) AS back
       ON back.shipment_line_id = part.id
WHERE (part.reported_quantity, part.unsold_quantity) <> (coalesce(sold.units, 0), coalesce(back.units, 0))
"""


def _outside_counters() -> Iterator[Fault]:
    """What a parcel's line counts as reported sold and returned unsold is what the documents say."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTSIDE_MISCOUNTED)
        for key, number, line_id, reported, really, back, really_back in cursor.fetchall():
            detail = _("Line %(line)s: %(reported)s reported sold and %(back)s returned unsold, documents say %(really)s and %(really_back)s.") % {
                "line": line_id, "reported": reported, "back": back, "really": really, "really_back": really_back,
            }  # fmt: skip
            yield Fault("P6", "SHIPMENT", key, number, detail)


# Sums first, then one join: a look-up per line would read the whole of a table again and again while it has no statistics yet.
_MISCOUNTED = """
SELECT line.order_id, o.number, line.line_no, line.shipped_quantity, line.returned_quantity, coalesce(gone.units, 0), coalesce(back.units, 0)
FROM orders_orderline line JOIN orders_order o ON o.id = line.order_id
LEFT JOIN (SELECT part.order_line_id, sum(part.quantity) AS units FROM orders_shipmentline part
           JOIN orders_shipment parcel ON parcel.id = part.shipment_id WHERE parcel.state = ANY(%s) GROUP BY part.order_line_id) AS gone
       ON gone.order_line_id = line.id
LEFT JOIN (SELECT part.order_line_id, sum(returned.quantity) AS units FROM orders_returnline returned
           JOIN orders_shipmentline part ON part.id = returned.shipment_line_id GROUP BY part.order_line_id) AS back
       ON back.order_line_id = line.id
WHERE (line.shipped_quantity, line.returned_quantity) <> (coalesce(gone.units, 0), coalesce(back.units, 0))
"""


def _counters() -> Iterator[Fault]:
    """What a line counts as shipped and returned is what its documents say."""
    with connection.cursor() as cursor:
        cursor.execute(_MISCOUNTED, [[str(state) for state in GONE]])
        for order_id, number, line_no, shipped, returned, really, back in cursor.fetchall():
            detail = _("Line %(line)s: %(shipped)s shipped and %(returned)s returned, documents say %(really)s and %(back)s.") % {
                "line": line_no, "shipped": shipped, "returned": returned, "really": really, "back": back,
            }  # fmt: skip
            yield Fault("P6", "ORDER", order_id, number, detail)


# Of what has not left, all that was received and did not go back is a deposit. What a payment has no route for is not in the books yet.
_RECEIVED = """
SELECT o.id, o.number, sum(pay.received_amount - pay.surplus_refunded_amount)
FROM orders_order o JOIN orders_orderpayment pay ON pay.order_id = o.id AND pay.role <> ''
WHERE o.state NOT IN ('SHIPPED', 'CANCELLED') AND o.cancelled_at IS NULL AND o.id > %s
  AND NOT EXISTS (SELECT FROM orders_shipment parcel WHERE parcel.order_id = o.id AND parcel.state = ANY(%s))
GROUP BY o.id HAVING sum(pay.received_amount) > 0 ORDER BY o.id LIMIT %s
"""


def _deposits() -> Iterator[Fault]:
    """Whatever revisions and refunds came, the money of an order that has not left stands in the books to the yen."""
    last = 0
    while found := rows.ask(_RECEIVED, [last, [str(state) for state in GONE], CHUNK]).all():
        last = found[-1][0]
        booked = dict.fromkeys((key for key, _number, _received in found), ZERO)
        for item in open_items(document_type="ORDER", document_ids=booked, roles=["deposits"]):
            booked[item.document_id] += item.remaining
        for key, number, received in found:
            if booked[key] != received:
                detail = _("%(received)s received in advance, %(booked)s stand as deposits.") % {
                    "received": received, "booked": booked[key],
                }  # fmt: skip
                yield Fault("P6", "ORDER", key, number, detail)


def _open_after(last: int) -> list[int]:
    found = Order.objects.exclude(state="SHIPPED").filter(pk__gt=last).order_by("pk")
    return list(found.values_list("pk", flat=True)[:CHUNK])


def _claims() -> Iterator[Fault]:
    """No order holds more pieces than it still needs; a cancelled or shipped one holds none."""
    for ids in _chunks(_open_after):
        wanted = {
            (need.order_id, need.line_id, need.sku_id): need.pieces
            for needs in open_needs(ids).values()
            for need in needs
        }
        held: dict[tuple[int, int, int | None], int] = {}
        for part in reserved("ORDER", ids):
            key = (part.document_id, part.document_line, part.sku_id)
            held[key] = held.get(key, 0) + part.quantity
        for (order_id, line_id, sku_id), pieces in held.items():
            need = wanted.get((order_id, line_id, sku_id), 0)
            if pieces > need:
                detail = _("Line %(line)s holds %(held)s pieces and needs %(need)s.") % {
                    "line": line_id, "held": pieces, "need": need,
                }  # fmt: skip
                yield Fault("P2", "ORDER", order_id, str(order_id), detail)


def register_checks() -> None:
    checks = (
        ("P4", gettext_noop("Every order has its raw message"), Order.objects.count, _orders_without_message),
        (
            "P6",
            gettext_noop("Every shipped line left stock and stands in the books"),
            Shipment.objects.count,
            _shipments,
        ),
        ("P6", gettext_noop("Lines count what their documents say"), OrderLine.objects.count, _counters),
        ("P6", gettext_noop("Sales reports stand in the books"), SalesReport.objects.count, _reports),
        (
            "P6",
            gettext_noop("Goods outside count what their documents say"),
            ShipmentLine.objects.count,
            _outside_counters,
        ),
        ("P6", gettext_noop("Money received in advance stands in the books"), OrderPayment.objects.count, _deposits),
        ("P2", gettext_noop("Orders claim no more than they need"), Order.objects.count, _claims),
    )
    for promise, title, count, find in checks:
        register(Check(promise, title, count, find))
