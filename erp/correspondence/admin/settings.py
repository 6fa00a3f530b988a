"""In whose name a channel writes, and who sends which kind of mail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from erp.core.admin import MasterAdmin, TabularInline
from erp.correspondence import services
from erp.correspondence.models import ChannelMail, MailRule, Sender


class RuleInline(TabularInline):
    """One row per kind, always all of them."""

    model = MailRule
    fields = ["kind", "sender"]
    readonly_fields = ["kind"]
    ordering = ["pk"]
    can_delete = False
    # The kind stands in the first column already.
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ChannelMail)
class ChannelMailAdmin(MasterAdmin):
    list_display = ["channel", "from_name", "from_address", "reply_to", "sends"]
    list_display_links = ["channel"]
    list_select_related = ["channel"]
    ordering = ["channel__code"]
    fields = ["channel", "from_name", "from_address", "reply_to", "signature"]
    inlines = [RuleInline]

    @admin.display(description=_("sent by Mamori"))
    def sends(self, setting: ChannelMail) -> str:
        ours = [rule for rule in setting.rules.all() if rule.sender in (Sender.MAMORI, Sender.MAMORI_CHECKED)]
        return "、".join(str(rule.get_kind_display()) for rule in sorted(ours, key=lambda rule: rule.pk)) or "–"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("rules")

    def get_readonly_fields(self, request: HttpRequest, obj: ChannelMail | None = None) -> list[str]:
        return ["channel"] if obj else []

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self.serve(request, services.complete_rules, setting_id=form.instance.pk)
