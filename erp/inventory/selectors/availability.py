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
_SKU, _AVAILABLE, _VERSION, _DUE, _KIT, _PLACES, _QUOTAS = range(7)
_WIDTH = _QUOTAS + 5
# Of a place there are its id and two numbers, of holds that have expired there its id and one.
_OF_HOLDS = 2
NOTHING = Availability((None, 0, 0, *[None] * (_WIDTH - 3)), {})

# One row per SKU, and one without that tells the places. What is there is read by lists of keys, each table in one pass, and put together by full
# joins: PostgreSQL takes a list for ten keys, whatever is in it, and would compare every row with every other. (All have a SKU that is known, so none
# brings rows of its own.) OFFSET has it reckon once what is free. Of the rules of one scope one is in force at most. Versions are added as
# fractions, exact to 2^53: numbers without limit cost twice as much. What several parts read (known, place) PostgreSQL reads once. A kit has no
# pieces to keep back: of it only what is said of itself holds back kits, the rest holds back pieces of its components.
_NARROWEST = ", ".join(
    f"coalesce(s.{said}, c.{said}, e.{said}) AS {name}"
    for said, name in {"buffer_percent": "share", "buffer": "buffer", "last_pieces": "few", "cap": "cap"}.items()
)
_STATEMENT = f"""
WITH known AS (
    SELECT id, product_id, CASE WHEN is_kit THEN version END AS kit FROM catalog_sku WHERE id = ANY({{keys}})),
place AS (
    SELECT p.id, sold.rank, p.code, p.kind, p.is_active AND p.kind <> ALL(%(not_for_sale)s)
           AND (p.kind <> 'MALL_HELD' OR p.holder_channel_id IS NOT DISTINCT FROM sold.channel_id) AS counts
    FROM inventory_channellocation sold JOIN inventory_location p ON p.id = sold.location_id WHERE sold.channel_id = %(channel)s),
policy AS NOT MATERIALIZED (SELECT * FROM inventory_channelpolicy WHERE channel_id = %(channel)s),
rule AS NOT MATERIALIZED (SELECT * FROM policy r WHERE {policies.IN_FORCE.format("r")}),
style AS (
    SELECT p.id, p.category_id, {_NARROWEST}, least(s.ends_at, c.ends_at, e.ends_at) AS due
    FROM (SELECT DISTINCT product_id FROM known) n JOIN catalog_product p ON p.id = n.product_id
    LEFT JOIN rule s ON s.product_id = p.id LEFT JOIN rule c ON c.category_id = p.category_id
    LEFT JOIN rule e ON e.sku_id IS NULL AND e.product_id IS NULL AND e.category_id IS NULL),
there AS (
    SELECT sku_id, sum(on_hand - allocated) FILTER (WHERE location_id <> ALL(ARRAY(SELECT id FROM place WHERE NOT counts))) AS pieces,
           sum(version::float8)::bigint AS version, string_agg(concat_ws(',', location_id, on_hand, allocated), '],[') AS places
    FROM inventory_stockbalance WHERE sku_id = ANY({{keys}}) AND location_id = ANY(ARRAY(SELECT id FROM place)) GROUP BY sku_id),
said AS (
    SELECT sku_id, max(share) AS share, max(buffer) AS buffer, max(few) AS few, max(cap) AS cap, sum(quota) AS quotas,
           sum(version::float8)::bigint AS version, min(due) AS due, sum(pieces)::bigint AS pieces, string_agg(expired, '],[') AS expired
    FROM (
        SELECT sku_id, buffer_percent AS share, buffer, last_pieces AS few, cap, ends_at AS due, NULL::int AS quota, 0 AS version,
               0 AS pieces, NULL AS expired
        FROM rule WHERE sku_id = ANY({{keys}})
        UNION ALL
        SELECT sku_id, NULL, NULL, NULL, NULL, CASE WHEN starts_at > %(at)s THEN starts_at WHEN ends_at > %(at)s THEN ends_at END,
               CASE WHEN {policies.IN_FORCE.format("q")} THEN greatest(quantity - used, 0) END, version, 0, NULL
        FROM inventory_channelquota q WHERE sku_id = ANY({{keys}}) AND channel_id <> %(channel)s
        UNION ALL
        SELECT sku_id, NULL, NULL, NULL, NULL, min(expires_at) FILTER (WHERE expires_at > %(at)s), NULL, 0,
               sum(quantity) FILTER (WHERE expires_at <= %(at)s AND p.counts),
               p.id || ',' || sum(quantity) FILTER (WHERE expires_at <= %(at)s)
        FROM inventory_holdline h JOIN place p ON p.id = h.location_id
        WHERE sku_id = ANY({{keys}}) AND released_at IS NULL GROUP BY sku_id, p.id
    ) one GROUP BY sku_id)
SELECT id, CASE WHEN shown < few THEN 0 ELSE least(shown, cap) END, version, due, kit, places, quotas, share, buffer, few, cap
FROM (SELECT *, greatest(own - (greatest(own, 0) * coalesce(share, 0) + 99) / 100 - coalesce(buffer, 0), 0) AS shown
FROM (SELECT *, free - coalesce(quotas, 0) AS own
FROM (SELECT sku.id, sku.kit, coalesce(there.pieces, 0) + coalesce(said.pieces, 0) AS free, said.quotas,
       coalesce(there.places || '],[' || said.expired, there.places) AS places,
       coalesce(said.share, CASE WHEN sku.kit IS NULL THEN style.share END) AS share,
       coalesce(said.buffer, CASE WHEN sku.kit IS NULL THEN style.buffer END) AS buffer,
       coalesce(said.few, style.few) AS few, coalesce(said.cap, style.cap) AS cap,
       coalesce((SELECT version FROM inventory_channelrules WHERE channel_id = %(channel)s), 0) * {_RULES}
       + coalesce(there.version, 0) + coalesce(said.version, 0) AS version,
       least(said.due, style.due, CASE WHEN (SELECT max(starts_at) FROM policy) > %(at)s THEN (
           SELECT min(starts_at) FROM policy WHERE starts_at > %(at)s
           AND (sku_id = sku.id OR product_id = style.id OR category_id = style.category_id
                OR num_nonnulls(sku_id, product_id, category_id) = 0)) END) AS due
FROM known sku FULL JOIN there ON there.sku_id = sku.id FULL JOIN said ON said.sku_id = sku.id FULL JOIN style ON style.id = sku.product_id
OFFSET 0) read) freed) kept
UNION ALL SELECT NULL, 0, 0, NULL, NULL,
       (SELECT json_agg(json_build_array(id, rank, code, kind, counts))::text FROM place), NULL, NULL, NULL, NULL, NULL
"""  # noqa: S608 - made of our own constants only
_OF_MANY_IDS = rows.compact(_STATEMENT.format(keys="%(skus)s::bigint[]"))

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
    found, kits = _read(_ask(channel_id, wanted, at))
    if len(found) < len(wanted):
        found = dict.fromkeys(wanted, NOTHING) | found
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
    pieces, _kits = _read(asked)
    own = {row[_SKU]: row for row in asked}
    return {kit_id: _of_kit(own[kit_id], version, parts[kit_id], pieces) for kit_id, version in kits.items()}


def _ask(channel_id: int, sku_ids: list[int], at: dt.datetime) -> list[Row]:
    asked: Any = {"skus": sku_ids, "channel": channel_id, "at": at}
    if len(sku_ids) < MANY:
        with rows.look_ups():
            answer = rows.ask(_OF_IDS, asked)
        return _gathered(answer.all())
    asked |= {"skus": "{" + ",".join(map(str, sku_ids)) + "}", "not_for_sale": NOT_FOR_SALE}
    return rows.ask(_OF_MANY_IDS, asked, binary=True).all()


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
        found.append((sku_id, shown, version, due, kit, "],[".join(told), *said))
    return [*found, (None, 0, 0, None, None, list(places.values()), *[None] * 5)]


def _read(asked: Iterable[Row]) -> tuple[dict[int, Availability], dict[int, int]]:
    """What is there of each SKU, and the versions of those that are kits."""
    found: dict[int, Availability] = {}
    kits: dict[int, int] = {}
    places: dict[int, tuple[int, str, str, bool]] = {}
    for row in asked:
        sku_id = row[_SKU]
        if sku_id is None:
            told = row[_PLACES] or []
            places |= {key: tuple(place) for key, *place in (json.loads(told) if isinstance(told, str) else told)}
            continue
        found[sku_id] = Availability(row, places)
        if row[_KIT] is not None:
            kits[sku_id] = row[_KIT]
    return found, kits


def _terms(row: Row, places: Places) -> tuple[Term, ...]:
    told: list[list[int]] = json.loads(f"[[{row[_PLACES]}]]") if row[_PLACES] else []
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
