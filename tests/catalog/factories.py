"""Styles, SKUs, colours and sizes for tests. A factory sets only what the tables demand."""

from datetime import UTC, date, datetime

from catalog.models import Color, PriceList, Product, Size, Sku
from erp.core.actors import Actor

NOON = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
BY = Actor.command("test")
WHEN = {"at": NOON, "by": BY}


def product(code="TS-001", **fields) -> Product:
    return Product.objects.get_or_create(code=code, defaults={"name": f"name of {code}", **fields})[0]


def sku(code="TS-001-WH-M", **fields) -> Sku:
    fields.setdefault("product", product(f"P-{code}"))
    return Sku.objects.create(code=code, **fields)


def colors(*codes: str) -> list[Color]:
    return [Color.objects.create(code=code, name=f"colour {code}", sort_order=n) for n, code in enumerate(codes)]


def sizes(*codes: str) -> list[Size]:
    return [Size.objects.create(code=code, name=f"size {code}", sort_order=n) for n, code in enumerate(codes)]


def standard_list(**fields) -> PriceList:
    defaults = {"code": "RETAIL", "name": "上代", "tax_mode": PriceList.TaxMode.INCLUDED, "is_standard": True}
    return PriceList.objects.create(**{**defaults, **fields})


def price_list(code="W1", **fields) -> PriceList:
    return PriceList.objects.create(**{"code": code, "name": code, "tax_mode": PriceList.TaxMode.EXCLUDED, **fields})
