"""What one channel may sell (販売可能数), with the terms that add up to it. The one place where that question is answered.

``on_hand - allocated`` of a row is not the answer: expired holds count as free, places that do not count are left out, safety stock is kept back.
A kit (セット商品) has no stock: as many can be sold as its components make. Safety stock is kept back of pieces, so of components, not of kits.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection

from erp.core import rows
from erp.inventory.models import NOT_FOR_SALE


class TermKind(StrEnum):
    ON_HAND = "ON_HAND"
    ALLOCATED = "ALLOCATED"
    EXPIRED_HOLDS = "EXPIRED_HOLDS"
    NOT_COUNTED = "NOT_COUNTED"
    BUFFER = "BUFFER"
    FLOOR = "FLOOR"
    COMPONENTS = "COMPONENTS"


@dataclass(frozen=True, slots=True)
class Term:
    """One addend, signed. ``location_id`` says whose pieces; None for the channel's own terms and for what components make."""

    kind: TermKind
    quantity: int
    location_id: int | None = None
    location_code: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    """``available`` is the sum of ``terms`` and never below zero: then a FLOOR term says by how much it would be.

    ``version`` rises with every change of the balances behind it; ``next_change_at`` is when a hold will expire by the clock.
    A kit has one term, what its ``components`` make; its version rises with its definition too.
    """

    available: int
    terms: tuple[Term, ...]
    version: int
    next_change_at: dt.datetime | None
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """``quantity`` pieces of it go into one kit; what is there of it is enough for ``makes`` kits."""

    sku_id: int
    quantity: int
    makes: int
    availability: Availability


# A kit's version is that of its definition, then that of the balances behind it, whose versions together stay below this.
_DEFINITION = 1_000_000_000

_PLACES = """
SELECT b.sku_id, b.location_id, place.code, b.on_hand, b.allocated, b.version, coalesce(expired.pieces, 0), expired.next_expiry,
       NOT place.is_active OR place.kind = ANY(%(not_for_sale)s)
       OR (place.kind = 'MALL_HELD' AND place.holder_channel_id IS DISTINCT FROM cl.channel_id)
FROM inventory_channellocation cl
JOIN inventory_location place ON place.id = cl.location_id
JOIN inventory_stockbalance b ON b.location_id = cl.location_id AND b.sku_id = ANY(%(skus)s)
LEFT JOIN LATERAL (
    SELECT sum(h.quantity) FILTER (WHERE h.expires_at <= %(at)s) AS pieces,
           min(h.expires_at) FILTER (WHERE h.expires_at > %(at)s) AS next_expiry
    FROM inventory_holdline h WHERE h.sku_id = b.sku_id AND h.location_id = b.location_id AND h.released_at IS NULL
) expired ON true
WHERE cl.channel_id = %(channel)s
ORDER BY b.sku_id, cl.rank, b.location_id
"""

_BUFFERS = """
SELECT DISTINCT ON (wanted.sku_id) wanted.sku_id, buffer.quantity
FROM unnest(%s::bigint[]) AS wanted (sku_id)
JOIN inventory_channelbuffer buffer ON buffer.channel_id = %s AND (buffer.sku_id = wanted.sku_id OR buffer.sku_id IS NULL)
ORDER BY wanted.sku_id, buffer.sku_id NULLS LAST
"""


def buffers(*, channel_id: int, sku_ids: Iterable[int]) -> dict[int, int]:
    """Safety stock of the channel per SKU; a SKU's own row wins over the one for all. SKUs without any are missing."""
    with connection.cursor() as cursor:
        cursor.execute(_BUFFERS, [list(sku_ids), channel_id])
        return dict(cursor.fetchall())


_PARTS = """
SELECT kit.id, kit.version, part.component_id, part.quantity
FROM catalog_sku kit LEFT JOIN catalog_kitcomponent part ON part.kit_id = kit.id
WHERE kit.id = ANY(%s) AND kit.is_kit ORDER BY kit.id, part.component_id
"""


@dataclass(frozen=True, slots=True)
class _Kit:
    version: int
    parts: tuple[tuple[int, int], ...]


def available_to_promise(*, channel_id: int, sku_ids: Collection[int], at: dt.datetime) -> dict[int, Availability]:
    """What the channel may sell of each SKU at an instant. Three statements in one round trip for any number of SKUs, and once more two for
    the components of kits; a SKU without stock has 0."""
    wanted = list(dict.fromkeys(sku_ids))
    with rows.pipeline():
        parts = rows.ask(_PARTS, [wanted])
        places, kept_back = _ask(channel_id, wanted, at)
    kits = _kits(parts.all())
    found = _of_stock(wanted, places.all(), dict(kept_back.all()))
    if not kits:
        return found
    components = list({part for kit in kits.values() for part, _pieces in kit.parts} - found.keys())
    with rows.pipeline():
        places, kept_back = _ask(channel_id, components, at)
    pieces = found | _of_stock(components, places.all(), dict(kept_back.all()))
    return found | {kit_id: _of_kit(kit, pieces) for kit_id, kit in kits.items()}


def _ask(channel_id: int, sku_ids: list[int], at: dt.datetime) -> tuple[rows.Answer, rows.Answer]:
    asked: Any = {"skus": sku_ids, "channel": channel_id, "at": at, "not_for_sale": NOT_FOR_SALE}
    return rows.ask(_PLACES, asked), rows.ask(_BUFFERS, [sku_ids, channel_id])


def _kits(parts: Iterable[Any]) -> dict[int, _Kit]:
    found: dict[int, _Kit] = {}
    for kit_id, version, component_id, pieces in parts:
        known = found.get(kit_id, _Kit(version, ()))
        found[kit_id] = known if component_id is None else _Kit(version, (*known.parts, (component_id, pieces)))
    return found


def _of_stock(sku_ids: Collection[int], places: Iterable[Any], kept_back: Mapping[int, int]) -> dict[int, Availability]:
    terms: dict[int, list[Term]] = defaultdict(list)
    versions: dict[int, int] = defaultdict(int)
    due: dict[int, list[dt.datetime]] = defaultdict(list)
    for sku_id, location_id, code, on_hand, allocated, version, expired, next_expiry, excluded in places:
        of_place = [
            Term(TermKind.ON_HAND, on_hand, location_id, code),
            Term(TermKind.ALLOCATED, -allocated, location_id, code),
            Term(TermKind.EXPIRED_HOLDS, int(expired), location_id, code),
        ]
        if excluded:
            of_place.append(Term(TermKind.NOT_COUNTED, -sum(term.quantity for term in of_place), location_id, code))
        terms[sku_id] += [term for term in of_place if term.quantity]
        versions[sku_id] += version
        if next_expiry is not None:
            due[sku_id].append(next_expiry)
    for sku_id, quantity in kept_back.items():
        if quantity:
            terms[sku_id].append(Term(TermKind.BUFFER, -quantity))
    return {
        sku_id: _availability(terms[sku_id], versions[sku_id], min(due[sku_id], default=None)) for sku_id in sku_ids
    }


def _of_kit(kit: _Kit, pieces: Mapping[int, Availability]) -> Availability:
    components = tuple(
        Component(sku_id, quantity, pieces[sku_id].available // quantity, pieces[sku_id])
        for sku_id, quantity in kit.parts
    )
    makes = min((component.makes for component in components), default=0)
    due = [item.availability.next_change_at for item in components if item.availability.next_change_at is not None]
    return Availability(
        makes,
        (Term(TermKind.COMPONENTS, makes),) if makes else (),
        kit.version * _DEFINITION + sum(component.availability.version for component in components),
        min(due, default=None),
        components,
    )


def _availability(terms: list[Term], version: int, next_change_at: dt.datetime | None) -> Availability:
    total = sum(term.quantity for term in terms)
    if total < 0:
        terms = [*terms, Term(TermKind.FLOOR, -total)]
    return Availability(max(total, 0), tuple(terms), version, next_change_at)
