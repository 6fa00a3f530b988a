"""The journal as a file for the accounting package, asked for on a page. It ends in the service that the command calls too."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounting import services
from accounting.models import ExportRun
from accounting.services import Exported

if TYPE_CHECKING:
    from accounting.admin.trade import ExportRunAdmin

DAY = forms.DateInput(attrs={"type": "date"})
LOSSES_TOLD = 20


class ExportForm(forms.Form):
    first = forms.DateField(label=_("from"), widget=DAY)
    last = forms.DateField(label=_("to"), widget=DAY)
    scope = forms.ChoiceField(label=_("scope"), choices=ExportRun.Scope.choices)
    again = forms.BooleanField(label=_("a second time, on purpose"), required=False)
    method = forms.ChoiceField(
        label=_("method for goods"),
        choices=ExportRun.Method.choices,
        help_text=_("Stay with one method through a business year."),
    )
    with_closing = forms.BooleanField(
        label=_("with stock at closing"), required=False, help_text=_("Only with 三分法, for whole months.")
    )


def export(page: ExportRunAdmin, request: HttpRequest) -> HttpResponse:
    if not page.has_add_permission(request):
        raise PermissionDenied
    end = timezone.localdate().replace(day=1) - timedelta(days=1)
    initial = {"first": end.replace(day=1), "last": end, "method": services.export_method()}
    form = ExportForm(request.POST or None, initial=initial)

    def act() -> HttpResponse:
        exported = page.serve(request, services.export_yayoi, **form.cleaned_data)
        _tell_losses(page, request, exported)
        name = f"yayoi-{exported.run.first_date}-{exported.run.last_date}-{exported.run.pk}.csv"
        answer = HttpResponse(exported.file.content, content_type="text/csv; charset=cp932")
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    return page.service_page(request, form=form, title=gettext("Export for Yayoi"), act=act, submit=gettext("Export"))


def _tell_losses(page: ExportRunAdmin, request: HttpRequest, exported: Exported) -> None:
    """What the file says otherwise than the books, on the next page that opens."""
    losses = exported.file.losses
    told = [f"{loss.entry_number}: {loss.text} → {loss.written}" for loss in losses[:LOSSES_TOLD]]
    if len(losses) > LOSSES_TOLD:
        told.append(gettext("and %(count)d more") % {"count": len(losses) - LOSSES_TOLD})
    for text in told:
        page.message_user(request, text, messages.WARNING)
