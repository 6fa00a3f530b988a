"""Standard costs, rules of write-downs and of buying again as masters, and 評価損 as a proposal that people edit and a second person posts."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Brand, Category, Season
from erp.core.admin import MasterAdmin, PageLink, ReadOnlyAdmin, document_link
from erp.core.admin.paging import page_number
from erp.core.money import ZERO
from erp.imports.lists import Exchange
from erp.inventory import services
from erp.inventory.admin import reorder
from erp.inventory.admin.reports import DaysForm
from erp.inventory.admin.sheets import FORMS, Row, Sheet, column_sum, file_of
from erp.inventory.models import (
    CostPool,
    ReorderRule,
    StandardCost,
    WriteDownLine,
    WriteDownReview,
    WriteDownRule,
)

LINES_A_PAGE = 200


class RuleAdmin(Exchange, MasterAdmin):
    """No document names these rows, so they may go again; the audit trail keeps them."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}")


@admin.register(StandardCost)
class StandardCostAdmin(RuleAdmin):
    costs = ("cost",)
    list_display = ["sku", "cost", "valid_from"]
    list_select_related = ["sku"]
    search_fields = ["sku__code__exact", "sku__product__code__exact"]
    raw_id_fields = ["sku"]
    ordering = ["-id"]


@admin.register(WriteDownRule)
class WriteDownRuleAdmin(RuleAdmin):
    list_display = ["months", "percent", "category"]
    list_select_related = ["category"]
    list_filter = ["category"]
    autocomplete_fields = ["category"]
    ordering = ["category_id", "months"]


@admin.register(ReorderRule)
class ReorderRuleAdmin(RuleAdmin):
    list_display = [
        "sku",
        "location",
        "lead_time_days",
        "lot",
        "safety_stock",
        "reorder_point",
        "cover_days",
        "is_active",
    ]
    list_select_related = ["sku", "location"]
    list_filter = ["location", "is_active"]
    search_fields = ["sku__code__exact", "sku__product__code__exact"]
    raw_id_fields = ["sku"]
    autocomplete_fields = ["location"]
    ordering = ["-id"]
    list_links = (PageLink("admin:inventory_reorder", _("Purchase suggestions")),)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(partial(reorder.page, self))
        return [path("suggestions/", view, name="inventory_reorder"), *super().get_urls()]


class ProposalForm(DaysForm):
    cost_pool = forms.ModelChoiceField(
        label=_("cost pool"),
        queryset=CostPool.objects.exclude(costing_method=CostPool.CostingMethod.STANDARD).order_by("code"),
    )
    valued_on = forms.DateField(label=_("valued on"), widget=forms.DateInput(attrs={"type": "date"}))
    category = forms.ModelChoiceField(label=_("category"), queryset=Category.objects.order_by("code"), required=False)
    season = forms.ModelChoiceField(label=_("season"), queryset=Season.objects.order_by("-code"), required=False)
    brand = forms.ModelChoiceField(label=_("brand"), queryset=Brand.objects.order_by("code"), required=False)


@admin.register(WriteDownReview)
class WriteDownReviewAdmin(ReadOnlyAdmin):
    costs = ("loss",)
    list_display = ["id", "valued_on", "cost_pool", "state", "loss", "reverses", "made_by", "posted_by", "open"]
    list_select_related = ["cost_pool"]
    list_filter = ["state", "cost_pool"]
    ordering = ["-id"]
    exclude = ["document_id", "reversal_id"]
    readonly_fields = ["booked_as", "taken_back_as"]
    list_links = [
        PageLink("admin:inventory_propose_write_down", _("Propose write-downs"), "inventory.write_down_stock")
    ]
    object_links = [PageLink("admin:inventory_write_down_review", _("Lines of the proposal"))]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(loss=Sum(F("lines__value") - F("lines__proposed_value")))

    @admin.display(description=_("loss"))
    def loss(self, review: Any) -> str:
        return format_html('<span class="figure">{}</span>', f"{review.loss or 0:,.0f}")

    @admin.display(description=_("write-down document"))
    def booked_as(self, review: WriteDownReview) -> str:
        return document_link("STOCK", review.document_id) if review.document_id else "-"

    @admin.display(description=_("document that took it back"))
    def taken_back_as(self, review: WriteDownReview) -> str:
        return document_link("STOCK", review.reversal_id) if review.reversal_id else "-"

    @admin.display(description=_("Lines of the proposal"))
    def open(self, review: WriteDownReview) -> str:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:inventory_write_down_review", args=[review.pk]), _("Open")
        )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("propose/", view(self.propose), name="inventory_propose_write_down"),
            path("<int:review_id>/lines/", view(self.lines), name="inventory_write_down_review"),
            *super().get_urls(),
        ]

    def propose(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("inventory.write_down_stock"):
            raise PermissionDenied
        today = timezone.localdate()
        form = ProposalForm(request.POST or None, initial={"valued_on": today})

        def act() -> HttpResponse:
            given = form.cleaned_data
            keys = {f"{name}_id": given[name].pk if given[name] else None for name in ("category", "season", "brand")}
            review = self.serve(
                request,
                services.propose_write_down,
                cost_pool_id=given["cost_pool"].pk,
                valued_on=given["valued_on"],
                **keys,
            )
            return self.done(request, gettext("The proposal is made."), "admin:inventory_write_down_review", review.pk)

        title, submit = gettext("Propose write-downs"), gettext("Make a proposal")
        return self.service_page(request, form=form, title=title, act=act, submit=submit)

    def lines(self, request: HttpRequest, review_id: int) -> Any:
        """The lines of one proposal: what each SKU will fetch, to edit; and what becomes of all of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        review = get_object_or_404(WriteDownReview.objects.select_related("cost_pool"), pk=review_id)
        lines = review.lines.select_related("sku__product").order_by(F("proposed_value") - F("value"), "sku__code")
        if (wanted := request.GET.get("format", "")) in FORMS:
            files: list[HttpResponseBase] = []
            with self.refusals_as_messages(request):
                files.append(file_of(f"write-down-{review.pk}", gettext("Write-down proposal"), _sheet(lines), wanted))
            return next(iter(files), HttpResponseRedirect(request.path))
        if request.method == "POST":
            if not request.user.has_perm("inventory.write_down_stock"):
                raise PermissionDenied
            with self.refusals_as_messages(request):
                self._act(request, review, lines)
            return HttpResponseRedirect(request.get_full_path())
        number = page_number(request)
        start = (number - 1) * LINES_A_PAGE
        sums = review.lines.aggregate(pieces=Sum("quantity"), value=Sum("value"), proposed=Sum("proposed_value"))
        count = review.lines.count()
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": gettext("Write-down proposal"), "review": review,
            "lines": [(line, line.value - line.proposed_value) for line in lines[start : start + LINES_A_PAGE]],
            "sums": sums, "loss": (sums["value"] or ZERO) - (sums["proposed"] or ZERO), "count": count,
            "may_act": request.user.has_perm("inventory.write_down_stock"), "files": FORMS.items(),
            "is_draft": review.state == WriteDownReview.State.DRAFT,
            "before": number - 1 if number > 1 else 0, "after": number + 1 if start + LINES_A_PAGE < count else 0,
        }  # fmt: skip
        return TemplateResponse(request, "inventory/write_down_review.html", context)

    def _act(self, request: HttpRequest, review: WriteDownReview, lines: Any) -> None:
        act = request.POST.get("act", "")
        if act == "save":
            typed = {
                int(name.removeprefix("line_")): text
                for name, text in request.POST.items()
                if re.fullmatch(r"line_[0-9]{1,15}", name)
            }
            proposed, unread = {}, []
            for line in lines.filter(pk__in=typed):
                text = unicodedata.normalize("NFKC", str(typed[line.pk])).replace(",", "").strip()
                if re.fullmatch(r"[0-9]{1,14}", text):
                    proposed[line.pk] = Decimal(text)
                else:
                    unread.append(line.sku.code)
            if unread:
                told = gettext("Whole yen are needed: %(names)s") % {"names": ", ".join(unread)}
                self.message_user(request, told, "ERROR")
                return
            reverses = bool(request.POST.get("reverses"))
            self.serve(request, services.edit_write_down, review_id=review.pk, proposed=proposed, reverses=reverses)
            self.message_user(request, gettext("Saved."), "SUCCESS")
        elif act == "post":
            self.serve(request, services.post_write_down, review_id=review.pk)
            self.message_user(request, gettext("Booked."), "SUCCESS")
        elif act == "discard":
            self.serve(request, services.discard_write_down, review_id=review.pk)
            self.message_user(request, gettext("Discarded."), "SUCCESS")
        elif act == "take_back":
            self.serve(request, services.take_back_write_down, review_id=review.pk)
            self.message_user(request, gettext("Taken back."), "SUCCESS")


def _sheet(lines: Any) -> Sheet:
    rows = [Row(_cells(line)) for line in lines]
    heads = [
        _("SKU"), _("name"), _("last receipt"), _("Pieces"), _("carried at"), _("will fetch"), _("loss"),
    ]  # fmt: skip
    return Sheet(heads, rows, column_sum(rows, 3), texts=3)


def _cells(line: WriteDownLine) -> list[Any]:
    return [
        line.sku.code, line.sku.product.name, line.last_received_on, line.quantity, line.value, line.proposed_value,
        line.value - line.proposed_value,
    ]  # fmt: skip
