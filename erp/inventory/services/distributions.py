"""入荷配分: pieces of one place shared out among shops and what accounts hold; confirming asks for one transfer per destination, all or none.

Takes these levels of the house's lock order: document (the distribution's row), then as ``request_transfers``.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from erp.core import locks, rows
from erp.core.actors import Actor
from erp.core.errors import Conflict, InvalidInput, NotAllowedNow, NotFound, Problem
from erp.core.use_case import use_case
from erp.inventory.models import (
    Distribution,
    DistributionLine,
    DistributionPattern,
    Location,
    PatternShare,
    TransferOrder,
)
from erp.inventory.services.figures import MOST_PIECES
from erp.inventory.services.transfer_orders import TransferRequest, cancel_transfers, request_transfers

State = Distribution.State


@use_case
def set_pattern(*, name: str, weights: Mapping[int, int], at: dt.datetime, by: Actor) -> int:
    """Keep under a name in which shares goods are distributed (配分パターン): weights by location id, instead of those it had."""
    pattern, _is_new = DistributionPattern.objects.update_or_create(name=name, defaults={"is_active": True})
    pattern.shares.exclude(location__in=weights).delete()
    for location_id, weight in sorted(weights.items()):
        PatternShare.objects.update_or_create(pattern=pattern, location_id=location_id, defaults={"weight": weight})
    return pattern.pk


@use_case
def draft_distribution(
    *,
    external_id: str,
    source_id: int,
    sku_ids: Sequence[int],
    to_ids: Sequence[int],
    purchase: str = "",
    note: str = "",
    at: dt.datetime,
    by: Actor,
) -> int:
    """Begin a distribution of SKUs that lie at a place, or are expected there under the number of a ``purchase``, to some destinations.
    Repeatable by its number.

    Raises InvalidInput, Conflict.
    """
    if not external_id.strip() or len(external_id) > 60:
        raise InvalidInput([Problem("/external_id", "required", _("A distribution needs a number of its own."))])
    if not sku_ids or not to_ids or source_id in to_ids:
        told = _("A distribution needs goods, and other places to which they go.")
        raise InvalidInput([Problem("/to", "required", told)])
    locks.hold(f"distribution:{external_id}")
    asked = {"skus": list(dict.fromkeys(sku_ids)), "to": list(dict.fromkeys(to_ids))}
    known = Distribution.objects.filter(external_id=external_id).first()
    if known is None:
        return Distribution.objects.create(
            external_id=external_id, source_id=source_id, purchase=purchase, asked=asked, note=note[:200], created_at=at, created_by=str(by)
        ).pk  # fmt: skip
    if (known.source_id, known.purchase, known.asked) != (source_id, purchase, asked):
        raise Conflict(_("%(id)s was booked before with other content.") % {"id": external_id})
    return known.pk


@use_case
def set_distribution(
    *, distribution_id: int, pieces: Mapping[tuple[int, int], int], at: dt.datetime, by: Actor
) -> None:
    """Say which pieces go where, (SKU, location) → pieces: instead of all that was said before. Nothing is claimed yet.

    Raises:
        InvalidInput: names impossible pieces and destinations.
        NotFound; NotAllowedNow: it is confirmed.
    """
    row = _locked(distribution_id)
    _refuse_unless(row, State.DRAFT)
    places = set(
        Location.objects.filter(is_active=True).exclude(kind=Location.Kind.IN_TRANSIT).values_list("pk", flat=True)
    )
    problems = [
        Problem(f"/pieces/{sku_id}/{place}", "invalid", _("Nothing can be distributed to this place."))
        for sku_id, place in pieces
        if place not in places or place == row.source_id
    ]
    problems += [
        Problem(f"/pieces/{sku_id}/{place}", "invalid", _("Pieces are whole numbers from 0."))
        for (sku_id, place), count in pieces.items()
        if not 0 <= count <= MOST_PIECES
    ]
    if problems:
        raise InvalidInput(problems)
    DistributionLine.objects.filter(distribution=row).delete()
    rows.insert(
        DistributionLine,
        ("distribution_id", "sku_id", "location_id", "quantity"),
        [(row.pk, sku_id, place, count) for (sku_id, place), count in sorted(pieces.items()) if count],
    )


@use_case
def confirm_distribution(*, distribution_id: int, at: dt.datetime, by: Actor) -> list[int]:
    """Ask for the transfers, one per destination, and claim all their pieces, or none. Returns their ids; a confirmed one answers with its own.

    Raises:
        InsufficientStock: names every SKU of which fewer pieces are free than were distributed; what is still expected is not there.
        InvalidInput: nothing was distributed.
        NotFound; NotAllowedNow: it was undone.
    """
    row = _locked(distribution_id)
    if row.state == State.CONFIRMED:
        return list(row.transfers.order_by("pk").values_list("pk", flat=True))
    _refuse_unless(row, State.DRAFT)
    shares: dict[int, dict[int, int]] = defaultdict(dict)
    for place, sku_id, count in row.lines.order_by("location_id", "sku_id").values_list(
        "location_id", "sku_id", "quantity"
    ):
        shares[place][sku_id] = count
    if not shares:
        raise InvalidInput([Problem("", "empty", _("Nothing was distributed."))])
    codes = dict(Location.objects.filter(pk__in=shares).values_list("pk", "code"))
    made = request_transfers(
        requests=[
            TransferRequest(f"{row.external_id}/{codes[place]}", row.source_id, place, pieces, row.note)
            for place, pieces in shares.items()
        ],
        distribution_id=row.pk,
        at=at,
        by=by,
    )
    row.state, row.confirmed_at, row.confirmed_by = State.CONFIRMED, at, str(by)
    row.save(update_fields=["state", "confirmed_at", "confirmed_by"])
    return made


@use_case
def undo_distribution(*, distribution_id: int, at: dt.datetime, by: Actor) -> int:
    """Take a confirmed distribution back before any of it was shipped: its pieces are free again. Returns how many transfers that were.

    Raises NotFound; NotAllowedNow: some of it is on the road.
    """
    row = _locked(distribution_id)
    if row.state == State.UNDONE:
        return 0
    _refuse_unless(row, State.CONFIRMED)
    orders = list(TransferOrder.objects.filter(distribution=row).order_by("pk").values_list("pk", flat=True))
    undone = cancel_transfers(order_ids=orders, at=at, by=by)
    row.state, row.undone_at = State.UNDONE, at
    row.save(update_fields=["state", "undone_at"])
    return undone


def _locked(distribution_id: int) -> Distribution:
    row = Distribution.objects.select_for_update(no_key=True).filter(pk=distribution_id).first()
    if row is None:
        raise NotFound(_("There is no such distribution."))
    return row


def _refuse_unless(row: Distribution, state: str) -> None:
    if row.state != state:
        told = _("%(number)s: this cannot be done now (%(state)s).")
        raise NotAllowedNow(told % {"number": row.external_id, "state": row.get_state_display()})
