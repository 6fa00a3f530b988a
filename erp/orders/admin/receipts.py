"""領収書: the form that issues one, the list of those that were, their paper, and the mail that brings it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import PageLink, ServiceAdmin, for_people
from erp.core.errors import DomainError
from erp.correspondence import selectors as correspondence
from erp.correspondence import services as mails
from erp.correspondence.admin.forms import WordsForm, fresh_token
from erp.correspondence.models import MailKind
from erp.correspondence.selectors import Topic
from erp.orders import selectors, services
from erp.orders.admin import order_mail
from erp.orders.admin.channels import OfChannels
from erp.orders.admin.papers import download
from erp.orders.models import Order, Receipt
from erp.orders.selectors.receipts import LONGEST, stamp_for

ISSUES = "orders.add_receipt"


class ReceiptForm(forms.Form):
    addressee = forms.CharField(
        label=_("addressee"),
        max_length=LONGEST,
        help_text=_("御中 is put behind the name of a company and 様 behind any other, unless it ends in one of them."),
    )
    proviso = forms.CharField(label=_("proviso"), max_length=LONGEST)
    medium = forms.ChoiceField(
        label=_("form of the receipt"),
        choices=Receipt.Medium.choices,
        help_text=_(
            "No stamp duty is due on a PDF. On paper a stamp is due from 50,000 yen without tax, unless it was paid by credit card."
        ),
    )
    again_because = forms.CharField(label=_("reason of issuing again"), max_length=200, required=False)
    token = forms.CharField(widget=forms.HiddenInput, max_length=40)

    def clean(self) -> dict[str, Any]:
        """What the service would refuse of the words, beside whatever else is missing."""
        values: dict[str, Any] = super().clean() or {}
        if "addressee" in values and "proviso" in values:
            for problem in selectors.find_word_problems(values["addressee"], values["proviso"]):
                self.add_error(problem.pointer.removeprefix("/"), problem.detail)
        return values


def issue(page: ServiceAdmin, request: HttpRequest, order: Order) -> HttpResponse:
    """The form beside what the receipt will say. It opens also when none can be issued, and says why."""
    if not request.user.has_perm(ISSUES):
        raise PermissionDenied
    sheet = selectors.receipt_sheet(order)
    last = sheet.issued[-1] if sheet.issued else None
    initial = {
        "addressee": last.addressee if last else sheet.addressee,
        "proviso": last.proviso if last else sheet.proviso,
        "medium": Receipt.Medium.ELECTRONIC,
        "token": fresh_token(),
    }
    form = ReceiptForm(request.POST or None, initial=initial)
    if last is None:
        form.fields["again_because"].widget = forms.HiddenInput()
    else:
        form.fields["again_because"].required = True

    def act() -> HttpResponse:
        receipt = page.serve(request, services.issue_receipt, order_id=order.pk, **form.cleaned_data)
        told = format_html(
            '{} <a href="{}">{}</a>',
            gettext("Receipt %(number)s is issued.") % {"number": receipt.number},
            reverse("admin:orders_receipt_pdf", args=[receipt.pk]),
            gettext("Open the PDF"),
        )
        return page.done(request, told, "admin:orders_receipt_change", receipt.pk)

    return page.service_page(
        request,
        form=form,
        title=f"{gettext('Issue a receipt')} {order.number}",
        act=act,
        submit=gettext("Issue it again") if last else gettext("Issue"),
        template="admin/orders/order/receipt.html",
        order=order,
        sheet=sheet,
        stamp=stamp_for(sheet.in_money),
    )


@admin.register(Receipt)
class ReceiptAdmin(OfChannels):
    sold_through = "order__channel"
    list_display = ["number", "order", "again", "addressee", "amount", "issued_on", "medium", "actor"]
    list_select_related = ["order"]
    list_filter = ["medium", "order__channel"]
    search_fields = ["number__exact", "order__number__exact", "order__external_id__folded", "addressee"]
    ordering = ["-id"]
    fields = [
        "number", "order", "issued_on", "again", "addressee", "proviso", "amount", "medium", "reason", "recorded_at", "actor",
    ]  # fmt: skip
    readonly_fields = ["again"]
    object_links = (
        PageLink("admin:orders_receipt_pdf", _("Open the PDF")),
        PageLink("admin:orders_receipt_mail", _("Send it by mail"), "correspondence.change_mail"),
        PageLink("admin:orders_receipt_again", _("Issue it again"), ISSUES),
    )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:receipt_id>/pdf/", view(self.pdf), name="orders_receipt_pdf"),
            path("<int:receipt_id>/mail/", view(self.mail), name="orders_receipt_mail"),
            path("<int:receipt_id>/again/", view(self.issue_again), name="orders_receipt_again"),
        ]
        return [*own, *super().get_urls()]

    @admin.display(description=_("issue"), ordering="issue")
    def again(self, receipt: Receipt) -> str:
        return f"{gettext('issued again')} {receipt.times_again}" if receipt.times_again else "–"

    def pdf(self, request: HttpRequest, receipt_id: int) -> HttpResponse:
        receipt = self._found(request, receipt_id)
        return download(selectors.receipt_pdf(receipt), f"{receipt.number}.pdf")

    def issue_again(self, request: HttpRequest, receipt_id: int) -> HttpResponse:
        receipt = self._found(request, receipt_id)
        return HttpResponseRedirect(reverse("admin:orders_order_receipt", args=[receipt.order_id]))

    def mail(self, request: HttpRequest, receipt_id: int) -> HttpResponse:
        """The paper goes out as a file, in the words of the template for it."""
        receipt = self._found(request, receipt_id)
        if not request.user.has_perm("correspondence.change_mail"):
            raise PermissionDenied
        order = receipt.order
        topic = Topic(MailKind.RECEIPT, order.pk, "RECEIPT", receipt.pk)
        try:
            template = correspondence.template_of(MailKind.RECEIPT, order.channel_id)
            written = correspondence.write(topic, channel_id=order.channel_id, template=template)
        except DomainError as refusal:
            self.message_user(request, for_people(refusal), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:orders_receipt_change", args=[receipt_id]))
        form = WordsForm.of(written, request.POST or None, seen=correspondence.seen_of_document("ORDER", order.pk))

        def act() -> HttpResponse:
            about = mails.Subject(order.channel_id, "ORDER", order.pk, order.number, "RECEIPT", receipt.pk)
            order_mail.send(self, request, form, about, MailKind.RECEIPT)
            return self.done(request, gettext("It goes out now."), "admin:orders_receipt_change", receipt_id)

        return self.service_page(
            request,
            form=form,
            title=gettext("Mail about %(number)s") % {"number": receipt.number},
            act=act,
            submit=gettext("Send"),
            template="admin/correspondence/words.html",
            problem=written.problem,
            written=written,
        )

    def _found(self, request: HttpRequest, receipt_id: int) -> Receipt:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found: Any = self.get_queryset(request).select_related("order__channel")
        receipt: Receipt = get_object_or_404(found, pk=receipt_id)
        return receipt
