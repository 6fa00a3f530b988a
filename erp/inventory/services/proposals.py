"""How pieces are shared out among destinations. Pure: figures in, pieces out, never more than there are; what rounding leaves stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Pieces = dict[tuple[int, int], int]
"""(SKU, location) → pieces"""


def by_weight(available: Mapping[int, int], weights: Mapping[tuple[int, int], int], to: Sequence[int]) -> Pieces:
    """Each destination its share of every SKU, rounded down. A SKU that weighs nothing anywhere goes nowhere."""
    shared: Pieces = {}
    for sku_id, pieces in available.items():
        parts = {place: max(weights.get((sku_id, place), 0), 0) for place in to}
        whole = sum(parts.values())
        for place in to:
            shared[sku_id, place] = max(pieces, 0) * parts[place] // whole if whole else 0
    return shared


def equally(available: Mapping[int, int], to: Sequence[int]) -> Pieces:
    return by_weight(available, {(sku_id, place): 1 for sku_id in available for place in to}, to)


def up_to(
    available: Mapping[int, int], there: Mapping[tuple[int, int], int], target: Mapping[int, int], to: Sequence[int]
) -> Pieces:
    """Fill every destination up to its target of each SKU. Where that is too much, each gets its share of what is missing to it, and what
    rounding leaves over goes one by one to whoever lacks most."""
    shared: Pieces = {}
    for sku_id, pieces in available.items():
        missing = {place: max(target.get(place, 0) - there.get((sku_id, place), 0), 0) for place in to}
        whole, left = sum(missing.values()), max(pieces, 0)
        if whole <= left:
            shared |= {(sku_id, place): missing[place] for place in to}
            continue
        parts = {place: left * missing[place] // whole for place in to}
        rest = left - sum(parts.values())
        for place in sorted(to, key=lambda each: (parts[each] - missing[each], each))[:rest]:
            parts[place] += 1
        shared |= {(sku_id, place): parts[place] for place in to}
    return shared
