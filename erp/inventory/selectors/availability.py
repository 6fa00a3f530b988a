"""What one channel may sell (販売可能数), with the terms that add up to it. The one place where that question is answered.

``on_hand - allocated`` of a row is not the answer: expired holds count as free, places that do not count are left out, and the rules of
``policies`` take their part: quotas of other channels, safety stock, the last pieces, a cap.
A kit (セット商品) has no stock: as many can be sold as its components make, by their own rules; those of the kit act on that.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erp.core import rows
from erp.inventory.models import NOT_FOR_SALE, Location
from erp.inventory.selectors import policies
from erp.inventory.selectors.policies import TermKind


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


Row = Sequence[Any]
# Of the channel: id → rank, code, kind, and whether its pieces count.
Places = Mapping[int, tuple[int, str, str, bool]]


class Availability:
    """``available`` is the sum of ``terms`` and never below zero: then a FLOOR term says by how much it would be.

    ``version`` rises with every change of the balances behind it and of the channel's rules, and never falls; ``next_change_at`` is when a hold
    will expire, or a rule begin or end, by the clock. A kit begins with what its ``components`` make; its version rises with its definition too.
    It is a row of the statement that read it, and all its ``places``: who sends a thousand figures asks for no terms, and none are made.
    """

    __slots__ = ("_places", "_row")

    def __init__(self, row: Row, places: Places) -> None:
        self._row, self._places = row, places

    @property
    def available(self) -> int:
        return int(self._row[_AVAILABLE])

    @property
    def version(self) -> int:
        return int(self._row[_VERSION])

    @property
    def next_change_at(self) -> dt.datetime | None:
        due: dt.datetime | None = self._row[_DUE]
        return due

    @property
    def components(self) -> tuple[Component, ...]:
        return ()

    @property
    def terms(self) -> tuple[Term, ...]:
        return _terms(self._row, self._places)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Availability) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())

    def __repr__(self) -> str:
        return f"Availability{self._told()}"

    def _told(self) -> tuple[Any, ...]:
        return self.available, self.terms, self.version, self.next_change_at, self.components


class _OfKit(Availability):
    """Of a kit: reckoned from those of its components."""

    __slots__ = ("_components", "_of_kit")

    def __init__(self, row: Row, terms: tuple[Term, ...], components: tuple[Component, ...]) -> None:
        super().__init__(row, {})
        self._of_kit, self._components = terms, components

    @property
    def terms(self) -> tuple[Term, ...]:
        return self._of_kit

    @property
    def components(self) -> tuple[Component, ...]:
        return self._components


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


# A version is that of the channel's rules, and of a kit's definition, then that of the balances and quotas behind it, whose versions together
# stay below this. So it also rises when balances no longer count, which lowers their sum.
_RULES = 1_000_000_000

# The columns of a row: what is told, the version of the definition of a kit, then what the terms are made of. The rules in the order of ``Rules``.
_SKU, _AVAILABLE, _VERSION, _DUE, _KIT, _PLACES, _SOLE, _QUOTAS = range(8)
_WIDTH = _QUOTAS + 5
# Of a place there are its id and two numbers, of holds that have expired there its id and one. Where a channel sells from one place only, the two are
# a number of their own, on_hand in its upper half: text takes longer to make, and most have one.
_OF_HOLDS = 2
_HALF = 32

# One row per SKU of which there is something to say, and one without a SKU for all others: by which rules nothing is there of them, and which places
# there are. Each table is read by the list of keys in one pass, since of a large company it costs a page for each of them: styles are looked up only
# where the channel has a rule for one, kits among kits. All is put together by full joins: PostgreSQL takes a list for ten keys, whatever is in it,
# and would compare every row with every other. OFFSET has it reckon once what was read so far. Of the rules of one scope one is in force at most.
# Versions are added as fractions, exact to 2^53: numbers without limit cost twice as much. What several parts read (place, styled, everything)
# PostgreSQL reads once. A kit has no pieces to keep back (none, unless it is said of itself): its rules hold back kits, the rest holds back pieces
# of its components.
_STATEMENT = f"""
WITH place AS (
    SELECT p.id, rank, code, kind, is_active AND kind <> ALL(%(not_for_sale)s)
           AND (kind <> 'MALL_HELD' OR holder_channel_id IS NOT DISTINCT FROM channel_id) AS counts
    FROM inventory_channellocation JOIN inventory_location p ON p.id = location_id WHERE channel_id = %(channel)s),
policy AS NOT MATERIALIZED (
    SELECT *, {policies.IN_FORCE.format("r")} AS acts FROM inventory_channelpolicy r WHERE channel_id = %(channel)s),
everything AS (
    SELECT e.buffer_percent AS share, e.buffer, e.last_pieces AS few, e.cap,
           least(e.ends_at, (SELECT min(starts_at) FROM policy
                             WHERE sku_id IS NULL AND product_id IS NULL AND category_id IS NULL AND starts_at > %(at)s)) AS due,
           coalesce((SELECT version FROM inventory_channelrules WHERE channel_id = %(channel)s), 0) * {_RULES} AS version
    FROM (VALUES (0)) one LEFT JOIN policy e ON e.sku_id IS NULL AND e.product_id IS NULL AND e.category_id IS NULL AND e.acts),
there AS (
    SELECT sku_id AS id, sum(on_hand - allocated) FILTER (WHERE location_id <> ALL(ARRAY(SELECT id FROM place WHERE NOT counts))) AS pieces,
           sum(version::float8)::bigint AS version,
           string_agg(concat_ws(',', location_id, on_hand, allocated), '],[') FILTER (WHERE (SELECT count(*) > 1 FROM place)) AS places,
           max(on_hand::bigint << {_HALF} | allocated) FILTER (WHERE (SELECT count(*) = 1 FROM place)) AS sole
    FROM inventory_stockbalance WHERE sku_id = ANY(%(skus)s) AND location_id = ANY(ARRAY(SELECT id FROM place)) GROUP BY sku_id),
said AS (
    SELECT sku_id AS id, max(kit) AS kit, max(share) AS share, max(buffer) AS buffer, max(few) AS few, max(cap) AS cap, sum(quota) AS quotas,
           sum(version::float8)::bigint AS version, min(due) AS due, sum(pieces)::bigint AS pieces, string_agg(expired, '],[') AS expired
    FROM (
        SELECT sku_id, CASE WHEN acts THEN buffer_percent END AS share, CASE WHEN acts THEN buffer END AS buffer,
               CASE WHEN acts THEN last_pieces END AS few, CASE WHEN acts THEN cap END AS cap,
               CASE WHEN starts_at > %(at)s THEN starts_at WHEN ends_at > %(at)s THEN ends_at END AS due,
               NULL::bigint AS kit, NULL::int AS quota, 0 AS version, 0 AS pieces, NULL AS expired
        FROM policy WHERE sku_id = ANY(%(skus)s)
        UNION ALL
        SELECT id, 0, 0, NULL, NULL, NULL, version, NULL, 0, 0, NULL FROM catalog_sku WHERE is_kit AND id = ANY(%(skus)s)
        UNION ALL
        SELECT sku_id, NULL, NULL, NULL, NULL, CASE WHEN starts_at > %(at)s THEN starts_at WHEN ends_at > %(at)s THEN ends_at END,
               NULL, CASE WHEN {policies.IN_FORCE.format("q")} THEN greatest(quantity - used, 0) END, version, 0, NULL
        FROM inventory_channelquota q WHERE sku_id = ANY(%(skus)s) AND channel_id <> %(channel)s
        UNION ALL
        SELECT sku_id, NULL, NULL, NULL, NULL, min(expires_at) FILTER (WHERE expires_at > %(at)s), NULL, NULL, 0,
               sum(quantity) FILTER (WHERE expires_at <= %(at)s AND counts), p.id || ',' || sum(quantity) FILTER (WHERE expires_at <= %(at)s)
        FROM inventory_holdline JOIN place p ON p.id = location_id
        WHERE sku_id = ANY(%(skus)s) AND released_at IS NULL GROUP BY sku_id, p.id
    ) one GROUP BY sku_id),
styled AS (
    SELECT id, product_id FROM catalog_sku
    WHERE id = ANY(%(skus)s) AND EXISTS (SELECT FROM policy WHERE sku_id IS NULL AND num_nonnulls(product_id, category_id) > 0)),
style AS (
    SELECT p.id AS product_id, coalesce(s.buffer_percent, c.buffer_percent) AS share, coalesce(s.buffer, c.buffer) AS buffer,
           coalesce(s.last_pieces, c.last_pieces) AS few, coalesce(s.cap, c.cap) AS cap,
           least(s.ends_at, c.ends_at, CASE WHEN (SELECT max(starts_at) FROM policy) > %(at)s THEN least(
               (SELECT min(starts_at) FROM policy WHERE starts_at > %(at)s AND product_id = p.id),
               (SELECT min(starts_at) FROM policy WHERE starts_at > %(at)s AND category_id = p.category_id)) END) AS due
    FROM (SELECT DISTINCT product_id FROM styled) n JOIN catalog_product p ON p.id = n.product_id
    LEFT JOIN policy s ON s.product_id = p.id AND s.acts LEFT JOIN policy c ON c.category_id = p.category_id AND c.acts
    OFFSET 0)
SELECT id, CASE WHEN shown < few THEN 0 ELSE least(shown, cap) END, version, due, kit, places, sole, quotas, share, buffer, few, cap
FROM (SELECT *, greatest(own - (greatest(own, 0) * coalesce(share, 0) + 99) / 100 - coalesce(buffer, 0), 0) AS shown
FROM (SELECT id, kit, sole, quotas, coalesce(there.pieces, 0) + coalesce(said.pieces, 0) - coalesce(quotas, 0) AS own,
       concat_ws('],[', places, expired) AS places,
       coalesce(said.share, style.share, e.share) AS share, coalesce(said.buffer, style.buffer, e.buffer) AS buffer,
       coalesce(said.few, style.few, e.few) AS few, coalesce(said.cap, style.cap, e.cap) AS cap,
       e.version + coalesce(there.version, 0) + coalesce(said.version, 0) AS version, least(said.due, style.due, e.due) AS due
FROM there FULL JOIN said USING (id) FULL JOIN (SELECT id, style.* FROM styled JOIN style USING (product_id)) style USING (id)
CROSS JOIN everything e OFFSET 0) read) kept
UNION ALL SELECT NULL, 0, version, due, NULL, (SELECT json_agg(json_build_array(id, rank, code, kind, counts))::text FROM place), NULL,
       NULL, share, buffer, few, cap FROM everything
"""  # noqa: S608 - made of our own constants only
_OF_MANY_IDS = rows.numbered(_STATEMENT)

# Of few SKUs it is quicker to look up each: a row for each place, or one without a place, of which ``_gathered`` makes the same rows.
_COLUMNS = f"""
SELECT sku.id, CASE WHEN sku.is_kit THEN sku.version END,
       (SELECT version FROM inventory_channelrules WHERE channel_id = %(channel)s), quotas.version,{policies.NEXT_CHANGE},
       {policies.COLUMNS}, place.rank, place.location_id, place.code, place.kind, place.on_hand, place.allocated, place.version,
       coalesce(place.expired, 0), place.next_expiry, place.is_excluded
FROM catalog_sku sku
"""  # noqa: S608 - made of our own constants only
_PLACE = f"""
    SELECT cl.rank, b.location_id, location.code, location.kind, b.on_hand, b.allocated, b.version,
           expired.pieces AS expired, expired.next_expiry, NOT location.is_active OR location.kind = ANY('{rows.array(NOT_FOR_SALE)}'::text[])
           OR (location.kind = 'MALL_HELD' AND location.holder_channel_id IS DISTINCT FROM cl.channel_id) AS is_excluded
    FROM inventory_channellocation cl
    JOIN inventory_location location ON location.id = cl.location_id
    JOIN inventory_stockbalance b ON b.location_id = cl.location_id AND b.sku_id = sku.id
    LEFT JOIN LATERAL (
        SELECT sum(h.quantity) FILTER (WHERE h.expires_at <= %(at)s) AS pieces, min(h.expires_at) FILTER (WHERE h.expires_at > %(at)s) AS next_expiry
        FROM inventory_holdline h WHERE h.sku_id = b.sku_id AND h.location_id = b.location_id AND h.released_at IS NULL
    ) expired ON true
    WHERE cl.channel_id = %(channel)s
"""  # noqa: S608 - made of our own constants only
_OF_FEW = f"{_COLUMNS}{policies.JOINS} LEFT JOIN LATERAL ({_PLACE}) place ON true"
_OF_CODE = rows.compact(f"{_OF_FEW} WHERE sku.code = %(code)s")
_OF_IDS = rows.compact(f"{_OF_FEW} WHERE sku.id = ANY(%(skus)s)")
MANY = 50

_PARTS = """
SELECT kit_id, component_id, quantity FROM catalog_kitcomponent WHERE kit_id = ANY(%s) ORDER BY kit_id, component_id
"""


def available_to_promise(*, channel_id: int, sku_ids: Collection[int], at: dt.datetime) -> dict[int, Availability]:
    """What the channel may sell of each SKU at an instant. One statement for any number of SKUs, and two more where there are kits among
    them; a SKU without stock, or that nobody knows, has 0."""
    wanted = list(dict.fromkeys(sku_ids))
    found, kits = _read(_ask(channel_id, wanted, at), wanted)
    return found | _of_kits(channel_id, kits, at) if kits else found


def question_of_code(*, code: str, at: dt.datetime, channel: str) -> tuple[str, dict[str, Any]]:
    """The same for the page of one product, as a statement (and its named parameters) to be joined laterally: whoever reads the channel anyway
    asks for its figure in the same round trip. ``channel`` is the column that holds the channel's id. ``answer_of_code`` reads its rows."""
    return _OF_CODE.replace("%(channel)s", channel), {"code": code, "at": at}


def answer_of_code(asked: Iterable[Row], *, channel_id: int, at: dt.datetime) -> Availability | None:
    """``asked``: the rows of ``question_of_code``, in any order. None for a SKU that nobody knows."""
    found, kits = _read(_gathered(asked))
    if kits:
        found = _of_kits(channel_id, kits, at)
    return next(iter(found.values()), None)


def _of_kits(channel_id: int, kits: Mapping[int, int], at: dt.datetime) -> dict[int, Availability]:
    """``kits``: id → version of the definition. Their rules are read with their components, in one snapshot."""
    parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for kit_id, component_id, quantity in rows.ask(_PARTS, [list(kits)]).all():
        parts[kit_id].append((component_id, quantity))
    components = {component_id for of_kit in parts.values() for component_id, _quantity in of_kit}
    asked = _ask(channel_id, [*components, *kits], at)
    pieces, _kits = _read(asked, components)
    own = {row[_SKU]: row for row in asked}
    return {kit_id: _of_kit(own[kit_id], version, parts[kit_id], pieces) for kit_id, version in kits.items()}


def _ask(channel_id: int, sku_ids: list[int], at: dt.datetime) -> list[Row]:
    asked: Any = {"skus": sku_ids, "channel": channel_id, "at": at}
    if len(sku_ids) < MANY:
        with rows.look_ups():
            answer = rows.ask(_OF_IDS, asked)
        return _gathered(answer.all())
    asked |= {"skus": f"{{{str(sku_ids)[1:-1]}}}", "not_for_sale": NOT_FOR_SALE}
    return rows.ask_for_many(_OF_MANY_IDS, asked).all()


def _gathered(asked: Iterable[Row]) -> list[Row]:
    """One row per SKU, and one of the places, from a row for each SKU and place."""
    of_skus: dict[int, list[Row]] = defaultdict(list)
    for row in asked:
        if row[0] is not None:
            of_skus[row[0]].append(row)
    found: list[Row] = []
    places: dict[int, tuple[Any, ...]] = {}
    for sku_id, of_sku in of_skus.items():
        _id, kit, of_rules, of_quotas, due, *said = of_sku[0][:10]
        version, free, told = (of_rules or 0) * _RULES + (of_quotas or 0), 0, []
        for rank, key, code, kind, on_hand, allocated, of_balance, expired, next_expiry, is_excluded in (
            row[10:] for row in of_sku if row[11] is not None
        ):
            places[key] = (key, rank, code, kind, not is_excluded)
            version, due = version + of_balance, _earlier(due, next_expiry)
            free += 0 if is_excluded else on_hand - allocated + expired
            told += [f"{key},{on_hand},{allocated}", *([f"{key},{expired}"] if expired else [])]
        shown = policies.rules_of(tuple(said)).shown(free)
        found.append((sku_id, shown, version, due, kit, "],[".join(told), None, *said))
    return [*found, (None, 0, 0, None, None, list(places.values()), *[None] * (_WIDTH - _SOLE))]


def _read(asked: Collection[Row], wanted: Collection[int] = ()) -> tuple[dict[int, Availability], dict[int, int]]:
    """What is there of each SKU, also of those that no row is about, and the versions of those that are kits."""
    places: dict[int, tuple[int, str, str, bool]] = {}
    found: dict[Any, Availability] = {row[_SKU]: Availability(row, places) for row in asked}
    others = found.pop(None)._row
    told = others[_PLACES] or []
    places |= {key: tuple(place) for key, *place in (json.loads(told) if isinstance(told, str) else told)}
    if len(found) < len(wanted):
        said = (*others[_AVAILABLE:_PLACES], None, *others[_SOLE:])
        found |= {key: Availability((key, *said), places) for key in wanted if key not in found}
    return found, {row[_SKU]: row[_KIT] for row in asked if row[_KIT] is not None}


def _terms(row: Row, places: Places) -> tuple[Term, ...]:
    told: list[list[int]] = json.loads(f"[[{row[_PLACES]}]]") if row[_PLACES] else []
    if row[_SOLE] is not None:
        told += [[place, row[_SOLE] >> _HALF, row[_SOLE] & (1 << _HALF) - 1] for place in places]
    expired = {part[0]: part[1] for part in told if len(part) == _OF_HOLDS}
    there: list[Any] = sorted((places[part[0]], *part) for part in told if len(part) != _OF_HOLDS)
    free = 0
    terms: list[Term] = []
    for (_rank, code, kind, counts), location_id, on_hand, allocated in there:
        place = (location_id, code, kind)
        unclaimed = on_hand - allocated + expired.get(location_id, 0)
        free += unclaimed if counts else 0
        # Where everything is claimed there is nothing to leave out, and nothing to tell.
        if counts or unclaimed:
            of_place = [
                Term(TermKind.ON_HAND, on_hand, *place),
                Term(TermKind.ALLOCATED, -allocated, *place),
                Term(TermKind.EXPIRED_HOLDS, expired.get(location_id, 0), *place),
                Term(TermKind.NOT_COUNTED, 0 if counts else -unclaimed, *place),
            ]
            terms += [term for term in of_place if term.quantity]
    return (*terms, *(Term(kind, quantity) for kind, quantity in _rules(row).effects(free)))


def _rules(row: Row) -> policies.Rules:
    return policies.rules_of(tuple(row[_QUOTAS:_WIDTH]))


def _of_kit(
    kit: Row, definition: int, parts: Sequence[tuple[int, int]], pieces: Mapping[int, Availability]
) -> Availability:
    """``kit``: its own row, which tells the rules that hold for it."""
    components = tuple(
        Component(sku_id, quantity, pieces[sku_id].available // quantity, pieces[sku_id]) for sku_id, quantity in parts
    )
    makes = min((component.makes for component in components), default=0)
    due = kit[_DUE]
    for component in components:
        due = _earlier(due, component.availability.next_change_at)
    balances = sum(item.availability.version % _RULES for item in components)
    terms = [Term(TermKind.COMPONENTS, makes)] if makes else []
    terms += [Term(kind, quantity) for kind, quantity in _rules(kit).effects(makes)]
    available = sum(term.quantity for term in terms)
    version = kit[_VERSION] + definition * _RULES + balances
    return _OfKit((kit[_SKU], available, version, due), tuple(terms), components)


def _earlier(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
