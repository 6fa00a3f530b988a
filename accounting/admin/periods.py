"""Months of the books: opened, closed and reopened through the services, and the seals over what was written."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounting import services
from accounting.models import JournalEntry, Period, Seal
from erp.core.admin import ReadOnlyAdmin, document_link


@admin.register(Period)
class PeriodAdmin(ReadOnlyAdmin):
    change_list_template = "admin/accounting/period/change_list.html"
    list_display = ["starts_on", "ends_on", "state", "closed_at", "closed_by"]
    list_filter = ["state"]
    ordering = ["-starts_on"]
    actions = ["close", "reopen"]

    def has_reopen_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounting.reopen_period")

    def get_urls(self) -> list[URLPattern]:
        opening = path("open/", self.admin_site.admin_view(self.open_months), name="accounting_period_open")
        return [opening, *super().get_urls()]

    def open_months(self, request: HttpRequest) -> HttpResponse:
        """Create the months up to the current one."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            with self.refusals_as_messages(request):
                opened = self.serve(request, services.open_periods, through=timezone.localdate())
                self.message_user(request, gettext("%(count)d months opened.") % {"count": opened}, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:accounting_period_changelist"))

    @admin.action(description=_("Close the selected periods"), permissions=["act"])
    def close(self, request: HttpRequest, queryset: QuerySet[Period]) -> None:
        self._each(request, queryset.order_by("starts_on"), services.close_period, gettext("%(period)s is closed."))

    @admin.action(description=_("Reopen the selected periods"), permissions=["reopen"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Period]) -> None:
        self._each(request, queryset.order_by("-starts_on"), services.reopen_period, gettext("%(period)s is open."))

    def _each(self, request: HttpRequest, queryset: QuerySet[Period], act: Any, done: str) -> None:
        for period in queryset:
            with self.refusals_as_messages(request, period):
                self.serve(request, act, period_id=period.pk)
                self.message_user(request, done % {"period": period}, messages.SUCCESS)


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    list_display = ["id", "sealed_at", "first_entry", "last_entry", "entry_count", "hash"]
    fields = [
        "sealed_at", "first_entry", "last_entry", "entry_count", "from_xid", "until_xid", "previous_hash", "hash",
    ]  # fmt: skip
    readonly_fields = ["first_entry", "last_entry"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        numbers = {"first_number": _number_of("first_entry_id"), "last_number": _number_of("last_entry_id")}
        named: QuerySet[Any] = super().get_queryset(request).annotate(**numbers)
        return named

    @admin.display(description=_("first entry"))
    def first_entry(self, seal: Any) -> str:
        return document_link("ENTRY", seal.first_entry_id, seal.first_number)

    @admin.display(description=_("last entry"))
    def last_entry(self, seal: Any) -> str:
        return document_link("ENTRY", seal.last_entry_id, seal.last_number)


def _number_of(key: str) -> Subquery:
    return Subquery(JournalEntry.objects.filter(pk=OuterRef(key)).values("number")[:1])
