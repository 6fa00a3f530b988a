"""受信箱: everything that came in from EC sites, what became of it, and the two acts: apply it again, fetch an order by hand."""

from __future__ import annotations

import random
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ec_gateway.admin.choices import SiteChoice
from ec_gateway.inbox.polling import fetch_by_hand
from ec_gateway.inbox.replaying import replay
from ec_gateway.inbox.settling import Settled
from ec_gateway.models import InboundEvent, OrderSeen
from ec_gateway.platforms.calling import Line, NotNow
from ec_gateway.platforms.connections import connect
from ec_gateway.platforms.interface import PlatformError
from erp.core.admin import PageLink, ReadOnlyAdmin
from erp.core.errors import DomainError

# Each event is applied while the page waits.
MOST_AT_ONCE = 100


class FetchForm(forms.Form):
    site = SiteChoice()
    external_id = forms.CharField(label=_("channel's order number"), max_length=100)


@admin.register(InboundEvent)
class InboundEventAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "received_at", "channel", "kind", "external_id", "source", "state", "what_came_of_it", "next_attempt_at",
    ]  # fmt: skip
    list_select_related = ["site__channel"]
    list_filter = ["state", "kind", "source", "site__channel"]
    search_fields = ["external_id__exact", "event_id__exact"]
    ordering = ["-id"]
    list_links = (PageLink("admin:ec_gateway_fetch_order", _("Fetch an order from its site"), "act"),)
    actions = ["apply_again"]

    @admin.display(description=_("sales channel"), ordering="site__channel__code")
    def channel(self, event: InboundEvent) -> str:
        return event.site.channel.name

    @admin.display(description=_("result"))
    def what_came_of_it(self, event: InboundEvent) -> str:
        """The document, or why there is none."""
        why_not = event.error if len(event.error) <= 200 else event.error[:200] + "…"
        return " · ".join(filter(None, [event.result, why_not])) or "-"

    @admin.action(description=_("Apply again"), permissions=["act"])
    def apply_again(self, request: HttpRequest, queryset: QuerySet[InboundEvent]) -> None:
        """Twice is once: what was applied answers as it did then."""
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
        if len(ids) > MOST_AT_ONCE:
            told = gettext("At most %(most)d events can be applied again at once.") % {"most": MOST_AT_ONCE}
            self.message_user(request, told, messages.ERROR)
            return
        outcomes = replay(event_ids=ids, clock=timezone.now, jitter=random.random, by=self.actor(request))
        self._tell(request, outcomes)

    def _tell(self, request: HttpRequest, outcomes: list[Settled]) -> None:
        events = InboundEvent.objects.in_bulk([outcome.event_id for outcome in outcomes])
        for outcome in outcomes:
            event = events[outcome.event_id]
            label = f"{event.get_kind_display()} {event.external_id}: {InboundEvent.State(outcome.state).label}"
            text = " ".join(filter(None, [label, outcome.result, outcome.error]))
            is_bad = outcome.state in (InboundEvent.State.REFUSED, InboundEvent.State.FAILED) or bool(outcome.error)
            self.message_user(request, text, messages.WARNING if is_bad else messages.SUCCESS)

    def get_urls(self) -> list[Any]:
        fetch = path("fetch/", self.admin_site.admin_view(self.fetch), name="ec_gateway_fetch_order")
        return [fetch, *super().get_urls()]

    def fetch(self, request: HttpRequest) -> HttpResponse:
        """An order that should be here and is not: ask the site for it, and apply what it says."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        form = FetchForm(request.POST or None)

        def act() -> HttpResponse:
            site, external_id = form.cleaned_data["site"], form.cleaned_data["external_id"]
            by = self.actor(request)
            line = Line(site, connect(site, at=timezone.now(), by=by), clock=timezone.now, by=by)
            try:
                news, ids = fetch_by_hand(line=line, external_id=external_id)
            except (PlatformError, NotNow) as error:
                raise SiteDoesNotAnswer(str(error)) from error
            if not news:
                raise NotThere(gettext("The site knows no order %(id)s.") % {"id": external_id})
            self._tell(request, replay(event_ids=ids, clock=timezone.now, jitter=random.random, by=line.by))
            told = gettext("Fetched.") if ids else gettext("The site says nothing that was not applied already.")
            return self.done(request, told, "admin:ec_gateway_inboundevent_changelist")

        return self.service_page(
            request, form=form, title=gettext("Fetch an order from its site"), act=act, submit=gettext("Fetch")
        )


class SiteDoesNotAnswer(DomainError):
    code = "site_does_not_answer"


class NotThere(DomainError):
    code = "not_there"


@admin.register(OrderSeen)
class OrderSeenAdmin(ReadOnlyAdmin):
    list_display = ["id", "channel", "external_id", "revision", "changed_at"]
    list_select_related = ["site__channel"]
    list_filter = ["site__channel"]
    search_fields = ["external_id__exact"]
    ordering = ["-id"]

    @admin.display(description=_("sales channel"))
    def channel(self, seen: OrderSeen) -> str:
        return seen.site.channel.name
