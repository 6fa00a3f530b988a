"""Holds as they stand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Sum
from django.utils.translation import gettext as _

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


def hold(*, channel_id: int, ref: str) -> HoldView:
    """Raises NotFound."""
    found = Hold.objects.filter(channel_id=channel_id, ref=ref).first()
    if found is None:
        raise NotFound(_("There is no hold %(ref)s.") % {"ref": ref})
    kept = (
        HoldLine.objects.filter(hold=found, released_at__isnull=True)
        .values_list("sku_id")
        .annotate(Sum("quantity"))
        .order_by("sku_id")
    )
    return HoldView(
        found.pk,
        found.ref,
        found.kind,
        found.expires_at,
        found.closed_at is not None,
        tuple(HeldSku(sku_id, quantity) for sku_id, quantity in found.wanted),
        tuple(HeldSku(sku_id, quantity) for sku_id, quantity in kept),
    )
