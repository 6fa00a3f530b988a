"""How pieces are shared out among destinations. Pure: figures in, pieces out, never more than there are; what rounding leaves stays."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Pieces = dict[tuple[int, int], int]
"""(SKU, location) → pieces"""
Of = TypeVar("Of", bound=Hashable)
To = TypeVar("To", bound=Hashable)


def _rounded_down(pieces: int, weights: Mapping[int, int]) -> dict[int, int]:
    """The share of each weight, rounded down. Weights of nothing get nothing."""
    whole = sum(weights.values())
    return {key: max(pieces, 0) * weight // whole if whole else 0 for key, weight in weights.items()}


def by_weight(available: Mapping[int, int], weights: Mapping[tuple[int, int], int], to: Sequence[int]) -> Pieces:
    """Each destination its share of every SKU, rounded down. A SKU that weighs nothing anywhere goes nowhere."""
    shared: Pieces = {}
    for sku_id, pieces in available.items():
        parts = _rounded_down(pieces, {place: max(weights.get((sku_id, place), 0), 0) for place in to})
        shared |= {(sku_id, place): parts[place] for place in to}
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
        parts = _rounded_down(left, missing)
        rest = left - sum(parts.values())
        for place in sorted(to, key=lambda each: (parts[each] - missing[each], each))[:rest]:
            parts[place] += 1
        shared |= {(sku_id, place): parts[place] for place in to}
    return shared


def within_wants(
    available: Mapping[int, int],
    wanted: Mapping[tuple[int, int], int],
    to: Sequence[int],
    *,
    weights: Mapping[tuple[int, int], int] | None = None,
) -> Pieces:
    """Each its share by weight (by what it wants, unless said otherwise), and never more than it wants: what is too much for one is shared out
    among the others. What rounding leaves over goes one by one to the largest remainders, so nothing stays while somebody wants it."""
    shared: Pieces = {}
    for sku_id, pieces in available.items():
        wants = {key: max(wanted.get((sku_id, key), 0), 0) for key in to}
        weigh = {key: max((weights or wanted).get((sku_id, key), 0), 0) for key in to if wants[key]}
        parts, left = dict.fromkeys(to, 0), min(max(pieces, 0), sum(wants[key] for key in weigh if weigh[key]))
        waiting = {key: weight for key, weight in weigh.items() if weight}
        while waiting:
            whole = sum(waiting.values())
            sated = [key for key, weight in waiting.items() if left * weight >= wants[key] * whole]
            if not sated:
                break
            for key in sated:
                parts[key] = wants[key]
                left -= wants[key]
                del waiting[key]
        share = _rounded_down(left, waiting)
        rest, whole = left - sum(share.values()), sum(waiting.values())
        by_remainder = sorted(waiting, key=lambda key: (-(left * waiting[key] % whole), to.index(key)))
        for key in by_remainder[:rest]:
            share[key] += 1
        shared |= {(sku_id, key): count for key, count in (parts | share).items()}
    return shared


def in_turn(available: Mapping[Of, int], wants: Iterable[tuple[Of, To, int]]) -> list[tuple[Of, To, int]]:
    """One after the other gets all it wants, as far as pieces go: (of what, who, pieces), of those who get any."""
    left, served = dict(available), []
    for of, who, pieces in wants:
        if (part := min(pieces, left.get(of, 0))) > 0:
            left[of] -= part
            served.append((of, who, part))
    return served
