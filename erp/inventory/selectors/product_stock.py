"""The stock of one style: colour × size by location, and what each channel may sell with the terms that add up to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from catalog.models import Size, Sku
from catalog.selectors import in_order, names_apart
from erp.core.models import Channel
from erp.inventory.models import ChannelLocation, StockBalance
from erp.inventory.selectors.availability import Availability, available_to_promise

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Count:
    """``balance_id`` is the balance it is of; None for a sum."""

    on_hand: int = 0
    allocated: int = 0
    balance_id: int | None = None

    def __add__(self, other: Count) -> Count:
        return Count(self.on_hand + other.on_hand, self.allocated + other.allocated)


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """One colour: a cell per size, None where the style has no such SKU."""

    color: str
    cells: tuple[tuple[Sku, T] | None, ...]


@dataclass(frozen=True, slots=True)
class PlaceStock:
    name: str
    rows: tuple[Row[Count], ...]
    total: Count


@dataclass(frozen=True, slots=True)
class ChannelStock:
    channel_id: int
    name: str
    rows: tuple[Row[Availability], ...]
    total: int


@dataclass(frozen=True, slots=True)
class ProductStock:
    """``places`` begins with the sum of them all where there are several. ``balances`` are all that were looked at: (SKU, location) → id."""

    sizes: tuple[str, ...]
    places: tuple[PlaceStock, ...]
    channels: tuple[ChannelStock, ...]
    balances: Mapping[tuple[int, int], int]


def product_stock(
    *,
    product_id: int,
    at: dt.datetime,
    sum_title: str,
    location_ids: Collection[int] | None = None,
    channel_ids: Collection[int] | None = None,
) -> ProductStock:
    """At all places and in all channels, or in these only. As many questions for fifty SKUs as for one; each channel is one more."""
    skus = list(Sku.objects.filter(product=product_id).select_related("color", "size"))
    keys = [sku.pk for sku in skus]
    balances = StockBalance.objects.filter(sku__in=keys).select_related("location").order_by("location__code")
    if location_ids is not None:
        balances = balances.filter(location__in=location_ids)
    by_place: dict[str, dict[int, Count]] = {}
    found_balances: dict[tuple[int, int], int] = {}
    for row in balances:
        found_balances[row.sku_id, row.location_id] = row.pk
        by_place.setdefault(str(row.location), {})[row.sku_id] = Count(row.on_hand, row.allocated, row.pk)
    if len(by_place) > 1:
        sums = {key: sum((counts.get(key, Count()) for counts in by_place.values()), Count()) for key in keys}
        by_place = {sum_title: sums, **by_place}
    channels = Channel.objects.filter(pk__in=ChannelLocation.objects.values("channel")).order_by("code")
    if channel_ids is not None:
        channels = channels.filter(pk__in=channel_ids)
    sold = [(channel, available_to_promise(channel_id=channel.pk, sku_ids=keys, at=at)) for channel in channels]
    return ProductStock(
        tuple(names_apart(_sizes(skus))),
        tuple(
            PlaceStock(name, _rows(skus, lambda key, counts=counts: counts.get(key, Count())), sum(counts.values(), Count()))  # type: ignore[misc]
            for name, counts in by_place.items()
        ),
        tuple(
            ChannelStock(
                channel.pk, str(channel), _rows(skus, found.__getitem__), sum(answer.available for answer in found.values())
            )
            for channel, found in sold
        ),
        found_balances,
    )  # fmt: skip


def _sizes(skus: Sequence[Sku]) -> list[Size | None]:
    return sorted({sku.size for sku in skus}, key=in_order)


def _rows(skus: Sequence[Sku], value: Callable[[int], T]) -> tuple[Row[T], ...]:
    """By what colours and sizes are, not by how they are called: two may have one name."""
    there = {(sku.color_id, sku.size_id): sku for sku in skus}
    sizes = [size.pk if size else None for size in _sizes(skus)]
    colors = sorted({sku.color for sku in skus}, key=in_order)
    rows = []
    for color, name in zip(colors, names_apart(colors), strict=True):
        found = [there.get((color.pk if color else None, size)) for size in sizes]
        rows.append(Row(name, tuple((sku, value(sku.pk)) if sku else None for sku in found)))
    return tuple(rows)
