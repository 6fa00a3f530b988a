"""Shipments: what the warehouse picks, confirms, calls back and takes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounting.selectors import entries_of_documents
from erp.core import who
from erp.core.admin import PageLink, ReadOnlyInline, document_link
from erp.core.clock import business_date, written_day
from erp.core.keys import keys_in
from erp.core.pdf import Paper
from erp.orders import services
from erp.orders.admin import labels, many_acts, packing, papers, prints, sales_reports, taking_back
from erp.orders.admin.channels import AMOUNTS
from erp.orders.admin.what_came_back import SeenForm, ShowsWhatCameBack
from erp.orders.models import PrintRun, ReturnLine, Shipment, ShipmentLine
from erp.orders.selectors.carriers import carrier_name
from erp.orders.selectors.prints import last_printed
from erp.orders.selectors.queues import untracked
from erp.orders.selectors.units import GONE


class ParcelForm(SeenForm):
    """Carrier, tracking number and date for the act beside which they stand; the date is today if left empty."""

    carrier = forms.CharField(label=_("carrier"), required=False, max_length=30)
    tracking_number = forms.CharField(label=_("tracking number"), required=False, max_length=60)
    act_date = forms.DateField(label=_("date"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    freight = forms.DecimalField(label=_("freight both ways (tax included)"), required=False, min_value=0)
    condition = forms.ChoiceField(
        label=_("condition"), required=False,
        choices=[(value, label) for value, label in ReturnLine.Condition.choices if value != "NOT_RETURNED"],
    )  # fmt: skip


class ShipmentLineInline(ReadOnlyInline):
    model = ShipmentLine
    amounts = AMOUNTS
    costs = ("cost_amount",)
    fields = [
        "order_line_name",
        "sku",
        "quantity",
        "returned_quantity",
        "net_amount",
        "tax_amount",
        "gross_amount",
        "cost_amount",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("order_line__sku")  # type: ignore[no-any-return]

    @admin.display(description=_("name"))
    def order_line_name(self, line: ShipmentLine) -> str:
        return line.order_line.name

    @admin.display(description=_("SKU"))
    def sku(self, line: ShipmentLine) -> str:
        return str(line.order_line.sku)


class TrackingFilter(admin.SimpleListFilter):
    title = _("tracking number")
    parameter_name = "tracking"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("missing", _("is missing"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(pk__in=untracked().values("pk")) if self.value() == "missing" else queryset


@admin.register(Shipment)
class ShipmentAdmin(ShowsWhatCameBack):
    sold_through = "order__channel"
    moved_as = "SHIPMENT"
    list_display = [
        "number", "state", "order", "recipient", "ship_date", "by_carrier", "tracking_number", "picking_list", "gross_amount", "instructed_at",
    ]  # fmt: skip
    list_select_related = ["order", "delivery"]
    list_filter = ["state", prints.PickingListFilter, TrackingFilter, "order__channel"]
    search_fields = ["number__exact", "order__number__exact", "tracking_number__folded", "order__external_id__folded"]
    ordering = ["-id"]
    exclude = ["delivery", "carrier"]
    readonly_fields = ["sent_to", "by_carrier", "papers_printed", "stock_documents", "entries"]
    inlines = [ShipmentLineInline]
    action_form = ParcelForm
    list_links = (
        PageLink("admin:orders_packing", _("Inspect and ship"), "act"),
        PageLink("admin:orders_take_back", _("Take goods back"), "act"),
        PageLink("admin:orders_labels", _("Label data for carriers"), "act"),
        PageLink("admin:orders_tracking", _("Take in tracking numbers"), "act"),
    )
    actions = [
        "print_picking_list", "print_delivery_notes", "print_gift_notes", "confirm", "track", "deliver", "accept", "call_back",
        "refuse",
    ]  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "packing": packing.packing_page,
            "take_back": taking_back.take_back_page,
            "labels": labels.label_page,
            "tracking": labels.tracking_page,
        }
        own = [
            path(f"{name}/", self.admin_site.admin_view(partial(self._own_page, page)), name=f"orders_{name}")
            for name, page in pages.items()
        ]
        return [*own, *super().get_urls()]

    def _own_page(self, page: Callable[[Any, HttpRequest], HttpResponse], request: HttpRequest) -> HttpResponse:
        if not self.has_act_permission(request):
            raise PermissionDenied
        return page(self, request)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """What was printed is read for the rows of the page, in one query."""
        shown = super().get_changelist_instance(request)
        shown.result_list = list(shown.result_list)
        printed = last_printed(PrintRun.Kind.PICKING_LIST, [parcel.pk for parcel in shown.result_list])
        for parcel in shown.result_list:
            parcel.picked_with = printed.get(parcel.pk)
        return shown

    @admin.display(description=_("picking list"))
    def picking_list(self, shipment: Shipment) -> str:
        return prints.told_in_list(shipment, getattr(shipment, "picked_with", None))

    @admin.display(description=_("sent to"))
    def sent_to(self, shipment: Shipment) -> str:
        """Whom and where, as it stands on the label."""
        to = shipment.delivery
        where = f"〒{to.postal_code} " if to.postal_code else ""
        where += " ".join(filter(None, (to.prefecture + to.city + to.street, to.building)))
        return " ".join(filter(None, (to.recipient_name or shipment.order.orderer_name, where, to.recipient_phone)))

    @admin.display(description=_("papers"))
    def papers_printed(self, shipment: Shipment) -> str:
        """Its picking lists and delivery notes: when last, by whom, how often."""
        lines = ((label, prints.told_on_page(kind, shipment)) for kind, label in PrintRun.Kind.choices)
        return format_html_join("", "<div>{}: {}</div>", lines)

    @admin.display(description=_("carrier"))
    def by_carrier(self, shipment: Shipment) -> str:
        return carrier_name(shipment.carrier)

    @admin.display(description=_("recipient"))
    def recipient(self, shipment: Shipment) -> str:
        return shipment.delivery.recipient_name

    @admin.display(description=_("journal entries"))
    def entries(self, shipment: Shipment) -> str:
        """What its leaving, its arrival and its acceptance posted."""
        found = entries_of_documents([("SHIPMENT", shipment.pk)])
        links = ((document_link("ENTRY", entry.id, f"{entry.number} {entry.description}"),) for entry in found)
        return format_html_join("", "<div>{}</div>", links) or "–"

    def has_print_permission(self, request: HttpRequest) -> bool:
        """Papers name who gets the goods, and where: for those who work with parcels or orders."""
        works = any(map(request.user.has_perm, ("orders.change_shipment", "orders.change_order")))
        return works and self.has_view_permission(request) and request.user.has_perm("orders.view_delivery")

    @admin.action(description=_("Picking list (PDF)"), permissions=["print"])
    def print_picking_list(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        return self._print(request, queryset, papers.picking_list_pdf, PrintRun.Kind.PICKING_LIST, "picking-list")

    @admin.action(description=_("Delivery notes (PDF)"), permissions=["print"])
    def print_delivery_notes(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        return self._print(request, queryset, papers.delivery_notes_pdf, PrintRun.Kind.DELIVERY_NOTE, "delivery-notes")

    @admin.action(description=_("Delivery notes without prices (PDF)"), permissions=["print"])
    def print_gift_notes(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        hidden = partial(papers.delivery_notes_pdf, always_hidden=True)
        return self._print(request, queryset, hidden, PrintRun.Kind.GIFT_NOTE, "gift-notes")

    def _print(
        self,
        request: HttpRequest,
        queryset: QuerySet[Shipment],
        paper_of: Callable[[Sequence[int], papers.Issue], Paper | None],
        kind: PrintRun.Kind,
        name: str,
    ) -> HttpResponse | None:
        """Noted first, then made: a paper that was made is never unknown."""
        keys = list(queryset.order_by("pk").values_list("pk", flat=True)[: papers.MOST_PARCELS + 1])
        if len(keys) > papers.MOST_PARCELS:
            told = _("At most %(most)d shipments go on one paper. Choose fewer.") % {"most": papers.MOST_PARCELS}
            self.message_user(request, told, messages.ERROR)
            return None
        noted = self.serve(request, services.note_printing, shipment_ids=keys, kind=kind)
        by = who.told(str(self.actor(request)))
        paper = paper_of(noted.shipment_ids, papers.Issue(noted.run_id, by, noted.earlier)) if noted else None
        if paper is None:
            self.message_user(
                request, _("None of these shipments can be printed: look at their state."), messages.ERROR
            )
            return None
        return papers.download(paper, f"{name}-{timezone.localtime():%Y%m%d-%H%M}.pdf")

    @admin.action(description=_("Confirm shipment"), permissions=["act"])
    def confirm(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> None:
        carrier, tracking = request.POST.get("carrier", ""), request.POST.get("tracking_number", "")
        if tracking and queryset.count() > 1:
            self.message_user(request, _("A tracking number belongs to one shipment."), messages.ERROR)
            return
        self._each(
            request,
            self._without_those_gone(request, queryset),
            lambda key, on: partial(
                services.ship,
                requests=[services.ShipRequest(key, carrier=carrier, tracking_number=tracking)],
                ship_date=on,
            ),
        )

    def _without_those_gone(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> QuerySet[Shipment]:
        """A parcel that left before stays as it left, with its number and day: that is said, so that nobody takes it for done now."""
        told = gettext("%(number)s has left already (%(day)s). To change its tracking number, use “%(act)s”.")
        for number, day in queryset.filter(state__in=GONE).order_by("pk").values_list("number", "ship_date"):
            act = gettext("Enter or correct the tracking number")
            self.message_user(
                request, told % {"number": number, "day": written_day(day) if day else "–", "act": act}, messages.ERROR
            )
        return queryset.exclude(state__in=GONE)

    @admin.action(description=_("Enter or correct the tracking number"), permissions=["act"])
    def track(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> None:
        """Of a parcel that has left. The sales channel is told at once."""
        carrier, tracking = request.POST.get("carrier", ""), request.POST.get("tracking_number", "")
        if queryset.count() != 1 or not tracking.strip():
            told = _("Choose one shipment, and enter its tracking number beside the action.")
            self.message_user(request, told, messages.ERROR)
            return
        self._each(
            request,
            queryset,
            lambda key, _on: partial(
                services.set_tracking, shipment_id=key, carrier=carrier, tracking_number=tracking
            ),
        )  # fmt: skip

    @admin.action(description=_("Record delivery"), permissions=["act"])
    def deliver(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "deliver", about=_parcel)

    @admin.action(description=_("Record acceptance"), permissions=["act"])
    def accept(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "accept", about=_parcel)

    @admin.action(description=_("Call back from the warehouse"), permissions=["act"])
    def call_back(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "call_back", about=_parcel)

    @admin.action(description=_("Take back a refused parcel"), permissions=["act"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "refuse", about=_parcel)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Shipment], act: Callable[[int, dt.date], Callable[..., object]]
    ) -> None:
        """One transaction per shipment, so that one refusal harms no other."""
        entered = forms.DateField(required=False)
        with self.refusals_as_messages(request):
            try:
                on = entered.clean(request.POST.get("act_date", "")) or business_date(timezone.now())
            except forms.ValidationError as fault:
                self.message_user(request, " ".join(fault.messages), messages.ERROR)
                return
        done = 0
        for key, number in queryset.order_by("pk").values_list("pk", "number"):
            with self.refusals_as_messages(request, number):
                self.serve(request, act(key, on))
                done += 1
        told = ngettext("%(count)d shipment done.", "%(count)d shipments done.", done)
        self.message_user(request, told % {"count": done}, messages.SUCCESS if done else messages.WARNING)


class TakeBackForm(SeenForm):
    """How many units came back, how they look, and why."""

    quantity = forms.IntegerField(label=_("quantity"), required=False, min_value=1, initial=1)
    condition = forms.ChoiceField(label=_("condition"), required=False, choices=ReturnLine.Condition.choices)
    reason = forms.CharField(label=_("reason"), required=False, max_length=200)


@admin.register(ShipmentLine)
class ShipmentLineAdmin(ShowsWhatCameBack):
    """What was shipped, line by line; returns are taken in here."""

    costs = ("cost_amount", "cost_date")
    sold_through = "shipment__order__channel"
    parcel_key = "shipment_id"

    list_display = [
        "shipment", "order", "name", "quantity", "reported_quantity", "returned_quantity", "gross_amount", "cost_amount",
    ]  # fmt: skip
    list_filter = ["shipment__revenue_basis", "shipment__state"]
    list_select_related = ["shipment__order", "order_line"]
    search_fields = [
        "shipment__number__exact", "shipment__order__number__exact", "shipment__tracking_number__folded",
        "order_line__sku_code__exact",
    ]  # fmt: skip
    ordering = ["-id"]
    action_form = TakeBackForm
    actions = ["take_back", "report_sales"]

    @admin.display(description=_("order"))
    def order(self, line: ShipmentLine) -> str:
        return line.shipment.order.number

    @admin.display(description=_("name"))
    def name(self, line: ShipmentLine) -> str:
        return line.order_line.name

    @admin.action(description=_("Take back"), permissions=["act"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[ShipmentLine]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "take_back", about=_sent)

    def has_report_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.add_salesreport")

    def get_urls(self) -> list[URLPattern]:
        own = path("report/", self.admin_site.admin_view(self.report), name="orders_sales_report")
        return [own, *super().get_urls()]

    @admin.action(description=_("Report the selected lines as sold (consigned goods)"), permissions=["report"])
    def report_sales(self, request: HttpRequest, queryset: QuerySet[ShipmentLine]) -> HttpResponse:
        return sales_reports.report(self, request, list(queryset.order_by("pk").values_list("pk", flat=True)))

    def report(self, request: HttpRequest) -> HttpResponse:
        """The filled-in form of a sales report. It is opened by the action of the list, with the lines chosen there."""
        if not self.has_report_permission(request):
            raise PermissionDenied
        keys = keys_in(request.POST.getlist("lines"))
        if not keys:
            told = gettext("Choose shipment lines in the list first.")
            return self.done(request, told, "admin:orders_shipmentline_changelist")
        return sales_reports.report(self, request, keys)


def _parcel(parcel: Shipment) -> str:
    return f"{parcel.number} {parcel.get_state_display()}"


def _sent(line: ShipmentLine) -> str:
    return f"{line.shipment} {line.order_line.sku_code} {line.order_line.name} × {line.quantity}"
