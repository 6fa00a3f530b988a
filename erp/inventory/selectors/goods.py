"""What people at a shelf call a SKU."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.models import Sku

OF_GOODS = ("sku__product", "sku__color", "sku__size")


def goods_name(sku: Sku) -> str:
    """Its style, colour and size. Needs ``OF_GOODS`` selected where many are named."""
    parts = (sku.product.name, sku.color.name if sku.color else "", sku.size.name if sku.size else "")
    return " ".join(part for part in parts if part)


def goods_named(sku_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """SKU id → (code, name)."""
    found = Sku.objects.filter(pk__in=set(sku_ids)).select_related("product", "color", "size")
    return {sku.pk: (sku.code, goods_name(sku)) for sku in found}
