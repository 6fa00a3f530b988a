"""How SKUs are bought again, and what they are to be carried at: rows that staff keep in forms, and files bring."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from erp.core.actors import Actor
from erp.core.use_case import use_case
from erp.inventory.models import ReorderRule, StandardCost


@use_case
def set_reorder_rule(
    *,
    sku_id: int,
    location_id: int | None = None,
    lot: int = 1,
    safety_stock: int = 0,
    reorder_point: int | None = None,
    lead_time_days: int | None = None,
    at: dt.datetime,
    by: Actor,
) -> None:
    """Say how a SKU is bought again (発注点), for the company or for one place; instead of the rule it had there."""
    said = {
        "lot": lot,
        "safety_stock": safety_stock,
        "reorder_point": reorder_point,
        "lead_time_days": lead_time_days,
    }
    of_place: dict[str, Any] = {"sku_id": sku_id, "location_id": location_id}
    ReorderRule.objects.update_or_create(**of_place, defaults=said)


@use_case
def set_standard_costs(*, costs: Mapping[int, Decimal], valid_from: dt.date, at: dt.datetime, by: Actor) -> None:
    """Say what a piece of SKUs is carried at from a day on, in pools at standard (標準原価). It takes effect when that day begins there."""
    for sku_id, cost in sorted(costs.items()):
        StandardCost.objects.update_or_create(sku_id=sku_id, valid_from=valid_from, defaults={"cost": cost})
