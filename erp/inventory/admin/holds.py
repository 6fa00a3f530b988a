"""取り置き・客注・仮引当: who has pieces kept, until when, and what can be done about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Min, Model, OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from catalog.selectors import sku_codes
from erp.core.admin import ActionForm, PageLink
from erp.core.spans import in_words
from erp.inventory import services
from erp.inventory.admin import hold_previews
from erp.inventory.admin.baskets import new_number
from erp.inventory.admin.forms import HoldForm
from erp.inventory.admin.places import OfPlaces, OfPlacesInline, limit_channels
from erp.inventory.models import Hold, HoldLine, Promise
from erp.inventory.selectors.holds import HoldView, held_for
from erp.inventory.selectors.queues import ending_holds
from erp.inventory.selectors.staff import holds_at


def time_left(expires_at: dt.datetime, now: dt.datetime) -> str:
    left = (expires_at - now).total_seconds()
    if left <= 0:
        return pgettext("of a hold", "%(time)s ago") % {"time": in_words(-left)}
    return pgettext("of a hold", "%(time)s left") % {"time": in_words(left)}


class HoldLineInline(OfPlacesInline):
    model = HoldLine
    fields = ["sku", "location", "quantity", "expires_at", "released_at"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("sku", "location")


class ExtendForm(ActionForm):
    """Until when the selected holds are to run."""

    until = forms.DateTimeField(
        label=_("expires at"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )


class EndsFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "ends"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("open", _("kept now")),
            ("soon", _("until tomorrow")),
            ("waiting", _("waits for goods")),
            ("there", _("goods are there")),
            ("expired", pgettext_lazy("of a hold", "expired")),
            ("closed", pgettext_lazy("of a hold", "closed")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now, wanted = timezone.now(), self.value()
        running = Q(closed_at__isnull=True, expires_at__gt=now)
        of_customer = Q(kind=Hold.Kind.CUSTOMER_ORDER)
        if wanted == "soon":
            return queryset.filter(pk__in=ending_holds().values("pk"))
        found = {
            "open": running,
            "waiting": running & of_customer & Q(filled_at__isnull=True),
            "there": running & of_customer & Q(filled_at__isnull=False),
            "expired": Q(closed_at__isnull=True, expires_at__lte=now),
            "closed": Q(closed_at__isnull=False),
        }
        return queryset.filter(found[wanted]) if wanted in found else queryset


@admin.register(Hold)
class HoldAdmin(OfPlaces):
    list_display = ["ref", "kind", "owner_label", "owner_phone", "standing", "pieces", "time_left", "expires_at", "channel", "actor"]  # fmt: skip
    list_select_related = ["channel"]
    list_filter = [EndsFilter, "kind", "channel"]
    search_fields = ["ref__folded", "owner_label"]
    search_help_text = _("Reference or name of the customer")
    ordering = ["-id"]
    inlines = [HoldLineInline]
    action_form = ExtendForm
    actions = ["preview_extend", "preview_extend_by_kind", "preview_release", "extend", "extend_by_kind", "release"]

    object_links = (PageLink("admin:orders_order_from_hold", _("Make it an order"), "orders.change_order"),)
    readonly_fields = ["standing", "asked", "pieces", "time_left", "arrives"]
    fields = [
        "ref", "channel", "kind", "owner_label", "owner_phone", "standing", "asked", "pieces", "arrives", "time_left", "expires_at", "priority",
        "created_at", "filled_at", "closed_at", "actor",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        lines = HoldLine.objects.filter(hold=OuterRef("pk"), released_at__isnull=True).order_by()
        kept = lines.values("hold").annotate(pieces=Sum("quantity")).values("pieces")
        mine = Promise.objects.filter(document_type="HOLD", document_id=OuterRef("pk"), quantity__gt=0).order_by()
        first = mine.values("document_id").annotate(day=Min("promised_date")).values("day")
        rows: Any = super().get_queryset(request)
        found: QuerySet[Any] = rows.annotate(kept=Subquery(kept), arrives_on=Subquery(first))
        return found

    @admin.display(description=_("state"))
    def standing(self, hold: Any) -> str:
        """Closed, expired, waiting for goods (客注), or kept."""
        if hold.closed_at is not None:
            return format_html('<span class="mark">{}</span>', pgettext("of a hold", "closed"))
        if hold.expires_at <= timezone.now():
            return format_html('<span class="mark is-bad">{}</span>', pgettext("of a hold", "expired"))
        if (hold.kept or 0) >= _wanted(hold):
            return format_html('<span class="mark is-good">{}</span>', gettext("all there"))
        words = gettext("waits for goods") if hold.kind == Hold.Kind.CUSTOMER_ORDER else gettext("not all there")
        return format_html('<span class="mark is-odd">{}</span>', words)

    @admin.display(description=_("kept / wanted"))
    def pieces(self, hold: Any) -> str:
        is_over = hold.closed_at is not None or hold.expires_at <= timezone.now()
        return f"{0 if is_over else hold.kept or 0} / {_wanted(hold)}"

    @admin.display(description=pgettext_lazy("of a hold", "asked for"))
    def asked(self, hold: Hold) -> str:
        """Kits as kits; what is kept for them stands in the lines."""
        held = held_for(hold.pk)
        wanted = held.asked if held is not None else ()
        codes = sku_codes(sku_id for sku_id, _pieces in wanted)
        return format_html_join("", "<div>{} × {}</div>", ((codes[sku_id], pieces) for sku_id, pieces in wanted)) or "–"

    @admin.display(description=_("expected arrival"))
    def arrives(self, hold: Any) -> str:
        return date_format(hold.arrives_on, "SHORT_DATE_FORMAT") if hold.arrives_on else "–"

    @admin.display(description=_("time left"), ordering="expires_at")
    def time_left(self, hold: Hold) -> str:
        """Of one that still keeps goods."""
        return "–" if hold.closed_at is not None else time_left(hold.expires_at, timezone.now())

    def at(self, rows: QuerySet[Any], places: list[int]) -> QuerySet[Any]:
        return holds_at(rows, places)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("inventory.add_hold")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Keep pieces for somebody (取り置き), or note what a customer waits for (客注)."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = HoldForm(request.POST or None, initial={"ref": new_number("K")})
        limit_channels(form, request)
        offered = form.fields["channel"]
        assert isinstance(offered, forms.ModelChoiceField)
        if offered.queryset is not None and len(own := offered.queryset[:2]) == 1:
            # A shop has its own till only.
            offered.initial = own[0].pk

        def act() -> HttpResponse:
            values = form.cleaned_data
            lines, kits = form.demands()
            held = self.serve(
                request,
                services.place_hold,
                channel_id=values["channel"].pk,
                ref=values["ref"],
                lines=lines,
                kits=kits,
                expires_at=values["expires_at"],
                kind=values["kind"],
                owner_label=values["owner_label"],
                owner_phone=values["owner_phone"],
                priority=50 if values["priority"] is None else values["priority"],
            )
            return self.done(request, gettext("Kept."), "admin:inventory_hold_change", held.id)

        return self.service_page(
            request, form=form, title=gettext("Keep stock"), act=act, submit=pgettext("of a hold", "Keep")
        )

    @admin.action(description=_("Extend, with a preview"), permissions=["act"])
    def preview_extend(self, request: HttpRequest, queryset: QuerySet[Hold]) -> HttpResponse | None:
        if (until := self._until(request)) is None:
            return None
        return self._foresee(request, queryset, "extend", lambda hold: _extension(hold, until))

    @admin.action(description=_("Extend by the usual time, with a preview"), permissions=["act"])
    def preview_extend_by_kind(self, request: HttpRequest, queryset: QuerySet[Hold]) -> HttpResponse:
        now = timezone.now()
        return self._foresee(request, queryset, "extend_by_kind", lambda hold: _extension(hold, now + _usual(hold)))

    @admin.action(description=_("Release the holds, with a preview"), permissions=["act"])
    def preview_release(self, request: HttpRequest, queryset: QuerySet[Hold]) -> HttpResponse:
        return self._foresee(request, queryset, "release", _release)

    def _foresee(
        self,
        request: HttpRequest,
        queryset: QuerySet[Hold],
        act: str,
        service_of: Callable[[Hold], Callable[..., object]],
    ) -> HttpResponse:
        title = str(getattr(self, act).short_description)
        return hold_previews.preview(self, request, queryset, act=act, title=title, service_of=service_of)

    def _until(self, request: HttpRequest) -> dt.datetime | None:
        try:
            until: dt.datetime = forms.DateTimeField().clean(request.POST.get("until"))
        except forms.ValidationError as fault:
            label = ExtendForm.base_fields["until"].label
            self.message_user(request, f"{label}: {' '.join(fault.messages)}", messages.ERROR)
            return None
        return until

    @admin.action(description=_("Extend the selected holds"), permissions=["act"])
    def extend(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        if (until := self._until(request)) is not None:
            self._extend(request, [(hold, until) for hold in queryset.order_by("pk")])

    @admin.action(description=_("Extend the selected holds by the usual time"), permissions=["act"])
    def extend_by_kind(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        """From now on, as long as its kind runs; goods of a customer order that are there, as long as they are kept."""
        now = timezone.now()
        self._extend(request, [(hold, now + _usual(hold)) for hold in queryset.order_by("pk")])

    def _extend(self, request: HttpRequest, wanted: Sequence[tuple[Hold, dt.datetime]]) -> None:
        done = 0
        for hold, until in wanted:
            with self.refusals_as_messages(request, hold):
                self.serve(request, _extension(hold, until))
                done += 1
        told = ngettext("%(count)d hold extended.", "%(count)d holds extended.", done) % {"count": done}
        self.message_user(request, told, messages.SUCCESS if done else messages.WARNING)

    @admin.action(description=_("Release the selected holds"), permissions=["act"])
    def release(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        pieces = 0
        for hold in queryset.order_by("pk"):
            with self.refusals_as_messages(request, hold):
                pieces += self.serve(request, _release(hold))
        told = ngettext("%(pieces)d piece is free again.", "%(pieces)d pieces are free again.", pieces)
        self.message_user(request, told % {"pieces": pieces}, messages.SUCCESS)


def _extension(hold: Hold, until: dt.datetime) -> Callable[..., HoldView]:
    return partial(services.extend_hold, channel_id=hold.channel_id, ref=hold.ref, expires_at=until)


def _release(hold: Hold) -> Callable[..., int]:
    return partial(services.release_hold, channel_id=hold.channel_id, ref=hold.ref)


def _wanted(hold: Hold) -> int:
    return sum(pieces for _sku, pieces in hold.wanted)


def _usual(hold: Hold) -> dt.timedelta:
    lifetime: dt.timedelta = settings.HOLD_PICKUP if hold.filled_at is not None else settings.HOLD_LIFETIMES[hold.kind]
    return lifetime
