"""試算表, 総勘定元帳, 補助元帳 and 売掛金年齢表 as pages, each figure leading to what it is made of, and as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import chain
from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounting import selectors
from accounting.models import LedgerAccount, PartyKind
from accounting.selectors import Filter, LedgerPage
from erp.core import documents
from erp.core.admin import document_named
from erp.core.models import Channel, Department
from erp.core.money import ZERO
from erp.imports.downloads import table_as_csv

CSV_PAGE = 1_000


class RangeForm(forms.Form):
    first = forms.DateField(label=_("from"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=_("to"), widget=forms.DateInput(attrs={"type": "date"}))
    channel = forms.ModelChoiceField(Channel.objects.order_by("code"), label=_("sales channel"), required=False)
    department = forms.ModelChoiceField(Department.objects.order_by("code"), label=_("department"), required=False)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("first") and values.get("last") and values["last"] < values["first"]:
            raise forms.ValidationError(_("The range of dates ends before it starts."))
        return values

    def filter(self) -> Filter:
        channel, department = self.cleaned_data["channel"], self.cleaned_data["department"]
        return Filter(channel.pk if channel else None, department.pk if department else None)


class GeneralLedgerForm(RangeForm):
    account = forms.ModelChoiceField(LedgerAccount.objects.order_by("code"), label=_("ledger account"))


class SubsidiaryLedgerForm(RangeForm):
    party_kind = forms.ChoiceField(label=_("party kind"), choices=PartyKind.choices)
    party_id = forms.IntegerField(label=_("party no."))
    account = forms.ModelChoiceField(LedgerAccount.objects.order_by("code"), label=_("ledger account"), required=False)


class AgingForm(forms.Form):
    on = forms.DateField(label=_("date"), widget=forms.DateInput(attrs={"type": "date"}))


def trial_balance(page: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    form = _form(RangeForm, page, request)
    sheet = None
    if form.is_valid():
        values = form.cleaned_data
        sheet = selectors.trial_balance(first=values["first"], last=values["last"], only=form.filter())
        if request.GET.get("format") == "csv":
            rows = ([r.code, r.name, r.opening, r.debit, r.credit, r.closing] for r in sheet.rows)
            head = [_("code"), _("name"), _("opening"), _("debit"), _("credit"), _("closing")]
            return table_as_csv("trial-balance", chain([[str(word) for word in head]], rows))
    return _render(page, request, "trial_balance", gettext("Trial balance"), {"form": form, "sheet": sheet})


def general_ledger(page: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    form = _form(GeneralLedgerForm, page, request)

    def read(**paging: Any) -> LedgerPage:
        values = form.cleaned_data
        return selectors.general_ledger(
            account_id=values["account"].pk,
            first=values["first"],
            last=values["last"],
            only=form.filter(),
            **paging,
        )

    return _ledger(page, request, form, read, "general-ledger", gettext("General ledger"))


def subsidiary_ledger(page: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    form = _form(SubsidiaryLedgerForm, page, request)

    def read(**paging: Any) -> LedgerPage:
        values = form.cleaned_data
        return selectors.subsidiary_ledger(
            party_kind=values["party_kind"],
            party_id=values["party_id"],
            account_id=values["account"].pk if values["account"] else None,
            first=values["first"],
            last=values["last"],
            only=form.filter(),
            **paging,
        )

    return _ledger(page, request, form, read, "subsidiary-ledger", gettext("Subsidiary ledger"))


def aging(page: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    _may_look(page, request)
    form = AgingForm(request.GET if request.GET.get("on") else {"on": timezone.localdate()})
    rows = selectors.aging(on=form.cleaned_data["on"]) if form.is_valid() else []
    names = ("not_due", "days_1_to_30", "days_31_to_60", "days_61_to_90", "older", "total")
    sums = [sum((getattr(row, name) for row in rows), ZERO) for name in names]
    context = {"form": form, "rows": rows, "sums": sums if rows else []}
    return _render(page, request, "aging", gettext("Aging of receivables"), context)


def _ledger(
    page: ModelAdmin[Any], request: HttpRequest, form: RangeForm, read: Any, name: str, title: str
) -> HttpResponse:
    ledger, rows = None, []
    if form.is_valid():
        if request.GET.get("format") == "csv":
            return table_as_csv(name, chain([[str(word) for word in _LEDGER_HEAD]], _all_lines(read)))
        ledger = read(cursor=_cursor(request), limit=100)
        numbers = selectors.source_numbers(ledger.lines)
        rows = [
            (line, document_named(line.source_type, line.source_id, numbers[line.entry_id])) for line in ledger.lines
        ]
    following = request.GET.copy()
    if ledger and ledger.next_cursor:
        following["cursor"] = ledger.next_cursor
    context = {"form": form, "ledger": ledger, "rows": rows, "following": following.urlencode()}
    return _render(page, request, "ledger", title, context)


_LEDGER_HEAD = [
    _("date"), _("entry"), _("ledger account"), _("counter account"), _("description"), _("source document"), _("debit"), _("credit"),
    _("balance"),
]  # fmt: skip


def _all_lines(read: Any) -> Iterable[Sequence[object]]:
    cursor: str | None = ""
    while cursor is not None:
        ledger = read(cursor=cursor, limit=CSV_PAGE)
        numbers = selectors.source_numbers(ledger.lines)
        for line in ledger.lines:
            account = f"{line.account_code} {line.account_name}"
            amounts = (line.debit, line.credit, line.balance)
            source = f"{documents.label_of(line.source_type)} {numbers[line.entry_id] or line.source_id}"
            yield (
                line.entry_date,
                line.entry_number,
                account,
                line.counter_accounts,
                line.description,
                source,
                *amounts,
            )
        cursor = ledger.next_cursor


def _cursor(request: HttpRequest) -> str:
    """A cursor that somebody edited starts from the beginning."""
    cursor = request.GET.get("cursor", "")
    day, _dot, number = cursor.partition(".")
    try:
        date.fromisoformat(day)
    except ValueError:
        return ""
    return cursor if number.isdecimal() else ""


def _form(form: Any, page: ModelAdmin[Any], request: HttpRequest) -> Any:
    """The form as asked, or this month where nothing was; a first visit is not told what it has not chosen yet."""
    _may_look(page, request)
    today = timezone.localdate()
    values = {"first": today.replace(day=1).isoformat(), "last": today.isoformat()} | request.GET.dict()
    bound = form(values)
    return bound if request.GET or bound.is_valid() else form(initial=values)


def _may_look(page: ModelAdmin[Any], request: HttpRequest) -> None:
    if not request.user.has_perm("accounting.view_posting"):
        raise PermissionDenied


def _render(
    page: ModelAdmin[Any], request: HttpRequest, name: str, title: str, context: dict[str, Any]
) -> HttpResponse:
    asked = request.GET.copy()
    asked["format"] = "csv"
    shared = {**page.admin_site.each_context(request), "title": title, "opts": page.opts, "csv": asked.urlencode()}
    return TemplateResponse(request, f"admin/accounting/{name}.html", shared | context)
