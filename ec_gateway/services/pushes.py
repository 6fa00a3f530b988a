"""Say that a site must be told of stock: what the publisher then tells it is asked of the stock at that moment.

One statement each, in the order of SKUs, so that two who mark the same rows queue up. Nobody has to call this for an order: the publisher sees
orders of its site in the feed, and pushes their SKUs again even where our figure is the same, since the site's own figure has moved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from functools import partial

from django.db import connection, transaction

from ec_gateway.models import Activity, ShipmentNotice, SitePush
from ec_gateway.services import wakes
from erp.core.actors import Actor
from erp.core.use_case import use_case

SALE_IS_HEARD_WITHIN = dt.timedelta(minutes=10)

# A row that is retried keeps its time: new reasons must not hammer at what fails. Who forces has news and does not wait.
_MARK = """
INSERT INTO ec_gateway_sitepush (site_id, sku_id, generation, is_forced, dirty_since, due_at, attempts, error, version, pending_key,
    pending_orders_seen, recent)
SELECT listing.site_id, listing.sku_id, 1, %(forced)s, %(at)s, %(at)s, 0, '', 0, '', '', '{}'
FROM ec_gateway_listing listing
WHERE listing.site_id = %(site)s AND listing.is_active AND {which}
ORDER BY listing.sku_id
ON CONFLICT (site_id, sku_id) DO UPDATE
SET generation = ec_gateway_sitepush.generation + 1,
    is_forced = ec_gateway_sitepush.is_forced OR EXCLUDED.is_forced,
    dirty_since = coalesce(ec_gateway_sitepush.dirty_since, EXCLUDED.dirty_since),
    due_at = CASE WHEN ec_gateway_sitepush.dirty_since IS NULL OR EXCLUDED.is_forced THEN EXCLUDED.due_at
        ELSE ec_gateway_sitepush.due_at END
"""
_NAMED = _MARK.replace("{which}", "listing.sku_id = ANY(%(skus)s)")
_CHANGED = _MARK.replace(
    "{which}",
    "listing.sku_id IN (SELECT unnest(%(skus)s::bigint[])"
    " UNION SELECT kit_id FROM catalog_kitcomponent WHERE component_id = ANY(%(skus)s))",
)
# What looked like an edit on the site a moment ago was the sale itself, heard of before its order.
_ORDERED = (
    _MARK.replace(  # noqa: S608 - every part is ours
        "{which}",
        "listing.sku_id IN (SELECT line.sku_id FROM orders_order o JOIN orders_orderline line ON line.order_id = o.id"
        " JOIN ec_gateway_ecsite site ON site.channel_id = o.channel_id"
        " WHERE site.id = %(site)s AND o.external_id = ANY(%(orders)s))",
    )
    + """,
    edited_at = CASE WHEN ec_gateway_sitepush.edited_at < %(lately)s THEN ec_gateway_sitepush.edited_at END,
    edited_quantity = CASE WHEN ec_gateway_sitepush.edited_at < %(lately)s THEN ec_gateway_sitepush.edited_quantity END
"""
)
_KITS = _MARK.replace(
    "{which}", "listing.sku_id IN (SELECT id FROM catalog_sku WHERE product_id = ANY(%(products)s) AND is_kit)"
)
_RANGE = _MARK.replace("{which}", "listing.id BETWEEN %(first)s AND %(last)s")
_NEW = _MARK.replace(
    "{which}",
    "NOT EXISTS (SELECT FROM ec_gateway_sitepush known WHERE known.site_id = listing.site_id AND known.sku_id = listing.sku_id)",
)


def force(*, site_id: int, sku_ids: Collection[int], at: dt.datetime) -> int:
    """Push these SKUs soon, whatever the site shows as far as we know. Returns how many of them the site lists."""
    return _mark(_NAMED, {"site": site_id, "skus": list(sku_ids), "forced": True, "at": at}) if sku_ids else 0


def mark_changed(*, site_id: int, sku_ids: Collection[int], at: dt.datetime) -> int:
    """Stock of these SKUs has changed; kits that contain them are marked too."""
    return _mark(_CHANGED, {"site": site_id, "skus": list(sku_ids), "forced": False, "at": at}) if sku_ids else 0


def mark_ordered(*, site_id: int, external_ids: Collection[str], at: dt.datetime) -> int:
    """The site has sold or taken back something: its own figures have moved, so it is told even where ours are the same."""
    values = {
        "site": site_id,
        "orders": list(external_ids),
        "forced": True,
        "at": at,
        "lately": at - SALE_IS_HEARD_WITHIN,
    }
    return _mark(_ORDERED, values) if external_ids else 0


def mark_kits(*, site_id: int, product_ids: Collection[int], at: dt.datetime) -> int:
    """These styles were changed; of a kit that may be what goes into it."""
    values = {"site": site_id, "products": list(product_ids), "forced": False, "at": at}
    return _mark(_KITS, values) if product_ids else 0


def mark_listings(*, site_id: int, first: int, last: int, at: dt.datetime) -> int:
    """Every listing with an id in this range, whatever we believe the site shows: for whoever has lost the thread and begins anew."""
    return _mark(_RANGE, {"site": site_id, "first": first, "last": last, "forced": True, "at": at})


def mark_never_pushed(*, site_id: int, at: dt.datetime) -> int:
    """Listings that nobody has pushed yet."""
    return _mark(_NEW, {"site": site_id, "forced": True, "at": at})


def _mark(statement: str, values: dict[str, object]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)  # type: ignore[arg-type]
        return int(cursor.rowcount)


@use_case
def send_again(*, push_ids: Collection[int], at: dt.datetime, by: Actor) -> int:
    """Staff want the sites to be told again, whatever they show as far as we know. Returns how many will be."""
    of_site: dict[int, list[int]] = {}
    for site_id, sku_id in SitePush.objects.filter(pk__in=push_ids).values_list("site_id", "sku_id"):
        of_site.setdefault(site_id, []).append(sku_id)
    count = sum(force(site_id=site_id, sku_ids=of_site[site_id], at=at) for site_id in sorted(of_site))
    _wake_publishers(of_site)
    return count


@use_case
def notify_again(*, notice_ids: Collection[int], at: dt.datetime, by: Actor) -> int:
    """Staff want sites to be told of shipments again; what a site knows already changes nothing there. Returns how many."""
    notices = ShipmentNotice.objects.filter(pk__in=notice_ids)
    sites = set(notices.values_list("site_id", flat=True))
    count = notices.update(due_at=at, attempts=0, error="")
    _wake_publishers(sites)
    return count


def _wake_publishers(site_ids: Iterable[int]) -> None:
    for site_id in site_ids:
        transaction.on_commit(partial(wakes.wake, site_id=site_id, activity=Activity.PUBLISH), robust=True)


def forget_unlisted(*, site_id: int) -> int:
    """What the site lists no longer is not to be pushed; listed again, it begins anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ec_gateway_sitepush p WHERE p.site_id = %s AND p.dirty_since IS NOT NULL AND NOT EXISTS"
            " (SELECT FROM ec_gateway_listing l WHERE l.site_id = p.site_id AND l.sku_id = p.sku_id AND l.is_active)",
            [site_id],
        )
        return int(cursor.rowcount)


def release_backoff(*, site_id: int, at: dt.datetime) -> int:
    """The site answers again: what waited for its next attempt is due now."""
    waiting = SitePush.objects.filter(site_id=site_id, dirty_since__isnull=False, due_at__gt=at)
    return waiting.update(due_at=at)
