"""What an order needs to know of SKUs: one statement for any number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalog.models import KitComponent, Product, Sku, SkuCode
from erp.core import rows
from erp.core.identifiers import gtin_forms


@dataclass(frozen=True, slots=True)
class SkuFacts:
    """``components`` are (sku id, pieces) that go into one; a SKU that is no kit is its own single component."""

    sku_id: int
    code: str
    product_id: int
    product_code: str
    name: str
    is_kit: bool
    is_active: bool
    tax_class: str
    release_date: date | None
    components: tuple[tuple[int, int], ...]


# Names are looked up per row: joined, a plan made while the tables were small reads every colour there is.
_FACTS = """
SELECT sku.id, sku.code, product.id, product.code,
       concat_ws(' ', product.name, (SELECT name FROM catalog_color WHERE id = sku.color_id),
                 (SELECT name FROM catalog_size WHERE id = sku.size_id)), sku.is_kit,
       sku.is_active AND product.life_cycle <> 'DISCONTINUED', product.tax_class, product.release_date,
       CASE WHEN sku.is_kit THEN ARRAY(SELECT ARRAY[part.component_id, part.quantity] FROM catalog_kitcomponent part
                                       WHERE part.kit_id = sku.id ORDER BY part.component_id)
            ELSE ARRAY[ARRAY[sku.id, 1]] END
FROM catalog_sku sku JOIN catalog_product product ON product.id = sku.product_id
WHERE
"""
_FACT = tuple[int, str, int, str, str, bool, bool, str, date | None, list[list[int]]]


def sku_facts(codes: Iterable[str]) -> dict[str, SkuFacts]:
    """Facts by SKU code; a code nobody knows is missing in the answer."""
    return ask_sku_facts(codes)()


def ask_sku_facts(codes: Iterable[str]) -> Callable[[], dict[str, SkuFacts]]:
    """The same as a question: call the result when its pipeline has been left."""
    wanted = sorted(set(codes))
    answer = rows.ask(_FACTS + "sku.code = ANY(%s::text[])", [rows.array(wanted)], row=_FACT) if wanted else None
    return lambda: {row[1]: _sku_facts(row) for row in answer.all()} if answer else {}


def sku_facts_by_id(ids: Iterable[int]) -> dict[int, SkuFacts]:
    return {facts.sku_id: facts for facts in _facts("sku.id = ANY(%s)", sorted(set(ids)))}


def _facts(condition: str, keys: list[Any]) -> list[SkuFacts]:
    return [_sku_facts(row) for row in rows.ask(_FACTS + condition, [keys]).all()] if keys else []


def _sku_facts(row: Any) -> SkuFacts:
    *known, parts = row
    return SkuFacts(*[*known, tuple((part, pieces) for part, pieces in parts)])


def skus_by_channel_code(channel_id: int, codes: Iterable[str]) -> dict[str, str]:
    """A channel's own item codes → our SKU codes. Unknown ones are missing in the answer."""
    known = SkuCode.objects.filter(kind=SkuCode.Kind.CHANNEL, channel_id=channel_id, code__in=set(codes))
    return dict(known.values_list("code", "sku__code"))


def kits_containing(sku_ids: Iterable[int]) -> dict[int, set[int]]:
    """Kit id → its components among ``sku_ids``: what can be sold of the kit changes with theirs."""
    found: dict[int, set[int]] = {}
    parts = KitComponent.objects.filter(component_id__in=set(sku_ids))
    for kit_id, component_id in parts.values_list("kit_id", "component_id"):
        found.setdefault(kit_id, set()).add(component_id)
    return found


def sku_codes(ids: Iterable[int]) -> dict[int, str]:
    """SKU id → code. Unknown ids are missing in the answer."""
    return dict(Sku.objects.filter(pk__in=set(ids)).values_list("pk", "code"))


def sku_ids(codes: Iterable[str]) -> dict[str, int]:
    """SKU code → id. Unknown codes are missing in the answer."""
    return dict(rows.ask("SELECT code, id FROM catalog_sku WHERE code = ANY(%s::text[])", [list(set(codes))]).all())


# What is printed on goods and labels, the best known first. A channel's or supplier's own code may mean something else elsewhere.
SCANNED = (SkuCode.Kind.GTIN13, SkuCode.Kind.GTIN8, SkuCode.Kind.GTIN14, SkuCode.Kind.IN_STORE)


def scanned_codes(ids: Iterable[int], *, on: date) -> dict[int, list[str]]:
    """SKU id → the codes that a scanner may read on its pieces on a day, JAN first, as they are stored; behind them the same GTINs with as many
    zeros as other readers give them. SKUs without any are missing in the answer."""
    found: dict[int, list[str]] = {}
    known = SkuCode.objects.filter(sku_id__in=set(ids), kind__in=SCANNED)
    valid = known.exclude(valid_from__gt=on).exclude(valid_to__lt=on)
    ranked = sorted(
        valid.values_list("sku_id", "kind", "code"), key=lambda row: (SCANNED.index(SkuCode.Kind(row[1])), row[2])
    )
    for sku_id, _kind, code in ranked:
        found.setdefault(sku_id, []).append(code)
    for codes in found.values():
        others = [form for code in codes for form in gtin_forms(code)]
        codes.extend(form for form in dict.fromkeys(others) if form not in set(codes))
    return found


def skus_scanned(codes: Iterable[str], *, on: date) -> dict[str, int]:
    """A scanned code, or a typed SKU → SKU id. A GTIN is found with any number of leading zeros; a SKU is what it is. Unknown ones are missing in
    the answer."""
    wanted = set(codes)
    forms = {code: (code, *gtin_forms(code)) for code in wanted}
    asked = {form for each in forms.values() for form in each}
    known = SkuCode.objects.filter(code__in=asked, kind__in=SCANNED)
    valid = known.exclude(valid_from__gt=on).exclude(valid_to__lt=on)
    stored = dict(valid.values_list("code", "sku_id"))
    met = {code: next((stored[form] for form in each if form in stored), None) for code, each in forms.items()}
    return {code: sku_id for code, sku_id in met.items() if sku_id is not None} | sku_ids(wanted)


def style_codes(ids: Iterable[int]) -> dict[int, str]:
    """Style id → code. Unknown ids are missing in the answer."""
    return dict(Product.objects.filter(pk__in=set(ids)).values_list("pk", "code"))


def styles_of(ids: Iterable[int]) -> dict[int, int]:
    """SKU id → id of its style."""
    return dict(Sku.objects.filter(pk__in=set(ids)).values_list("pk", "product_id"))


def sku_page(*, after_id: int, limit: int) -> list[tuple[int, str]]:
    """The next active SKUs (id, code) by id: for walking through all of them."""
    page = Sku.objects.filter(is_active=True, pk__gt=after_id).order_by("pk")
    return list(page.values_list("pk", "code")[:limit])
