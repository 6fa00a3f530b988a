"""What is there goes round as if dealt out by hand: first to each document what its own hold had kept, then in the order of the demands."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp.core import checks
from erp.inventory import selectors, services
from erp.inventory.services import Demand, HoldDemand
from tests.inventory.factories import CLERK, NOON, balance, channel, location, sku, stock

pytestmark = pytest.mark.django_db

LATER = NOON + dt.timedelta(minutes=15)
DOCUMENTS = count(1)
PIECES = st.integers(1, 6)


def by_hand(demands, holds, on_hand, order_of_places):
    """The rule in its plainest words. ``holds``: (document index, SKU, pieces), each kept from the best place that had them."""
    free = dict(on_hand)
    kept: Counter[tuple[int, int, int]] = Counter()
    for document, item, pieces in holds:
        for place in order_of_places:
            taken = min(pieces, free.get((item, place), 0))
            kept[document, item, place] += taken
            free[item, place] = free.get((item, place), 0) - taken
            pieces -= taken
    granted: Counter[tuple[int, int, int, int]] = Counter()
    missing = []
    for document, line, item, wanted in demands:
        for place in order_of_places:
            own = min(wanted, kept[document, item, place])
            kept[document, item, place] -= own
            granted[document, line, item, place] += own
            wanted -= own
        missing.append(wanted)
    for (_document, item, place), left in kept.items():
        free[item, place] = free.get((item, place), 0) + left
    for (document, line, item, _wanted), open_pieces in zip(demands, missing, strict=True):
        for place in order_of_places:
            taken = min(open_pieces, free.get((item, place), 0))
            granted[document, line, item, place] += taken
            free[item, place] = free.get((item, place), 0) - taken
            open_pieces -= taken
    return {key: pieces for key, pieces in granted.items() if pieces}


@settings(max_examples=60, deadline=None)
@given(
    on_hand=st.dictionaries(st.tuples(st.integers(0, 1), st.integers(0, 2)), PIECES, min_size=1),
    demands=st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 2), st.integers(0, 1), PIECES), min_size=1, max_size=8
    ),
    holds=st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 1)), PIECES, max_size=3),
)
def test_a_call_deals_as_one_would_by_hand(on_hand, demands, holds):
    places, goods = [location() for _rank in range(3)], [sku(), sku()]
    site = channel(*places)
    for (item, place), pieces in sorted(on_hand.items()):  # of equal rank, the older balance goes first
        stock(goods[item], places[place], pieces)
    first = next(DOCUMENTS) * 10
    held: list[tuple[int, int, int]] = []
    for (document, item), pieces in holds.items():
        there = selectors.available_to_promise(channel_id=site.pk, sku_ids=[goods[item].pk], at=NOON)
        # One hold per document: the first that finds all its pieces.
        if pieces <= there[goods[item].pk].available and document not in [owner for owner, _item, _pieces in held]:
            held.append((document, item, pieces))
            services.place_hold(
                channel_id=site.pk,
                ref=f"cart-{first + document}",
                lines=[HoldDemand(goods[item].pk, pieces)],
                expires_at=LATER,
                at=NOON,
                by=CLERK,
            )

    granted = services.reserve(
        channel_id=site.pk,
        document_type="DEAL",
        demands=[
            Demand(first + document, line, goods[item].pk, wanted, 50) for document, line, item, wanted in demands
        ],
        hold_refs={first + document: f"cart-{first + document}" for document, _item, _pieces in held},
        at=NOON,
        by=CLERK,
    )

    number_of = {place.pk: number for number, place in enumerate(places)} | {
        -item.pk: number for number, item in enumerate(goods)
    }
    found = {
        (
            part.document_id - first,
            part.document_line,
            number_of[-part.sku_id],
            number_of[part.location_id],
        ): part.quantity
        for part in granted
    }
    assert found == by_hand(demands, held, on_hand, range(3))
    assert sum(part.quantity for part in selectors.reserved("DEAL", [first, first + 1, first + 2])) == sum(
        found.values()
    )
    for (item, place), pieces in on_hand.items():
        claimed = sum(count for (_d, _l, i, p), count in found.items() if (i, p) == (item, place))
        assert (balance(goods[item], places[place]).on_hand, balance(goods[item], places[place]).allocated) == (
            pieces,
            claimed,
        )
    assert [fault for check in checks.registered() if check.promise in ("P1", "P2") for fault in check.find()] == []
