"""The parcels of a run under their run, whatever was written or printed of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from erp.core.admin import ReadOnlyInline


class ParcelsOfRun(ReadOnlyInline):
    """For a line with a ``shipment``."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        return found.select_related("shipment__order")

    @admin.display(description=_("order"))
    def order(self, line: Any) -> str:
        return str(line.shipment.order.number)

    @admin.display(description=_("state"))
    def state(self, line: Any) -> str:
        return str(line.shipment.get_state_display())
