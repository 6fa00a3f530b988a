"""What one channel may sell (販売可能数), with the terms that add up to it. The one place where that question is answered.

``on_hand - allocated`` of a row is not the answer: expired holds count as free, places that do not count are left out, safety stock is kept back.
A kit (セット商品) has no stock: as many can be sold as its components make. Safety stock is kept back of pieces, so of components, not of kits.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection

from erp.core import rows
from erp.inventory.models import NOT_FOR_SALE, Location


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
    """One addend, signed. ``location_id`` says whose pieces; None for the channel's own terms and for what components make.

    Which places there are is for the house only; others are told ``by_kind_of_place``.
    """

    kind: TermKind
    quantity: int
    location_id: int | None = None
    location_code: str = ""
    location_kind: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    """``available`` is the sum of ``terms`` and never below zero: then a FLOOR term says by how much it would be.

    ``version`` rises with every change of the balances behind it and of the channel's rules, and never falls; ``next_change_at`` is when a hold
    will expire by the clock. A kit has one term, what its ``components`` make; its version rises with its definition too.
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


# Kinds of places whose pieces may be sold, as others are told of them.
SOLD_FROM = tuple(kind for kind in Location.Kind.values if kind not in NOT_FOR_SALE)


def by_kind_of_place(found: Availability) -> list[tuple[TermKind, int, str]]:
    """The terms for whoever is not of the house, (kind, quantity, kind of place): they add up to the same, name no place, and leave out places
    that do not count."""
    left_out = {term.location_id for term in found.terms if term.kind is TermKind.NOT_COUNTED}
    sums: dict[tuple[TermKind, str], int] = {}
    for term in found.terms:
        if term.location_id is None or term.location_id not in left_out:
            key = (term.kind, term.location_kind)
            sums[key] = sums.get(key, 0) + term.quantity
    return [(kind, quantity, place) for (kind, place), quantity in sums.items() if quantity]


NOTHING = Availability(0, (), 0, None)

# A version is that of the channel's rules, and of a kit's definition, then that of the balances behind it, whose versions together stay below
# this. So it also rises when balances no longer count, which lowers their sum.
_RULES = 1_000_000_000

# Per SKU one row for each place the channel sells from, or one without a place. Joined laterally, so that few SKUs touch few rows.
_STOCK = """
SELECT sku.id, CASE WHEN sku.is_kit THEN sku.version END,
       (SELECT version FROM inventory_channelrules WHERE channel_id = %(channel)s), buffer.quantity, place.*
FROM catalog_sku sku
LEFT JOIN LATERAL (
    SELECT quantity FROM inventory_channelbuffer
    WHERE channel_id = %(channel)s AND (sku_id = sku.id OR sku_id IS NULL) ORDER BY sku_id NULLS LAST LIMIT 1
) buffer ON true
LEFT JOIN LATERAL (
    SELECT cl.rank, b.location_id, location.code, location.kind, b.on_hand, b.allocated, b.version, coalesce(expired.pieces, 0), expired.next_expiry,
           NOT location.is_active OR location.kind = ANY(%(not_for_sale)s)
           OR (location.kind = 'MALL_HELD' AND location.holder_channel_id IS DISTINCT FROM cl.channel_id)
    FROM inventory_channellocation cl
    JOIN inventory_location location ON location.id = cl.location_id
    JOIN inventory_stockbalance b ON b.location_id = cl.location_id AND b.sku_id = sku.id
    LEFT JOIN LATERAL (
        SELECT sum(h.quantity) FILTER (WHERE h.expires_at <= %(at)s) AS pieces,
               min(h.expires_at) FILTER (WHERE h.expires_at > %(at)s) AS next_expiry
        FROM inventory_holdline h WHERE h.sku_id = b.sku_id AND h.location_id = b.location_id AND h.released_at IS NULL
    ) expired ON true
    WHERE cl.channel_id = %(channel)s
) place ON true
"""
_OF_IDS = _STOCK + "WHERE sku.id = ANY(%(skus)s) ORDER BY sku.id, place.rank, place.location_id"
_OF_CODE = _STOCK + "WHERE sku.code = %(code)s"

_PARTS = """
SELECT kit_id, component_id, quantity FROM catalog_kitcomponent WHERE kit_id = ANY(%s) ORDER BY kit_id, component_id
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


def available_to_promise(*, channel_id: int, sku_ids: Collection[int], at: dt.datetime) -> dict[int, Availability]:
    """What the channel may sell of each SKU at an instant. One statement for any number of SKUs, and two more where there are kits among
    them; a SKU without stock, or that nobody knows, has 0."""
    wanted = list(dict.fromkeys(sku_ids))
    found, kits = _of_stock(_ask(channel_id, wanted, at))
    found = {sku_id: found.get(sku_id, NOTHING) for sku_id in wanted}
    return found | _of_kits(channel_id, kits, at)


def question_of_code(*, code: str, at: dt.datetime, channel: str) -> tuple[str, dict[str, Any]]:
    """The same for the page of one product, as a statement (and its named parameters) to be joined laterally: whoever reads the channel anyway
    asks for its figure in the same round trip. ``channel`` is the column that holds the channel's id. ``answer_of_code`` reads its rows."""
    parameters = {"code": code, "at": at, "not_for_sale": NOT_FOR_SALE}
    return _OF_CODE.replace("%(channel)s", channel), parameters


def answer_of_code(asked: Iterable[Sequence[Any]], *, channel_id: int, at: dt.datetime) -> Availability | None:
    """``asked``: the rows of ``question_of_code``, in any order. None for a SKU that nobody knows."""
    places = sorted((row for row in asked if row[0] is not None), key=lambda row: (row[4], row[5]))
    found, kits = _of_stock(places)
    return next(iter((found | _of_kits(channel_id, kits, at)).values()), None)


def _of_kits(channel_id: int, kits: Mapping[int, int], at: dt.datetime) -> dict[int, Availability]:
    """``kits``: id → version of the definition."""
    if not kits:
        return {}
    with rows.look_ups():
        answer = rows.ask(_PARTS, [list(kits)])
    parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for kit_id, component_id, quantity in answer.all():
        parts[kit_id].append((component_id, quantity))
    components = {component_id for of_kit in parts.values() for component_id, _quantity in of_kit}
    pieces, _none = _of_stock(_ask(channel_id, list(components), at))
    return {kit_id: _of_kit(version, parts[kit_id], pieces) for kit_id, version in kits.items()}


def _ask(channel_id: int, sku_ids: list[int], at: dt.datetime) -> list[Any]:
    asked: Any = {"skus": sku_ids, "channel": channel_id, "at": at, "not_for_sale": NOT_FOR_SALE}
    with rows.look_ups():
        answer = rows.ask(_OF_IDS, asked)
    return answer.all()


def _of_stock(asked: Iterable[Any]) -> tuple[dict[int, Availability], dict[int, int]]:
    """What is there of each SKU, and the versions of those that are kits."""
    kits: dict[int, int] = {}
    terms: dict[int, list[Term]] = defaultdict(list)
    versions: dict[int, int] = {}
    due: dict[int, list[dt.datetime]] = defaultdict(list)
    kept_back: dict[int, int] = {}
    for sku_id, kit_version, rules, buffer, _rank, location_id, code, kind, on_hand, allocated, version, *rest in asked:
        kept_back[sku_id] = buffer or 0
        versions.setdefault(sku_id, (rules or 0) * _RULES)
        if kit_version is not None:
            kits[sku_id] = kit_version
        if location_id is None:
            continue
        expired, next_expiry, excluded = rest
        place = (location_id, code, kind)
        of_place = [
            Term(TermKind.ON_HAND, on_hand, *place),
            Term(TermKind.ALLOCATED, -allocated, *place),
            Term(TermKind.EXPIRED_HOLDS, int(expired), *place),
        ]
        if excluded:
            # Where everything is claimed there is nothing to leave out, and nothing to tell.
            left_out = sum(term.quantity for term in of_place)
            of_place = [*of_place, Term(TermKind.NOT_COUNTED, -left_out, *place)] if left_out else []
        terms[sku_id] += [term for term in of_place if term.quantity]
        versions[sku_id] += version
        if next_expiry is not None:
            due[sku_id].append(next_expiry)
    for sku_id, quantity in kept_back.items():
        if quantity:
            terms[sku_id].append(Term(TermKind.BUFFER, -quantity))
    found = {
        sku_id: _availability(terms[sku_id], versions[sku_id], min(due[sku_id], default=None)) for sku_id in kept_back
    }
    return found, kits


def _of_kit(version: int, parts: Sequence[tuple[int, int]], pieces: Mapping[int, Availability]) -> Availability:
    components = tuple(
        Component(sku_id, quantity, pieces[sku_id].available // quantity, pieces[sku_id]) for sku_id, quantity in parts
    )
    makes = min((component.makes for component in components), default=0)
    due = [item.availability.next_change_at for item in components if item.availability.next_change_at is not None]
    # The rules under which the components were counted: those of another moment would not fit their versions.
    rules = max((item.availability.version // _RULES for item in components), default=0)
    balances = sum(item.availability.version % _RULES for item in components)
    return Availability(
        makes,
        (Term(TermKind.COMPONENTS, makes),) if makes else (),
        (version + rules) * _RULES + balances,
        min(due, default=None),
        components,
    )


def _availability(terms: list[Term], version: int, next_change_at: dt.datetime | None) -> Availability:
    total = sum(term.quantity for term in terms)
    if total < 0:
        terms = [*terms, Term(TermKind.FLOOR, -total)]
    return Availability(max(total, 0), tuple(terms), version, next_change_at)
