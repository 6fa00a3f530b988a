"""Styles (品番) and their SKUs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.utils.translation import gettext as _

from catalog.models import Color, Product, Size, Sku
from catalog.services.announcing import announce_products
from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import Conflict, NotAllowedNow, NotFound, Problem
from erp.core.use_case import use_case

CODE_PATTERN = "{style}-{color}-{size}"
MAX_CODE = Sku._meta.get_field("code").max_length or 0


@use_case
def create_matrix(
    *,
    product_code: str,
    color_codes: Sequence[str],
    size_codes: Sequence[str],
    at: datetime,
    by: Actor,
    code_pattern: str = CODE_PATTERN,
) -> list[Sku]:
    """Make the SKUs of a style for every colour × size that is missing; gives all of the wanted ones, colour by colour.

    Calling again changes nothing. ``code_pattern`` builds the SKU codes from ``style``, ``color`` and ``size``.

    Raises:
        NotFound: names every unknown style, colour and size.
        Conflict: names every code that another SKU has or that is too long.
    """
    locks.hold(f"style:{product_code}")
    product = Product.objects.filter(code=product_code).first()
    colors = {color.code: color for color in Color.objects.filter(code__in=color_codes)}
    sizes = {size.code: size for size in Size.objects.filter(code__in=size_codes)}
    problems = [] if product else [Problem("/product_code", "unknown_style", product_code)]
    problems += [Problem("/color_codes", "unknown_color", code) for code in color_codes if code not in colors]
    problems += [Problem("/size_codes", "unknown_size", code) for code in size_codes if code not in sizes]
    if problems or product is None:
        raise NotFound(problems=problems)

    wanted = [
        (colors[color], sizes[size]) for color in dict.fromkeys(color_codes) for size in dict.fromkeys(size_codes)
    ]
    existing = {(sku.color_id, sku.size_id): sku for sku in Sku.objects.filter(product=product)}
    fresh = [
        Sku(
            code=code_pattern.format(style=product.code, color=color.code, size=size.code),
            product=product,
            color=color,
            size=size,
        )
        for color, size in wanted
        if (color.pk, size.pk) not in existing
    ]
    _refuse_bad_codes(fresh)
    if fresh:
        created = Sku.objects.bulk_create(fresh)
        existing |= {(sku.color_id, sku.size_id): sku for sku in created}
        announce_products(product_ids=[product.pk], at=at, by=by)
    return [existing[color.pk, size.pk] for color, size in wanted]


def _refuse_bad_codes(fresh: Sequence[Sku]) -> None:
    if problems := find_bad_codes([sku.code for sku in fresh]):
        raise Conflict(problems=[problem for _code, problem in problems])


def find_bad_codes(codes: Sequence[str]) -> list[tuple[str, Problem]]:
    """Which of these codes no new SKUs can have, and why."""
    taken = set(Sku.objects.filter(code__in=codes).values_list("code", flat=True))
    taken |= {code for code in codes if codes.count(code) > 1}
    told, long = _("%(code)s is the code of another SKU."), _("%(code)s is longer than %(most)d characters.")
    problems = [(code, Problem("/code_pattern", "code_taken", told % {"code": code})) for code in sorted(taken)]
    return problems + [
        (code, Problem("/code_pattern", "code_too_long", long % {"code": code, "most": MAX_CODE}))
        for code in codes
        if len(code) > MAX_CODE
    ]


@use_case
def change_life_cycle(*, product_id: int, life_cycle: str, on: date, at: datetime, by: Actor) -> Product:
    """Move a style to another stage of its life. ``on`` is the business date that a discontinuation carries. Repeatable.

    Raises NotAllowedNow for a style that was on sale and should be only planned again.
    """
    product = Product.objects.filter(pk=product_id).select_for_update(of=("self",), no_key=True).first()
    if product is None:
        raise NotFound(_("No such style."))
    target = Product.LifeCycle(life_cycle)
    if product.life_cycle == target:
        return product
    if target is Product.LifeCycle.PLANNED:
        raise NotAllowedNow(_("A style that was on sale cannot become planned again."))

    product.life_cycle = target
    product.discontinued_date = on if target is Product.LifeCycle.DISCONTINUED else None
    product.save(update_fields=["life_cycle", "discontinued_date"])
    announce_products(product_ids=[product.pk], at=at, by=by)
    product.refresh_from_db()
    return product
