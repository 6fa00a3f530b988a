"""Our own pushes come back as webhooks. A figure that we pushed lately is an echo; any other one was changed on the site."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

# Webhooks come late and out of order; what was pushed longer ago than this no longer excuses a figure.
LATELY = dt.timedelta(minutes=10)

_NOTE = """
UPDATE ec_gateway_sitepush AS p
SET edited_quantity = %(quantity)s, edited_at = %(at)s, shown = %(quantity)s, shown_at = %(at)s, is_forced = true,
    generation = p.generation + 1, dirty_since = coalesce(p.dirty_since, %(at)s), due_at = %(at)s
FROM ec_gateway_listing listing
WHERE listing.site_id = %(site)s AND listing.external_code = %(code)s AND p.site_id = listing.site_id AND p.sku_id = listing.sku_id
  AND NOT (p.shown IS NOT DISTINCT FROM %(quantity)s
           OR (p.sent_at >= %(lately)s AND %(quantity)s = ANY(p.recent)))
"""


def is_echo(*, site_id: int, external_code: str, quantity: int, at: dt.datetime) -> bool:
    """Whether the site merely repeats what we told it. A figure of an item that we never pushed is no edit of ours to defend: True."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.shown IS NOT DISTINCT FROM %s OR (p.sent_at >= %s AND %s = ANY(p.recent))"
            " FROM ec_gateway_sitepush p JOIN ec_gateway_listing l ON l.site_id = p.site_id AND l.sku_id = p.sku_id"
            " WHERE l.site_id = %s AND l.external_code = %s",
            [quantity, at - LATELY, quantity, site_id, external_code],
        )
        found = cursor.fetchone()
    return found is None or bool(found[0])


def note_figure(*, site_id: int, external_code: str, quantity: int, at: dt.datetime) -> bool:
    """A webhook says what the site shows. Unless it is our echo, the figure is noted for reconciliation and ours is pushed again.

    Returns whether the figure was somebody else's. A sale on the site moves its figure too, before its order reaches us: then the push that
    follows finds the order unseen, and is repeated when it has come.
    """
    values: dict[str, Any] = {
        "site": site_id,
        "code": external_code,
        "quantity": quantity,
        "at": at,
        "lately": at - LATELY,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, values)
        return bool(cursor.rowcount)
