"""What the one search finds of products."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catalog.models import Product, Sku, Supplier
from erp.core.finding import Findable, register


def register_findables() -> None:
    register(
        Findable(
            "catalog.sku",
            ("code__exact", "codes__code__exact", "code"),
            name=lambda sku: sku.code, facts=_of_sku, rank=40, related=("product", "color", "size"),
        ),
        Findable(
            "catalog.product",
            ("code__exact", "code", "name", "kana"),
            name=lambda style: style.code, facts=_of_style, rank=41, related=("brand", "season"),
        ),
        Findable(
            "catalog.supplier",
            ("code__exact", "registration_number__exact", "code", "name", "kana"),
            name=lambda supplier: supplier.code, facts=_of_supplier, rank=42,
        ),
    )  # fmt: skip


def _of_sku(sku: Sku, viewer: Any) -> Iterable[object]:
    return (sku.product.name, sku.color and sku.color.name, sku.size and sku.size.name, sku.product.code)


def _of_style(style: Product, viewer: Any) -> Iterable[object]:
    return (
        style.name,
        style.brand and style.brand.name,
        style.season and style.season.name,
        style.get_life_cycle_display(),
    )


def _of_supplier(supplier: Supplier, viewer: Any) -> Iterable[object]:
    return (supplier.name, supplier.registration_number)
