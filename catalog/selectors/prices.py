"""What a SKU costs us and what it is sold for on a date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from django.db import connection

from catalog.models import PriceList
from erp.core.money import COMPANY_CURRENCY, round_money


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """A price and where it comes from. ``percent`` is the wholesale rate (掛率) when it was applied to the standard price."""

    sku_id: int
    price: Decimal
    currency: str
    tax_included: bool
    price_id: int
    price_list_id: int
    price_list_code: str
    percent: Decimal | None = None


_COST = """
SELECT DISTINCT ON (cost.sku_id) cost.sku_id, cost.cost
FROM catalog_skucost cost JOIN catalog_sku sku ON sku.id = cost.sku_id JOIN catalog_product product ON product.id = sku.product_id
WHERE cost.sku_id = ANY(%s) AND cost.valid_from <= %s AND cost.currency = %s
ORDER BY cost.sku_id, cost.supplier_id IS NOT DISTINCT FROM product.supplier_id DESC, cost.valid_from DESC, cost.id DESC
"""


def cost_on(sku_ids: Iterable[int], on: date) -> dict[int, Decimal]:
    """The cost of each SKU on a date, tax-exclusive, in the company's currency: the main supplier's, else the newest. Missing when unknown."""
    with connection.cursor() as cursor:
        cursor.execute(_COST, [sorted(set(sku_ids)), on, COMPANY_CURRENCY])
        return dict(cursor.fetchall())


_PRICES = """
SELECT DISTINCT ON (found.sku_id, list.id) found.sku_id, found.price, list.currency, list.tax_mode = %(included)s, found.id, list.id, list.code
FROM (
    SELECT sku_id, price, id, price_list_id, valid_from, valid_to, 0 AS breadth FROM catalog_price WHERE sku_id = ANY(%(skus)s)
    UNION ALL
    SELECT sku.id, price.price, price.id, price.price_list_id, price.valid_from, price.valid_to, 1
    FROM catalog_sku sku JOIN catalog_price price ON price.product_id = sku.product_id WHERE sku.id = ANY(%(skus)s)
) AS found JOIN catalog_pricelist list ON list.id = found.price_list_id
WHERE list.id = ANY(%(lists)s) AND found.valid_from <= %(on)s AND (found.valid_to IS NULL OR found.valid_to >= %(on)s)
ORDER BY found.sku_id, list.id, found.breadth, found.valid_from DESC
"""


def price_for(
    *,
    sku_ids: Iterable[int],
    on: date,
    channel_id: int | None = None,
    price_list_id: int | None = None,
    wholesale_percent: Decimal | None = None,
) -> dict[int, PriceAnswer]:
    """The price of each SKU on a date, from the most specific source: the account's list; the wholesale rate on the standard price (掛率);
    the channel's lists by rank; the standard list (上代). Within a list a SKU's own price beats its style's, then the latest start wins, so a
    price with an end returns to the one before. Missing when nobody set a price.
    """
    lists = list(PriceList.objects.order_by("rank", "code"))
    own = [row.pk for row in lists if row.pk == price_list_id]
    standard = [row.pk for row in lists if row.is_standard]
    of_channel = [row.pk for row in lists if channel_id is not None and row.channel_id == channel_id]
    # With a wholesale rate the channel's retail lists have no say.
    order = [*own, *([] if wholesale_percent is not None else of_channel), *standard]
    by_sku = _prices(sorted(set(sku_ids)), order, on)
    answers: dict[int, PriceAnswer] = {}
    for sku_id, found in by_sku.items():
        answer = next(found[list_id] for list_id in order if list_id in found)
        if wholesale_percent is not None and answer.price_list_id not in own:
            price = round_money(answer.price * wholesale_percent / 100, currency=answer.currency)
            answer = replace(answer, price=price, percent=wholesale_percent)
        answers[sku_id] = answer
    return answers


def _prices(sku_ids: list[int], list_ids: list[int], on: date) -> dict[int, dict[int, PriceAnswer]]:
    """The price in force per SKU and list."""
    found: dict[int, dict[int, PriceAnswer]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _PRICES, {"skus": sku_ids, "lists": list_ids, "on": on, "included": PriceList.TaxMode.INCLUDED.value}
        )
        for row in cursor.fetchall():
            answer = PriceAnswer(*row)
            found.setdefault(answer.sku_id, {})[answer.price_list_id] = answer
    return found
