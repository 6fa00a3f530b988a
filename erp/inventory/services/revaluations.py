"""A new standard cost takes effect: what is there is carried at it from that day on, and the difference is a variance.

Takes these levels of the house's lock order: the document by name, balances by primary key, cost rows by SKU.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.utils.translation import gettext as _

from erp.core.actors import Actor
from erp.core.clock import business_date, written_day
from erp.core.errors import NotAllowedNow
from erp.core.use_case import use_case
from erp.inventory import postings
from erp.inventory.models import CostPool, StockDocument
from erp.inventory.postings import Sums
from erp.inventory.selectors.standards import off_standard
from erp.inventory.services import documents, movements
from erp.inventory.services.documents import Booked
from erp.inventory.services.posting import post

STANDARD_COST = "STANDARD_COST"

# A balance of the pool for each SKU: the one with the most pieces, for people who read the ledger.
_BALANCES = """
SELECT DISTINCT ON (b.sku_id) b.sku_id, b.location_id
FROM inventory_stockbalance b JOIN inventory_location place ON place.id = b.location_id
WHERE place.cost_pool_id = %s AND b.sku_id = ANY(%s) ORDER BY b.sku_id, b.on_hand DESC, b.location_id
"""


@use_case
def revalue_at_standard(
    *, external_id: str, cost_pool_id: int, as_write_down: bool = False, at: dt.datetime, by: Actor
) -> Booked:
    """Carry every SKU of a pool at the standard cost of today (原価改定). No piece moves; the difference is 原価差異.

    ``as_write_down`` posts it as 商品評価損 instead, where the standard was lowered to what goods will fetch. Repeatable by ``external_id``.

    Raises:
        NotAllowedNow: the pool is kept at moving average.
        Conflict, PeriodClosed: as for ``receive``.
    """
    content = [cost_pool_id, as_write_down, business_date(at)]
    if earlier := documents.replay(source_type=STANDARD_COST, external_id=external_id, content=content):
        return earlier
    pool = CostPool.objects.get(pk=cost_pool_id)
    if pool.costing_method != CostPool.CostingMethod.STANDARD:
        raise NotAllowedNow(_("%(pool)s is kept at moving average.") % {"pool": pool})
    skus = [row.sku_id for row in off_standard(cost_pool_id, on=business_date(at))]
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, [cost_pool_id, skus])
        keys = [(sku_id, location_id) for sku_id, location_id in cursor.fetchall()]
    document_id = documents.new_document(
        kind=StockDocument.Kind.REVALUATION,
        source_type=STANDARD_COST,
        external_id=external_id,
        content=content,
        occurred_at=at,
        at=at,
        by=by,
    )
    booking = movements.open_booking(keys, occurred_at=at, at=at)
    contra = postings.WRITE_DOWN if as_write_down else postings.COST_VARIANCE
    sums = Sums()
    for line, key in enumerate(keys, start=1):
        off = booking.off_standard(key)
        if off:
            booking.move(key, 0, value=off, document_id=document_id, document_line=line)
            sums.debit(booking.account_role(key), off)
            sums.credit(contra, off)
    booking.write()
    description = _("Standard costs of %(day)s") % {"day": written_day(business_date(at))}
    source = (STANDARD_COST, document_id)
    post(sums.lines(), on=business_date(at), description=description, source=source, at=at, by=by)
    return documents.booked(document_id)


def apply_todays_standards(*, at: dt.datetime, by: Actor) -> int:
    """For a job of every day: standard costs that begin today take effect. Returns how many SKUs were revalued; again, none."""
    revalued = 0
    for pool in CostPool.objects.filter(costing_method=CostPool.CostingMethod.STANDARD).order_by("pk"):
        if off_standard(pool.pk, on=business_date(at)):
            name = f"{pool.code} {at:%Y-%m-%dT%H:%M:%S}"
            revalued += len(revalue_at_standard(external_id=name, cost_pool_id=pool.pk, at=at, by=by).lines)
    return revalued
