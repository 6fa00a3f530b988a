"""What one channel may sell (販売可能数), with the terms that add up to it. The one place where that question is answered.

``on_hand - allocated`` of a row is not the answer: expired holds count as free, places that do not count are left out, and the rules of
``policies`` take their part: quotas of other channels, safety stock, the last pieces, a cap.
A kit (セット商品) has no stock: as many can be sold as its components make, by their own rules; those of the kit act on that.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Availability:
    """``available`` is the sum of ``terms`` and never below zero: then a FLOOR term says by how much it would be.

    ``version`` rises with every change of the balances behind it and of the channel's rules, and never falls; ``next_change_at`` is when a hold
    will expire, or a rule begin or end, by the clock. A kit begins with what its ``components`` make; its version rises with its definition too.
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

# A version is that of the channel's rules, and of a kit's definition, then that of the balances and quotas behind it, whose versions together
# stay below this. So it also rises when balances no longer count, which lowers their sum.
_RULES = 1_000_000_000

# Per SKU one row for each place the channel sells from, or one without a place. Joined laterally, so that few SKUs touch few rows.
_STOCK = f"""
SELECT sku.id, CASE WHEN sku.is_kit THEN sku.version END,
       (SELECT version FROM inventory_channelrules WHERE channel_id = %(channel)s), quotas.version,{policies.NEXT_CHANGE},
       {policies.COLUMNS}, place.*
FROM catalog_sku sku
{policies.JOINS}
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
"""  # noqa: S608 - made of our own constants only
_OF_IDS = _STOCK + "WHERE sku.id = ANY(%(skus)s) ORDER BY sku.id, place.rank, place.location_id"
_OF_CODE = _STOCK + "WHERE sku.code = %(code)s"

_PARTS = """
SELECT kit_id, component_id, quantity FROM catalog_kitcomponent WHERE kit_id = ANY(%s) ORDER BY kit_id, component_id
"""


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
    found = _known(_ask(channel_id, [*components, *kits], at))
    pieces = {sku_id: found[sku_id].answer() for sku_id in components}
    return {kit_id: _of_kit(found[kit_id], version, parts[kit_id], pieces) for kit_id, version in kits.items()}


def _ask(channel_id: int, sku_ids: list[int], at: dt.datetime) -> list[Any]:
    asked: Any = {"skus": sku_ids, "channel": channel_id, "at": at, "not_for_sale": NOT_FOR_SALE}
    with rows.look_ups():
        answer = rows.ask(_OF_IDS, asked)
    return answer.all()


class _Known:
    """What the rows of one SKU have told so far."""

    __slots__ = ("due", "free", "kit_version", "rules", "terms", "version")

    def __init__(
        self, kit_version: int | None, rules_version: int | None, quotas: Any, due: dt.datetime | None, rules: Rules
    ) -> None:
        self.kit_version, self.rules, self.due = kit_version, rules, due
        self.version = (rules_version or 0) * _RULES + int(quotas or 0)
        self.terms: list[Term] = []
        self.free = 0

    def add_place(self, place: Sequence[Any]) -> None:
        _rank, location_id, code, kind, on_hand, allocated, version, expired, next_expiry, excluded = place
        free = on_hand - allocated + int(expired)
        self.version += version
        self.due = _earlier(self.due, next_expiry)
        if excluded and not free:
            # Where everything is claimed there is nothing to leave out, and nothing to tell.
            return
        if on_hand:
            self.terms.append(Term(TermKind.ON_HAND, on_hand, location_id, code, kind))
        if allocated:
            self.terms.append(Term(TermKind.ALLOCATED, -allocated, location_id, code, kind))
        if expired:
            self.terms.append(Term(TermKind.EXPIRED_HOLDS, int(expired), location_id, code, kind))
        if excluded:
            self.terms.append(Term(TermKind.NOT_COUNTED, -free, location_id, code, kind))
        else:
            self.free += free

    def answer(self) -> Availability:
        available, terms = self.free, self.terms
        if self.rules is not NO_RULES:
            for kind, quantity in self.rules.effects(self.free):
                terms.append(Term(kind, quantity))
                available += quantity
        return Availability(available, tuple(terms), self.version, self.due)


# Where a row's columns of its place begin, behind the versions, the next change and the rules.
_FIRST_RULE, _RANK = 5, 10


def _of_stock(asked: Iterable[Any]) -> tuple[dict[int, Availability], dict[int, int]]:
    """What is there of each SKU, and the versions of those that are kits."""
    found = _known(asked)
    kits = {sku_id: known.kit_version for sku_id, known in found.items() if known.kit_version is not None}
    return {sku_id: known.answer() for sku_id, known in found.items()}, kits


def _known(asked: Iterable[Any]) -> dict[int, _Known]:
    found: dict[int, _Known] = {}
    for row in asked:
        known = found.get(row[0])
        if known is None:
            of_rules = row[_FIRST_RULE:_RANK]
            rules = NO_RULES if of_rules == _NOTHING_SAID else policies.rules_of(of_rules)
            known = found[row[0]] = _Known(row[1], row[2], row[3], row[4], rules)
        if row[_RANK + 1] is not None:
            known.add_place(row[_RANK:])
    return found


_NOTHING_SAID = (None,) * (_RANK - _FIRST_RULE)


def _of_kit(
    kit: _Known, definition: int, parts: Sequence[tuple[int, int]], pieces: Mapping[int, Availability]
) -> Availability:
    components = tuple(
        Component(sku_id, quantity, pieces[sku_id].available // quantity, pieces[sku_id]) for sku_id, quantity in parts
    )
    makes = min((component.makes for component in components), default=0)
    due = kit.due
    for component in components:
        due = _earlier(due, component.availability.next_change_at)
    balances = sum(item.availability.version % _RULES for item in components)
    terms = [Term(TermKind.COMPONENTS, makes)] if makes else []
    terms += [Term(kind, quantity) for kind, quantity in kit.rules.effects(makes)]
    available = sum(term.quantity for term in terms)
    version = (definition + kit.version // _RULES) * _RULES + balances
    return Availability(available, tuple(terms), version, due, components)


def _earlier(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)
