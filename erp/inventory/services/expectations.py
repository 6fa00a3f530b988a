"""Pieces that should arrive (入荷予定). They are received by ``receive``, in parts; purchasing will write them from its orders."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import F
from django.utils.translation import gettext as _

from catalog.models import Supplier
from erp.core import locks, rows
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.inventory.models import ExpectedReceipt
from erp.inventory.selectors.expectations import lines_taken, still_open
from erp.inventory.services.figures import faults_of_cost, faults_of_pieces


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    line_no: int
    sku_id: int
    quantity: int
    expected_date: dt.date
    unit_cost: Decimal | None = None


# What is promised of them is taken back by a trigger where they bring less; whoever deals out promises has locked them in this order.
_LOCK = "SELECT id FROM inventory_expectedreceipt WHERE external_id = %s ORDER BY id FOR NO KEY UPDATE"
_EXPECT = """
INSERT INTO inventory_expectedreceipt AS e
    (external_id, location_id, supplier_id, received_quantity, version, line_no, sku_id, quantity, expected_date, unit_cost)
SELECT %s::text, %s::bigint, %s::bigint, 0, 1, n.* FROM unnest(%s::int[], %s::bigint[], %s::int[], %s::date[], %s::numeric[]) AS n
ON CONFLICT (sku_id, external_id, line_no) DO UPDATE
SET quantity = greatest(EXCLUDED.quantity, e.received_quantity), expected_date = EXCLUDED.expected_date, unit_cost = EXCLUDED.unit_cost,
    location_id = EXCLUDED.location_id, supplier_id = EXCLUDED.supplier_id, cancelled_at = NULL, version = e.version + 1
WHERE (e.quantity, e.expected_date, e.location_id, e.cancelled_at IS NULL) IS DISTINCT FROM
      (greatest(EXCLUDED.quantity, e.received_quantity), EXCLUDED.expected_date, EXCLUDED.location_id, true)
   OR e.unit_cost IS DISTINCT FROM EXCLUDED.unit_cost OR e.supplier_id IS DISTINCT FROM EXCLUDED.supplier_id
"""


@use_case
def expect_receipt(
    *,
    external_id: str,
    location_id: int,
    lines: Sequence[ExpectedLine],
    supplier_id: int | None = None,
    ends: Collection[int] = (),
    at: dt.datetime,
    by: Actor,
) -> list[int]:
    """Note what an order to a supplier will bring, or bring what was noted up to date. Returns the expectations' ids in line order.

    What was received already stays received. What is not named stays expected, but for ``ends``: expectations of this order of which nothing more
    will come. Who was promised of them is promised others, as far as there are any. A SKU that stands on another line than before is the same goods.
    Repeatable: the same content changes nothing. Raises InvalidInput.
    """
    problems = [
        Problem(f"/lines/{index}/quantity", "invalid", _("A line needs at least one piece."))
        for index, line in enumerate(lines)
        if line.quantity < 1
    ]
    for index, line in enumerate(lines):
        problems += faults_of_pieces(index, line.quantity)
        problems += faults_of_cost(index, line.unit_cost, line.quantity)
    if len({line.line_no for line in lines}) < len(lines):
        problems.append(Problem("/lines", "invalid", _("Every line needs a number of its own.")))
    if problems:
        raise InvalidInput(problems)
    locks.hold(f"expected:{external_id}")
    rows.ask(_LOCK, [external_id]).all()
    numbers = lines_taken(external_id, [(line.line_no, line.sku_id) for line in lines])
    with connection.cursor() as cursor:
        cursor.execute(
            _EXPECT,
            [
                external_id,
                location_id,
                supplier_id,
                numbers,
                [line.sku_id for line in lines],
                [line.quantity for line in lines],
                [line.expected_date for line in lines],
                [line.unit_cost for line in lines],
            ],
        )
    found = ExpectedReceipt.objects.filter(external_id=external_id).values_list("sku_id", "line_no", "pk")
    ids = {(sku_id, number): key for sku_id, number, key in found}
    named = {ids[line.sku_id, number] for line, number in zip(lines, numbers, strict=True)}
    still_open(external_id).filter(pk__in=set(ends) - named).update(cancelled_at=at, version=F("version") + 1)
    return [ids[line.sku_id, number] for line, number in zip(lines, numbers, strict=True)]


@use_case
def expect_purchases(
    *,
    name: str,
    location_id: int,
    purchases: Mapping[int | None, Sequence[ExpectedLine]],
    at: dt.datetime,
    by: Actor,
) -> list[str]:
    """Note several purchases at once, one per supplier (None: of nobody known), all or none. Returns their numbers: ``name`` and the supplier's code.

    Repeatable as ``expect_receipt``. Raises InvalidInput.
    """
    codes = dict(Supplier.objects.filter(pk__in=[key for key in purchases if key]).values_list("pk", "code"))
    made = {f"{name}-{codes[key]}" if key else name: (key, lines) for key, lines in purchases.items()}
    for number, (supplier_id, lines) in sorted(made.items()):
        expect_receipt(external_id=number, location_id=location_id, lines=lines, supplier_id=supplier_id, at=at, by=by)
    return sorted(made)


@use_case
def cancel_expected(*, external_id: str, at: dt.datetime, by: Actor) -> int:
    """Nothing more will come of this order. Returns how many expectations ended; again, there are none."""
    locks.hold(f"expected:{external_id}")
    rows.ask(_LOCK, [external_id]).all()
    return still_open(external_id).update(cancelled_at=at)
