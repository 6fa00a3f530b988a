"""在庫調整 and 検品 on a tablet: a basket filled by scanner, a reason or a verdict by finger, now and afterwards, one press."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from erp.inventory import services
from erp.inventory.admin.baskets import Basket, BasketRow, new_number, plain, read_basket
from erp.inventory.admin.offers import StocktakeOffer, offers_stocktake
from erp.inventory.models import Location, Reason, StockBalance
from erp.inventory.selectors.goods import OF_GOODS, goods_name
from erp.inventory.selectors.staff import places_of

if TYPE_CHECKING:
    from erp.inventory.admin.acts import StockActs

# Reasons that the house books by itself.
NOT_BY_HAND = ("PROVISIONAL", "OPENING")
MOST_WAITING = 200
VERDICTS = ("sellable", "defective", "scrapped")


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A row of the basket with what would be there afterwards."""

    row: BasketRow
    change: int

    @property
    def afterwards(self) -> int:
        return self.row.on_hand + self.change

    @property
    def is_refused(self) -> bool:
        return -self.change > self.row.unclaimed


def handle_page(page: StockActs, request: HttpRequest) -> HttpResponse:
    """Scan goods, say why, look at now and afterwards, and book it. What was claimed is refused and named."""
    if not request.user.has_perm("inventory.adjust_stock"):
        raise PermissionDenied
    places = _places(request)
    place = _chosen(request, "location", places, places[0] if len(places) == 1 else None)
    reasons = list(Reason.objects.filter(is_active=True).exclude(code__in=NOT_BY_HAND).order_by("direction", "code"))
    reason = next((each for each in reasons if each.code == request.POST.get("reason")), None)
    is_more = reason is not None and (
        reason.direction == Reason.Direction.UP
        or (reason.direction == Reason.Direction.BOTH and request.POST.get("sign") == "more")
    )
    basket = read_basket(request, place.pk if place else None)
    foreseen = [Foreseen(row, row.pieces.get("pieces", 0) * (1 if is_more else -1)) for row in basket.rows]
    told, kind = basket.told, basket.kind
    offers: list[StocktakeOffer] = []
    if request.POST.get("act") and not plain(request.POST.get("code", "")):
        fault = _fault(basket, place, reason, [each.change for each in foreseen])
        if fault:
            told, kind = fault, "bad"
        elif place is not None and reason is not None:
            done = _adjust(page, request, place, reason, foreseen, offers)
            if done is not None:
                return done
    return _page(
        page,
        request,
        "inventory/handle.html",
        gettext("Adjust by scanner"),
        places=places,
        place=place,
        reasons=reasons,
        reason=reason,
        sign=request.POST.get("sign", "less"),
        foreseen=foreseen,
        offers=offers,
        told=told,
        told_kind=kind,
        number=plain(request.POST.get("number", "")) or new_number("A"),
        note=request.POST.get("note", ""),
    )


def _fault(basket: Basket, place: Location | None, reason: Reason | None, changes: list[int]) -> str:
    if basket.unread:
        return gettext("Pieces are whole numbers: %(names)s") % {"names": ", ".join(basket.unread)}
    if place is None:
        return gettext("Choose the location.")
    if reason is None:
        return gettext("Choose the reason.")
    return "" if any(changes) else gettext("Scan the goods.")


def _adjust(
    page: StockActs,
    request: HttpRequest,
    place: Location,
    reason: Reason,
    foreseen: list[Foreseen],
    offers: list[StocktakeOffer],
) -> HttpResponse | None:
    lines = [
        services.AdjustmentLine(number, each.row.sku_id, each.change)
        for number, each in enumerate(foreseen, start=1)
        if each.change
    ]
    booked: list[services.Booked] = []
    with page.refusals_as_messages(request), offers_stocktake(page, request, offers):
        booked.append(
            page.serve(
                request,
                services.adjust,
                external_id=plain(request.POST.get("number", ""))[:100],
                location_id=place.pk,
                reason_code=reason.code,
                lines=lines,
                note=request.POST.get("note", "")[:200],
                occurred_at=None,
            )
        )
    if not booked:
        return None
    return page.done(request, _told(booked[0]), "admin:inventory_stockdocument_change", booked[0].document_id)


def sort_page(page: StockActs, request: HttpRequest) -> HttpResponse:
    """What waits for inspection at a place: each piece is scanned under a verdict, then all of it moves in one document."""
    if not request.user.has_perm("inventory.transfer_stock") or not request.user.has_perm("inventory.adjust_stock"):
        raise PermissionDenied
    places = _places(request)
    waiting_at = [place for place in places if place.kind == Location.Kind.INSPECTION]
    targets = [place for place in places if place.kind in (Location.Kind.WAREHOUSE, Location.Kind.SHOP)]
    place = _chosen(request, "location", waiting_at, waiting_at[0] if waiting_at else None)
    target = _chosen(request, "target", targets, targets[-1] if targets else None)
    basket = read_basket(request, place.pk if place else None, VERDICTS)
    told, kind = basket.told, basket.kind
    if request.POST.get("act") and not plain(request.POST.get("code", "")):
        if basket.unread:
            told, kind = gettext("Pieces are whole numbers: %(names)s") % {"names": ", ".join(basket.unread)}, "bad"
        elif place is None or target is None:
            told, kind = gettext("Choose the location."), "bad"
        elif (done := _sort(page, request, place, target, basket.rows)) is not None:
            return done
    in_basket = {row.sku_id for row in basket.rows}
    balances = StockBalance.objects.filter(location=place.pk if place else None, on_hand__gt=0)
    waiting = [
        (balance.sku.code, goods_name(balance.sku), balance.on_hand)
        for balance in balances.exclude(sku__in=in_basket).select_related(*OF_GOODS).order_by("id")[:MOST_WAITING]
    ]
    return _page(
        page,
        request,
        "inventory/sort.html",
        gettext("Inspect goods"),
        places=waiting_at,
        place=place,
        targets=targets,
        target=target,
        verdict=request.POST.get("into", "sellable"),
        rows=basket.rows,
        waiting=waiting,
        told=told if place else gettext("There is no location for goods that wait for inspection."),
        told_kind=kind,
        number=plain(request.POST.get("number", "")) or new_number("K"),
    )


def _sort(
    page: StockActs, request: HttpRequest, place: Location, target: Location, rows: list[BasketRow]
) -> HttpResponse | None:
    lines = [
        line
        for row in rows
        if (line := services.SortedLine(row.sku_id, *(row.pieces.get(part, 0) for part in VERDICTS))).pieces
    ]
    booked: list[services.Booked] = []
    with page.refusals_as_messages(request):
        booked.append(
            page.serve(
                request,
                services.sort_inspected,
                external_id=plain(request.POST.get("number", ""))[:100],
                location_id=place.pk,
                sellable_to_id=target.pk,
                lines=lines,
                occurred_at=None,
            )
        )
    if not booked:
        return None
    return page.done(request, _told(booked[0]), "admin:inventory_sort")


def _told(booked: services.Booked) -> str:
    return gettext("Booked before, nothing changed.") if booked.is_replay else gettext("Booked.")


def _places(request: HttpRequest) -> list[Location]:
    found = Location.objects.filter(is_active=True).exclude(kind=Location.Kind.IN_TRANSIT).order_by("kind", "code")
    own = places_of(request.user)
    return list(found if own is None else found.filter(pk__in=own))


def _chosen(request: HttpRequest, name: str, places: list[Location], usual: Location | None) -> Location | None:
    """The place that the form names, None if it is not one of these; the usual one where the form names none."""
    if not request.POST.get(name):
        return usual
    return next((place for place in places if str(place.pk) == request.POST[name]), None)


def _page(page: StockActs, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    shared = {**page.admin_site.each_context(request), "opts": page.opts, "title": title}
    return TemplateResponse(request, template, {**shared, **context})
