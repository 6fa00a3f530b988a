"""Both sides laid out beside each other: the site's figures by COPY, ours by the selector that publishing asks, then one comparison.

Every write is a short transaction of its own; while the site is read nothing is held open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator

from django.db import connection, transaction

from ec_gateway.models import EcSite, Listing, ReconciliationRow
from ec_gateway.platforms.interface import ShownQuantity, UnreadableQuantity
from ec_gateway.platforms.unreadable import text_of
from ec_gateway.reconciliation.orders import MOST_SHOWN
from erp.inventory.selectors import available_to_promise

FIRST, SECOND = 1, 2
CHUNK = 5_000


def stage_theirs(
    *,
    run_id: int,
    reading: int,
    pages: Iterable[list[ShownQuantity | UnreadableQuantity]],
    only: Collection[str] | None = None,
) -> Iterator[int]:
    """Keep what the site shows, page by page; yields after each how many figures it brought, so that the caller can keep its lease.

    What cannot be read is a difference of its own, written at the first reading. With ``only``, figures of other codes are passed over.
    """
    for page in pages:
        figures = [item for item in page if isinstance(item, ShownQuantity)]
        if reading == FIRST:
            _keep_unreadable(run_id, [item for item in page if isinstance(item, UnreadableQuantity)])
        wanted = figures if only is None else [item for item in figures if item.external_code in only]
        if wanted:
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    "COPY ec_gateway_stagedquantity (run_id, reading, external_code, quantity) FROM STDIN"
                ) as copy,
            ):
                for item in wanted:
                    copy.write_row((run_id, reading, item.external_code.replace("\x00", "\ufffd"), item.quantity))
        yield len(page)


def _keep_unreadable(run_id: int, entries: Iterable[UnreadableQuantity]) -> None:
    ReconciliationRow.objects.bulk_create(
        ReconciliationRow(
            run_id=run_id,
            kind=ReconciliationRow.Kind.STOCK,
            cause=ReconciliationRow.Cause.UNREADABLE_THERE,
            external_code=item.external_code[:100],
            evidence={"problem": text_of(item.problem)[:MOST_SHOWN], "entry": text_of(item.raw)[:MOST_SHOWN]},
        )
        for item in entries
    )


def stage_ours(*, run_id: int, site: EcSite, at: dt.datetime) -> Iterator[int]:
    """Keep what we allow for everything the site lists by our books, chunk by chunk."""
    after = 0
    listed = Listing.objects.filter(site=site, is_active=True).order_by("pk")
    while chunk := list(listed.filter(pk__gt=after).values_list("pk", "sku_id")[:CHUNK]):
        figures = available_to_promise(channel_id=site.channel_id, sku_ids=[sku_id for _key, sku_id in chunk], at=at)
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY ec_gateway_stagedavailability (run_id, sku_id, available) FROM STDIN") as copy,
        ):
            for sku_id, figure in figures.items():
                copy.write_row((run_id, sku_id, figure.available))
        after = chunk[-1][0]
        yield len(chunk)


# A code that a site sends twice counts with its lower figure. A listing that is off is neither compared nor missed.
_COMPARE = """
INSERT INTO ec_gateway_reconciliationrow
    (run_id, kind, cause, sku_id, external_code, external_id, ours, theirs, told, terms, evidence, repair)
SELECT %(run)s, 'STOCK',
       CASE WHEN ours.sku_id IS NULL THEN 'NOT_LISTED_HERE' WHEN theirs.external_code IS NULL THEN 'NOT_LISTED_THERE' ELSE 'TIMING_ONLY' END,
       ours.sku_id, left(coalesce(ours.external_code, theirs.external_code), 100), '', ours.available, theirs.quantity, ours.shown, '[]',
       '{}', 'NONE'
FROM (
    SELECT listing.sku_id, listing.external_code, staged.available, push.shown
    FROM ec_gateway_listing listing
    JOIN ec_gateway_stagedavailability staged ON staged.run_id = %(run)s AND staged.sku_id = listing.sku_id
    LEFT JOIN ec_gateway_sitepush push ON push.site_id = listing.site_id AND push.sku_id = listing.sku_id
    WHERE listing.site_id = %(site)s AND listing.is_active
) ours
FULL JOIN (
    SELECT external_code, min(quantity) AS quantity FROM ec_gateway_stagedquantity
    WHERE run_id = %(run)s AND reading = 1 GROUP BY external_code
) theirs ON theirs.external_code = ours.external_code
WHERE theirs.quantity IS DISTINCT FROM ours.available
  AND NOT (ours.sku_id IS NULL AND EXISTS (
      SELECT FROM ec_gateway_listing off
      WHERE off.site_id = %(site)s AND off.external_code = theirs.external_code AND NOT off.is_active))
  AND NOT (theirs.external_code IS NULL AND EXISTS (
      SELECT FROM ec_gateway_reconciliationrow unread
      WHERE unread.run_id = %(run)s AND unread.cause = 'UNREADABLE_THERE' AND unread.external_code = ours.external_code))
ORDER BY 5
"""

# Beside an entry that cannot be read stands what we know of the listing it names.
_NAME_UNREADABLE = """
UPDATE ec_gateway_reconciliationrow unread SET sku_id = listing.sku_id, ours = staged.available, told = push.shown
FROM ec_gateway_listing listing
JOIN ec_gateway_stagedavailability staged ON staged.run_id = %(run)s AND staged.sku_id = listing.sku_id
LEFT JOIN ec_gateway_sitepush push ON push.site_id = listing.site_id AND push.sku_id = listing.sku_id
WHERE unread.run_id = %(run)s AND unread.kind = 'STOCK' AND unread.cause = 'UNREADABLE_THERE'
  AND listing.site_id = %(site)s AND listing.is_active AND listing.external_code = unread.external_code
"""


def compare(*, run_id: int, site_id: int) -> int:
    """One statement writes a row for every difference of figures, each still without its cause. Returns how many there are."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ANALYZE ec_gateway_stagedquantity, ec_gateway_stagedavailability")
        cursor.execute(_COMPARE, {"run": run_id, "site": site_id})
        found = int(cursor.rowcount)
        cursor.execute(_NAME_UNREADABLE, {"run": run_id, "site": site_id})
        return found


def second_figures(*, run_id: int, codes: Collection[str]) -> dict[str, int]:
    """What the site showed at the second reading."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT external_code, min(quantity) FROM ec_gateway_stagedquantity"
            " WHERE run_id = %s AND reading = %s AND external_code = ANY(%s) GROUP BY external_code",
            [run_id, SECOND, list(codes)],
        )
        return dict(cursor.fetchall())


def clear(*, run_ids: Collection[int]) -> None:
    """What was laid out for these runs is no longer needed."""
    with connection.cursor() as cursor:
        for table in ("ec_gateway_stagedquantity", "ec_gateway_stagedavailability"):
            cursor.execute(f"DELETE FROM {table} WHERE run_id = ANY(%s)", [list(run_ids)])  # noqa: S608 - names of ours
