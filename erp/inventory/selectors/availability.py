"""What one channel may sell (販売可能数), with the terms that add up to it. The one place where that question is answered.

``on_hand - allocated`` of a row is not the answer: expired holds count as free, places that do not count are left out, and the rules of
``policies`` take their part: quotas of other channels, safety stock, the last pieces, a cap.
A kit (セット商品) has no stock: as many can be sold as its components make, by their own rules; those of the kit act on that.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from erp.core import rows
from erp.inventory.models import NOT_FOR_SALE, Location
from erp.inventory.selectors import policies
from erp.inventory.selectors.policies import NO_RULES, Rules, TermKind


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


class Availability:
    """``available`` is the sum of ``terms`` and never below zero: then a FLOOR term says by how much it would be.

    ``version`` rises with every change of the balances behind it and of the channel's rules, and never falls; ``next_change_at`` is when a hold
    will expire, or a rule begin or end, by the clock. A kit begins with what its ``components`` make; its version rises with its definition too.
    Terms are made when somebody asks for them: who sends a thousand figures asks for none.
    """

    __slots__ = ("_terms", "available", "components", "next_change_at", "version")

    def __init__(
        self,
        available: int,
        terms: tuple[Term, ...] | Callable[[], tuple[Term, ...]],
        version: int,
        next_change_at: dt.datetime | None,
        components: tuple[Component, ...] = (),
    ) -> None:
        self.available, self._terms, self.version = available, terms, version
        self.next_change_at, self.components = next_change_at, components

    @property
    def terms(self) -> tuple[Term, ...]:
        if not isinstance(self._terms, tuple):
            self._terms = self._terms()
        return self._terms

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Availability) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash(self._told())

    def __repr__(self) -> str:
        return f"Availability{self._told()}"

    def _told(self) -> tuple[Any, ...]:
        return self.available, self.terms, self.version, self.next_change_at, self.components


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

# A version is that of the channel's rules, and of a kit's definition, then that of the balances and quotas behind it, whose versions together
# stay below this. So it also rises when balances no longer count, which lowers their sum.
_RULES = 1_000_000_000

_COLUMNS = f"""
SELECT sku.id, CASE WHEN sku.is_kit THEN sku.version END,
       (SELECT version FROM inventory_channelrules WHERE channel_id = %(channel)s), quotas.version,{policies.NEXT_CHANGE},
       {policies.COLUMNS}, place.rank, place.location_id, place.code, place.kind, place.on_hand, place.allocated, place.version,
       coalesce(place.expired, 0), place.next_expiry, place.is_excluded
FROM catalog_sku sku
"""  # noqa: S608 - made of our own constants only
_FROM_WHERE = """
    FROM inventory_channellocation cl
    JOIN inventory_location location ON location.id = cl.location_id
    JOIN inventory_stockbalance b ON b.location_id = cl.location_id AND {balances}
    LEFT JOIN {lateral} (
        SELECT h.sku_id, h.location_id, sum(h.quantity) FILTER (WHERE h.expires_at <= %(at)s) AS pieces,
               min(h.expires_at) FILTER (WHERE h.expires_at > %(at)s) AS next_expiry
        FROM inventory_holdline h WHERE {holds} AND h.released_at IS NULL GROUP BY h.sku_id, h.location_id
    ) expired ON expired.sku_id = b.sku_id AND expired.location_id = b.location_id
    WHERE cl.channel_id = %(channel)s
"""
_PLACE = """
    SELECT b.sku_id, cl.rank, b.location_id, location.code, location.kind, b.on_hand, b.allocated, b.version,
           expired.pieces AS expired, expired.next_expiry, NOT location.is_active OR location.kind = ANY(%(not_for_sale)s)
           OR (location.kind = 'MALL_HELD' AND location.holder_channel_id IS DISTINCT FROM cl.channel_id) AS is_excluded
"""
# Per SKU one row for each place the channel sells from, or one without a place. Of few SKUs joined laterally, so that they touch few rows; of
# many the same rows are read at once. ``string_to_table`` tells the planner of a thousand, an array of ten, whatever is in it.
_FEW = _PLACE + _FROM_WHERE.format(
    balances="b.sku_id = sku.id", lateral="LATERAL", holds="h.sku_id = b.sku_id AND h.location_id = b.location_id"
)
_MANY = _PLACE + _FROM_WHERE.format(
    balances="b.sku_id IN (SELECT id FROM wanted)", lateral="", holds="h.sku_id IN (SELECT id FROM wanted)"
)
_OF_FEW = f"{_COLUMNS}{policies.JOINS} LEFT JOIN LATERAL ({_FEW}) place ON true"
_OF_CODE = f"{_OF_FEW} WHERE sku.code = %(code)s"
_OF_IDS = f"{_OF_FEW} WHERE sku.id = ANY(%(skus)s)"
_OF_MANY_IDS = f"""
SELECT * FROM (WITH wanted AS MATERIALIZED (SELECT key::bigint AS id FROM string_to_table(%(keys)s, ',') AS key)
{_COLUMNS} JOIN wanted ON wanted.id = sku.id
{policies.JOINS_OF_MANY} LEFT JOIN ({_MANY}) place ON place.sku_id = sku.id) found
"""  # noqa: S608 - made of our own constants only
MANY = 50

_PARTS = """
SELECT kit_id, component_id, quantity FROM catalog_kitcomponent WHERE kit_id = ANY(%s) ORDER BY kit_id, component_id
"""


def available_to_promise(*, channel_id: int, sku_ids: Collection[int], at: dt.datetime) -> dict[int, Availability]:
    """What the channel may sell of each SKU at an instant. One statement for any number of SKUs, and two more where there are kits among
    them; a SKU without stock, or that nobody knows, has 0."""
    wanted = list(dict.fromkeys(sku_ids))
    found, kits = _of_stock(_ask(channel_id, wanted, at))
    if len(found) < len(wanted):
        found = dict.fromkeys(wanted, NOTHING) | found
    return found | _of_kits(channel_id, kits, at) if kits else found


def question_of_code(*, code: str, at: dt.datetime, channel: str) -> tuple[str, dict[str, Any]]:
    """The same for the page of one product, as a statement (and its named parameters) to be joined laterally: whoever reads the channel anyway
    asks for its figure in the same round trip. ``channel`` is the column that holds the channel's id. ``answer_of_code`` reads its rows."""
    parameters = {"code": code, "at": at, "not_for_sale": NOT_FOR_SALE}
    return _OF_CODE.replace("%(channel)s", channel), parameters


def answer_of_code(asked: Iterable[Sequence[Any]], *, channel_id: int, at: dt.datetime) -> Availability | None:
    """``asked``: the rows of ``question_of_code``, in any order. None for a SKU that nobody knows."""
    places = sorted(
        (row for row in asked if row[0] is not None), key=lambda row: (row[_RANK] or 0, row[_RANK + 1] or 0)
    )
    found, kits = _of_stock(places)
    return next(iter((found | _of_kits(channel_id, kits, at)).values()), None)


def _of_kits(channel_id: int, kits: Mapping[int, int], at: dt.datetime) -> dict[int, Availability]:
    """``kits``: id → version of the definition. Their rules are read with their components, in one snapshot."""
    if not kits:
        return {}
    with rows.look_ups():
        answer = rows.ask(_PARTS, [list(kits)])
    parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for kit_id, component_id, quantity in answer.all():
        parts[kit_id].append((component_id, quantity))
    components = {component_id for of_kit in parts.values() for component_id, _quantity in of_kit}
    found = _by_sku(_ask(channel_id, [*components, *kits], at))
    pieces = {sku_id: _answer(found[sku_id]) for sku_id in components}
    return {kit_id: _of_kit(found[kit_id][0], version, parts[kit_id], pieces) for kit_id, version in kits.items()}


def _ask(channel_id: int, sku_ids: list[int], at: dt.datetime) -> list[Any]:
    asked: Any = {"skus": sku_ids, "channel": channel_id, "at": at, "not_for_sale": NOT_FOR_SALE}
    statement = _OF_IDS
    if len(sku_ids) >= MANY:
        statement, asked["keys"] = _OF_MANY_IDS, ",".join(map(str, sku_ids))
    with rows.look_ups():
        answer = rows.ask(statement, asked)
    return answer.all()


# Where a row's columns begin: of the rules, behind the versions and the next change, and of its place.
_FIRST_RULE, _RANK = 5, 10


def _by_sku(asked: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in asked:
        if row[0] in found:
            found[row[0]].append(row)
        else:
            found[row[0]] = [row]
    return found


def _of_stock(asked: Iterable[Any]) -> tuple[dict[int, Availability], dict[int, int]]:
    """What is there of each SKU, and the versions of those that are kits."""
    found = _by_sku(asked)
    kits = {sku_id: of_sku[0][1] for sku_id, of_sku in found.items() if of_sku[0][1] is not None}
    return {sku_id: _answer(of_sku) for sku_id, of_sku in found.items()}, kits


def _answer(of_sku: list[Any]) -> Availability:
    """``of_sku``: the rows of one SKU."""
    first = of_sku[0]
    rules, free = policies.rules_of(first[_FIRST_RULE:_RANK]), 0
    version, due = (first[2] or 0) * _RULES + (first[3] or 0), first[4]
    for row in of_sku:
        if row[11] is not None:
            on_hand, allocated, of_balance, expired, next_expiry, is_excluded = row[14:]
            version += of_balance
            if next_expiry is not None:
                due = _earlier(due, next_expiry)
            if not is_excluded:
                free += on_hand - allocated + expired
    available = free if rules is NO_RULES else rules.shown(free)
    return Availability(available, partial(_terms, of_sku, rules, free), version, due)


def _terms(of_sku: list[Any], rules: Rules, free: int) -> tuple[Term, ...]:
    terms: list[Term] = []
    for row in sorted((row for row in of_sku if row[11] is not None), key=lambda row: row[_RANK : _RANK + 2]):
        _rank, location_id, code, kind, on_hand, allocated, _version, expired, _next_expiry, is_excluded = row[_RANK:]
        place = (location_id, code, kind)
        unclaimed = on_hand - allocated + expired
        # Where everything is claimed there is nothing to leave out, and nothing to tell.
        if not is_excluded or unclaimed:
            of_place = [
                Term(TermKind.ON_HAND, on_hand, *place),
                Term(TermKind.ALLOCATED, -allocated, *place),
                Term(TermKind.EXPIRED_HOLDS, int(expired), *place),
                Term(TermKind.NOT_COUNTED, -unclaimed if is_excluded else 0, *place),
            ]
            terms += [term for term in of_place if term.quantity]
    return (*terms, *(Term(kind, quantity) for kind, quantity in rules.effects(free)))


def _of_kit(
    kit: Sequence[Any], definition: int, parts: Sequence[tuple[int, int]], pieces: Mapping[int, Availability]
) -> Availability:
    """``kit``: its own row, which tells the rules that hold for it."""
    components = tuple(
        Component(sku_id, quantity, pieces[sku_id].available // quantity, pieces[sku_id]) for sku_id, quantity in parts
    )
    makes = min((component.makes for component in components), default=0)
    due = kit[4]
    for component in components:
        due = _earlier(due, component.availability.next_change_at)
    balances = sum(item.availability.version % _RULES for item in components)
    terms = [Term(TermKind.COMPONENTS, makes)] if makes else []
    terms += [Term(kind, quantity) for kind, quantity in policies.rules_of(kit[_FIRST_RULE:_RANK]).effects(makes)]
    available = sum(term.quantity for term in terms)
    return Availability(available, tuple(terms), (definition + (kit[2] or 0)) * _RULES + balances, due, components)


def _earlier(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
