"""What one person may not book alone leads to a stocktake of these SKUs, made ready by one press."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from catalog.models import Sku
from erp.core.admin import ServiceAdmin
from erp.core.money import written
from erp.core.permissions import SEE_COSTS
from erp.inventory.exceptions import NeedsTwoPeople
from erp.inventory.models import Location
from erp.inventory.selectors.staff import transfers_to

COUNTS, TRANSFERS = "inventory.count_stock", "inventory.transfer_stock"


@dataclass(frozen=True, slots=True)
class StocktakeOffer:
    """What the form that opens the stocktake is filled with; ``figures`` only for who may know costs, ``may_set_aside``: they may move
    damaged pieces to a place of defective goods meanwhile."""

    number: str
    location_id: int
    skus: str
    figures: str
    may_count: bool
    may_set_aside: bool


def _may_set_aside(request: HttpRequest) -> bool:
    """Whoever may move damaged pieces to where nothing is sold from, which no limit forbids."""
    kind = Location.Kind.DEFECT
    return request.user.has_perm(TRANSFERS) and transfers_to(request.user).filter(kind=kind).exists()


@contextmanager
def offers_stocktake(page: ServiceAdmin, request: HttpRequest, offers: list[StocktakeOffer]) -> Iterator[None]:
    """Keep for the page what a refusal leads to. The refusal itself goes on and is told as any other."""
    try:
        yield
    except NeedsTwoPeople as refusal:
        offers.append(_offer(request, refusal))
        raise


def _offer(request: HttpRequest, refusal: NeedsTwoPeople) -> StocktakeOffer:
    place = Location.objects.get(pk=refusal.location_id)
    codes = Sku.objects.filter(pk__in=refusal.sku_ids).order_by("code").values_list("code", flat=True)
    figures = ""
    if request.user.has_perm(SEE_COSTS) and place.count_value_limit is not None:
        told = gettext("Today with this slip: %(value)s yen. One person may book up to %(limit)s yen there.")
        figures = told % {"value": written(refusal.value), "limit": written(place.count_value_limit)}
    return StocktakeOffer(
        number=f"{timezone.localtime():%Y%m%d-%H%M}-{secrets.token_hex(2)}",
        location_id=place.pk,
        skus=" ".join(codes),
        figures=figures,
        may_count=request.user.has_perm(COUNTS),
        may_set_aside=_may_set_aside(request),
    )
