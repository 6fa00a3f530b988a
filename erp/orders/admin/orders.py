"""Orders: one page with the whole chain, and the acts of the order desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from erp.core.admin import ActionForm, PageLink
from erp.orders import services
from erp.orders.admin import allocation, from_hold, many_acts, order_acts, order_mail, order_page, receipts, release
from erp.orders.admin.channels import OfChannels
from erp.orders.models import Order


class ReasonForm(ActionForm):
    """Why, for the acts that leave a reason behind."""

    reason = forms.CharField(label=_("reason"), required=False, max_length=200)


@admin.register(Order)
class OrderAdmin(OfChannels):
    list_display = [
        "number", "state", "channel", "external_id", "order_date", "orderer_name", "total", "order_type", "recorded_at",
    ]  # fmt: skip
    list_select_related = ["channel"]
    list_filter = ["state", "channel", "order_type"]
    search_fields = [
        "number__exact", "external_id__folded", "orderer_phone__digits", "orderer_email__folded", "customer_po_number__folded",
        "orderer_name", "orderer_kana",
    ]  # fmt: skip
    search_help_text = _("Number, phone, e-mail, name or kana")
    date_hierarchy = None
    ordering = ["-id"]
    action_form = ReasonForm
    list_links = [PageLink("admin:orders_release", _("Release orders"), "act")]
    actions = [
        "allocate",
        "set_priority",
        "release",
        "release_in_part",
        "make_final",
        "apply_late_revision",
        "hold",
        "cancel",
    ]

    # The pages of a customer lead to their orders.
    OF_A_CUSTOMER = ("customer_record__golden__id__exact", "account__id__exact")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in self.OF_A_CUSTOMER or super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[URLPattern]:
        act = path("<int:order_id>/act/", self.admin_site.admin_view(self.act), name="orders_order_act")
        releasing = path("release/", self.admin_site.admin_view(self.release_page), name="orders_release")
        mail = path("<int:order_id>/mail/", self.admin_site.admin_view(self.mail), name="orders_order_mail")
        receipt = path("<int:order_id>/receipt/", self.admin_site.admin_view(self.receipt), name="orders_order_receipt")
        memo = path("<int:order_id>/memo/", self.admin_site.admin_view(self.memo), name="orders_order_memo")
        take = path(
            "<int:order_id>/take/<int:line_id>/", self.admin_site.admin_view(self.take), name="orders_order_take"
        )
        convert = path(
            "from-hold/<int:hold_id>/", self.admin_site.admin_view(self.convert), name="orders_order_from_hold"
        )
        return [act, releasing, mail, receipt, memo, take, convert, *super().get_urls()]

    def release_page(self, request: HttpRequest) -> HttpResponse:
        """出荷指示 of what waits for it: a preview, and its confirmation."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        return release.confirm(self, request) if request.method == "POST" else release.preview(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """受注伝票. There is no form to change an order: what can be done stands on the page as acts."""
        if request.method == "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        order = self.get_object(request, unquote(object_id))
        if order is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        context = {**order_page.context(self, request, order), **(extra_context or {})}
        return TemplateResponse(request, "admin/orders/order/sheet.html", context)

    def act(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """What the buttons of the page call: what an act changes, then the act. Leads back to the page, which tells what came of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        order = get_object_or_404(self.get_queryset(request), pk=order_id)
        if request.method == "POST":
            return order_acts.act_on(self, request, order)
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))

    def take(self, request: HttpRequest, order_id: int, line_id: int) -> HttpResponse:
        """Pieces for a line that lacks them, from an order that has them reserved."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        order = get_object_or_404(self.get_queryset(request), pk=order_id)
        return allocation.take(self, request, order, line_id)

    def convert(self, request: HttpRequest, hold_id: int) -> HttpResponse:
        """What is kept for somebody becomes an order."""
        return from_hold.convert(self, request, hold_id)

    def mail(self, request: HttpRequest, order_id: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return order_mail.write(self, request, get_object_or_404(self.get_queryset(request), pk=order_id))

    def receipt(self, request: HttpRequest, order_id: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return receipts.issue(self, request, get_object_or_404(self.get_queryset(request), pk=order_id))

    def memo(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """What the form of the page writes down for colleagues."""
        if not (self.has_view_permission(request) and request.user.has_perm("orders.write_memo")):
            raise PermissionDenied
        order = get_object_or_404(self.get_queryset(request), pk=order_id)
        if request.method == "POST":
            with self.refusals_as_messages(request):
                self.serve(request, services.write_memo, order_id=order.pk, text=request.POST.get("text", ""))
                self.message_user(request, _("The memo is on the order."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))

    @admin.action(description=_("Allocate stock"), permissions=["act"])
    def allocate(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return allocation.allocate(self, request, queryset)

    @admin.action(description=_("Set the allocation priority (type it as the reason)"), permissions=["act"])
    def set_priority(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        typed = request.POST.get("reason", "").strip()
        if not (typed.isdecimal() and len(typed) <= 3):
            self.message_user(request, _("Type a number from 0 to 999 as the reason."), messages.ERROR)
            return
        ids = list(queryset.order_by("pk").values_list("pk", flat=True))
        done = self.serve(request, services.set_priority, order_ids=ids, priority=int(typed))
        told = ngettext("%(count)d order done.", "%(count)d orders done.", done)
        self.message_user(request, told % {"count": done}, messages.SUCCESS if done else messages.WARNING)

    @admin.action(description=_("Release to the warehouse"), permissions=["act"])
    def release(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return release.preview(self, request, queryset)

    @admin.action(description=_("Release what is reserved so far"), permissions=["act"])
    def release_in_part(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return release.preview(self, request, queryset, in_part=True)

    @admin.action(description=_("Take as final (give a reason)"), permissions=["act"])
    def make_final(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "make_final", about=_order)

    @admin.action(description=_("Apply the revision that came late"), permissions=["act"])
    def apply_late_revision(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "apply_late_revision", about=_order)

    @admin.action(description=_("Put on hold"), permissions=["act"])
    def hold(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "hold", about=_order)

    @admin.action(description=_("Cancel (give a reason)"), permissions=["act"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        return many_acts.act_on_many(self, request, queryset, "cancel", about=_order)


def _order(order: Order) -> str:
    return order.external_id
