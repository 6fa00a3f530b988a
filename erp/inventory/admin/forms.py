"""What staff type to move stock. Each form ends in one call of a service."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Sku, Supplier
from erp.core.models import Channel
from erp.inventory.models import Location, Reason
from erp.inventory.services import AdjustmentLine, ReceiptLine


class LinesField(forms.CharField):
    """One line per SKU: code, pieces, and where it makes sense a unit cost, parted by comma, tab or space."""

    widget = forms.Textarea

    def clean(self, value: Any) -> list[tuple[Sku, int, Decimal | None]]:
        text = super().clean(value)
        typed = [row for row in csv.reader(text.replace("\t", ",").splitlines()) if any(cell.strip() for cell in row)]
        known = {sku.code: sku for sku in Sku.objects.filter(code__in=[row[0].strip() for row in typed])}
        lines, problems = [], []
        for number, row in enumerate(typed, start=1):
            cells = [cell.strip() for cell in row]
            try:
                cost = Decimal(cells[2]) if len(cells) > 2 and cells[2] else None
                lines.append((known[cells[0]], int(cells[1]), cost))
            except (KeyError, IndexError, ValueError, InvalidOperation):
                problems.append(
                    gettext("Line %(number)d cannot be read: %(text)s") % {"number": number, "text": ",".join(row)}
                )
        if problems:
            raise forms.ValidationError(problems)
        return lines


class ReceiptForm(forms.Form):
    external_id = forms.CharField(label=_("slip number"), max_length=100)
    location = forms.ModelChoiceField(
        label=_("location"), queryset=Location.objects.filter(is_active=True).order_by("code")
    )
    supplier = forms.ModelChoiceField(
        label=_("supplier"),
        queryset=Supplier.objects.filter(is_active=True).order_by("code"),
        required=False,
        help_text=_("Empty: opening stock."),
    )
    occurred_at = forms.SplitDateTimeField(label=_("received at"))
    lines = LinesField(label=_("lines"), help_text=_("One line each: SKU, pieces, unit cost (excl. tax)"))

    def receipt_lines(self) -> list[ReceiptLine]:
        return [
            ReceiptLine(number, sku.pk, pieces, cost or Decimal(0))
            for number, (sku, pieces, cost) in enumerate(self.cleaned_data["lines"], start=1)
        ]


class AdjustmentForm(forms.Form):
    external_id = forms.CharField(label=_("slip number"), max_length=100)
    location = forms.ModelChoiceField(
        label=_("location"), queryset=Location.objects.filter(is_active=True).order_by("code")
    )
    reason = forms.ModelChoiceField(label=_("reason"), queryset=Reason.objects.filter(is_active=True).order_by("code"))
    occurred_at = forms.SplitDateTimeField(label=_("occurred at"))
    lines = LinesField(label=_("lines"), help_text=_("One line each: SKU, pieces (less: negative)"))
    note = forms.CharField(label=_("note"), max_length=200, required=False)

    def adjustment_lines(self) -> list[AdjustmentLine]:
        return [
            AdjustmentLine(number, sku.pk, pieces, cost)
            for number, (sku, pieces, cost) in enumerate(self.cleaned_data["lines"], start=1)
        ]


class AvailabilityForm(forms.Form):
    channel = forms.ModelChoiceField(label=_("sales channel"), queryset=Channel.objects.order_by("code"))
    skus = forms.CharField(label=_("SKU"), help_text=_("Several codes parted by spaces."))

    def found(self) -> list[Sku]:
        return list(Sku.objects.filter(code__in=self.cleaned_data["skus"].split()).order_by("code"))
