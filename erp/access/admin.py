"""What the system staff sees: the access log, who is signed in, who is locked out."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from erp.access import services
from erp.access.models import AccessLog, SignInLock, StaffSession
from erp.access.pages.requests import visit_of
from erp.access.selectors import device_of
from erp.core.admin import ReadOnlyAdmin


class OfDevices(ReadOnlyAdmin):
    @admin.display(description=_("browser"))
    def device(self, row: AccessLog | StaffSession) -> str:
        return device_of(row.agent)


@admin.register(AccessLog)
class AccessLogAdmin(OfDevices):
    """Search by user name or IP address. Nobody changes a line, and looking at this list writes one."""

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
