"""By which rules channels are shown less than there is, and what is set aside for one. Before a rule is saved, what it would change is shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import PageLink
from erp.core.models import Channel
from erp.imports.lists import Exchange
from erp.inventory import selectors, services
from erp.inventory.admin.forms import LinesField
from erp.inventory.admin.masters import SettingAdmin
from erp.inventory.admin.stock import TERM_LABELS
from erp.inventory.models import ChannelPolicy, ChannelQuota
from erp.inventory.selectors import Availability
from erp.inventory.selectors.policies import channels_selling, examples

CONFIRMED = "_confirmed"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One figure of one channel, now and afterwards, each with the terms of the channel's own rules."""

    channel: str
    sku: str
    now: Availability
    then: Availability

    @property
    def why(self) -> list[tuple[Any, int]]:
        return [(TERM_LABELS[term.kind], term.quantity) for term in self.then.terms if term.location_id is None]


class _LookedAt(Exception):
    """Takes the transaction back."""

    def __init__(self, at: dt.datetime, figures: list[Foreseen]) -> None:
        self.at, self.figures = at, figures


class ForeseenAdmin(SettingAdmin):
    """What is typed is done, looked at and undone; what came of it is shown beside what is. Its confirmation saves."""

    def reach_of(self, row: Any) -> tuple[list[Channel], list[tuple[int, str]]]:
        """The channels whose figures it moves, and some SKUs that it is about."""
        raise NotImplementedError

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **options)
        except _LookedAt as looked:
            typed = [(name, value) for name, values in request.POST.lists() for value in values]
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": gettext("What this rule changes"),
                "typed": [(name, value) for name, value in typed if name != "csrfmiddlewaretoken"],
                "figures": looked.figures,
                "at": looked.at if looked.at > timezone.now() else None,
                "confirmed": CONFIRMED,
            }
            return TemplateResponse(request, "inventory/rule_foreseen.html", context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if CONFIRMED in request.POST:
            super().save_model(request, obj, form, change)
            return
        channels, skus = self.reach_of(obj)
        at = max(timezone.now(), obj.starts_at or timezone.now())
        now = _figures(channels, skus, at)
        super().save_model(request, obj, form, change)
        then = _figures(channels, skus, at)
        raise _LookedAt(
            at,
            [
                Foreseen(str(channel), code, now[channel.pk, sku_id], then[channel.pk, sku_id])
                for sku_id, code in skus
                for channel in channels
            ],
        )


def _figures(
    channels: Iterable[Channel], skus: Iterable[tuple[int, str]], at: dt.datetime
) -> dict[tuple[int, int], Availability]:
    wanted = [sku_id for sku_id, _code in skus]
    return {
        (channel.pk, sku_id): answer
        for channel in channels
        for sku_id, answer in selectors.available_to_promise(channel_id=channel.pk, sku_ids=wanted, at=at).items()
    }


@admin.register(ChannelPolicy)
class ChannelPolicyAdmin(Exchange, ForeseenAdmin):
    list_display = [
        "channel", "goods", "buffer", "buffer_percent", "last_pieces", "cap", "starts_at", "ends_at",
    ]  # fmt: skip
    list_display_links = ["channel", "goods"]
    list_select_related = ["channel", "sku", "product", "category"]
    list_filter = ["channel"]
    search_fields = ["channel__code__exact", "sku__code", "product__code", "category__code__exact"]
    autocomplete_fields = ["channel", "category"]
    raw_id_fields = ["sku", "product"]
    ordering = ["-id"]
    identity = ["channel", "sku", "product", "category"]
    fieldsets = (
        (None, {"fields": ["channel"]}),
        (
            _("Which goods"),
            {
                "fields": ["sku", "product", "category"],
                "description": _("One of them; none: everything that the channel sells. The narrowest rule wins."),
            },
        ),
        (_("Rules"), {"fields": ["buffer", "buffer_percent", "last_pieces", "cap"]}),
        # A moment is two boxes: each stands in a row of its own.
        (_("When"), {"fields": ["starts_at"], "description": _("Empty: at once, and for good.")}),
        (None, {"fields": ["ends_at"]}),
    )

    @admin.display(description=_("Which goods"))
    def goods(self, row: ChannelPolicy) -> str:
        if row.sku is not None:
            return gettext("SKU: %(name)s") % {"name": row.sku}
        if row.product is not None:
            return gettext("Style: %(name)s") % {"name": row.product}
        if row.category is not None:
            return gettext("Category: %(name)s") % {"name": row.category}
        return gettext("All goods")

    def reach_of(self, row: ChannelPolicy) -> tuple[list[Channel], list[tuple[int, str]]]:
        found = examples(
            channel_id=row.channel_id, sku_id=row.sku_id, product_id=row.product_id, category_id=row.category_id
        )
        return [row.channel], found

    def _announce(self, request: HttpRequest, row: Any) -> None:
        goods = services.Goods(row.channel_id, row.sku_id, row.product_id, row.category_id)
        self.serve(request, services.announce_goods, goods=[goods])


class QuotasForm(forms.Form):
    channel = forms.ModelChoiceField(label=_("for sales channel"), queryset=Channel.objects.order_by("code"))
    lines = LinesField(label=_("lines"), help_text=_("One line each: SKU, pieces"))
    starts_at = forms.SplitDateTimeField(label=_("in force from"), required=False, help_text=_("Empty: at once."))
    ends_at = forms.SplitDateTimeField(label=_("in force until"), required=False, help_text=_("Empty: for good."))
    is_binding = forms.BooleanField(label=_("also against orders of others"), required=False)


@admin.register(ChannelQuota)
class ChannelQuotaAdmin(Exchange, ForeseenAdmin):
    list_display = ["channel", "sku", "quantity", "used", "left", "is_binding", "starts_at", "ends_at"]
    list_display_links = ["channel", "sku"]
    list_select_related = ["channel", "sku"]
    list_filter = ["channel", "is_binding"]
    search_fields = ["channel__code__exact", "sku__code"]
    autocomplete_fields = ["channel"]
    raw_id_fields = ["sku"]
    ordering = ["-id"]
    identity = ["channel", "sku"]
    readonly_fields = ["used", "left"]
    fieldsets = (
        (None, {"fields": ["channel", "sku", "quantity", "used", "left", "is_binding"]}),
        (_("When"), {"fields": ["starts_at"], "description": _("Empty: at once, and for good.")}),
        (None, {"fields": ["ends_at"]}),
    )
    list_links = (PageLink("admin:inventory_quotas", _("Enter quotas"), "act"),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "used", "left"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def get_urls(self) -> list[Any]:
        own = path("enter/", self.admin_site.admin_view(self.enter), name="inventory_quotas")
        return [own, *super().get_urls()]

    @admin.display(description=_("pieces left of it"))
    def left(self, row: ChannelQuota) -> int | None:
        # A quota that is only being typed has no pieces yet.
        return None if row.pk is None else row.remaining

    def enter(self, request: HttpRequest) -> HttpResponse:
        """Many SKUs at once, for the same time."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        form = QuotasForm(request.POST or None)

        def act() -> HttpResponse:
            typed = form.cleaned_data
            pieces: dict[int, int] = {}
            for sku, quantity, _cost in typed["lines"]:
                pieces[sku.pk] = pieces.get(sku.pk, 0) + quantity
            changed = self.serve(
                request,
                services.set_aside,
                channel_id=typed["channel"].pk,
                pieces=pieces,
                starts_at=typed["starts_at"],
                ends_at=typed["ends_at"],
                is_binding=typed["is_binding"],
            )
            told = ngettext("%(count)d quota changed.", "%(count)d quotas changed.", changed) % {"count": changed}
            return self.done(request, told, "admin:inventory_channelquota_changelist")

        return self.service_page(request, form=form, title=gettext("Enter quotas"), act=act, submit=gettext("Save"))

    def reach_of(self, row: ChannelQuota) -> tuple[list[Channel], list[tuple[int, str]]]:
        return channels_selling(row.sku_id), [(row.sku_id, str(row.sku))]

    def _announce(self, request: HttpRequest, row: Any) -> None:
        self.serve(request, services.announce_quotas, sku_ids=[row.sku_id])
