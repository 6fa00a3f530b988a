"""What a product file means: its rows together and against what is there. Only reads; the writing is in ``product_import``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from catalog.models import (
    Brand,
    Category,
    Color,
    Price,
    PriceList,
    Product,
    Season,
    Size,
    Sku,
    SkuCode,
    SkuCost,
    Supplier,
)
from catalog.services.codes import GTIN_KINDS
from catalog.services.import_rows import ImportRow
from catalog.services.styles import CODE_PATTERN, MAX_CODE
from erp.core.errors import Problem
from erp.core.identifiers import gtin_forms, gtin_key

MASTERS: dict[str, type[Any]] = {
    "brand": Brand,
    "season": Season,
    "category": Category,
    "supplier": Supplier,
    "color": Color,
    "size": Size,
}
STYLE_MASTERS = ("brand", "season", "category", "supplier")
STYLE_CELLS = ("name", "kana", "tax_class", "life_cycle", "release_date", "material", "country_of_origin")


@dataclass
class DatedAmount:
    """A cost or standard price of a row, with the row it replaces where one of the same start exists."""

    sku_code: str
    supplier: str | None
    amount: Decimal
    valid_from: date
    existing_id: int | None = None


@dataclass
class Plan:
    """Everything a file will do. Nothing of it is written yet."""

    problems: list[Problem] = field(default_factory=list)
    masters: dict[str, dict[str, Any]] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    style_masters: dict[str, dict[str, str]] = field(default_factory=dict)
    changed_products: set[str] = field(default_factory=set)
    skus: dict[str, Sku] = field(default_factory=dict)
    sku_keys: dict[str, tuple[str, str | None, str | None]] = field(default_factory=dict)
    changed_skus: set[str] = field(default_factory=set)
    codes: list[tuple[str, str, str]] = field(default_factory=list)
    costs: list[DatedAmount] = field(default_factory=list)
    prices: list[DatedAmount] = field(default_factory=list)
    price_list_id: int | None = None

    def refuse(self, row: ImportRow, column: str, code: str, detail: str) -> None:
        self.problems.append(row.problem(column, code, detail))


def make_plan(rows: list[ImportRow], *, on: date) -> Plan:
    """Compare a file with the master. Constant number of queries; ``plan.problems`` names every problem of every row."""
    plan = Plan()
    for kind in MASTERS:
        _plan_masters(plan, kind, rows)
    _plan_products(plan, rows)
    codes = _plan_skus(plan, rows)
    _plan_codes(plan, rows, codes)
    _plan_costs(plan, rows, codes, on)
    _plan_prices(plan, rows, codes, on)
    return plan


def _plan_masters(plan: Plan, kind: str, rows: list[ImportRow]) -> None:
    """A code that nobody knows is made only when its name stands beside it: a typing error must not become a new colour."""
    model = MASTERS[kind]
    wanted = {row.cells[kind] for row in rows if row.cells.get(kind)}
    known = plan.masters[kind] = {item.code: item for item in model.objects.filter(code__in=wanted)}
    orders = iter(range(_next_order(model), 2**31)) if kind in ("color", "size") else iter(())
    for row in rows:
        code, name = row.cells.get(kind), row.cells.get(f"{kind}_name")
        if code and code not in known and name:
            known[code] = model(code=code, name=name)
            if kind in ("color", "size"):
                given = row.cells.get("size_order") if kind == "size" else None
                known[code].sort_order = next(orders) if given is None else given
        elif code and name and known[code].name != name:
            detail = _("%(code)s is named %(name)s.") % {"code": code, "name": known[code].name}
            plan.refuse(row, f"{kind}_name", "name_differs", detail)
    for row in rows:
        if row.cells.get(kind) and row.cells[kind] not in known:
            detail = _("%(code)s is unknown; give its name to create it.") % {"code": row.cells[kind]}
            plan.refuse(row, kind, f"unknown_{kind}", detail)


def _next_order(model: type[Any]) -> int:
    last = model.objects.order_by("-sort_order").values_list("sort_order", flat=True).first()
    return 0 if last is None else int(last) + 1


def _plan_products(plan: Plan, rows: list[ImportRow]) -> None:
    styles = {row.cells["style"] for row in rows if row.cells.get("style")}
    known = Product.objects.filter(code__in=styles).select_related(*STYLE_MASTERS)
    plan.products = {product.code: product for product in known}
    said: dict[tuple[str, str], tuple[Any, int]] = {}
    for row in rows:
        style = row.cells.get("style")
        if not style:
            continue
        if style not in plan.products:
            plan.products[style] = Product(code=style)
            plan.changed_products.add(style)
        for column in (*STYLE_CELLS, *STYLE_MASTERS):
            value = row.cells.get(column)
            if value is None:
                continue
            first, number = said.setdefault((style, column), (value, row.number))
            if first != value:
                detail = _("Row %(row)d of this style says %(value)s.") % {"row": number, "value": first}
                plan.refuse(row, column, "style_disagrees", detail)
            elif number == row.number:
                _set_style(plan, style, column, value)
    nameless = {style for style, product in plan.products.items() if not product.name}
    for row in rows:
        if row.cells.get("style") in nameless and "name" not in row.cells:
            nameless.discard(row.cells["style"])
            plan.refuse(row, "name", "missing", _("A new style needs a name."))


def _set_style(plan: Plan, style: str, column: str, value: Any) -> None:
    product = plan.products[style]
    if column in STYLE_MASTERS:
        master = getattr(product, column)
        if master is None or master.code != value:
            plan.style_masters.setdefault(style, {})[column] = value
            plan.changed_products.add(style)
    elif getattr(product, column) != value:
        setattr(product, column, value)
        plan.changed_products.add(style)


def _plan_skus(plan: Plan, rows: list[ImportRow]) -> dict[int, str]:
    """Row number → SKU code, for rows that name a sound SKU."""
    codes = {row.number: _sku_code(row) for row in rows if row.cells.get("style")}
    known = {
        sku.code: sku for sku in Sku.objects.filter(code__in=codes.values()).select_related("product", "color", "size")
    }
    products = [product.pk for product in plan.products.values() if product.pk]
    siblings = Sku.objects.filter(product__in=products).select_related("product", "color", "size")
    taken = {_key(sku): sku.code for sku in siblings}
    counts = Counter(codes.values())
    sound: dict[int, str] = {}
    for row in rows:
        code = codes.get(row.number)
        if code is None:
            continue
        key = (row.cells["style"], row.cells.get("color"), row.cells.get("size"))
        if len(code) > MAX_CODE:
            plan.refuse(row, "sku", "too_long", code)
        elif counts[code] > 1:
            plan.refuse(row, "sku", "double_sku", _("%(sku)s stands in this file more than once.") % {"sku": code})
        elif code in known and _key(known[code]) != key:
            where = " ".join(filter(None, _key(known[code])))
            plan.refuse(row, "sku", "sku_elsewhere", _("%(sku)s is %(where)s.") % {"sku": code, "where": where})
        elif taken.setdefault(key, code) != code:
            plan.refuse(row, "sku", "combination_taken", _("%(sku)s has this colour and size.") % {"sku": taken[key]})
        else:
            sound[row.number] = code
            _set_sku(plan, row, code, known.get(code), key)
    return sound


def _sku_code(row: ImportRow) -> str:
    if row.cells.get("sku"):
        return str(row.cells["sku"])
    parts = {"style": row.cells["style"], "color": row.cells.get("color"), "size": row.cells.get("size")}
    return CODE_PATTERN.format(**parts) if all(parts.values()) else "-".join(filter(None, parts.values()))


def _key(sku: Sku) -> tuple[str, str | None, str | None]:
    return (sku.product.code, sku.color.code if sku.color else None, sku.size.code if sku.size else None)


def _set_sku(plan: Plan, row: ImportRow, code: str, known: Sku | None, key: tuple[str, str | None, str | None]) -> None:
    plan.skus[code] = known or Sku(code=code)
    plan.sku_keys[code] = key
    weight = row.cells.get("weight_g")
    if known is None or (weight is not None and weight != known.weight_g):
        plan.skus[code].weight_g = weight
        plan.changed_skus.add(code)


def _plan_codes(plan: Plan, rows: list[ImportRow], sku_codes: dict[int, str]) -> None:
    wanted = [(row, *row.cells["jan"]) for row in rows if row.cells.get("jan")]
    # A GTIN is the same with any number of leading zeros.
    forms = {form for _row, _kind, code in wanted for form in (code, *gtin_forms(code))}
    existing = SkuCode.objects.filter(code__in=forms, kind__in=GTIN_KINDS, channel=None, supplier=None)
    owner = {gtin_key(item.code): item.sku.code for item in existing.select_related("sku")}
    held = set(owner)
    for row, kind, code in wanted:
        sku_code = sku_codes.get(row.number)
        if sku_code is None:
            continue
        holder = owner.setdefault(gtin_key(code), sku_code)
        if holder != sku_code:
            plan.refuse(row, "jan", "code_taken", _("%(code)s belongs to SKU %(sku)s.") % {"code": code, "sku": holder})
        elif gtin_key(code) not in held:
            held.add(gtin_key(code))
            plan.codes.append((sku_code, kind, code))


def _plan_costs(plan: Plan, rows: list[ImportRow], sku_codes: dict[int, str], on: date) -> None:
    wanted = [
        DatedAmount(
            sku_codes[row.number], row.cells.get("supplier"), row.cells["cost"], row.cells.get("cost_from") or on
        )
        for row in _with(rows, "cost", sku_codes)
    ]
    existing = {
        (item.sku.code, item.supplier.code if item.supplier else None, item.valid_from): item
        for item in SkuCost.objects.filter(sku__in=_ids(plan, wanted)).select_related("sku", "supplier")
    }
    for cost in wanted:
        known = existing.get((cost.sku_code, cost.supplier, cost.valid_from))
        if known is None or known.cost != cost.amount:
            cost.existing_id = None if known is None else known.pk
            plan.costs.append(cost)


def _plan_prices(plan: Plan, rows: list[ImportRow], sku_codes: dict[int, str], on: date) -> None:
    priced = _with(rows, "price", sku_codes)
    plan.price_list_id = PriceList.objects.filter(is_standard=True).values_list("pk", flat=True).first()
    if priced and plan.price_list_id is None:
        plan.refuse(priced[0], "price", "no_standard_list", _("There is no standard price list yet."))
        return
    wanted = [
        DatedAmount(sku_codes[row.number], None, row.cells["price"], row.cells.get("price_from") or on)
        for row in priced
    ]
    existing = {
        (item.sku.code, item.valid_from): item
        for item in Price.objects.filter(price_list=plan.price_list_id, sku__in=_ids(plan, wanted)).select_related(
            "sku"
        )
        if item.sku is not None
    }
    for price in wanted:
        known = existing.get((price.sku_code, price.valid_from))
        if known is None or known.price != price.amount:
            price.existing_id = None if known is None else known.pk
            plan.prices.append(price)


def _with(rows: list[ImportRow], column: str, sku_codes: dict[int, str]) -> list[ImportRow]:
    return [row for row in rows if row.cells.get(column) is not None and row.number in sku_codes]


def _ids(plan: Plan, amounts: Iterable[DatedAmount]) -> list[int]:
    return [pk for item in amounts if (pk := plan.skus[item.sku_code].pk)]
