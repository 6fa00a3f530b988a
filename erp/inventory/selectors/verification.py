"""What ``manage.py verify`` asks of stock: P1, P2, and that stock value equals the inventory accounts (P6). Nothing here writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounting import selectors as accounting
from erp.core.checks import Check, Fault, register
from erp.core.clock import written_day, written_moment
from erp.core.money import ZERO
from erp.inventory.models import (
    ChannelQuota,
    CostBalance,
    CostPool,
    CountRecord,
    ExpectedReceipt,
    StockBalance,
    StockCountLine,
    StockMovement,
    StockSnapshot,
    TransferOrderLine,
)
from erp.inventory.selectors.promises import promised_beyond
from erp.inventory.selectors.snapshot_faults import snapshot_faults
from erp.inventory.selectors.stock_value import proofs

_LABEL = "sku.code || ' @ ' || place.code"

_ON_HAND = f"""
SELECT b.id, {_LABEL}, b.on_hand, coalesce(m.pieces, 0), b.balance_seq, coalesce(m.last, 0), coalesce(m.count, 0)
FROM inventory_stockbalance b
JOIN catalog_sku sku ON sku.id = b.sku_id JOIN inventory_location place ON place.id = b.location_id
LEFT JOIN (SELECT sku_id, location_id, sum(quantity) AS pieces, max(balance_seq) AS last, count(*) AS count
           FROM inventory_stockmovement GROUP BY sku_id, location_id) m
    ON m.sku_id = b.sku_id AND m.location_id = b.location_id
WHERE b.on_hand <> coalesce(m.pieces, 0) OR b.balance_seq <> coalesce(m.last, 0) OR b.balance_seq <> coalesce(m.count, 0)
"""  # noqa: S608 - made of our own constants

_LAST_COUNTED = f"""
SELECT b.id, {_LABEL}, b.last_counted_at, r.counted_at
FROM inventory_stockbalance b
JOIN catalog_sku sku ON sku.id = b.sku_id JOIN inventory_location place ON place.id = b.location_id
LEFT JOIN (SELECT sku_id, location_id, max(counted_at) AS counted_at FROM inventory_countrecord GROUP BY sku_id, location_id) r
    ON r.sku_id = b.sku_id AND r.location_id = b.location_id
WHERE b.last_counted_at IS DISTINCT FROM r.counted_at
"""  # noqa: S608

_CHAIN = f"""
SELECT m.id, {_LABEL}, m.balance_seq, m.on_hand_after, m.expected
FROM (SELECT id, sku_id, location_id, balance_seq, on_hand_after,
             sum(quantity) OVER (PARTITION BY sku_id, location_id ORDER BY balance_seq) AS expected
      FROM inventory_stockmovement) m
JOIN catalog_sku sku ON sku.id = m.sku_id JOIN inventory_location place ON place.id = m.location_id
WHERE m.on_hand_after <> m.expected
"""  # noqa: S608

_WITHOUT_BALANCE = f"""
SELECT min(m.id), {_LABEL} FROM inventory_stockmovement m
JOIN catalog_sku sku ON sku.id = m.sku_id JOIN inventory_location place ON place.id = m.location_id
WHERE NOT EXISTS (SELECT FROM inventory_stockbalance b WHERE b.sku_id = m.sku_id AND b.location_id = m.location_id)
GROUP BY sku.code, place.code
"""  # noqa: S608

_ALLOCATED = f"""
SELECT b.id, {_LABEL}, b.allocated, coalesce(c.reserved, 0), coalesce(c.held, 0), b.on_hand
FROM (SELECT sku_id, location_id, sum(reserved) AS reserved, sum(held) AS held
      FROM (SELECT sku_id, location_id, quantity AS reserved, 0 AS held FROM inventory_reservation WHERE quantity > 0
            UNION ALL
            SELECT sku_id, location_id, 0, quantity FROM inventory_holdline WHERE released_at IS NULL) claims
      GROUP BY sku_id, location_id) c
FULL JOIN inventory_stockbalance b ON b.sku_id = c.sku_id AND b.location_id = c.location_id
LEFT JOIN catalog_sku sku ON sku.id = coalesce(b.sku_id, c.sku_id)
LEFT JOIN inventory_location place ON place.id = coalesce(b.location_id, c.location_id)
WHERE b.id IS NULL OR b.allocated <> coalesce(c.reserved, 0) + coalesce(c.held, 0) OR b.allocated NOT BETWEEN 0 AND b.on_hand
"""  # noqa: S608

_KITS = f"""
SELECT b.id, {_LABEL}, b.on_hand FROM inventory_stockbalance b
JOIN catalog_sku sku ON sku.id = b.sku_id JOIN inventory_location place ON place.id = b.location_id
WHERE sku.is_kit AND b.on_hand > 0
"""  # noqa: S608

_COSTS = """
SELECT c.id, sku.code || ' / ' || pool.code, c.quantity, coalesce(b.pieces, 0), c.value, coalesce(m.worth, 0)
FROM (SELECT m.sku_id, place.cost_pool_id, sum(m.value) AS worth
      FROM inventory_stockmovement m JOIN inventory_location place ON place.id = m.location_id GROUP BY 1, 2) m
FULL JOIN inventory_costbalance c ON c.sku_id = m.sku_id AND c.cost_pool_id = m.cost_pool_id
LEFT JOIN (SELECT b.sku_id, place.cost_pool_id, sum(b.on_hand) AS pieces
           FROM inventory_stockbalance b JOIN inventory_location place ON place.id = b.location_id GROUP BY 1, 2) b
    ON b.sku_id = coalesce(c.sku_id, m.sku_id) AND b.cost_pool_id = coalesce(c.cost_pool_id, m.cost_pool_id)
LEFT JOIN catalog_sku sku ON sku.id = coalesce(c.sku_id, m.sku_id)
LEFT JOIN inventory_costpool pool ON pool.id = coalesce(c.cost_pool_id, m.cost_pool_id)
WHERE c.id IS NULL OR c.quantity <> coalesce(b.pieces, 0) OR c.value <> coalesce(m.worth, 0)
"""


# A line posts what it says, once. Pieces beyond the books come in first under another reason.
_STOCKTAKES = """
SELECT l.id, sku.code || ' / ' || c.external_id, l.posted_difference, coalesce(m.pieces, 0)
FROM inventory_stockcountline l JOIN inventory_stockcount c ON c.id = l.count_id JOIN catalog_sku sku ON sku.id = l.sku_id
LEFT JOIN (
    SELECT d.source_id, m.sku_id, sum(m.quantity) AS pieces
    FROM inventory_stockdocument d JOIN inventory_stockmovement m ON m.document_id = d.id
    JOIN inventory_reason r ON r.id = m.reason_id AND r.code IN ('LOSS', 'FOUND')
    WHERE d.source_type = 'STOCK_COUNT' GROUP BY 1, 2
) m ON m.source_id = l.count_id AND m.sku_id = l.sku_id
WHERE coalesce(l.posted_difference, 0) <> coalesce(m.pieces, 0)
"""

# What was told later and explains what a count had found, against what that count had found: with what was sold before it and told later.
_EXPLAINED = f"""
SELECT min(taken.id), {_LABEL}, -sum(taken.quantity), greatest(min(found.pieces), 0)
FROM inventory_stockdocument d JOIN inventory_stockmovement taken ON taken.document_id = d.id
JOIN inventory_reason why ON why.id = taken.reason_id AND why.code = 'FOUND'
JOIN catalog_sku sku ON sku.id = taken.sku_id JOIN inventory_location place ON place.id = taken.location_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(m.quantity), 0) AS pieces FROM inventory_stockmovement m
    JOIN inventory_stockdocument of ON of.id = m.document_id JOIN inventory_reason r ON r.id = m.reason_id
    WHERE m.sku_id = taken.sku_id AND m.location_id = taken.location_id AND m.occurred_at = taken.occurred_at
      AND (r.code = 'FOUND' AND of.source_type NOT IN ('ADJUSTMENT', 'COUNT_EXPLAINED')
           OR r.code = 'LOSS' AND of.source_type IN ('COUNT', 'STOCK_COUNT'))
) found
WHERE d.source_type = 'COUNT_EXPLAINED'
GROUP BY taken.sku_id, taken.location_id, taken.occurred_at, sku.code, place.code
HAVING -sum(taken.quantity) > greatest(min(found.pieces), 0)
"""  # noqa: S608

# What a count had lacked and was put back there since it had left, against what counts of that moment lost.
_LACKED = f"""
SELECT min(back.id), {_LABEL}, sum(back.quantity), min(lost.pieces)
FROM inventory_stockdocument d JOIN inventory_stockmovement back ON back.document_id = d.id
JOIN catalog_sku sku ON sku.id = back.sku_id JOIN inventory_location place ON place.id = back.location_id
CROSS JOIN LATERAL (
    SELECT coalesce(-sum(m.quantity), 0) AS pieces FROM inventory_stockmovement m
    JOIN inventory_stockdocument of ON of.id = m.document_id JOIN inventory_reason r ON r.id = m.reason_id
    WHERE m.sku_id = back.sku_id AND m.location_id = back.location_id AND m.occurred_at = back.occurred_at
      AND r.code = 'LOSS' AND of.source_type IN ('COUNT', 'STOCK_COUNT')
) lost
WHERE d.source_type = 'COUNT_LACKED'
GROUP BY back.sku_id, back.location_id, back.occurred_at, sku.code, place.code
HAVING sum(back.quantity) > min(lost.pieces)
"""  # noqa: S608

_QUOTAS = """
SELECT quota.id, sku.code || ' / ' || channel.code, quota.used, coalesce(claims.pieces, 0)
FROM inventory_channelquota quota
JOIN catalog_sku sku ON sku.id = quota.sku_id JOIN core_channel channel ON channel.id = quota.channel_id
LEFT JOIN (SELECT quota_id, sum(quantity + consumed) AS pieces FROM inventory_reservation WHERE quota_id IS NOT NULL GROUP BY quota_id) claims
    ON claims.quota_id = quota.id
WHERE quota.used <> coalesce(claims.pieces, 0)
"""


# What a transfer says of its pieces is what moved for it: onto the road, off it again, and out of the books.
_TRANSFERS = """
SELECT l.id, sku.code || ' / ' || o.external_id, l.shipped, coalesce(m.left_, 0), l.received + l.lost, coalesce(m.off_road, 0)
FROM inventory_transferorderline l JOIN inventory_transferorder o ON o.id = l.order_id JOIN catalog_sku sku ON sku.id = l.sku_id
LEFT JOIN LATERAL (
    SELECT -sum(m.quantity) FILTER (WHERE m.document_id = o.document_id) AS left_,
           -sum(m.quantity) FILTER (WHERE m.document_id <> o.document_id) AS off_road
    FROM inventory_stockdocument d JOIN inventory_stockmovement m ON m.document_id = d.id
    LEFT JOIN inventory_reason why ON why.id = m.reason_id
    WHERE m.quantity < 0 AND m.document_line = l.id AND why.code IS DISTINCT FROM 'PROVISIONAL'
      AND (d.id = o.document_id OR d.source_type IN ('TRANSFER_ARRIVAL', 'TRANSFER_LOSS') AND d.source_id = o.document_id)
) m ON true
WHERE o.document_id IS NOT NULL AND (l.shipped <> coalesce(m.left_, 0) OR l.received + l.lost <> coalesce(m.off_road, 0))
"""


def _rows(statement: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        yield from cursor.fetchall()


def _on_hand() -> Iterator[Fault]:
    for pk, label, on_hand, pieces, seq, last, count in _rows(_ON_HAND):
        detail = _(
            "on hand %(on_hand)s, movements %(pieces)s; number %(seq)s, movements %(count)s up to number %(last)s"
        )
        figures = {"on_hand": on_hand, "pieces": pieces, "seq": seq, "count": count, "last": last}
        yield Fault("P1", "BALANCE", pk, label, detail % figures)
    for pk, label in _rows(_WITHOUT_BALANCE):
        yield Fault("P1", "MOVEMENT", pk, label, _("movements without a balance"))


def _last_counted() -> Iterator[Fault]:
    for pk, label, said, counted in _rows(_LAST_COUNTED):
        detail = _("last counted %(said)s, the newest count on record is of %(counted)s")
        told = {name: written_moment(at) if at else "–" for name, at in (("said", said), ("counted", counted))}
        yield Fault("P1", "BALANCE", pk, label, detail % told)


def _chain() -> Iterator[Fault]:
    for pk, label, number, said, expected in _rows(_CHAIN):
        detail = _("movement %(number)s says %(said)s on hand after it, the ones before make %(expected)s")
        yield Fault("P1", "MOVEMENT", pk, label, detail % {"number": number, "said": said, "expected": expected})


def _allocated() -> Iterator[Fault]:
    for pk, label, allocated, reserved, held, on_hand in _rows(_ALLOCATED):
        detail = _("allocated %(allocated)s, reserved %(reserved)s, held %(held)s, on hand %(on_hand)s")
        figures = {"allocated": allocated, "reserved": reserved, "held": held, "on_hand": on_hand}
        yield Fault("P2", "BALANCE", pk or 0, label, detail % figures)


def _kits() -> Iterator[Fault]:
    for pk, label, on_hand in _rows(_KITS):
        detail = _("a kit, and %(on_hand)s on hand under its own number, which nobody sells")
        yield Fault("P2", "BALANCE", pk, label, detail % {"on_hand": on_hand})


def _quotas() -> Iterator[Fault]:
    for pk, label, used, pieces in _rows(_QUOTAS):
        detail = _("used %(used)s, its reservations have %(pieces)s")
        yield Fault("P2", "CHANNEL_QUOTA", pk, label, detail % {"used": used, "pieces": pieces})


def _costs() -> Iterator[Fault]:
    for pk, label, quantity, pieces, value, worth in _rows(_COSTS):
        detail = _("pieces %(quantity)s, on hand %(pieces)s; value %(value)s, movements %(worth)s")
        figures = {"quantity": quantity, "pieces": pieces, "value": value, "worth": worth}
        yield Fault("P1", "STOCK_VALUE", pk or 0, label, detail % figures)


def _stocktakes() -> Iterator[Fault]:
    for pk, label, said, moved in _rows(_STOCKTAKES):
        detail = _("the stocktake posted %(said)s, its documents moved %(moved)s")
        yield Fault("P1", "STOCK_COUNT_LINE", pk, label, detail % {"said": said, "moved": moved})


def _explained() -> Iterator[Fault]:
    for pk, label, taken, found in _rows(_EXPLAINED):
        detail = _("a count found %(found)s more, and %(taken)s were explained since")
        yield Fault("P1", "MOVEMENT", pk, label, detail % {"found": found, "taken": taken})


def _lacked() -> Iterator[Fault]:
    for pk, label, back, lost in _rows(_LACKED):
        detail = _("a count lost %(lost)s, and %(back)s were put back there since")
        yield Fault("P1", "MOVEMENT", pk, label, detail % {"lost": lost, "back": back})


def _promised() -> Iterator[Fault]:
    for pk, purchase, sku, comes, promised in promised_beyond():
        detail = _("%(sku)s: %(comes)s still to come, %(promised)s promised")
        yield Fault("P3", "EXPECTED_RECEIPT", pk, purchase, detail % {"sku": sku, "comes": comes, "promised": promised})


def _transfers() -> Iterator[Fault]:
    for pk, label, shipped, left, arrived, off_road in _rows(_TRANSFERS):
        detail = _("shipped %(shipped)s, moved %(left)s; arrived or lost %(arrived)s, moved %(off_road)s")
        figures = {"shipped": shipped, "left": left, "arrived": arrived, "off_road": off_road}
        yield Fault("P1", "TRANSFER_ORDER_LINE", pk, label, detail % figures)


def _accounts() -> Iterator[Fault]:
    """Roles that play on one account are compared together, since the account cannot tell them apart."""
    carried: dict[int, Decimal] = defaultdict(lambda: ZERO)
    roles: dict[int, str] = {}
    codes: dict[int, str] = {}
    worth = dict(CostBalance.objects.values_list("cost_pool__account_role").annotate(Sum("value")))
    for role in CostPool.objects.values_list("account_role", flat=True).distinct().order_by("account_role"):
        account = accounting.account_of(role)
        carried[account.pk] += worth.get(role, ZERO)
        roles[account.pk], codes[account.pk] = role, str(account)
    for account_id, value in carried.items():
        ledger = accounting.balance_of(roles[account_id])
        if ledger != value:
            detail = _("stock is worth %(value)s, the account says %(ledger)s") % {"value": value, "ledger": ledger}
            yield Fault("P6", "LEDGER_ACCOUNT", account_id, codes[account_id], detail)


def _closed_month() -> Iterator[Fault]:
    """The newest closed month: what was worth what at its end, less what was posted later, is what its accounts said."""
    day = accounting.last_closed_day()
    if day is None:
        return
    for proof in proofs(day):
        if proof.difference:
            detail = _("at %(day)s stock is worth %(value)s, posted later %(later)s, the account says %(ledger)s") % {
                "day": written_day(day),
                "value": proof.value,
                "later": proof.booked_later,
                "ledger": proof.ledger,
            }
            yield Fault("P6", "LEDGER_ACCOUNT", proof.account_id, proof.account, detail)


def register_checks() -> None:
    for promise, title, model, find in (
        ("P1", gettext_noop("On hand equals the sum of movements, numbered without a gap"), StockBalance, _on_hand),
        ("P1", gettext_noop("Each movement says what was on hand after it"), StockMovement, _chain),
        ("P1", gettext_noop("Stock value equals its movements and pieces"), CostBalance, _costs),
        ("P1", gettext_noop("Snapshots of stock equal the movements behind them"), StockSnapshot, snapshot_faults),
        ("P1", gettext_noop("A stocktake moved what it says it posted"), StockCountLine, _stocktakes),
        ("P1", gettext_noop("A balance was last counted when its newest count says"), StockBalance, _last_counted),
        ("P1", gettext_noop("What a count had found is explained once"), CountRecord, _explained),
        ("P1", gettext_noop("What a count had lacked is put back once"), CountRecord, _lacked),
        ("P1", gettext_noop("A transfer moved what it says"), TransferOrderLine, _transfers),
        ("P2", gettext_noop("Allocated equals open reservations and holds"), StockBalance, _allocated),
        ("P2", gettext_noop("A kit has no stock under its own number"), StockBalance, _kits),
        ("P2", gettext_noop("What is used of a quota equals its reservations"), ChannelQuota, _quotas),
        ("P3", gettext_noop("Nothing is promised beyond what an expected receipt brings"), ExpectedReceipt, _promised),
        ("P6", gettext_noop("Stock value equals the inventory accounts"), CostPool, _accounts),
        ("P6", gettext_noop("Stock value of past closings equals the inventory accounts"), CostPool, _closed_month),
    ):
        register(Check(promise, title, model.objects.count, find))
