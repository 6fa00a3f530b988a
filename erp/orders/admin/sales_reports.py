"""販売報告: typed over the shipment lines that staff chose, and looked at afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import ReadOnlyInline
from erp.core.errors import InvalidInput, Problem
from erp.orders import services
from erp.orders.admin.channels import AMOUNTS, OfChannels
from erp.orders.models import SalesReport, SalesReportLine, ShipmentLine
from erp.orders.selectors.units import outside

if TYPE_CHECKING:
    from erp.orders.admin.shipments import ShipmentLineAdmin

MOST_LINES = 400


class ReportForm(forms.Form):
    """Units sold of each line; a line left empty is not on the report."""

    external_id = forms.CharField(label=_("number of the report"), max_length=100)
    report_date = forms.DateField(label=_("sold on"), widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, lines: list[ShipmentLine], **options: Any) -> None:
        super().__init__(*args, **options)
        self.chosen = lines
        for line in lines:
            self.fields[f"units_{line.pk}"] = forms.IntegerField(label="", min_value=1, required=False)

    @property
    def general(self) -> list[forms.BoundField]:
        return [field for field in self if not field.name.startswith("units_")]

    def sold(self) -> list[services.SoldUnits]:
        typed = [(line.pk, self.cleaned_data[f"units_{line.pk}"]) for line in self.chosen]
        return [services.SoldUnits(key, units) for key, units in typed if units]

    def channel(self) -> str:
        codes = sorted({line.shipment.order.channel.code for line in self.chosen})
        if len(codes) > 1:
            detail = gettext("The lines belong to several channels: %(codes)s.") % {"codes": ", ".join(codes)}
            raise InvalidInput([Problem("/lines", "several_channels", detail)])
        return codes[0]


def report(page: ShipmentLineAdmin, request: HttpRequest, keys: list[int]) -> HttpResponse:
    found = ShipmentLine.objects.filter(pk__in=keys[:MOST_LINES]).order_by("shipment_id", "pk")
    lines = list(found.select_related("order_line", "shipment__order__channel"))
    is_filled_in = "report_date" in request.POST
    form = ReportForm(
        request.POST if is_filled_in else None, lines=lines, initial={"report_date": timezone.localdate()}
    )

    def act() -> HttpResponse:
        values = form.cleaned_data
        document = page.serve(
            request,
            services.report_sales,
            channel=form.channel(),
            external_id=values["external_id"],
            lines=form.sold(),
            report_date=values["report_date"],
        )
        told = gettext("%(number)s is posted.") % {"number": document.number}
        return page.done(request, told, "admin:orders_salesreport_change", document.pk)

    return page.service_page(
        request,
        form=form,
        title=gettext("Sales report of consigned goods"),
        act=act,
        template="admin/orders/shipmentline/report.html",
        target=reverse("admin:orders_sales_report"),
        lines=[(line, outside(line, line.shipment).quantity, form[f"units_{line.pk}"]) for line in lines],
    )


class ReportLineInline(ReadOnlyInline):
    model = SalesReportLine
    amounts = AMOUNTS
    costs = ("cost_amount",)
    fields = ["shipment", "item", "quantity", "net_amount", "tax_amount", "gross_amount", "cost_amount"]
    readonly_fields = ["shipment", "item"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.select_related("shipment_line__shipment", "shipment_line__order_line")

    @admin.display(description=_("shipment"))
    def shipment(self, line: SalesReportLine) -> str:
        return line.shipment_line.shipment.number

    @admin.display(description=_("name"))
    def item(self, line: SalesReportLine) -> str:
        return line.shipment_line.order_line.name or line.shipment_line.order_line.sku_code


@admin.register(SalesReport)
class SalesReportAdmin(OfChannels):
    costs = ("cost_amount",)
    list_display = ["number", "channel", "external_id", "report_date", "gross_amount", "cost_amount", "actor"]
    list_select_related = ["channel"]
    list_filter = ["channel", "report_date"]
    search_fields = ["number__exact", "external_id__folded"]
    ordering = ["-id"]
    inlines = [ReportLineInline]
