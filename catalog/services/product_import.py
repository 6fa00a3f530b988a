"""Import of a product file: one row per SKU, all rows or none, set-based throughout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from catalog.models import Price, Product, Sku, SkuCode, SkuCost
from catalog.services.announcing import announce_prices, announce_products
from catalog.services.import_plan import MASTERS, STYLE_CELLS, STYLE_MASTERS, Plan, make_plan
from catalog.services.import_rows import read_rows
from erp.core import locks, rows
from erp.core.actors import Actor
from erp.core.errors import InvalidInput
from erp.core.money import COMPANY_CURRENCY
from erp.core.use_case import use_case


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a file did, or would do. A row that changes nothing is counted in ``rows`` only."""

    rows: int
    masters_created: int
    products_created: int
    products_changed: int
    skus_created: int
    skus_changed: int
    codes_added: int
    costs_set: int
    prices_set: int
    ignored_columns: tuple[str, ...]


@use_case
def import_products(
    *, content: bytes, on: date, at: datetime, by: Actor, encoding: str = "", dry_run: bool = False
) -> ImportReport:
    """Create and update styles, SKUs, JANs, costs and standard prices from a CSV file (UTF-8 or cp932, found out by itself).

    An empty cell leaves what is there. Costs and prices without a date begin ``on``. The same file again changes nothing; ``dry_run`` only says
    what would happen.

    Raises InvalidInput naming every problem of every row: row number, column, code.
    """
    locks.hold("product import")
    lines, problems, ignored = read_rows(content, encoding=encoding)
    plan = make_plan(lines, on=on)
    problems += plan.problems
    if problems:
        raise InvalidInput(sorted(problems, key=lambda problem: int(problem.pointer.split(",")[0].split()[1])))
    report = _report(len(lines), plan, ignored)
    if dry_run:
        return report

    for kind in MASTERS:
        fresh = [item for item in plan.masters[kind].values() if item.pk is None]
        MASTERS[kind].objects.bulk_create(fresh)
    _write_products(plan)
    _write_skus(plan)
    _write_codes_and_amounts(plan)
    touched = {plan.products[style].pk for style in plan.changed_products}
    sku_codes = {*plan.changed_skus, *(sku_code for sku_code, _kind, _code in plan.codes)}
    sku_codes |= {cost.sku_code for cost in plan.costs}
    touched |= {plan.skus[code].product_id for code in sku_codes}
    announce_products(product_ids=touched, at=at, by=by)
    announce_prices(sku_ids={plan.skus[price.sku_code].pk for price in plan.prices}, at=at, by=by)
    return report


def _report(count: int, plan: Plan, ignored: list[str]) -> ImportReport:
    fresh_products = {style for style in plan.changed_products if plan.products[style].pk is None}
    fresh_skus = {code for code in plan.changed_skus if plan.skus[code].pk is None}
    return ImportReport(
        rows=count,
        masters_created=sum(item.pk is None for items in plan.masters.values() for item in items.values()),
        products_created=len(fresh_products),
        products_changed=len(plan.changed_products) - len(fresh_products),
        skus_created=len(fresh_skus),
        skus_changed=len(plan.changed_skus) - len(fresh_skus),
        codes_added=len(plan.codes),
        costs_set=len(plan.costs),
        prices_set=len(plan.prices),
        ignored_columns=tuple(ignored),
    )


def _write_products(plan: Plan) -> None:
    for style, masters in plan.style_masters.items():
        for column, code in masters.items():
            setattr(plan.products[style], column, plan.masters[column][code])
    changed = [plan.products[style] for style in sorted(plan.changed_products)]
    known = [product for product in changed if not product._state.adding]
    Product.objects.bulk_create([product for product in changed if product._state.adding])
    columns = [*STYLE_CELLS, *(f"{column}_id" for column in STYLE_MASTERS)]
    rows.update(Product, "id", columns, [(item.pk, *(getattr(item, column) for column in columns)) for item in known])


def _write_skus(plan: Plan) -> None:
    fresh: list[Sku] = []
    for code in sorted(plan.changed_skus):
        sku = plan.skus[code]
        if sku._state.adding:
            style, color, size = plan.sku_keys[code]
            sku.product = plan.products[style]
            sku.color = plan.masters["color"][color] if color else None
            sku.size = plan.masters["size"][size] if size else None
            fresh.append(sku)
    known = [(sku.pk, sku.weight_g) for code in plan.changed_skus if not (sku := plan.skus[code])._state.adding]
    rows.update(Sku, "id", ["weight_g"], known)
    ids = rows.allocate_ids({Sku: len(fresh)}).get(Sku, iter(()))
    for sku, pk in zip(fresh, ids, strict=True):
        sku.pk = pk
    columns = ["id", "code", "product_id", "color_id", "size_id", "is_kit", "is_active", "weight_g", "version"]
    rows.insert(Sku, columns, [tuple(getattr(sku, column) for column in columns) for sku in fresh])


def _write_codes_and_amounts(plan: Plan) -> None:
    rows.insert(
        SkuCode,
        ["sku_id", "kind", "code"],
        [(plan.skus[sku_code].pk, kind, code) for sku_code, kind, code in plan.codes],
    )
    suppliers: dict[str | None, Any] = {code: item.pk for code, item in plan.masters["supplier"].items()}
    rows.update(SkuCost, "id", ["cost"], [(cost.existing_id, cost.amount) for cost in plan.costs if cost.existing_id])
    rows.insert(
        SkuCost,
        ["sku_id", "supplier_id", "cost", "currency", "valid_from"],
        [
            (plan.skus[cost.sku_code].pk, suppliers.get(cost.supplier), cost.amount, COMPANY_CURRENCY, cost.valid_from)
            for cost in plan.costs
            if cost.existing_id is None
        ],
    )
    changed = [(price.existing_id, price.amount) for price in plan.prices if price.existing_id]
    rows.update(Price, "id", ["price"], changed)
    rows.insert(
        Price,
        ["price_list_id", "sku_id", "price", "valid_from"],
        [
            (plan.price_list_id, plan.skus[price.sku_code].pk, price.amount, price.valid_from)
            for price in plan.prices
            if price.existing_id is None
        ],
    )
