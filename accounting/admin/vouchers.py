"""The form of a manual voucher (振替伝票). It only translates: the service says what a voucher may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounting import services
from accounting.admin.fields import amount_field
from accounting.models import JournalEntry, LedgerAccount, OpenItem, Side
from accounting.services import Line
from erp.core.admin import for_people
from erp.core.errors import DomainError
from erp.core.models import Channel, Department, TaxRate

if TYPE_CHECKING:
    from accounting.admin.ledger import JournalEntryAdmin

LINES = 8


class VoucherForm(forms.Form):
    entry_date = forms.DateField(label=_("date"), widget=forms.DateInput(attrs={"type": "date"}))
    description = forms.CharField(label=_("description"), max_length=200)
    # The newest entry when the form was opened, by which a second press of its button is known.
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0, max_value=2**62)


class VoucherLineForm(forms.Form):
    """One line; left empty it is no line."""

    account = forms.ModelChoiceField(
        LedgerAccount.objects.filter(is_active=True).order_by("code"), label=_("ledger account"), required=False
    )
    debit = amount_field(_("debit"), required=False)
    credit = amount_field(_("credit"), required=False)
    tax_code = forms.ChoiceField(label=_("tax code"), required=False)
    channel = forms.ModelChoiceField(Channel.objects.order_by("code"), label=_("sales channel"), required=False)
    department = forms.ModelChoiceField(Department.objects.order_by("code"), label=_("department"), required=False)
    settles = forms.ModelChoiceField(
        OpenItem.objects.all(), label=_("settles open item no."), required=False, widget=forms.NumberInput
    )
    description = forms.CharField(label=_("description"), max_length=200, required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        codes = TaxRate.objects.order_by("code").values_list("code", "label")
        self.fields["tax_code"].choices = [("", "---"), *codes]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("debit") and values.get("credit"):
            raise forms.ValidationError(_("A line is either debit or credit."))
        amount = values.get("debit") or values.get("credit")
        named = values.get("account") or values.get("settles")
        if bool(amount) != bool(named):
            raise forms.ValidationError(_("A line needs an account and an amount."))
        return values

    def line(self) -> Line | None:
        values = self.cleaned_data
        amount = values.get("debit") or values.get("credit")
        if not amount:
            return None
        item, channel, department = values.get("settles"), values.get("channel"), values.get("department")
        return Line(
            Side.DEBIT.value if values.get("debit") else Side.CREDIT.value,
            amount,
            account_code="" if item else values["account"].code,
            channel_id=channel.pk if channel else None,
            department_id=department.pk if department else None,
            tax_code=values["tax_code"],
            settles=item.pk if item else None,
            description=values["description"],
        )


LineForms = forms.formset_factory(VoucherLineForm, extra=LINES)


def voucher_view(page: JournalEntryAdmin, request: HttpRequest) -> HttpResponse:
    if not page.has_add_permission(request):
        raise PermissionDenied
    now = timezone.now()
    newest = JournalEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    form = VoucherForm(request.POST or None, initial={"entry_date": timezone.localdate(now), "seen": newest})
    lines = LineForms(request.POST or None, prefix="lines")
    if request.method == "POST" and form.is_valid() and lines.is_valid():
        try:
            entry = page.serve(
                request,
                services.post_voucher,
                entry_date=form.cleaned_data["entry_date"],
                description=form.cleaned_data["description"],
                lines=[line for line in (row.line() for row in lines) if line is not None],
                seen=form.cleaned_data["seen"],
            )
        except DomainError as refusal:
            form.add_error(None, for_people(refusal))
        else:
            _tell(page, request, entry)
            return HttpResponseRedirect(reverse("admin:accounting_journalentry_change", args=[entry.id]))
    context = {
        **page.admin_site.each_context(request),
        "title": gettext("Manual voucher"),
        "opts": page.opts,
        "form": form,
        "lines": lines,
    }
    return TemplateResponse(request, "admin/accounting/journalentry/voucher.html", context)


def _tell(page: JournalEntryAdmin, request: HttpRequest, entry: services.PostedEntry) -> None:
    if entry.is_replay:
        said = gettext(
            "You have posted this as %(number)s already; nothing more was posted. For the same once more, open a new form."
        )
        page.message_user(request, said % {"number": entry.number}, messages.WARNING)
    else:
        page.message_user(request, gettext("%(number)s is posted.") % {"number": entry.number}, messages.SUCCESS)
