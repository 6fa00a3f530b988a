"""Where the goods come from: opening stock, what suppliers bring and when, what goes on to the shops and to the mall. Planned from the deals.

Best sellers come late now and then, so that some of the trade runs short, as it does.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ec_gateway.management.demo.company import MALL_HELD, SHOPS, WAREHOUSE
from ec_gateway.management.demo.goods import Assortment
from ec_gateway.management.demo.plan import Plan
from ec_gateway.management.demo.sources import dice

WINDOW = 14
OPENING_DAYS = 30
# What these suppliers bring lies in the inspection first; from the others it is put away at once.
INSPECTED = ("S02", "S06", "S11")
# These send their invoice after the goods.
INVOICED_LATER = ("S04", "S08")
DEMAND_OF_MALL_KEPT = 0.8


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one supplier should bring on a day: SKU code → pieces. Ordered ``ordered_on``; ``is_missing`` when it has not come."""

    number: str
    supplier: str
    ordered_on: dt.date
    day: dt.date
    pieces: dict[str, int]
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """Pieces on their way from the warehouse to a shop or to the mall, sent on ``day``."""

    number: str
    place: str
    day: dt.date
    pieces: dict[str, int]


@dataclass(slots=True)
class Supply:
    opening: dict[str, dict[str, int]] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)


Demand = dict[str, dict[dt.date, dict[str, int]]]
"""Place → day → SKU → pieces."""


def demand_of(plan: Plan) -> Demand:
    found: Demand = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for deal in plan.deals:
        for code, pieces in deal.pieces:
            found[deal.place][deal.day][code] += pieces
    return found


def plan_supply(plan: Plan, assortment: Assortment, *, scarce: Mapping[str, int], seed: int) -> Supply:
    """``scarce`` are SKUs that run out at the end; the next delivery of each comes so many days after today."""
    chance = dice("supply", seed)
    demand = demand_of(plan)
    supply = Supply()
    supply.moves = list(_moves(plan, demand, chance))
    # What goes on to other places has to be in the warehouse first.
    for move in supply.moves:
        for code, pieces in move.pieces.items():
            demand[WAREHOUSE][move.day][code] += pieces
    _open(supply, plan, assortment, demand, chance)
    supply.deliveries = [
        *_deliveries(plan, assortment, demand, scarce, chance),
        *_expected(plan, assortment, scarce, chance),
    ]
    return supply


def _wanted(demand: Demand, place: str, since: dt.date, days: int) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for number in range(days):
        for code, pieces in demand[place][since + dt.timedelta(days=number)].items():
            found[code] += pieces
    return found


def _open(supply: Supply, plan: Plan, assortment: Assortment, demand: Demand, chance: random.Random) -> None:
    """Every shelf holds something of everything that belongs there."""
    for place, days, least in (
        (WAREHOUSE, OPENING_DAYS, 3),
        (MALL_HELD, OPENING_DAYS, 0),
        *((shop, WINDOW, 1) for shop in SHOPS),
    ):
        wanted = _wanted(demand, place, plan.first, days)
        pieces = {}
        for article in assortment.stocked:
            if article.style.life not in ("", "DISCONTINUED"):
                continue
            kept = least and (chance.randint(least, least + 3) if place == WAREHOUSE else chance.random() < 0.5)
            count = math.ceil(wanted.get(article.code, 0) * 1.1) + int(kept)
            if count:
                pieces[article.code] = count
        supply.opening[place] = pieces


def _deliveries(
    plan: Plan, assortment: Assortment, demand: Demand, scarce: Mapping[str, int], chance: random.Random
) -> Iterator[Delivery]:
    """Every second week each supplier brings what the next weeks will want, more or less."""
    begins = plan.first + dt.timedelta(days=OPENING_DAYS)
    number = 0
    while begins <= plan.last:
        by_supplier: dict[str, dict[str, int]] = defaultdict(dict)
        for code, count in _wanted(demand, WAREHOUSE, begins, WINDOW).items():
            more = 1.0 if code in scarce else chance.uniform(0.9, 1.25)
            by_supplier[assortment.by_code[code].style.supplier][code] = math.ceil(count * more)
        for supplier, pieces in sorted(by_supplier.items()):
            number += 1
            late = chance.choices((0, 3), (9, 1))[0]
            day = plan.workday(
                max(begins - dt.timedelta(days=chance.randint(1, 4)), plan.first) + dt.timedelta(days=late)
            )
            if day <= plan.last:
                yield Delivery(f"PO-{number:04}", supplier, begins - dt.timedelta(days=21), day, pieces)
        begins += dt.timedelta(days=WINDOW)


def _expected(
    plan: Plan, assortment: Assortment, scarce: Mapping[str, int], chance: random.Random
) -> Iterator[Delivery]:
    """What is ordered and still to come: all that is scarce, what is sold before its release, more of the best sellers, and one that is late."""
    coming: dict[tuple[dt.date, str], dict[str, int]] = defaultdict(dict)
    for code, days in scarce.items():
        coming[plan.today + dt.timedelta(days=days), assortment.by_code[code].style.supplier][code] = 30
    for article in assortment.stocked:
        release = article.style.release_date
        if article.style.life in ("PREORDER", "PLANNED") and release is not None:
            arrives = plan.workday(release - dt.timedelta(days=4))
            coming[arrives, article.style.supplier][article.code] = chance.randint(6, 24)
    best = sorted(assortment.stocked, key=lambda item: (-item.weight, item.code))[:40]
    for article in best:
        if article.code not in scarce:
            day = plan.workday(plan.today + dt.timedelta(days=14))
            coming[day, article.style.supplier][article.code] = chance.randint(20, 60)
    for place, ((day, supplier), pieces) in enumerate(sorted(coming.items()), 1):
        yield Delivery(f"PO-N{place:03}", supplier, plan.today - dt.timedelta(days=12), day, pieces)
    late = next(article for article in best if article.style.supplier not in INVOICED_LATER)
    overdue = plan.today - dt.timedelta(days=2)
    yield Delivery(
        "PO-LATE", late.style.supplier, plan.today - dt.timedelta(days=30), overdue, {late.code: 24}, is_missing=True
    )


def _moves(plan: Plan, demand: Demand, chance: random.Random) -> Iterator[Move]:
    """Each Monday the shops get what the week will want, every second one the mall; from when the opening stock ends."""
    number = 0
    for day in plan.days():
        if day.weekday() != 0:
            continue
        for place in (*SHOPS, MALL_HELD):
            is_shop = place in SHOPS
            covered = plan.first + dt.timedelta(days=WINDOW if is_shop else OPENING_DAYS)
            begins, days = day + dt.timedelta(days=2), 7 if is_shop else WINDOW
            days -= max((covered - begins).days, 0)
            if days <= 0 or (not is_shop and (day - plan.first).days // 7 % 2):
                continue
            wanted = _wanted(demand, place, max(begins, covered), days)
            share = 1.0 if is_shop else DEMAND_OF_MALL_KEPT
            pieces = {code: math.floor(count * share + chance.random() * 0.9) for code, count in wanted.items()}
            pieces = {code: count for code, count in pieces.items() if count}
            if pieces:
                number += 1
                yield Move(f"TR-{number:04}", place, day, pieces)
