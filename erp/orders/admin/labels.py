"""送り状データ out, 送り状番号 in: what goes to the carriers' label software, and what comes back from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import MasterAdmin, ReadOnlyAdmin
from erp.core.admin.refusals import for_people
from erp.core.errors import DomainError
from erp.core.keys import key_in, keys_in
from erp.orders import services
from erp.orders.admin.parcel_lines import ParcelsOfRun
from erp.orders.models import CarrierAccount, LabelRun, LabelRunLine, Shipment
from erp.orders.models.carriers import Carrier
from erp.orders.selectors.carriers import spellings_of
from erp.orders.selectors.collecting import collections
from erp.orders.selectors.labels import runs_of
from erp.orders.services.label_files import LabelFile

if TYPE_CHECKING:
    from erp.orders.admin.shipments import ShipmentAdmin

MOST_PARCELS = 500


class LabelForm(forms.Form):
    """Which parcels are shown, and for which day labels are printed."""

    carrier = forms.ChoiceField(label=_("carrier"), choices=Carrier.choices)
    ship_date = forms.DateField(label=_("ship date"), widget=forms.DateInput(attrs={"type": "date"}))
    written_too = forms.BooleanField(label=_("also those that are in a file already"), required=False)


class TrackingForm(forms.Form):
    carrier = forms.ChoiceField(
        label=_("carrier"), choices=[("", _("as the file says")), *Carrier.choices], required=False
    )
    file = forms.FileField(
        label=_("file"),
        help_text=_(
            "Result file of B2 Cloud, e-Hiden III or Yu-Pri R, or a CSV with 出荷番号 and 送り状番号; cp932 or UTF-8."
        ),
    )


def label_page(page: ShipmentAdmin, request: HttpRequest) -> HttpResponse:
    """Parcels that are being picked for a carrier; those that are ticked are written into a file."""
    asked = request.POST if request.method == "POST" else request.GET
    form = LabelForm(asked if "carrier" in asked else {"carrier": Carrier.YAMATO, "ship_date": timezone.localdate()})
    if not form.is_valid():
        return _page(page, request, "labels", gettext("Label data for carriers"), form=form, rows=[])
    carrier, day = form.cleaned_data["carrier"], form.cleaned_data["ship_date"]
    ticked: list[int] | None = None
    if request.method == "POST" and "collect" in request.POST:
        return _collect_with(page, request, carrier, f"{day:%Y-%m-%d}")
    if request.method == "POST":
        ticked = keys_in(request.POST.getlist("parcels")[:MOST_PARCELS])
        keys = list(page.get_queryset(request).filter(pk__in=ticked).values_list("pk", flat=True))
        with page.refusals_as_messages(request):
            written = page.serve(request, services.write_label_file, shipment_ids=keys, carrier=carrier, ship_date=day)
            return _handed_out(page, request, written, len(keys))
    parcels = list(_parcels(page.get_queryset(request), carrier)[: MOST_PARCELS + 1])
    shown = parcels[:MOST_PARCELS]
    runs = runs_of(parcel.pk for parcel in shown)
    if not form.cleaned_data["written_too"]:
        shown = [parcel for parcel in shown if parcel.pk not in runs]
    faults = services.find_label_problems(shipment_ids=[parcel.pk for parcel in shown], carrier=carrier, ship_date=day)
    cod = collections(parcel.pk for parcel in shown)
    for parcel in shown:
        parcel.cod = cod.get(parcel.pk)  # type: ignore[attr-defined] # for the page only
    for parcel in shown:
        # What was ticked before a refusal stays ticked; else whatever is in no file yet.
        parcel.is_ticked = parcel.pk in ticked if ticked is not None else parcel.pk not in runs  # type: ignore[attr-defined]
    rows = [(parcel, faults.get(parcel.pk, ()), runs.get(parcel.pk, [])) for parcel in shown]
    return _page(
        page,
        request,
        "labels",
        gettext("Label data for carriers"),
        form=form,
        rows=rows,
        again=_address(carrier, f"{day:%Y-%m-%d}"),
        more=MOST_PARCELS if len(parcels) > MOST_PARCELS else 0,
    )


def _collect_with(page: ShipmentAdmin, request: HttpRequest, carrier: str, day: str) -> HttpResponse:
    """代引 goes on the label of another parcel of the order."""
    parcel = page.get_queryset(request).filter(pk=key_in(request.POST["collect"])).first()
    if parcel is not None:
        with page.refusals_as_messages(request, parcel.number):
            page.serve(request, services.collect_with, shipment_id=parcel.pk)
            told = gettext("Cash on delivery is collected with %(number)s.") % {"number": parcel.number}
            page.message_user(request, told, messages.SUCCESS)
    return HttpResponseRedirect(_address(carrier, day))


def _address(carrier: str, day: str) -> str:
    return f"{reverse('admin:orders_labels')}?{urlencode({'carrier': carrier, 'ship_date': day})}"


def _handed_out(page: ShipmentAdmin, request: HttpRequest, written: LabelFile, count: int) -> HttpResponse:
    """The file; the page behind it learns by a cookie that it came, and shows what still waits: nobody writes the same parcels twice unaware."""
    told = ngettext(
        "File %(run)d is written: %(count)d parcel. When its labels are printed, take in the tracking numbers.",
        "File %(run)d is written: %(count)d parcels. When their labels are printed, take in the tracking numbers.",
        count,
    )
    page.message_user(request, told % {"run": written.run_id, "count": count}, messages.SUCCESS)
    answer = as_download(written)
    token = request.POST.get("file_token", "")
    if token.isascii() and token.isalnum() and len(token) <= 40:
        answer.set_cookie(
            "file_token", token, max_age=60, path=request.path, secure=request.is_secure(), samesite="Strict"
        )
    return answer


def tracking_page(page: ShipmentAdmin, request: HttpRequest) -> HttpResponse:
    """Upload, look at every row, apply. What the preview showed is judged anew before it is applied."""
    title = gettext("Take in tracking numbers")
    if request.method == "POST" and "rows" in request.POST:
        return _apply(page, request, title)
    form = TrackingForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with page.refusals_as_messages(request):
            rows = services.read_tracking_file(form.cleaned_data["file"].read(), carrier=form.cleaned_data["carrier"])
            judged = _seen(page, request, services.judge(rows))
            kept = json.dumps(
                [[r.line, r.number, r.tracking_number, r.carrier, r.fault] for r in rows], ensure_ascii=False
            )
            counts = _counts(judged)
            takes = any(
                counts[verdict.value] for verdict in services.Verdict if verdict is not services.Verdict.REFUSED
            )
            judged.sort(key=_place)
            changes = sum(bool(each.carrier_before) for each in judged)
            shown = {"judged": judged, "kept": kept, "counts": counts, "takes": takes, "changes": changes}
            return _page(page, request, "tracking", title, **shown)
    return _page(page, request, "tracking", title, form=form)


# What a person has to look at stands first, however long the file.
_PLACES = {
    services.Verdict.REFUSED: 0,
    services.Verdict.OTHER: 1,
    services.Verdict.TAKE: 2,
    services.Verdict.SAME: 3,
}


def _place(each: services.Judged) -> tuple[int, bool]:
    return _PLACES[each.verdict], not each.carrier_before


def _apply(page: ShipmentAdmin, request: HttpRequest, title: str) -> HttpResponse:
    try:
        rows = [_row(*row) for row in json.loads(request.POST["rows"])][: services.MOST_ROWS]
    except (ValueError, TypeError):
        page.message_user(request, gettext("The rows cannot be read. Upload the file again."), messages.ERROR)
        return _page(page, request, "tracking", title, form=TrackingForm())
    replaces, ships = bool(request.POST.get("replace")), bool(request.POST.get("ship"))
    wanted = {services.Verdict.TAKE} | ({services.Verdict.OTHER} if replaces else set())
    judged = _seen(page, request, services.judge(rows))
    results, done = [], 0
    for row in judged:
        each, parcel = row, row.shipment
        is_waiting = ships and parcel is not None and parcel.state == Shipment.State.INSTRUCTED
        takes = each.verdict in wanted or (each.verdict is services.Verdict.SAME and is_waiting)
        outcome = ""
        if takes and parcel is not None:
            try:
                page.serve(
                    request,
                    services.take_tracking,
                    shipment_id=parcel.pk,
                    carrier=each.row.carrier,
                    tracking_number=each.row.tracking_number,
                    ship_too=ships,
                )
                outcome, done = "done", done + 1
                each = replace(each, why=gettext("has left now") if is_waiting else "")
            except DomainError as refusal:
                results.append((replace(each, why=for_people(refusal)), "refused"))
                continue
        results.append((each, outcome))
    results.sort(key=lambda result: (result[1] != "refused", *_place(result[0])))
    refused = sum(outcome == "refused" or each.verdict is services.Verdict.REFUSED for each, outcome in results)
    told = gettext("%(done)d rows were taken in; %(refused)d could not be.") % {"done": done, "refused": refused}
    page.message_user(request, told, messages.SUCCESS if done else messages.WARNING)
    return _page(page, request, "tracking", title, results=results)


def _row(line: Any, *texts: Any) -> services.TrackingRow:
    """A row as the preview kept it. Raises ValueError for one that it did not write."""
    told = [str(text) for text in texts]
    if not isinstance(line, int) or any("\0" in text for text in told):
        raise ValueError("no row of ours")
    return services.TrackingRow(line, *told)


def _seen(page: ShipmentAdmin, request: HttpRequest, judged: Sequence[services.Judged]) -> list[services.Judged]:
    """A parcel that this user may not see is none. One question for all rows."""
    named = {each.shipment.pk for each in judged if each.shipment is not None}
    seen = set(page.get_queryset(request).filter(pk__in=named).values_list("pk", flat=True))
    told = gettext("No shipment has this number: %(number)s")
    return [
        each
        if each.shipment is None or each.shipment.pk in seen
        else services.Judged(each.row, services.Verdict.REFUSED, why=told % {"number": each.row.number})
        for each in judged
    ]


def _counts(judged: Iterable[services.Judged]) -> dict[str, int]:
    found = dict.fromkeys((verdict.value for verdict in services.Verdict), 0)
    for each in judged:
        found[each.verdict.value] += 1
    return found


def _parcels(parcels: QuerySet[Shipment], carrier: str) -> QuerySet[Shipment]:
    """Being picked, for this carrier or for none in particular."""
    wanted = Q(delivery__carrier="")
    for name in spellings_of(carrier):
        wanted |= Q(delivery__carrier__iexact=name)
    found = parcels.filter(state=Shipment.State.INSTRUCTED).filter(wanted)
    return found.select_related("order", "delivery").order_by("pk")


def as_download(written: LabelFile) -> HttpResponse:
    answer = HttpResponse(written.content, content_type="text/csv; charset=cp932")
    answer["Content-Disposition"] = f'attachment; filename="{written.name}"'
    return answer


def _page(page: ShipmentAdmin, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    shared = {**page.admin_site.each_context(request), "opts": page.opts, "title": title}
    return TemplateResponse(request, f"admin/orders/shipment/{name}.html", {**shared, **context})


@admin.register(CarrierAccount)
class CarrierAccountAdmin(MasterAdmin):
    list_display = ["carrier", "customer_code", "branch_code", "freight_number", "goods_name"]
    ordering = ["carrier"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None else ["carrier"]


class LabelRunLineInline(ParcelsOfRun):
    model = LabelRunLine
    fields = ["shipment", "order", "state", "tracking_number"]
    readonly_fields = fields

    @admin.display(description=_("tracking number"))
    def tracking_number(self, line: LabelRunLine) -> str:
        return line.shipment.tracking_number


@admin.register(LabelRun)
class LabelRunAdmin(ReadOnlyAdmin):
    """Which parcels were handed to a carrier's software, when and by whom. Writing them again is a run of its own."""

    list_display = ["id", "carrier", "ship_date", "parcel_count", "written_at", "actor"]
    list_filter = ["carrier"]
    search_fields = ["lines__shipment__number__exact"]
    ordering = ["-id"]
    inlines = [LabelRunLineInline]
    actions = ["write_again"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.change_shipment")

    @admin.action(description=_("Write the file again"), permissions=["act"])
    def write_again(self, request: HttpRequest, queryset: QuerySet[LabelRun]) -> HttpResponse | None:
        if queryset.count() != 1:
            self.message_user(request, _("Choose one file."), messages.ERROR)
            return None
        run = queryset.get()
        keys = list(run.lines.exclude(shipment__state="CANCELLED").values_list("shipment_id", flat=True))
        answer: list[HttpResponse] = []
        with self.refusals_as_messages(request, run):
            written = self.serve(
                request, services.write_label_file, shipment_ids=keys, carrier=run.carrier, ship_date=run.ship_date
            )
            answer.append(as_download(written))
        return next(iter(answer), None)
