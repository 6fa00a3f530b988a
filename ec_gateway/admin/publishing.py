"""在庫・出荷の送信: whether each site is talked to, what it shows and should, what is to be told, and the acts: pause, resume, send again."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ec_gateway.admin.standing import connection_of
from ec_gateway.models import ShipmentNotice, SiteActivity, SitePush, SiteState
from ec_gateway.selectors import failed_notices, failed_pushes, failing_activities, paused_sites
from ec_gateway.services import breakers, pushes
from erp.core.admin import ReadOnlyAdmin

# What is forced is pushed at once; a whole assortment is sent again by reconciliation.
MOST_AT_ONCE = 1_000


class TroubleFilter(admin.SimpleListFilter):
    """The lists behind the work queues. ``troubled`` is the selector that counts there."""

    title = _("trouble")
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("needs somebody to look"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        model_admin: Any = self.model_admin
        if self.value() != "1":
            return queryset
        found: QuerySet[Any] = model_admin.troubled(queryset)
        return found

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.model_admin = model_admin
        super().__init__(request, params, model, model_admin)


class WaitingFilter(admin.SimpleListFilter):
    title = _("to be sent")
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Waiting")), ("edited", _("Changed on the site"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "1":
            return queryset.filter(dirty_since__isnull=False)
        return queryset.filter(edited_at__isnull=False) if self.value() == "edited" else queryset


class OfSite(ReadOnlyAdmin):
    list_select_related = ["site__channel"]

    @admin.display(description=_("sales channel"), ordering="site__channel__code")
    def channel(self, row: Any) -> str:
        return str(row.site.channel.name)


@admin.register(SiteState)
class SiteStateAdmin(OfSite):
    list_display = [
        "channel", "connection", "silent_since", "open_until", "failures_in_row", "waiting_since", "last_success_at", "last_error_at", "why_not",
    ]  # fmt: skip
    list_filter = [TroubleFilter]
    search_fields = ["site__channel__code", "site__channel__name"]
    ordering = ["site_id"]
    actions = ["pause", "resume"]
    troubled = staticmethod(paused_sites)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        waiting = SitePush.objects.filter(site=OuterRef("pk"), dirty_since__isnull=False).order_by("due_at")
        found: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = found.annotate(oldest=Subquery(waiting.values("dirty_since")[:1]))
        return annotated

    @admin.display(description=_("connection"))
    def connection(self, state: SiteState) -> str:
        return connection_of(state)

    @admin.display(description=_("last error"))
    def why_not(self, state: SiteState) -> str:
        return state.setup_error or state.last_error or "-"

    @admin.display(description=_("stock waits since"))
    def waiting_since(self, state: Any) -> Any:
        return state.oldest

    @admin.action(description=_("Pause the connection"), permissions=["act"])
    def pause(self, request: HttpRequest, queryset: QuerySet[SiteState]) -> None:
        ids = queryset.order_by("pk").values_list("pk", flat=True)
        count = sum(self.serve(request, breakers.pause, site_id=site_id) for site_id in ids)
        told = ngettext("%(count)d site was paused.", "%(count)d sites were paused.", count) % {"count": count}
        self.message_user(request, told, messages.SUCCESS)

    @admin.action(description=_("Resume the connection"), permissions=["act"])
    def resume(self, request: HttpRequest, queryset: QuerySet[SiteState]) -> None:
        ids = queryset.order_by("pk").values_list("pk", flat=True)
        count = sum(self.serve(request, breakers.resume, site_id=site_id) for site_id in ids)
        told = ngettext("%(count)d site was resumed.", "%(count)d sites were resumed.", count) % {"count": count}
        self.message_user(request, told, messages.SUCCESS)


@admin.register(SiteActivity)
class SiteActivityAdmin(OfSite):
    list_display = [
        "channel", "activity", "finished_at", "detail", "failures_in_row", "last_error_at", "last_error", "lease_until",
    ]  # fmt: skip
    list_filter = [TroubleFilter, "activity", "site__channel"]
    troubled = staticmethod(failing_activities)
    search_fields = ["site__channel__code"]
    ordering = ["site_id", "activity"]


@admin.register(SitePush)
class SitePushAdmin(OfSite):
    list_display = [
        "id", "channel", "sku", "shown", "dirty_since", "due", "attempts", "error", "edited_quantity",
    ]  # fmt: skip
    list_select_related = ["site__channel", "sku"]
    list_filter = [TroubleFilter, WaitingFilter, "site__channel"]
    search_fields = ["sku__code__exact"]
    ordering = ["-id"]
    actions = ["send_again"]
    troubled = staticmethod(failed_pushes)

    @admin.display(description=_("next attempt at"), ordering="due_at")
    def due(self, push: SitePush) -> dt.datetime | None:
        """What waits for nothing was due for the last time."""
        return None if push.dirty_since is None else push.due_at

    @admin.action(description=_("Send again"), permissions=["act"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[SitePush]) -> None:
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        if len(ids) > MOST_AT_ONCE:
            told = gettext("At most %(most)d can be sent again at once.") % {"most": MOST_AT_ONCE}
            self.message_user(request, told, messages.ERROR)
            return
        count = self.serve(request, pushes.send_again, push_ids=ids)
        self.message_user(request, _will_be_sent(count), messages.SUCCESS)


@admin.register(ShipmentNotice)
class ShipmentNoticeAdmin(OfSite):
    list_display = [
        "number", "channel", "order_external_id", "tracking", "created_at", "sent_at", "due_at", "attempts", "error",
    ]  # fmt: skip
    list_filter = [TroubleFilter, "site__channel"]
    search_fields = ["number__exact", "order_external_id__exact"]
    ordering = ["-id"]
    actions = ["send_again"]
    troubled = staticmethod(failed_notices)

    @admin.action(description=_("Send again"), permissions=["act"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[ShipmentNotice]) -> None:
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])
        count = self.serve(request, pushes.notify_again, notice_ids=ids)
        self.message_user(request, _will_be_sent(count), messages.SUCCESS)


def _will_be_sent(count: int) -> str:
    return ngettext("%(count)d will be sent again.", "%(count)d will be sent again.", count) % {"count": count}
