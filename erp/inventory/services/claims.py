"""Taking claims away when their pieces are gone. Internal to ``services``; the balances are locked."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext as _

from erp.core.staff_tasks import Finding
from erp.inventory.services.balances import BalanceKey

RESERVATION_LOST = "RESERVATION_LOST"
HOLD_LOST = "HOLD_LOST"

# What is given up first: carts, what is to go to another place of ours, other holds, then documents; of each the least important and newest first.
_CLAIMS = """
SELECT * FROM (
    SELECT h.sku_id, h.location_id, h.quantity, 'HOLD' AS subject, h.hold_id AS subject_id, h.id, hold.ref AS label,
           CASE hold.kind WHEN 'CART' THEN 0 ELSE 2 END AS rank, hold.priority
    FROM inventory_holdline h JOIN inventory_hold hold ON hold.id = h.hold_id
    WHERE h.released_at IS NULL AND (h.sku_id, h.location_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
    UNION ALL
    SELECT r.sku_id, r.location_id, r.quantity, r.document_type, r.document_id, r.id, '',
           CASE r.document_type WHEN 'TRANSFER_ORDER' THEN 1 ELSE 3 END, r.priority
    FROM inventory_reservation r
    WHERE r.quantity > 0 AND (r.sku_id, r.location_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
) AS claim ORDER BY rank, priority DESC, id DESC
"""

_SHRINK_HOLD_LINES = """
UPDATE inventory_holdline h
SET released_at = CASE WHEN h.quantity = n.pieces THEN %s ELSE h.released_at END,
    quantity = CASE WHEN h.quantity = n.pieces THEN h.quantity ELSE h.quantity - n.pieces END
FROM unnest(%s::bigint[], %s::int[]) AS n (id, pieces) WHERE h.id = n.id
"""

_SHRINK_RESERVATIONS = """
UPDATE inventory_reservation r SET quantity = r.quantity - n.pieces, released = r.released + n.pieces
FROM unnest(%s::bigint[], %s::int[]) AS n (id, pieces) WHERE r.id = n.id
"""


@dataclass(slots=True)
class _Lost:
    label: str
    pieces: int = 0


def take_away(wanted: Mapping[BalanceKey, int], *, at: dt.datetime) -> list[Finding]:
    """Release so many claimed pieces per balance. Returns what staff must know: one finding per document, and per hold that is no cart.

    The caller lowers ``allocated`` by the same pieces.
    """
    left = dict(wanted)
    shrunk: dict[bool, dict[int, int]] = {True: {}, False: {}}
    lost: dict[tuple[str, int, int], _Lost] = defaultdict(lambda: _Lost(""))
    skus, locations = [sku for sku, _loc in wanted], [loc for _sku, loc in wanted]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMS, [skus, locations, skus, locations])
        for sku_id, location_id, quantity, subject, subject_id, claim_id, label, rank, _priority in cursor.fetchall():
            pieces = min(quantity, left[sku_id, location_id])
            if pieces:
                left[sku_id, location_id] -= pieces
                shrunk[subject == "HOLD"][claim_id] = pieces
                told = lost[subject, subject_id, rank]
                told.label, told.pieces = label, told.pieces + pieces
        if holds := shrunk[True]:
            cursor.execute(_SHRINK_HOLD_LINES, [at, list(holds), list(holds.values())])
        if reservations := shrunk[False]:
            cursor.execute(_SHRINK_RESERVATIONS, [list(reservations), list(reservations.values())])
    return [
        Finding(
            HOLD_LOST if subject == "HOLD" else RESERVATION_LOST,
            subject,
            subject_id,
            told.label,
            _("%(pieces)d reserved pieces are gone: the goods left or were not there.") % {"pieces": told.pieces},
        )
        for (subject, subject_id, rank), told in lost.items()
        if rank > 0
    ]
