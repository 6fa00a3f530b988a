"""棚卸: the list of stocktakes, opening one, and its own page from the frozen list to the posted differences."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import PageLink
from erp.core.admin.bases import name_parts
from erp.core.permissions import SEE_COSTS
from erp.inventory import services
from erp.inventory.admin import count_files
from erp.inventory.admin.counting import counting_page
from erp.inventory.admin.places import OfPlaces, limit_places
from erp.inventory.admin.stocktake_forms import CountFileForm, StocktakeForm
from erp.inventory.models import StockCount
from erp.inventory.selectors import stocktakes

State = StockCount.State
COUNTS, APPROVES = "inventory.count_stock", "inventory.approve_count"
# What the page of a stocktake offers in each state, who may do it, and whether it is what is usually done next.
ACTS = {
    State.PREPARING: (("start", COUNTS), ("cancel", COUNTS)),
    State.COUNTING: (("close", COUNTS), ("cancel", COUNTS)),
    State.REVIEW: (("request", COUNTS), ("compare", COUNTS), ("reopen", COUNTS), ("cancel", COUNTS)),
    State.APPROVAL: (("approve", APPROVES), ("back", APPROVES), ("cancel", COUNTS)),
    State.POSTING: (("post", COUNTS),),
}
PER_PAGE = 100
# A page answers before a proxy loses patience; what is left is posted by the next press, or by the job.
CHUNKS_AT_ONCE = 8


@admin.register(StockCount)
class StockCountAdmin(OfPlaces):
    costs = ("difference_value",)
    list_display = [
        "external_id", "location", "scope", "state", "frozen_at", "difference_pieces", "difference_value", "posted_at", "started_by", "approved_by",
    ]  # fmt: skip
    list_select_related = ["location"]
    list_filter = ["state", "location"]
    search_fields = ["external_id"]
    ordering = ["-id"]
    list_links = (
        PageLink("admin:inventory_counting", _("Count for a stocktake"), COUNTS),
        PageLink("admin:inventory_stocktake_open", _("Open a stocktake"), COUNTS),
    )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("count/", view(self.counting), name="inventory_counting"),
            path("open/", view(self.open), name="inventory_stocktake_open"),
            path("<int:count_id>/file/", view(self.file), name="inventory_stocktake_file"),
        ]
        return [*own, *super().get_urls()]

    def counting(self, request: HttpRequest) -> HttpResponse:
        return counting_page(self, request)

    def open(self, request: HttpRequest) -> HttpResponse:
        """One stocktake per chosen location; several get the location behind their common number."""
        if not request.user.has_perm(COUNTS):
            raise PermissionDenied
        number = f"{timezone.localtime():%Y%m%d-%H%M}-{secrets.token_hex(2)}"
        form = StocktakeForm(request.POST or None, initial={"external_id": number, "starts": True})
        limit_places(form, request)

        def act() -> HttpResponse:
            values, opened = form.cleaned_data, 0
            places = list(values["locations"])
            for place in places:
                name = values["external_id"] if len(places) == 1 else f"{values['external_id']}/{place.code}"
                opened = self.serve(
                    request,
                    services.open_count,
                    external_id=name,
                    location_id=place.pk,
                    scope=form.wanted(),
                    note=values["note"],
                )
                if values["starts"]:
                    self.serve(request, services.start_count, count_id=opened)
            if len(places) == 1:
                return self.done(request, gettext("Opened."), "admin:inventory_stockcount_change", opened)
            return self.done(request, gettext("Opened."), "admin:inventory_stockcount_changelist")

        return self.service_page(
            request, form=form, title=gettext("Open a stocktake"), act=act, submit=pgettext("stocktake", "Open")
        )

    def file(self, request: HttpRequest, count_id: int) -> HttpResponseBase:
        """While it is counted the blind list, afterwards the differences: as CSV for Excel, CSV in UTF-8, or Excel."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        count = self.named(request, count_id, "location")
        kind = request.GET.get("format", count_files.CP932)
        if kind not in count_files.FORMATS:
            raise Http404
        answers: list[HttpResponseBase] = []
        with self.refusals_as_messages(request, count.external_id):
            answers.append(count_files.answer(count, kind, sees_costs=request.user.has_perm(SEE_COSTS)))
        return next(iter(answers), HttpResponseRedirect(reverse("admin:inventory_stockcount_change", args=[count_id])))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        count = self.named(request, object_id, "location")
        upload = CountFileForm(
            request.POST if "upload" in request.POST else None,
            request.FILES if "upload" in request.POST else None,
            initial={"sheet": gettext("file"), "counted_at": timezone.localtime().replace(second=0, microsecond=0)},
        )
        name_parts(upload)
        if request.method == "POST":
            if "upload" in request.POST and not self._may(request, COUNTS):
                raise PermissionDenied
            is_done = self._upload(request, count, upload) if "upload" in request.POST else self._act(request, count)
            if is_done:
                return HttpResponseRedirect(reverse("admin:inventory_stockcount_change", args=[count.pk]))
            count = self.named(request, object_id, "location")
        return TemplateResponse(request, "inventory/stocktake.html", self._context(request, count, upload))

    def _may(self, request: HttpRequest, permission: str) -> bool:
        return request.user.has_perm(permission)

    def _act(self, request: HttpRequest, count: StockCount) -> bool:
        act = request.POST.get("act", "")
        offered = dict(ACTS.get(State(count.state), ()))
        if act not in offered:
            self.message_user(request, gettext("Somebody has moved this stocktake on meanwhile."), messages.WARNING)
            return False
        if not self._may(request, offered[act]):
            raise PermissionDenied
        told = ""
        with self.refusals_as_messages(request, count.external_id):
            told = self._doing(request, count)[act]()
        if told:
            self.message_user(request, told, messages.SUCCESS)
        return bool(told)

    def _doing(self, request: HttpRequest, count: StockCount) -> dict[str, Callable[[], str]]:
        def call(service: Callable[..., Any], told: str, **asked: Any) -> Callable[[], str]:
            def run() -> str:
                self.serve(request, service, count_id=count.pk, **asked)
                return told

            return run

        def start() -> str:
            listed = self.serve(request, services.start_count, count_id=count.pk)
            return gettext("The list is frozen: %(count)d SKUs.") % {"count": listed}

        def request_posting() -> str:
            if self.serve(request, services.request_posting, count_id=count.pk):
                return gettext(
                    "The differences, with what you have booked there by yourself today, exceed the limit of the location:"
                    " somebody else has to approve them."
                )
            return self._post(request, count)

        def approve() -> str:
            self.serve(request, services.approve_count, count_id=count.pk)
            return self._post(request, count)

        uncounted = request.POST.get("uncounted", "")
        return {
            "start": start,
            "close": call(services.close_count, gettext("Counting has ended."), uncounted=uncounted),
            "compare": call(services.compare_count, gettext("Compared again.")),
            "reopen": call(services.reopen_count, gettext("Counting goes on.")),
            "request": request_posting,
            "approve": approve,
            "back": call(services.send_count_back, gettext("Sent back.")),
            "cancel": call(services.cancel_count, gettext("The stocktake was cancelled.")),
            "post": lambda: self._post(request, count),
        }

    def _post(self, request: HttpRequest, count: StockCount) -> str:
        for _chunk in range(CHUNKS_AT_ONCE):
            left = self.serve(request, services.post_count_chunk, count_id=count.pk)
            if not left:
                return gettext("Posted.")
        return gettext("%(left)d SKUs are still to be posted; it goes on by itself.") % {"left": left}

    def _upload(self, request: HttpRequest, count: StockCount, form: CountFileForm) -> bool:
        if not form.is_valid():
            return False
        told = ""
        with self.refusals_as_messages(request, count.external_id):
            entries = count_files.entries_of(
                form.cleaned_data["file"].read(),
                counted_at=form.cleaned_data["counted_at"],
                is_recount=count.state == State.REVIEW,
            )
            new = 0
            for first in range(0, len(entries), count_files.PIECE):
                part = entries[first : first + count_files.PIECE]
                new += self.serve(
                    request, services.enter_counts, count_id=count.pk, sheet=form.cleaned_data["sheet"], entries=part
                )
            told = gettext("%(new)d rows taken in, %(known)d were known.") % {"new": new, "known": len(entries) - new}
        if told:
            self.message_user(request, told, messages.SUCCESS)
        return bool(told)

    def _context(self, request: HttpRequest, count: StockCount, upload: CountFileForm) -> dict[str, Any]:
        state = State(count.state)
        sees_costs = request.user.has_perm(SEE_COSTS)
        offered = [act for act, permission in ACTS.get(state, ()) if self._may(request, permission)]
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{gettext('stocktake')} {count.external_id}",
            "count": count,
            "steps": [(each.value, each.label) for each in State if each is not State.CANCELLED],
            "offered": offered,
            "may_count": self._may(request, COUNTS) and state in stocktakes.BEING_COUNTED,
            "sees_costs": sees_costs,
            "is_underway": count.compared_to is not None
            if state is State.REVIEW
            else state is State.PREPARING and count.frozen_at,
            "upload": upload,
            "progress": stocktakes.count_progress(count.pk),
        }
        if state in (State.REVIEW, State.APPROVAL, State.POSTING, State.POSTED):
            shown = request.GET.get("show", "differences")
            shown = shown if shown in stocktakes.SHOWN else "differences"
            found = stocktakes.count_lines(count.pk, shown, by_value=sees_costs)
            lines = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
            picked = stocktakes.picked_when_counted(count, lines)
            context |= {
                "variance": stocktakes.variance(count.pk),
                "shown": shown,
                "kinds": KINDS,
                "lines": lines,
                "rows": [(line, picked.get(line.sku_id, 0)) for line in lines],
            }
        return context


KINDS = {
    "differences": _("Differences"),
    "moved": _("Better counted again"),
    "uncounted": _("Nobody counted"),
    "found": _("Not on the list"),
    "all": _("All SKUs"),
}
