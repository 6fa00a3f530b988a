"""From the change feed to the rows that wait: what changed is marked, and the cursor moves, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db import transaction
from django.db.models import Max, Min

from ec_gateway.models import EcSite, Listing
from ec_gateway.publishing import shipments
from ec_gateway.services import leases, pushes
from ec_gateway.services.leases import Lease
from erp.core import changes
from erp.core.changes import Cursor, CursorExpired

TOPICS = ("stock", "order", "shipment", "product")
# Reading nothing moves the cursor only now and then: a write for every look would cost more than the look.
MOVE_AFTER_XIDS = 2_000
LISTINGS_AT_ONCE = 20_000


def mark_from_feed(*, site: EcSite, lease: Lease, clock: Callable[[], dt.datetime]) -> tuple[Lease, int]:
    """Mark what changed since the cursor, for this site. Returns how many changes were read. Raises LeaseLost.

    Without a cursor, or with one of another life of the database, everything the site lists is marked.
    """
    try:
        cursor = Cursor.parse(lease.cursor)
        found, now = changes.read(cursor, topics=TOPICS, audience=site.channel.code)
    except CursorExpired:
        return _begin_anew(site, lease, clock)
    if not found and now.xid - cursor.xid < MOVE_AFTER_XIDS:
        return lease, 0
    keys: dict[str, list[str]] = {topic: [] for topic in TOPICS}
    for change in found:
        keys[change.topic].append(change.key)
    at = clock()
    with transaction.atomic():
        pushes.mark_changed(site_id=site.pk, sku_ids=[int(key) for key in keys["stock"]], at=at)
        pushes.mark_ordered(site_id=site.pk, external_ids=keys["order"], at=at)
        pushes.mark_kits(site_id=site.pk, product_ids=[int(key) for key in keys["product"]], at=at)
        shipments.note(site=site, numbers=keys["shipment"], at=at)
        lease = leases.move_cursor(lease, str(now))
    return lease, len(found)


def _begin_anew(site: EcSite, lease: Lease, clock: Callable[[], dt.datetime]) -> tuple[Lease, int]:
    """In short transactions, however much the site lists: a long one would hold the feed back for everybody. Safe to begin again."""
    now = changes.current_cursor()
    ends = Listing.objects.filter(site=site).aggregate(first=Min("id"), last=Max("id"))
    marked = 0
    if ends["first"] is not None:
        for first in range(ends["first"], ends["last"] + 1, LISTINGS_AT_ONCE):
            with transaction.atomic():
                lease = leases.heartbeat(lease, at=clock())
                last = first + LISTINGS_AT_ONCE - 1
                marked += pushes.mark_listings(site_id=site.pk, first=first, last=last, at=clock())
    with transaction.atomic():
        if lease.cursor:
            shipments.note_recent(site=site, at=clock())
        lease = leases.move_cursor(lease, str(now))
    return lease, max(marked, 1)
