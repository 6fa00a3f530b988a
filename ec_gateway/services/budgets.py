"""The rate budget of a site: a token bucket in its state, shared by all processes and activities. See ``admission`` for spending it."""

from __future__ import annotations

import datetime as dt

from django.db import connection

LONGEST_WAIT_S = 900.0

_EMPTY = """
UPDATE ec_gateway_sitestate
SET tokens = least(coalesce(tokens + extract(epoch FROM %(at)s::timestamptz - tokens_at) * %(rate)s, 0), 1 - %(wait)s * %(rate)s),
    tokens_at = %(at)s
WHERE site_id = %(site)s
"""


def empty(*, site_id: int, wait_s: float, requests_per_s: float, at: dt.datetime) -> None:
    """The site said "too many requests": no call of any activity goes out before ``wait_s`` (at most a quarter of an hour) has passed."""
    wait = min(max(wait_s, 0.0), LONGEST_WAIT_S)
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY, {"site": site_id, "wait": wait, "rate": requests_per_s, "at": at})
