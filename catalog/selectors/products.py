"""Styles with their SKUs as they are shown elsewhere: all names resolved, in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q

from catalog.models import Color, KitComponent, Product, Size, Sku, SkuCode
from catalog.selectors.prices import PriceAnswer, cost_on, price_for

JAN = (SkuCode.Kind.GTIN13, SkuCode.Kind.GTIN8, SkuCode.Kind.GTIN14)


@dataclass(frozen=True, slots=True)
class Named:
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class SkuView:
    """``components``: (SKU code, pieces) of a kit. ``cost`` is None where nobody asked for it or knows it."""

    code: str
    color: Named | None
    size: Named | None
    jan: tuple[str, ...]
    is_kit: bool
    is_active: bool
    weight_g: int | None
    standard_price: PriceAnswer | None
    cost: Decimal | None
    components: tuple[tuple[str, int], ...]
    version: int


@dataclass(frozen=True, slots=True)
class ProductView:
    id: int
    code: str
    name: str
    kana: str
    brand: Named | None
    season: Named | None
    category: Named | None
    supplier: Named | None
    tax_class: str
    life_cycle: str
    release_date: date | None
    discontinued_date: date | None
    material: str
    country_of_origin: str
    version: int
    skus: tuple[SkuView, ...]


def product_page(*, after_id: int, limit: int) -> list[int]:
    """The next styles by id: for walking through all of them."""
    return list(Product.objects.filter(pk__gt=after_id).order_by("pk").values_list("pk", flat=True)[:limit])


def product_ids(codes: Iterable[str]) -> dict[str, int]:
    """Style number → id. Unknown ones are missing in the answer."""
    return dict(Product.objects.filter(code__in=set(codes)).values_list("code", "pk"))


def product_views(ids: Collection[int], *, on: date, with_cost: bool = False) -> list[ProductView]:
    """Styles by id, each with its SKUs in the order of colours and sizes, prices of a date. Unknown ids are missing."""
    styles = Product.objects.filter(pk__in=set(ids)).select_related("brand", "season", "category", "supplier")
    skus = _skus(ids, on=on, with_cost=with_cost)
    return [
        ProductView(
            id=style.pk,
            code=style.code,
            name=style.name,
            kana=style.kana,
            brand=_named(style.brand),
            season=_named(style.season),
            category=_named(style.category),
            supplier=_named(style.supplier),
            tax_class=style.tax_class,
            life_cycle=style.life_cycle,
            release_date=style.release_date,
            discontinued_date=style.discontinued_date,
            material=style.material,
            country_of_origin=style.country_of_origin,
            version=style.version,
            skus=tuple(skus[style.pk]),
        )
        for style in styles.order_by("pk")
    ]


def _skus(product_ids: Collection[int], *, on: date, with_cost: bool) -> dict[int, list[SkuView]]:
    rows = sorted(Sku.objects.filter(product_id__in=set(product_ids)).select_related("color", "size"), key=_place)
    ids = [sku.pk for sku in rows]
    prices = price_for(sku_ids=ids, on=on)
    costs = cost_on(ids, on) if with_cost else {}
    jans: dict[int, list[str]] = defaultdict(list)
    valid = SkuCode.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gte=on), sku_id__in=ids, kind__in=JAN)
    for sku_id, code in valid.order_by("kind", "code").values_list("sku_id", "code"):
        jans[sku_id].append(code)
    parts: dict[int, list[tuple[str, int]]] = defaultdict(list)
    of_kits = KitComponent.objects.filter(kit_id__in=ids).order_by("component__code")
    for kit_id, code, quantity in of_kits.values_list("kit_id", "component__code", "quantity"):
        parts[kit_id].append((code, quantity))
    found: dict[int, list[SkuView]] = defaultdict(list)
    for sku in rows:
        found[sku.product_id].append(
            SkuView(
                sku.code,
                _named(sku.color),
                _named(sku.size),
                tuple(jans[sku.pk]),
                sku.is_kit,
                sku.is_active,
                sku.weight_g,
                prices.get(sku.pk),
                costs.get(sku.pk),
                tuple(parts[sku.pk]),
                sku.version,
            )
        )
    return found


def _named(row: object) -> Named | None:
    return None if row is None else Named(row.code, row.name)  # type: ignore[attr-defined]


def _place(sku: Sku) -> tuple[tuple[int, str], tuple[int, str], str]:
    return _order(sku.color), _order(sku.size), sku.code


def _order(row: Color | Size | None) -> tuple[int, str]:
    return (-1, "") if row is None else (row.sort_order, row.code)
