"""Segments as masters; the scores made from them to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.services import undo_merge
from erp.core.admin import MasterAdmin, PageLink, ReadOnlyAdmin
from erp.core.keys import key_in
from erp.insights import selectors
from erp.insights.admin import customer_card, sales
from erp.insights.models import CustomerRfm, RfmDefinition, Segment
from erp.inventory.selectors import shop_channels_of

SEE_PEOPLE = "customers.view_goldencustomer"


@admin.register(RfmDefinition)
class RfmDefinitionAdmin(MasterAdmin):
    """A change is a new row from its date on."""

    list_display = ["valid_from", "method", "window_months"]
    ordering = ["-valid_from"]


@admin.register(Segment)
class SegmentAdmin(MasterAdmin):
    list_display = ["rank", "code", "name", "r_range", "f_range", "m_range"]
    list_display_links = ["code", "name"]
    ordering = ["rank", "code"]

    @admin.display(description="R")
    def r_range(self, segment: Segment) -> str:
        return f"{segment.r_from}-{segment.r_to}"

    @admin.display(description="F")
    def f_range(self, segment: Segment) -> str:
        return f"{segment.f_from}-{segment.f_to}"

    @admin.display(description="M")
    def m_range(self, segment: Segment) -> str:
        return f"{segment.m_from}-{segment.m_to}"

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        # EC sites ask by the code.
        return ["code"] if obj else []


@admin.register(CustomerRfm)
class CustomerRfmAdmin(ReadOnlyAdmin):
    list_display = ["golden", "card", "segment", "scores", "last_order_date", "order_count", "amount", "as_of"]
    list_select_related = ["golden", "segment"]
    list_filter = ["segment", "r", "f", "m"]
    search_fields = ["golden__display_name"]
    ordering = ["pk"]
    list_links = (PageLink("admin:insights_sales", _("Sales analysis"), "insights.analyse_sales"),)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The card is for whoever may look at people."""
        shown = super().get_list_display(request)
        return shown if request.user.has_perm(SEE_PEOPLE) else [column for column in shown if column != "card"]

    @admin.display(description=_("RFM"))
    def scores(self, row: CustomerRfm) -> str:
        return f"{row.r}{row.f}{row.m}"

    @admin.display(description=_("Customer card"))
    def card(self, row: CustomerRfm) -> str:
        url = reverse("admin:insights_customer_card", args=[row.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("Open the card"))

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("customer/<int:golden_id>/", wrap(self.customer_card), name="insights_customer_card"),
            path("customer/<int:golden_id>/undo/", wrap(self.undo_merge), name="insights_undo_merge"),
            path("account/<int:account_id>/", wrap(self.account_card), name="insights_account_card"),
            path("sales/", wrap(self.sales), name="insights_sales"),
            path("sales/lines/", wrap(self.sales_lines), name="insights_sales_lines"),
        ]
        return [*own, *super().get_urls()]

    def customer_card(self, request: HttpRequest, golden_id: int) -> HttpResponse:
        """Everything about one golden customer. The staff of a shop see who bought there, and what was bought there."""
        self._demand(request, SEE_PEOPLE)
        channels = shop_channels_of(request.user)
        card = selectors.card_of_customer(golden_id, on=timezone.localdate(), channels=channels)
        return self._card(request, card)

    def account_card(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """The same from the trade account. Those who see the sales of some shops only see no accounts."""
        self._demand(request, "customers.view_account")
        if shop_channels_of(request.user) is not None:
            raise PermissionDenied
        return self._card(request, selectors.card_of_account(account_id, on=timezone.localdate()))

    def undo_merge(self, request: HttpRequest, golden_id: int) -> HttpResponse:
        """Move a record back to where it was before the merge."""
        self._demand(request, "customers.change_mergeevent")
        if request.method == "POST" and (key := key_in(request.POST.get("merge", ""))):
            with self.refusals_as_messages(request, str(key)):
                self.serve(request, undo_merge, merge_id=key)
                self.message_user(request, gettext("Merge %d undone.") % key, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:insights_customer_card", args=[golden_id]))

    def sales(self, request: HttpRequest) -> HttpResponse | FileResponse | StreamingHttpResponse:
        """どの商品が・どのチャネルで・誰に. The staff of a shop see what was sold there."""
        self._demand(request, "insights.analyse_sales")
        return sales.page(self, request)

    def sales_lines(self, request: HttpRequest) -> HttpResponse:
        """The order lines behind a number of that page."""
        self._demand(request, "insights.analyse_sales")
        return sales.lines(self, request)

    def _card(self, request: HttpRequest, card: selectors.CustomerCard | None) -> HttpResponse:
        if card is None:
            raise Http404
        return TemplateResponse(request, "insights/customer_card.html", customer_card.context(self, request, card))

    @staticmethod
    def _demand(request: HttpRequest, permission: str) -> None:
        if not request.user.has_perm(permission):
            raise PermissionDenied
