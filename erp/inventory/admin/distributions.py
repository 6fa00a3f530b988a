"""入荷配分: SKUs in rows, destinations in columns, a proposal by rule, what is left always in sight. Confirmed into transfers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from catalog.models import Product, Sku
from erp.core.admin import MasterAdmin, PageLink, TabularInline
from erp.core.errors import DomainError
from erp.core.keys import key_in
from erp.imports.downloads import table_as_file
from erp.inventory import services
from erp.inventory.admin.baskets import new_number, pieces_typed, plain
from erp.inventory.admin.places import OfPlaces
from erp.inventory.models import Distribution, DistributionPattern, Location, PatternShare
from erp.inventory.selectors import distributions as selected
from erp.inventory.selectors.goods import goods_name

State = Distribution.State
DISTRIBUTES = "inventory.distribute_stock"
# The other way to share goods out: among what accounts have ordered.
TO_ORDERS = PageLink("admin:orders_distribute", _("Distribute goods to orders"), "orders.distribute_to_orders")
MOST_SKUS, MOST_PLACES = 300, 30
# (SKU, column) → pieces.
Cells = dict[tuple[int, int], int]
EQUAL, PATTERN, SPEED, TARGET = "EQUAL", "PATTERN", "SPEED", "TARGET"
RULES = {
    EQUAL: pgettext_lazy("distribution", "Equally"),
    PATTERN: pgettext_lazy("distribution", "By pattern"),
    SPEED: pgettext_lazy("distribution", "By sales of the last days"),
    TARGET: pgettext_lazy("distribution", "Fill up to a target per SKU"),
}


class GoodsForm(forms.Form):
    """Goods of one place that are to be shared out: those of a delivery, or some styles. ``cleaned_data["skus"]`` are their ids."""

    external_id = forms.CharField(label=_("distribution number"), max_length=40)
    source = forms.ModelChoiceField(
        label=_("distributed from"),
        queryset=Location.objects.filter(is_active=True, kind=Location.Kind.WAREHOUSE).order_by("code"),
    )
    purchase = forms.CharField(
        label=_("expected delivery"),
        max_length=60,
        required=False,
        help_text=_(
            "Its number: what is expected or came under it is distributed. Confirmed when the goods are there."
        ),
    )
    styles = forms.CharField(
        label=_("styles"), required=False, help_text=_("Without a delivery: codes of styles or SKUs, parted by spaces.")
    )
    note = forms.CharField(label=_("note"), max_length=200, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        source = cleaned.get("source")
        codes = codes_in(cleaned.get("styles", ""))
        cleaned["purchase"] = purchase = plain(cleaned.get("purchase", ""))
        if source is None:
            return cleaned
        if purchase:
            skus = selected.skus_of_purchase(purchase, source.pk)
            if not skus:
                self.add_error("purchase", _("Nothing is expected any more under this number."))
        else:
            products = Product.objects.filter(code__in=codes).values_list("pk", flat=True)
            found = Sku.objects.filter(is_active=True, product__in=list(products)) | Sku.objects.filter(code__in=codes)
            skus = list(
                found.order_by("product__code", "color__code", "size__code", "code").values_list("pk", flat=True)
            )
            if not skus:
                self.add_error("styles", _("Name styles or SKUs, or an expected delivery."))
        if len(skus) > MOST_SKUS or len(cleaned.get("to", ())) > MOST_PLACES:
            told = _("At most %(skus)d SKUs and %(places)d destinations at once.")
            self.add_error(None, forms.ValidationError(told, params={"skus": MOST_SKUS, "places": MOST_PLACES}))
        cleaned["skus"] = skus
        return cleaned


def asked_before(request: HttpRequest) -> dict[str, str]:
    """What the address fills in: goods that the other way of sharing out was about."""
    return {name: request.GET[name] for name in ("source", "purchase", "styles") if request.GET.get(name)}


def codes_in(text: str) -> list[str]:
    """Codes as they were typed or pasted: parted by spaces, commas or lines."""
    return plain(text).replace(",", " ").split()


def cells_typed(request: HttpRequest, skus: Sequence[int], columns: Sequence[int]) -> Cells:
    """As they stand in the matrix of the form."""
    return {
        (sku_id, column): pieces_typed(plain(request.POST.get(f"pieces_{sku_id}_{column}", ""))) or 0
        for sku_id in skus
        for column in columns
    }


class DistributionForm(GoodsForm):
    to = forms.ModelMultipleChoiceField(
        label=_("destinations"),
        queryset=Location.objects.filter(
            is_active=True, kind__in=[Location.Kind.SHOP, Location.Kind.CONSIGNED, Location.Kind.MALL_HELD, Location.Kind.WAREHOUSE]
        ).order_by("kind", "code"),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    field_order = ["external_id", "source", "purchase", "styles", "to", "note"]


class DistributionPages(OfPlaces):
    """Papers by which goods of one place are shared out: how one begins, and its matrix of SKUs and columns."""

    place = "source"
    list_select_related = ["source"]
    list_filter = ["state", "source"]
    search_fields = ["external_id"]
    ordering = ["-id"]

    # Who may share out, the form that begins a paper, the prefix of its number, its title; what ``asked`` calls the columns.
    permission: str
    begin_form: type[GoodsForm]
    prefix: str
    begin_title: Any
    asked_columns: str
    matrix: str

    def begin(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(self.permission):
            raise PermissionDenied
        initial = {"external_id": new_number(self.prefix)} | asked_before(request)
        form = self.begin_form(request.POST or None, initial=initial)

        def act() -> HttpResponse:
            return self.done(request, gettext("Opened."), self._page, self.draft(request, form.cleaned_data))

        title = str(self.begin_title)
        return self.service_page(request, form=form, title=title, act=act, submit=gettext("To the matrix"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.named(request, object_id, "source")
        typed: Cells | None = None
        if request.method == "POST":
            if not request.user.has_perm(self.permission):
                raise PermissionDenied
            typed = cells_typed(request, row.asked["skus"], row.asked[self.asked_columns])
            if self.act_on(request, row, typed):
                return HttpResponseRedirect(reverse(self._page, args=[row.pk]))
            row = self.named(request, object_id, "source")
        return TemplateResponse(request, self.matrix, self.matrix_context(request, row, typed))

    def draft(self, request: HttpRequest, values: dict[str, Any]) -> Any:
        """Begin a paper with what the form says. Returns its key."""
        raise NotImplementedError

    def act_on(self, request: HttpRequest, row: Any, typed: Cells) -> bool:
        """Do what a button asks. Returns whether something was done, so that the page is shown anew."""
        raise NotImplementedError

    def matrix_context(self, request: HttpRequest, row: Any, typed: Cells | None) -> dict[str, Any]:
        raise NotImplementedError

    @property
    def _page(self) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_change"


def matrix_row(
    sku: Sku, columns: Sequence[int], *, given: Cells, first: Cells, second: Cells, above: Sku | None
) -> dict[str, Any]:
    """A line of the matrix. Its style is told where it differs from the one ``above``; ``first`` and ``second`` stand below what is given."""
    return {
        "sku": sku,
        "name": goods_name(sku),
        "style": sku.product if above is None or sku.product != above.product else None,
        "cells": [
            {
                "column": column,
                "pieces": given.get((sku.pk, column), 0),
                "first": first.get((sku.pk, column), 0),
                "second": second.get((sku.pk, column), 0),
            }
            for column in columns
        ],
    }


def same_goods(row: Any, skus: Iterable[Sku]) -> str:
    """The goods of a paper as the query of an address, for the other way of sharing them out."""
    same = {"source": row.source_id, "purchase": row.purchase}
    if not row.purchase:
        same["styles"] = " ".join(dict.fromkeys(sku.product.code for sku in skus))
    return urlencode(same)


@admin.register(Distribution)
class DistributionAdmin(DistributionPages):
    list_display = ["external_id", "source", "purchase", "state", "created_at", "created_by", "confirmed_at"]
    list_links = (PageLink("admin:inventory_distribute", _("Distribute goods"), DISTRIBUTES), TO_ORDERS)
    permission, begin_form, prefix, begin_title = DISTRIBUTES, DistributionForm, "H", _("Distribute goods")
    asked_columns, matrix = "to", "inventory/distribution.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("begin/", view(self.begin), name="inventory_distribute"),
            path("<int:distribution_id>/file/", view(self.file), name="inventory_distribution_file"),
        ]
        return [*own, *super().get_urls()]

    def draft(self, request: HttpRequest, values: dict[str, Any]) -> Any:
        return self.serve(
            request,
            services.draft_distribution,
            external_id=values["external_id"],
            source_id=values["source"].pk,
            purchase=values["purchase"],
            sku_ids=values["skus"],
            to_ids=[place.pk for place in values["to"]],
            note=values["note"],
        )

    def act_on(self, request: HttpRequest, row: Distribution, typed: Cells) -> bool:
        act, told = request.POST.get("act", ""), ""
        with self.refusals_as_messages(request, row.external_id):
            if act == "propose" and row.state == State.DRAFT:
                proposed = self._proposal(request, row)
                self.serve(request, services.set_distribution, distribution_id=row.pk, pieces=proposed)
                told = gettext("Proposed: %(pieces)d pieces.") % {"pieces": sum(proposed.values())}
            elif act in ("save", "confirm") and row.state == State.DRAFT:
                self.serve(request, services.set_distribution, distribution_id=row.pk, pieces=typed)
                told = gettext("Kept.")
                if act == "confirm":
                    made = self.serve(request, services.confirm_distribution, distribution_id=row.pk)
                    told = gettext("Confirmed: %(count)d transfers are asked for.") % {"count": len(made)}
            elif act == "undo":
                undone = self.serve(request, services.undo_distribution, distribution_id=row.pk)
                told = gettext("Undone: %(count)d transfers were taken back.") % {"count": undone}
        if told:
            self.message_user(request, told, messages.SUCCESS)
        elif act not in ("propose", "save", "confirm", "undo"):
            self.message_user(request, gettext("This cannot be done now."), messages.WARNING)
        return bool(told)

    def _proposal(self, request: HttpRequest, row: Distribution) -> dict[tuple[int, int], int]:
        """Raises DomainError for a rule without its details."""
        skus, to = list(row.asked["skus"]), list(row.asked["to"])
        free = selected.distributable(source_id=row.source_id, sku_ids=skus, purchase=row.purchase)
        rule, figure = request.POST.get("rule", EQUAL), plain(request.POST.get("figure", ""))
        number = int(figure) if figure.isdecimal() and len(figure) < 6 else 0
        if rule == PATTERN:
            shares = PatternShare.objects.filter(pattern=key_in(request.POST.get("pattern", "")))
            weights = dict(shares.values_list("location_id", "weight"))
            return services.by_weight(free, {(sku, place): weights.get(place, 0) for sku in skus for place in to}, to)
        if rule in (SPEED, TARGET) and not number:
            raise DomainError(gettext("Say how many days, or how many pieces."))
        if rule == SPEED:
            return _by_speed(free, skus, to, days=number)
        if rule == TARGET:
            there = selected.lying_and_coming(skus, to)
            return services.up_to(free, there, dict.fromkeys(to, number), to)
        return services.equally(free, to)

    def matrix_context(self, request: HttpRequest, row: Distribution, typed: Cells | None) -> dict[str, Any]:
        skus, to = list(row.asked["skus"]), list(row.asked["to"])
        places = Location.objects.in_bulk(to)
        given = {
            (sku, place): count for sku, place, count in row.lines.values_list("sku_id", "location_id", "quantity")
        }
        if typed is not None and row.state == State.DRAFT:
            given = typed
        free = selected.distributable(source_id=row.source_id, sku_ids=skus, purchase=row.purchase)
        there = selected.lying_and_coming(skus, to)
        sold = selected.sold(skus, to, days=28, at=timezone.now())
        found = Sku.objects.select_related("product", "color", "size").in_bulk(skus)
        table: list[dict[str, Any]] = []
        for sku_id in skus:
            above = table[-1]["sku"] if table else None
            line = matrix_row(found[sku_id], to, given=given, first=there, second=sold, above=above)
            confirmed = sum(cell["pieces"] for cell in line["cells"]) if row.state == State.CONFIRMED else 0
            table.append(line | {"available": free[sku_id] + confirmed})
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{gettext('distribution')} {row.external_id}",
            "row": row,
            "columns": [places[place] for place in to],
            "below": gettext("there or on the way / sold in 28 days"),
            "is_open": row.state == State.DRAFT and request.user.has_perm(DISTRIBUTES),
            "to_orders": TO_ORDERS.is_open(self, request)
            and f"{reverse(TO_ORDERS.url_name)}?{same_goods(row, map(found.__getitem__, skus))}",
            "table": table,
            "rules": RULES,
            "patterns": DistributionPattern.objects.filter(is_active=True).order_by("name"),
            "may_act": request.user.has_perm(DISTRIBUTES),
            "transfers": list(row.transfers.select_related("to_location").order_by("pk")),
        }

    def file(self, request: HttpRequest, distribution_id: int) -> HttpResponseBase:
        """The list for whoever picks: one row per destination and SKU."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.named(request, distribution_id, "source")
        heading = [gettext("destination"), gettext("name"), "SKU", gettext("name"), gettext("pieces")]
        lines = row.lines.select_related("location", "sku__product", "sku__color", "sku__size")
        cells = [
            [line.location.code, line.location.name, line.sku.code, goods_name(line.sku), line.quantity]
            for line in lines.order_by("location__code", "sku__code")
        ]
        return table_as_file(
            f"haibun-{row.pk}", title=row.external_id, heading=heading, rows=lambda: cells, form="xlsx"
        )


def _by_speed(free: dict[int, int], skus: Sequence[int], to: Sequence[int], *, days: int) -> dict[tuple[int, int], int]:
    """By what a SKU sold at each destination; one that sold nowhere by what the whole list sold there, else equally."""
    at: dt.datetime = timezone.now()
    sold = selected.sold(skus, to, days=days, at=at)
    whole = {place: sum(sold.get((sku, place), 0) for sku in skus) for place in to}
    if not any(whole.values()):
        return services.equally(free, to)
    weights = {
        (sku, place): sold.get((sku, place), 0) if any(sold.get((sku, each), 0) for each in to) else whole[place]
        for sku in skus
        for place in to
    }
    return services.by_weight(free, weights, to)


class PatternShareInline(TabularInline):
    model = PatternShare
    fields = ["location", "weight"]
    autocomplete_fields = ["location"]
    extra = 3


@admin.register(DistributionPattern)
class DistributionPatternAdmin(MasterAdmin):
    list_display = ["name", "is_active"]
    search_fields = ["name"]
    ordering = ["name"]
    inlines = [PatternShareInline]
