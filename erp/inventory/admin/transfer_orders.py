"""移動: goods asked for, shipped and received between places, with a scanner; and what of them is on the road."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import PageLink
from erp.inventory import services
from erp.inventory.admin.baskets import new_number, plain, read_basket
from erp.inventory.admin.places import OfPlaces
from erp.inventory.models import Location, TransferOrder
from erp.inventory.selectors import transfer_orders as selected
from erp.inventory.selectors.staff import places_of, transfers_from, transfers_to

State = TransferOrder.State
MOVES, APPROVES = "inventory.transfer_stock", "inventory.approve_count"


def _chosen(request: HttpRequest, name: str, offered: list[Location]) -> Location | None:
    """A place of those that are offered, None where none is named. Nobody reaches another one by its number."""
    key = request.POST.get(name, "")
    found = next((place for place in offered if str(place.pk) == key), None)
    if key and found is None:
        raise PermissionDenied
    return found


class AgeFilter(admin.SimpleListFilter):
    title = _("what to do")
    parameter_name = "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("ship", _("to be shipped from here")),
            ("late", _("on the road for a week")),
            ("missing", _("missing, to be approved")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "ship":
            return queryset.filter(pk__in=selected.to_ship(request.user).values("pk"))
        if self.value() == "late":
            return queryset.filter(state=State.SHIPPED, shipped_at__lt=timezone.now() - selected.LATE_AFTER)
        if self.value() == "missing":
            return queryset.filter(pk__in=selected.losses_to_approve().values("pk"))
        return queryset


@admin.register(TransferOrder)
class TransferOrderAdmin(OfPlaces):
    list_display = [
        "external_id", "from_location", "to_location", "state", "asked_pieces", "road_pieces", "days_on_the_road", "requested_at", "shipped_at",
        "received_at",
    ]  # fmt: skip
    list_select_related = ["from_location", "to_location"]
    list_filter = ["state", AgeFilter, "from_location", "to_location"]
    search_fields = ["external_id"]
    ordering = ["-id"]
    list_links = (PageLink("admin:inventory_transfer_request", _("Ask for a transfer"), MOVES),)

    def at(self, rows: QuerySet[Any], places: list[int]) -> QuerySet[Any]:
        return selected.of_places(rows, places)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return selected.with_pieces(super().get_queryset(request))

    @admin.display(description=_("pieces"))
    def asked_pieces(self, order: Any) -> int:
        return int(order.asked_pieces or 0)

    @admin.display(description=_("pieces on the road"))
    def road_pieces(self, order: Any) -> int:
        return int(order.road_pieces or 0)

    @admin.display(description=_("days on the road"))
    def days_on_the_road(self, order: TransferOrder) -> str:
        if order.state != State.SHIPPED or order.shipped_at is None:
            return "–"
        return str((timezone.now() - order.shipped_at).days)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.request_page)
        return [path("request/", view, name="inventory_transfer_request"), *super().get_urls()]

    def request_page(self, request: HttpRequest) -> HttpResponse:
        """A basket of goods from one place to another, filled by scanner. Whoever sends may let it leave at once."""
        if not request.user.has_perm(MOVES):
            raise PermissionDenied
        own = places_of(request.user)
        # A shop may ask a warehouse for goods. Another shop's are not there to be taken: it sends them itself.
        starts = list(transfers_from(request.user).order_by("kind", "code"))
        ends = list(transfers_to(request.user).order_by("kind", "code"))
        start, end = _chosen(request, "from", starts), _chosen(request, "to", ends)
        if start is None and own:
            start = next((place for place in starts if place.pk == own[0]), None)
        is_known = start is not None and (own is None or start.pk in own)
        basket = read_basket(request, start.pk if start and is_known else None)
        told, kind = basket.told, basket.kind
        act = request.POST.get("act", "")
        if act and not request.POST.get("code", "").strip():
            if basket.unread:
                told, kind = gettext("Pieces are whole numbers: %(names)s") % {"names": ", ".join(basket.unread)}, "bad"
            elif start is None or end is None:
                told, kind = gettext("Say where the goods go from and to."), "bad"
            elif own is not None and not {start.pk, end.pk} & set(own):
                told, kind = gettext("One of both ends has to be a place of yours."), "bad"
            elif act == "ship" and own is not None and start.pk not in own:
                told, kind = gettext("Only the place that has the goods lets them leave."), "bad"
            else:
                order_id = 0
                with self.refusals_as_messages(request):
                    order_id = self._request(request, start, end, basket.rows, ships=act == "ship")
                if order_id:
                    told = (
                        gettext("The goods are on the road.")
                        if act == "ship"
                        else gettext("The transfer is asked for.")
                    )
                    return self.done(request, told, "admin:inventory_transferorder_change", order_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Ask for a transfer"),
            "starts": starts,
            "ends": ends,
            "is_known": is_known or start is None,
            "start": start,
            "end": end,
            "basket": basket,
            "told": told,
            "told_kind": kind,
            "number": plain(request.POST.get("number", "")) or new_number("M"),
            "note": request.POST.get("note", ""),
        }
        return TemplateResponse(request, "inventory/transfer_request.html", context)

    def _request(self, request: HttpRequest, start: Location, end: Location, rows: Any, *, ships: bool) -> int:
        pieces = {row.sku_id: row.pieces.get("pieces", 0) for row in rows if row.pieces.get("pieces", 0)}
        number = plain(request.POST.get("number", ""))[:60]
        wanted = services.TransferRequest(number, start.pk, end.pk, pieces, request.POST.get("note", "")[:200])
        [order_id] = self.serve(request, services.request_transfers, requests=[wanted])
        if ships:
            self.serve(request, services.ship_transfer, order_id=order_id, occurred_at=None)
        return int(order_id)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        order: TransferOrder = self.named(request, object_id, "from_location", "to_location", "distribution")
        offered = self._offered(request, order)
        if request.method == "POST":
            act = request.POST.get("act", "")
            if act and act not in offered:
                told = gettext("This cannot be done now.")
                self.message_user(request, told, messages.WARNING)
            elif act:
                told = ""
                with self.refusals_as_messages(request, order.external_id):
                    told = self._doing(request, order)[act]()
                if told:
                    self.message_user(request, told, messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:inventory_transferorder_change", args=[order.pk]))
        age = (timezone.now() - order.shipped_at).days if order.shipped_at else 0
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{gettext('transfer order')} {order.external_id}",
            "order": order,
            "goods": selected.goods_of(order),
            "offered": offered,
            "age": age,
            "receipt": f"{order.external_id}/in-{secrets.token_hex(3)}",
        }
        return TemplateResponse(request, "inventory/transfer_order.html", context)

    def _offered(self, request: HttpRequest, order: TransferOrder) -> set[str]:
        """What may be done: the sender ships and takes back, the receiver counts, somebody else lets go of what is missing."""
        places = places_of(request.user)

        def is_own(place: int) -> bool:
            return places is None or place in places

        offered = set()
        if request.user.has_perm(MOVES):
            if order.state == State.REQUESTED and is_own(order.from_location_id):
                offered.add("ship")
            if order.state == State.REQUESTED:
                offered.add("cancel")
                may_claim = transfers_from(request.user).filter(pk=order.from_location_id).exists()
                if may_claim and any(item.is_short for item in selected.goods_of(order)):
                    offered.add("ask_again")
            if order.state == State.SHIPPED and is_own(order.to_location_id):
                offered |= {"receive", "report"}
        involved = (order.shipped_by, order.received_by, order.reported_by)
        if order.state == State.SHIPPED and order.reported_by and request.user.has_perm(APPROVES):
            offered |= {"write_off"} if str(self.actor(request)) not in involved else set()
        return offered

    def _doing(self, request: HttpRequest, order: TransferOrder) -> dict[str, Callable[[], str]]:
        pieces = {}
        for line in order.lines.all():
            text = plain(request.POST.get(f"pieces_{line.pk}", ""))
            if text.isdecimal() and len(text) < 8:
                pieces[line.pk] = int(text)

        def ship() -> str:
            self.serve(request, services.ship_transfer, order_id=order.pk, pieces=pieces, occurred_at=None)
            return gettext("The goods are on the road.")

        def receive() -> str:
            name = plain(request.POST.get("receipt", ""))[:100]
            is_whole = self.serve(
                request,
                services.receive_transfer,
                external_id=name,
                order_id=order.pk,
                pieces=pieces,
                occurred_at=None,
            )
            return (
                gettext("Everything has arrived.") if is_whole else gettext("Received; the rest is still on the road.")
            )

        def ask_again() -> str:
            left = self.serve(request, services.ask_again, order_id=order.pk)
            if not left:
                return gettext("All its pieces are claimed again.")
            told = gettext("%(pieces)d pieces are still lacking: ship fewer, or ask again later.")
            self.message_user(request, told % {"pieces": left}, messages.WARNING)
            return ""

        def plain_call(service: Callable[..., Any], told: str, **asked: Any) -> Callable[[], str]:
            def run() -> str:
                self.serve(request, service, **asked)
                return told

            return run

        return {
            "ship": ship,
            "ask_again": ask_again,
            "receive": receive,
            "cancel": plain_call(
                services.cancel_transfers, gettext("The transfer was cancelled."), order_ids=[order.pk]
            ),
            "report": plain_call(services.report_missing, gettext("Reported: the rest is missing."), order_id=order.pk),
            "write_off": plain_call(services.write_off_missing, gettext("The loss was booked."), order_id=order.pk),
        }
