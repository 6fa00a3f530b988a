"""What the system staff sees: the access log, who is signed in, who is locked out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.access import services
from erp.access.models import AccessLog, SignInLock, StaffSession
from erp.access.pages.requests import visit_of
from erp.access.selectors import device_of
from erp.core.admin import PageLink, ReadOnlyAdmin, for_people
from erp.core.clock import TOKYO
from erp.core.errors import InvalidInput
from erp.imports.downloads import table_as_file
from erp.imports.lists import FORMS

# A sheet has 1,048,576 rows.
MOST_IN_EXCEL = 1_000_000


class OfDevices(ReadOnlyAdmin):
    @admin.display(description=_("browser"))
    def device(self, row: AccessLog | StaffSession) -> str:
        return device_of(row.agent)


@admin.register(AccessLog)
class AccessLogAdmin(OfDevices):
    """Search by user name or IP address. Nobody changes a line, and looking at this list writes one, as does taking it out."""

    list_display = [
        "occurred_at",
        "kind",
        "username",
        "subject",
        "address",
        "path",
        "is_personal",
        "is_cost",
        "detail",
    ]
    list_filter = ["kind", "is_personal", "is_cost", "occurred_at"]
    search_fields = ["username__exact", "subject__exact", "address__exact"]
    search_help_text = _("User name, whose access, or IP address, in full")
    ordering = ["-id"]

    def get_urls(self) -> list[Any]:
        export = path("export/", self.admin_site.admin_view(self.export), name="access_accesslog_export")
        return [export, *super().get_urls()]

    def _links(self, request: HttpRequest, offered: Sequence[PageLink], *args: Any) -> list[tuple[str, Any]]:
        links = super()._links(request, offered, *args)
        if args:
            return links
        shown = request.GET.copy()
        for name in ("p", "o", "all", "_facets"):
            shown.pop(name, None)
        for form, title in FORMS:
            shown["_as"] = form
            links.append((f"{reverse('admin:access_accesslog_export')}?{shown.urlencode()}", title))
        return links

    def export(self, request: HttpRequest) -> Any:
        """The lines of the list under its filters and search, for whoever examines them elsewhere."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        filters = request.GET.copy()
        form = str((filters.pop("_as", None) or ["utf-8-sig"])[-1])
        request.GET = filters  # type: ignore[assignment] # the list reads its filters here
        back = f"{reverse('admin:access_accesslog_changelist')}?{filters.urlencode()}"
        try:
            found = self.rows_to_take_out(request, MOST_IN_EXCEL + 1)
        except IncorrectLookupParameters:
            # The list knows what to say of a filter that it cannot read.
            return HttpResponseRedirect(back)
        if (getattr(request, "found", None) or 0) > MOST_IN_EXCEL:
            # A search reaches no further, whatever the form of the file; what lies behind must not be left out in silence.
            told = gettext("These are more lines than one file holds. Narrow them by a day.")
            self.message_user(request, told, messages.ERROR)
            return HttpResponseRedirect(back)
        if form == "xlsx" and found[MOST_IN_EXCEL : MOST_IN_EXCEL + 1].exists():
            told = gettext("These are more lines than Excel holds. Narrow them by a day, or take them out as CSV.")
            self.message_user(request, told, messages.ERROR)
            return HttpResponseRedirect(back)
        title = gettext("Access log")
        fields = ["occurred_at", "kind", "username", "subject", "address", "path", "is_personal", "is_cost", "detail"]
        heading = [str(label_for_field(name, AccessLog)) for name in fields] + [gettext("browser")]
        try:
            return table_as_file(
                title, title=title, heading=heading, rows=lambda: map(_as_cells, found.iterator()), form=form
            )
        except InvalidInput as refusal:
            self.message_user(request, for_people(refusal), messages.ERROR)
            return HttpResponseRedirect(back)


def _as_cells(line: AccessLog) -> list[str]:
    return [
        f"{line.occurred_at.astimezone(TOKYO):%Y/%m/%d %H:%M:%S}",
        line.get_kind_display(),
        line.username,
        line.subject,
        line.address or "",
        line.path,
        "✓" if line.is_personal else "",
        "✓" if line.is_cost else "",
        line.detail,
        device_of(line.agent),
    ]


@admin.register(StaffSession)
class StaffSessionAdmin(OfDevices):
    list_display = ["user", "started_at", "last_seen_at", "address", "has_second_factor", "ended_at", "end", "device"]
    list_select_related = ["user"]
    list_filter = [("ended_at", admin.EmptyFieldListFilter), "end", "has_second_factor"]
    search_fields = ["user__username__exact", "address__exact"]
    search_help_text = _("User name or IP address, in full")
    ordering = ["-id"]
    actions = ["end_sessions"]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["stand"]

    @admin.action(description=_("End the selected sessions"), permissions=["act"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[StaffSession]) -> None:
        count = self.serve(
            request,
            services.end_sessions,
            session_ids=list(queryset.values_list("pk", flat=True)),
            end=StaffSession.End.ENDED_BY_STAFF,
            user=request.user,
            visit=visit_of(request),
        )
        told = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count)
        self.message_user(request, told % {"count": count}, messages.SUCCESS)


@admin.register(SignInLock)
class SignInLockAdmin(ReadOnlyAdmin):
    list_display = ["scope", "username", "address", "failures", "last_at", "locked_until"]
    list_filter = [("locked_until", admin.EmptyFieldListFilter), "scope"]
    search_fields = ["username__exact", "address__exact"]
    search_help_text = _("User name or IP address, in full")
    ordering = ["-last_at"]
    actions = ["lift"]

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["key"]

    @admin.action(description=_("Lift the selected lock-outs"), permissions=["act"])
    def lift(self, request: HttpRequest, queryset: QuerySet[SignInLock]) -> None:
        count = sum(
            self.serve(request, services.lift_lock, lock_id=pk, visit=visit_of(request), user=request.user)
            for pk in queryset.order_by("pk").values_list("pk", flat=True)
        )
        told = ngettext("%(count)d lock-out was lifted.", "%(count)d lock-outs were lifted.", count)
        self.message_user(request, told % {"count": count}, messages.SUCCESS)
