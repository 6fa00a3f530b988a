"""The verdict: what every hand was told, what the orders say and what the ledger says must be one story.

The three are written by different code. The diaries are files of the hands; nothing here asks the services that are on trial.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils.translation import gettext as _

from erp.core.verify import verify
from erp.proof.diary import Entry
from erp.proof.hands import SURPRISE
from erp.proof.stage import SITES, TILL, Stage
from erp.proof.watching import Watcher

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Diaries = Mapping[int, Sequence[Entry]]


@dataclass(frozen=True, slots=True)
class Verdict:
    what: StrOrPromise
    faults: Sequence[str]


@dataclass(frozen=True, slots=True)
class Balance:
    """Where the pieces of one SKU went. ``is_even``: what came and did not go is there."""

    sku: str
    opening: int
    received: int
    corrected: int
    provisional: int
    counted: int
    sent: int
    sold_at_till: int
    came_back: int
    on_hand: int

    @property
    def is_even(self) -> bool:
        came = self.opening + self.received + self.corrected + self.provisional + self.counted + self.came_back
        return came - self.sent - self.sold_at_till == self.on_hand


def balances(stage: Stage, diaries: Diaries) -> list[Balance]:
    """Per SKU with stock. ``received``, ``corrected``, ``sold_at_till`` and ``came_back`` are what the hands were told, ``sent`` is what the
    orders say has left in parcels, ``provisional``, ``counted`` (gone before a count or there by then, and told after it) and ``on_hand``
    are the ledger's."""
    done = [entry for entries in diaries.values() for entry in entries if entry.outcome == "done"]
    codes = {key: code for code, key in stage.skus.items()}
    received, corrected, till, back = (Counter[str]() for _number in range(4))
    for entry in done:
        pieces: Mapping[str, int] = entry.told.get("pieces", {}) if entry.act != "drop_hold" else {}
        for sku, count in pieces.items():
            (received if entry.act in ("receive", "receive_late") else corrected)[sku] += count
        for sku, count in entry.told.get("units", {}).items():
            for part, number in stage.parts[sku].items():
                (till if entry.act == "sell_at_till" else back)[codes[part]] += number * count
    sent = Counter[str]()
    for sku, count in _ask(_SENT, [list(SITES)]):
        for part, number in stage.parts[sku].items():
            sent[codes[part]] += number * count
    provisional, counted, on_hand = (dict(_ask(asked)) for asked in (_PROVISIONAL, _COUNTED, _ON_HAND))
    return [
        Balance(
            codes[key], opening, received[codes[key]], corrected[codes[key]], int(provisional.get(key, 0)), int(counted.get(key, 0)),
            sent[codes[key]], till[codes[key]], back[codes[key]], int(on_hand.get(key, 0)),
        )
        for key, opening in stage.opening.items()
    ]  # fmt: skip


def verdicts(stage: Stage, diaries: Diaries, watcher: Watcher, found: Sequence[Balance]) -> Iterator[Verdict]:
    yield Verdict(
        _("At none of %(count)s instants was a piece promised twice, or one that was not there")
        % {"count": f"{watcher.looks:,}"},
        watcher.faults or ([] if watcher.looks else [_("Nobody looked.")]),
    )
    uneven = [str(balance) for balance in found if not balance.is_even]
    yield Verdict(_("What came in and did not go out is there, piece by piece"), uneven)
    yield Verdict(_("Every order of every hand is here once, and no other"), list(_order_faults(diaries)))
    yield Verdict(_("No more left than was ordered, and no more came back than left"), list(_ask_words(_TOO_MANY)))
    yield Verdict(_("No order lacks pieces without waiting for them or being a task"), list(_ask_words(_SHORT)))
    yield Verdict(_("The same order sent again was answered, and changed nothing"), list(_replay_faults(diaries)))
    results = verify()
    rows = sum(result.rows for result in results)
    yield Verdict(
        _("verify is clean (%(checks)s checks, %(rows)s rows)") % {"checks": len(results), "rows": f"{rows:,}"},
        [f"{fault.promise} {fault.subject_label}: {fault.detail}" for result in results for fault in result.faults],
    )
    surprises = [entry.told["words"] for entries in diaries.values() for entry in entries if entry.outcome == SURPRISE]
    yield Verdict(_("Nobody met an error that no contract knows"), surprises)


def _order_faults(diaries: Diaries) -> Iterator[str]:
    """Who was told that an order is placed finds it once; nothing is there that nobody sent. What was under way at the end was finished."""
    told, sent = set(), set()
    for number, entries in diaries.items():
        for entry in entries:
            if not entry.outcome:
                yield f"hand {number}: {entry.act} {entry.number} was never answered"
            ref = entry.content.get("name", f"H{number}-{entry.number}")
            if entry.act in ("place", "twin", "buy_held", "sell_at_till"):
                sent.add((entry.content.get("site", TILL), ref))
            if entry.outcome == "done" and "order" in entry.told:
                told.add((entry.told["channel"], entry.told["order"]))
            elif entry.outcome == "done" and entry.act == "sell_at_till":
                told.add((TILL, ref))
    here = Counter((channel, key) for channel, key in _ask(_ORDERS))
    # A held purchase is sent to the site of its hold, whose name is in another entry.
    names = {key for _channel, key in sent}
    yield from (f"{channel} {key}: told that it is placed, and not here" for channel, key in sorted(told - set(here)))
    yield from (f"{channel} {key}: nobody sent it" for channel, key in sorted(here) if key not in names)
    yield from (f"{channel} {key}: here {count} times" for (channel, key), count in sorted(here.items()) if count > 1)


def _replay_faults(diaries: Diaries) -> Iterator[str]:
    for number, entries in diaries.items():
        for entry in entries:
            if entry.act == "again" and entry.outcome == "done" and not entry.told["replay"]:
                yield f"hand {number}: {entry.number} repeated {entry.content['earlier']} and was taken for new"


def _ask(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _ask_words(statement: str) -> Iterator[str]:
    for row in _ask(statement):
        yield " ".join(map(str, row))


_SENT = """
SELECT ol.sku_code, sum(sl.quantity)::int
FROM orders_shipmentline sl JOIN orders_shipment s ON s.id = sl.shipment_id JOIN orders_orderline ol ON ol.id = sl.order_line_id
JOIN orders_order o ON o.id = s.order_id JOIN core_channel c ON c.id = o.channel_id
WHERE s.shipped_at IS NOT NULL AND c.code = ANY(%s) GROUP BY ol.sku_code
"""
# Signed: what a later receipt or count explained is taken back.
_PROVISIONAL = """
SELECT m.sku_id, sum(m.quantity) FROM inventory_stockmovement m JOIN inventory_reason r ON r.id = m.reason_id
WHERE r.code = 'PROVISIONAL' GROUP BY m.sku_id
"""
# What left before somebody counted and was told later, found again at the moment of a count that there really was; what came in before it and was
# told later is found no more.
_COUNTED = """
SELECT m.sku_id, sum(m.quantity) FROM inventory_stockmovement m JOIN inventory_reason r ON r.id = m.reason_id
JOIN inventory_stockdocument d ON d.id = m.document_id
WHERE r.code = 'FOUND' AND (m.quantity > 0 AND m.occurred_at > d.occurred_at OR d.source_type IN ('COUNT_EXPLAINED', 'COUNT_LACKED')) AND EXISTS (
    SELECT FROM inventory_countrecord c WHERE c.sku_id = m.sku_id AND c.location_id = m.location_id AND c.counted_at = m.occurred_at)
GROUP BY m.sku_id
"""
_ON_HAND = "SELECT sku_id, sum(on_hand) FROM inventory_stockbalance GROUP BY sku_id"
_ORDERS = "SELECT c.code, o.external_id FROM orders_order o JOIN core_channel c ON c.id = o.channel_id"

_TOO_MANY = """
SELECT o.external_id, ol.line_id, ol.quantity, gone.units, gone.returned
FROM orders_orderline ol JOIN orders_order o ON o.id = ol.order_id
JOIN LATERAL (
    SELECT sum(sl.quantity) AS units, sum(sl.returned_quantity) AS returned FROM orders_shipmentline sl
    JOIN orders_shipment s ON s.id = sl.shipment_id WHERE sl.order_line_id = ol.id AND s.shipped_at IS NOT NULL
) gone ON gone.units IS NOT NULL
WHERE gone.units > ol.quantity OR gone.returned > gone.units
"""

# Pieces that a line still needs, against what is reserved for it. Whoever lacks some awaits them, waits for a person, or is a task.
_SHORT = """
SELECT o.external_id, o.state, ol.line_id, part.sku_id, need.pieces, claim.pieces
FROM orders_order o JOIN orders_orderline ol ON ol.order_id = o.id
CROSS JOIN LATERAL (
    SELECT ol.sku_id, 1 AS pieces WHERE NOT EXISTS (SELECT 1 FROM catalog_kitcomponent k WHERE k.kit_id = ol.sku_id)
    UNION ALL SELECT k.component_id, k.quantity FROM catalog_kitcomponent k WHERE k.kit_id = ol.sku_id
) part (sku_id, pieces)
CROSS JOIN LATERAL (
    SELECT part.pieces * (ol.quantity - ol.cancelled_quantity - coalesce((
        SELECT sum(sl.quantity) FROM orders_shipmentline sl JOIN orders_shipment s ON s.id = sl.shipment_id
        WHERE sl.order_line_id = ol.id AND s.shipped_at IS NOT NULL), 0))
) need (pieces)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.quantity), 0) FROM inventory_reservation r
    WHERE r.document_type = 'ORDER' AND r.document_id = o.id AND r.document_line = ol.id AND r.sku_id = part.sku_id
) claim (pieces)
WHERE o.state IN ('READY', 'PICKING') AND o.cancelled_at IS NULL AND claim.pieces < need.pieces
  AND NOT EXISTS (SELECT 1 FROM core_stafftask t WHERE t.subject_type = 'ORDER' AND t.subject_id = o.id AND t.closed_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM orders_shipment s WHERE s.order_id = o.id AND s.state = 'INSTRUCTED')
"""
