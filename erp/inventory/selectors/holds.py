"""Holds as they stand."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Sum
from django.utils.translation import gettext as _

from catalog.selectors import sku_facts_by_id
from erp.core.errors import NotFound
from erp.inventory.models import Hold, HoldLine


@dataclass(frozen=True, slots=True)
class HeldSku:
    sku_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class HoldView:
    """``lines`` are the pieces that are really kept; ``wanted`` what was asked for. ``is_closed``: released, swept or become an order. ``is_replay``:
    this answer was given to the same request before."""

    id: int
    ref: str
    kind: str
    expires_at: dt.datetime
    is_closed: bool
    wanted: tuple[HeldSku, ...]
    lines: tuple[HeldSku, ...]
    is_replay: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class HeldFor:
    """A hold with its owner; ``asked`` are pairs of SKU and number as they were asked for: kits as kits, and the pieces beside them. A kit that is
    made of other pieces by now is told by the pieces that are kept of it."""

    channel_id: int
    ref: str
    kind: str
    owner_label: str
    owner_phone: str
    is_closed: bool
    asked: tuple[tuple[int, int], ...]


def held_for(hold_id: int) -> HeldFor | None:
    """None where there is no such hold."""
    found = Hold.objects.filter(pk=hold_id).first()
    if found is None:
        return None
    beside, kits, parts = Counter(dict(found.wanted)), dict(found.kits), kit_parts(found)
    for kit_id, facts in sku_facts_by_id(kits).items():
        if sorted(facts.components) == sorted(parts[kit_id]):
            beside.subtract({sku_id: kits[kit_id] * pieces for sku_id, pieces in parts[kit_id]})
        else:
            del kits[kit_id]
    asked = (*sorted(kits.items()), *((sku_id, pieces) for sku_id, pieces in sorted(beside.items()) if pieces > 0))
    return HeldFor(
        found.channel_id,
        found.ref,
        found.kind,
        found.owner_label,
        found.owner_phone,
        found.closed_at is not None,
        asked,
    )


def kit_parts(held: Hold) -> dict[int, list[tuple[int, int]]]:
    """By kit, the pieces (SKU, number) of one when it was kept."""
    parts: dict[int, list[tuple[int, int]]] = {kit_id: [] for kit_id, _number in held.kits}
    for kit_id, sku_id, pieces in held.kit_parts:
        parts[kit_id].append((sku_id, pieces))
    return parts


def hold(*, channel_id: int, ref: str) -> HoldView:
    """Raises NotFound."""
    key = Hold.objects.filter(channel_id=channel_id, ref=ref).values_list("pk", flat=True).first()
    if key is None:
        raise NotFound(_("There is no hold %(ref)s.") % {"ref": ref})
    return holds_of([key])[key]


def holds_of(hold_ids: Sequence[int]) -> dict[int, HoldView]:
    """The same of many, by id, in two statements."""
    kept: dict[int, list[HeldSku]] = defaultdict(list)
    lines = HoldLine.objects.filter(hold__in=list(hold_ids), released_at__isnull=True).values_list("hold_id", "sku_id")
    for key, sku_id, pieces in lines.annotate(Sum("quantity")).order_by("hold_id", "sku_id"):
        kept[key].append(HeldSku(sku_id, pieces))
    return {
        found.pk: HoldView(
            found.pk,
            found.ref,
            found.kind,
            found.expires_at,
            found.closed_at is not None,
            tuple(HeldSku(sku_id, quantity) for sku_id, quantity in found.wanted),
            tuple(kept[found.pk]),
        )
        for found in Hold.objects.filter(pk__in=list(hold_ids)).order_by("pk")
    }
