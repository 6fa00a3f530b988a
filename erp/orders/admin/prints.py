"""印刷記録: which shipments stand on which paper. The papers themselves are made from the list of shipments."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.core import who
from erp.core.admin import ReadOnlyAdmin
from erp.orders.admin.parcel_lines import ParcelsOfRun
from erp.orders.models import PrintRun, PrintRunLine, Shipment
from erp.orders.selectors.prints import Printed, last_printed, unpicked


class PickingListFilter(admin.SimpleListFilter):
    title = _("picking list")
    parameter_name = "picking_list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("missing", _("not printed yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return unpicked(queryset) if self.value() == "missing" else queryset


def told_in_list(parcel: Shipment, printed: Printed | None) -> str:
    """When last; a parcel that is being picked and is on no list stands out."""
    if printed is None:
        is_waiting = parcel.state == Shipment.State.INSTRUCTED
        return format_html('<span class="mark is-odd">{}</span>', gettext("not printed yet")) if is_waiting else "–"
    return f"{date_format(timezone.localtime(printed.at), 'm/d H:i')} {_times(printed)}".strip()


def told_on_page(kind: str, parcel: Shipment) -> str:
    """When last, by whom and how often."""
    printed = last_printed(kind, [parcel.pk]).get(parcel.pk)
    if printed is None:
        return gettext("not printed yet")
    when = date_format(timezone.localtime(printed.at), "SHORT_DATETIME_FORMAT")
    return f"{when} {who.told(printed.actor)} {_times(printed)}".strip()


def _times(printed: Printed) -> str:
    return ngettext("(%d time)", "(%d times)", printed.times) % printed.times if printed.times > 1 else ""


class PrintRunLineInline(ParcelsOfRun):
    model = PrintRunLine
    fields = ["shipment", "order", "state"]
    readonly_fields = fields


@admin.register(PrintRun)
class PrintRunAdmin(ReadOnlyAdmin):
    """Who printed what for whom. A paper that was lost is printed again from the list of shipments."""

    list_display = ["id", "kind", "parcel_count", "printed_at", "actor"]
    list_filter = ["kind"]
    search_fields = ["lines__shipment__number__exact"]
    ordering = ["-id"]
    inlines = [PrintRunLineInline]
