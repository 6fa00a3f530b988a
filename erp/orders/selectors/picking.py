"""What the warehouse picks: per location along its shelves for many parcels at once, and per parcel. Reads only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from catalog.models import Sku
from catalog.selectors import scanned_codes
from erp.inventory.selectors import documents_reserving, issued_since, place_names, reserved, shelves
from erp.orders.models import OrderLineComponent, Shipment, ShipmentLine


@dataclass(frozen=True, slots=True)
class Goods:
    """A SKU as it is found on a shelf and told from others."""

    sku: str
    code: str
    name: str
    color: str
    size: str


@dataclass(slots=True)
class Pick:
    """Pieces of one SKU at one place. ``parcels`` is for how many parcels they are."""

    place: str
    shelf: str
    goods: Goods
    quantity: int = 0
    parcels: int = 0


@dataclass(slots=True)
class PlacePicks:
    place: str
    picks: list[Pick] = field(default_factory=list)

    @property
    def quantity(self) -> int:
        return sum(pick.quantity for pick in self.picks)


@dataclass(slots=True)
class ParcelPicks:
    """One parcel. ``missing`` are pieces that no claim covers any more: they were lost since the release."""

    shipment: Shipment
    picks: list[Pick] = field(default_factory=list)
    missing: list[Pick] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PickingList:
    places: tuple[PlacePicks, ...]
    parcels: tuple[ParcelPicks, ...]


# (shipment, location or None, SKU) → pieces
Taken = dict[tuple[int, int | None, int], int]


def picking_list(shipment_ids: Sequence[int], *, on: dt.date) -> PickingList:
    """Of these shipments those that are being picked, in the order in which they were released."""
    wanted = set(shipment_ids)
    orders = Shipment.objects.filter(pk__in=wanted).values("order")
    instructed = Shipment.objects.filter(order__in=orders, state=Shipment.State.INSTRUCTED)
    parcels = {row.pk: row for row in instructed.select_related("order__channel", "delivery").order_by("pk")}
    taken = {key: count for key, count in _taken(parcels.values()).items() if key[0] in wanted}
    places = {place for _parcel, place, _sku in taken if place is not None}
    goods = _goods({sku for _parcel, _place, sku in taken}, on=on)
    names, lying = place_names(places), shelves(location_ids=places, sku_ids=goods)

    total: dict[tuple[int, int], Pick] = {}
    by_parcel = {key: ParcelPicks(row) for key, row in parcels.items() if key in wanted}
    for (parcel, place, sku), count in taken.items():
        if place is None:
            by_parcel[parcel].missing.append(Pick("", "", goods[sku], count, 1))
            continue
        shelf = lying.get((place, sku), "")
        by_parcel[parcel].picks.append(Pick(names[place], shelf, goods[sku], count, 1))
        pick = total.setdefault((place, sku), Pick(names[place], shelf, goods[sku]))
        pick.quantity += count
        pick.parcels += 1
    for each in by_parcel.values():
        each.picks.sort(key=_along_the_shelves)
    found: dict[str, PlacePicks] = {}
    for pick in sorted(total.values(), key=_along_the_shelves):
        found.setdefault(pick.place, PlacePicks(pick.place)).picks.append(pick)
    return PickingList(tuple(found.values()), tuple(by_parcel.values()))


def picked_at(location_id: int, moments: Mapping[int, dt.datetime]) -> dict[int, int]:
    """SKU id → pieces of parcels that were being picked at a location, each SKU at a moment of its own: they may have left their shelf, and were
    in the books. A part of the parcels has left since."""
    gone = issued_since(location_id, moments, source_type="SHIPMENT")
    orders = documents_reserving("ORDER", location_id=location_id, sku_ids=moments)
    under_way = Shipment.objects.filter(order__in=orders, state=Shipment.State.INSTRUCTED)
    parcels = {
        row.pk: row
        for row in [*under_way.order_by("pk"), *Shipment.objects.filter(pk__in={part.source_id for part in gone})]
    }
    lay = [(part.source_id, part.sku_id, part.quantity) for part in gone]
    for (parcel_id, place, sku_id), pieces in _taken(under_way.order_by("pk")).items():
        if place == location_id and sku_id in moments:
            lay.append((parcel_id, sku_id, pieces))
    found: dict[int, int] = {}
    for parcel_id, sku_id, pieces in lay:
        if parcels[parcel_id].instructed_at <= moments[sku_id]:
            found[sku_id] = found.get(sku_id, 0) + pieces
    return found


def _along_the_shelves(pick: Pick) -> tuple[str, bool, str, str]:
    return pick.place, not pick.shelf, pick.shelf, pick.goods.sku


def _taken(parcels: Iterable[Shipment]) -> Taken:
    """Where each parcel's pieces lie. Parcels of one order share its claims, and use them in the order of their release, as shipping does."""
    rows = list(parcels)
    lines = ShipmentLine.objects.filter(shipment__in=rows).order_by("shipment", "pk")
    per_unit: dict[int, list[tuple[int, int]]] = {}
    components = OrderLineComponent.objects.filter(line__shipment_lines__shipment__in=rows).distinct().order_by("pk")
    for line_id, sku_id, count in components.values_list("line_id", "sku_id", "quantity_per_unit"):
        per_unit.setdefault(line_id, []).append((sku_id, count))
    claims: dict[tuple[int, int], list[list[int]]] = {}
    for part in reserved("ORDER", sorted({row.order_id for row in rows})):
        claims.setdefault((part.document_line, part.sku_id), []).append([part.location_id, part.quantity])
    taken: Taken = {}
    for parcel_id, line_id, units in lines.values_list("shipment_id", "order_line_id", "quantity"):
        for sku_id, count in per_unit.get(line_id, ()):
            left = units * count
            for claim in claims.get((line_id, sku_id), ()):
                found = min(left, claim[1])
                claim[1] -= found
                left -= found
                _add(taken, (parcel_id, claim[0], sku_id), found)
            _add(taken, (parcel_id, None, sku_id), left)
    return taken


def _add(taken: Taken, key: tuple[int, int | None, int], count: int) -> None:
    if count:
        taken[key] = taken.get(key, 0) + count


def _goods(sku_ids: set[int], *, on: dt.date) -> dict[int, Goods]:
    codes = scanned_codes(sku_ids, on=on)
    found = Sku.objects.filter(pk__in=sku_ids).select_related("product", "color", "size")
    return {
        row.pk: Goods(
            row.code,
            codes.get(row.pk, [""])[0],
            row.product.name,
            row.color.name if row.color else "",
            row.size.name if row.size else "",
        )
        for row in found
    }
