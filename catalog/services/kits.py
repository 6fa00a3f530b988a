"""Kits: a SKU made of others. It has no stock of its own, so it may not contain another kit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils.translation import gettext as _

from catalog.exceptions import KitRefused
from catalog.models import KitComponent, Sku
from catalog.services.announcing import announce_products
from erp.core import changes, locks
from erp.core.actors import Actor
from erp.core.errors import NotFound, Problem
from erp.core.use_case import use_case


@use_case
def define_kit(*, sku_code: str, components: Mapping[str, int], at: datetime, by: Actor) -> Sku:
    """Say what goes into one kit: SKU code → pieces. Replaces the former definition; orders keep the components they were placed with.

    Raises:
        NotFound: names every unknown SKU.
        KitRefused: names every component that is a kit itself, the kit itself, and pieces below one; also for a kit inside another kit.
    """
    # Two definitions that would nest only together must see each other, and there is no row to lock for that.
    locks.hold("kits")
    skus = {sku.code: sku for sku in Sku.objects.filter(code__in={sku_code, *components})}
    unknown = [code for code in (sku_code, *components) if code not in skus]
    if unknown:
        raise NotFound(problems=[Problem("/components", "unknown_sku", code) for code in unknown])
    kit = skus[sku_code]
    problems = _find_problems(kit, components, skus)
    if problems:
        raise KitRefused(problems=problems)

    before = {part.component_id: part for part in kit.components.all()}
    after = {skus[code].pk: quantity for code, quantity in components.items()}
    if kit.is_kit and {pk: part.quantity for pk, part in before.items()} == after:
        return kit
    KitComponent.objects.filter(kit=kit).exclude(component_id__in=after).delete()
    KitComponent.objects.bulk_create(
        [KitComponent(kit=kit, component_id=pk, quantity=quantity) for pk, quantity in after.items()],
        update_conflicts=True,
        unique_fields=["kit", "component"],
        update_fields=["quantity"],
    )
    Sku.objects.filter(pk=kit.pk).update(is_kit=True)
    announce_products(product_ids=[kit.product_id], at=at, by=by)
    # What can be sold of a kit follows from what goes into it.
    changes.record(topic="stock", keys=[kit.pk])
    kit.refresh_from_db()
    return kit


def _find_problems(kit: Sku, components: Mapping[str, int], skus: Mapping[str, Sku]) -> list[Problem]:
    problems = [] if components else [Problem("/components", "empty_kit", _("A kit needs components."))]
    if KitComponent.objects.filter(component=kit).exists():
        problems.append(Problem("/sku_code", "kit_in_kit", _("%(sku)s is a component of a kit.") % {"sku": kit.code}))
    for code, quantity in components.items():
        pointer = f"/components/{code}"
        if quantity < 1:
            problems.append(Problem(pointer, "no_pieces", _("At least one piece is needed.")))
        if skus[code] == kit:
            problems.append(Problem(pointer, "own_component", _("A kit cannot contain itself.")))
        elif skus[code].is_kit:
            problems.append(Problem(pointer, "kit_in_kit", _("Kits do not nest.")))
    return problems
