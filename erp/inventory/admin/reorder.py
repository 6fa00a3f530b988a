"""発注候補: what to buy, the most urgent first; the chosen lines become 入荷予定, one purchase per supplier, after a look at all of them."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Sku
from catalog.selectors import cost_on
from erp.core.admin import ServiceAdmin
from erp.core.permissions import SEE_COSTS
from erp.inventory import services
from erp.inventory.admin.places import limit_places
from erp.inventory.admin.sheets import Row, ScopeForm, Sheet, answer, asked
from erp.inventory.models import Location
from erp.inventory.selectors import reorder as orders
from erp.inventory.selectors.reorder import Candidate

MAY_ORDER = "inventory.add_expectedreceipt"
MOST_LINES = 500


class ReorderForm(ScopeForm):
    weeks = forms.ChoiceField(
        label=_("sales speed of"), choices=[(weeks, _("%(weeks)d weeks") % {"weeks": weeks}) for weeks in orders.WEEKS]
    )
    show = forms.ChoiceField(label=_("Show"), choices=[("due", _("to be bought")), ("all", _("everything"))])
    field_order = ["show", "weeks", "supplier", "brand", "category", "season", "location", "skus"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["cost_pool"]


class PurchaseForm(forms.Form):
    """``name`` begins the number of each purchase; the code of its supplier follows."""

    name = forms.CharField(label=_("purchase number"), max_length=30)
    location = forms.ModelChoiceField(
        label=_("arrives at"),
        queryset=Location.objects.filter(is_active=True, kind__in=["WAREHOUSE", "SHOP"]).order_by("code"),
    )


def page(admin: ServiceAdmin, request: HttpRequest) -> Any:
    if not admin.has_view_permission(request):
        raise PermissionDenied
    if request.method == "POST":
        return _order(admin, request)
    form = asked(ReorderForm, request, weeks=8, show="due")
    limit_places(form, request)
    title = gettext("Purchase suggestions")
    sheet = None
    if form.is_valid():
        given = form.cleaned_data
        found = orders.candidates(
            timezone.localdate(), weeks=int(given["weeks"]), scope=form.scope(), only_due=given["show"] == "due"
        )
        sheet = _sheet(found)
    now = timezone.localtime()
    first = Location.objects.filter(is_active=True, kind=Location.Kind.WAREHOUSE).order_by("code").first()
    arrives_at = form.data.get("location") or (first.pk if first else None)
    purchase = PurchaseForm(initial={"name": f"PO-{now:%Y%m%d-%H%M}-{secrets.token_hex(2)}", "location": arrives_at})
    return answer(
        admin, request, name="purchase-suggestions", title=title, form=form, sheet=sheet, template="inventory/reorder.html",
        purchase=purchase, may_order=request.user.has_perm(MAY_ORDER),
        picks=request.user.has_perm(MAY_ORDER),
    )  # fmt: skip


def _sheet(found: list[Candidate]) -> Sheet:
    rows = [
        Row(
            [
                one.code, one.name, one.supplier, one.suggested, one.days_of_cover, *one.sold, _a_day(one), one.on_hand, one.claimed, one.coming,
                one.backorder, one.position, one.lead_time_days, one.reorder_point,
            ],
            key=one.sku_id, amount=one.suggested,
        )
        for one in found
    ]  # fmt: skip
    heads: list[Any] = [
        _("SKU"), _("name"), _("supplier"), _("to buy"), _("days of cover"),
        *(_("%(weeks)d weeks") % {"weeks": weeks} for weeks in orders.WEEKS), _("sold a day"),
        _("on hand"), _("claimed"), _("to come"), _("backordered"), _("position"), _("lead time (days)"), _("reorder point"),
    ]  # fmt: skip
    notes = [
        _("Position = on hand − claimed + to come − backordered."),
        _("Bought again at the reorder point: the sales of the lead time and the safety stock, or as set by hand."),
    ]
    return Sheet(heads, rows, texts=3, notes=notes)


def _a_day(one: Candidate) -> Decimal:
    return (Decimal(one.speed.numerator) / one.speed.denominator).quantize(Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line that somebody chose, as it will be ordered."""

    sku: Sku
    quantity: int
    unit_cost: Decimal | None
    expected_date: dt.date


def _order(admin: ServiceAdmin, request: HttpRequest) -> HttpResponse:
    """First what would be ordered, by supplier; then, said again, the purchases themselves."""
    if not request.user.has_perm(MAY_ORDER):
        raise PermissionDenied
    form = PurchaseForm(request.POST)
    limit_places(form, request)
    typed = {
        int(name.removeprefix("buy_")): unicodedata.normalize("NFKC", str(text)).replace(",", "").strip()
        for name, text in request.POST.items()
        if re.fullmatch(r"buy_[0-9]{1,15}", name)
        and (request.POST.get("act") == "check_all" or f"pick_{name.removeprefix('buy_')}" in request.POST)
    }
    unread = [key for key, text in typed.items() if text and not re.fullmatch(r"[0-9]{1,7}", text)]
    pieces = {key: int(text) for key, text in typed.items() if text and key not in unread and int(text) > 0}
    if unread or not pieces or len(pieces) > MOST_LINES:
        told = gettext("Choose lines, and say whole numbers of pieces; at most %(most)d lines at once.") % {
            "most": MOST_LINES
        }
        admin.message_user(request, told, "ERROR")
        form.add_error(None, told)
    by_supplier = _by_supplier(pieces) if form.is_valid() else {}
    if form.is_valid() and request.POST.get("act") == "make":
        made = []
        with admin.refusals_as_messages(request):
            made = admin.serve(
                request,
                services.expect_purchases,
                name=form.cleaned_data["name"],
                location_id=form.cleaned_data["location"].pk,
                purchases={
                    supplier: [
                        services.ExpectedLine(number, line.sku.pk, line.quantity, line.expected_date, line.unit_cost)
                        for number, line in enumerate(lines, start=1)
                    ]
                    for supplier, lines in by_supplier.items()
                },
            )
        if made:
            told = gettext("Purchases are made: %(names)s") % {"names": ", ".join(made)}
            return admin.done(request, told, "admin:inventory_expectedreceipt_changelist")
    shared = {
        **admin.admin_site.each_context(request), "opts": admin.opts, "title": gettext("Check the purchases"), "form": form,
        "purchases": [(lines[0].sku.product.supplier, lines, sum(line.quantity for line in lines), _sum(lines)) for lines in by_supplier.values()],
        "with_costs": request.user.has_perm(SEE_COSTS), "back": request.get_full_path(),
    }  # fmt: skip
    return TemplateResponse(request, "inventory/reorder_check.html", shared)


def _by_supplier(pieces: dict[int, int]) -> dict[int | None, list[Wanted]]:
    today = timezone.localdate()
    skus = (
        Sku.objects.select_related("product__supplier")
        .filter(pk__in=pieces)
        .order_by("product__supplier__code", "code")
    )
    costs = cost_on(pieces, today)
    found: dict[int | None, list[Wanted]] = {}
    rules = orders.lead_times(pieces)
    for sku in skus:
        arrives = today + dt.timedelta(days=rules[sku.pk])
        found.setdefault(sku.product.supplier_id, []).append(Wanted(sku, pieces[sku.pk], costs.get(sku.pk), arrives))
    return found


def _sum(lines: list[Wanted]) -> Decimal | None:
    if any(line.unit_cost is None for line in lines):
        return None
    return sum((line.quantity * (line.unit_cost or Decimal(0)) for line in lines), Decimal(0)).quantize(Decimal(1))
