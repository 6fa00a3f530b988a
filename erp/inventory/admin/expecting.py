"""入荷予定: noting what should arrive. The same slip number again brings it up to date, and asks what becomes of lines that were left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from erp.core import documents
from erp.core.admin import document_named
from erp.core.clock import business_date
from erp.inventory import services
from erp.inventory.admin.forms import ExpectedForm
from erp.inventory.admin.places import limit_places
from erp.inventory.selectors.expectations import LeftOut, left_out

if TYPE_CHECKING:
    from erp.inventory.admin.claims import ExpectedReceiptAdmin

KEEP, END = "keep", "end"


@dataclass(frozen=True, slots=True)
class Row:
    """A line that was left out, with the documents that were promised pieces of it."""

    line: LeftOut
    promised: list[tuple[str, int]]


def expect_page(page: ExpectedReceiptAdmin, request: HttpRequest) -> HttpResponse:
    if not page.has_add_permission(request):
        raise PermissionDenied
    form = ExpectedForm(request.POST or None, initial={"expected_date": business_date(timezone.now())})
    limit_places(form, request)
    title = gettext("Expect stock")

    def act() -> HttpResponse:
        values, lines = form.cleaned_data, form.expected_lines()
        missing = left_out(values["external_id"], [(line.line_no, line.sku_id) for line in lines])
        ends = _ended(request, missing)
        if ends is None:
            told = gettext("Under this number more is expected than was typed. Say what becomes of it.")
            page.message_user(request, told, messages.WARNING)
            shared = {**page.admin_site.each_context(request), "opts": page.opts, "title": title, "form": form}
            context = {**shared, "submit": gettext("Book"), "left_out": _rows(missing)}
            return TemplateResponse(request, "inventory/expect.html", context)
        page.serve(
            request,
            services.expect_receipt,
            external_id=values["external_id"],
            location_id=values["location"].pk,
            supplier_id=values["supplier"] and values["supplier"].pk,
            lines=lines,
            ends=ends,
        )
        return page.done(request, gettext("Noted."), "admin:inventory_expectedreceipt_changelist")

    return page.service_page(request, form=form, title=title, act=act)


def _ended(request: HttpRequest, missing: list[LeftOut]) -> list[int] | None:
    """What ends with this press; None: it was not decided of the very lines that are left out."""
    if not missing:
        return []
    now = [line.expected_receipt_id for line in missing]
    seen = request.POST.getlist("left_out")
    decided = request.POST.get("rest")
    if decided not in (KEEP, END) or seen != list(map(str, now)):
        return None
    return now if decided == END else []


def _rows(missing: list[LeftOut]) -> list[Row]:
    named = [(kind, key) for line in missing for kind, key, _pieces in line.promised]
    numbers: dict[Any, str] = documents.numbers_of(named)
    return [
        Row(line, [(document_named(kind, key, numbers[kind, key]), pieces) for kind, key, pieces in line.promised])
        for line in missing
    ]
