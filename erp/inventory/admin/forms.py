"""What staff type to move stock. Each form ends in one call of a service."""

from __future__ import annotations

import csv
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from catalog.models import Sku, Supplier
from catalog.selectors import sku_facts_by_id, skus_scanned
from erp.core.clock import business_date
from erp.core.models import Channel
from erp.inventory.models import ExpectedReceipt, Hold, Location, Reason, StockDocument, StockMovement
from erp.inventory.services import (
    AdjustmentLine,
    Count,
    ExpectedLine,
    HoldDemand,
    PurchaseBooks,
    ReceiptLine,
    TransferLine,
    WriteDownLine,
    demanded,
)


class LinesField(forms.CharField):
    """One line per SKU: code, pieces, and where it makes sense a unit cost, parted by comma or tab.

    ``takes_scans``: a code alone, which is what a scanner types, is one piece.
    """

    widget = forms.Textarea

    def __init__(self, *, needs_cost: bool = False, takes_scans: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.needs_cost, self.takes_scans = needs_cost, takes_scans

    def clean(self, value: Any) -> list[tuple[Sku, int, Decimal | None]]:
        text = super().clean(value)
        try:
            typed = [
                row for row in csv.reader(text.replace("\t", ",").splitlines()) if any(cell.strip() for cell in row)
            ]
        except csv.Error as fault:
            raise forms.ValidationError(gettext("The lines cannot be read: %(why)s") % {"why": fault}) from None
        codes = [row[0].strip() for row in typed]
        ids = skus_scanned(codes, on=business_date(timezone.now()))
        skus = Sku.objects.in_bulk(set(ids.values()))
        known = {code: skus[key] for code, key in ids.items()}
        lines, problems = [], []
        for number, row in enumerate(typed, start=1):
            cells = [cell.strip() for cell in row]
            if self.takes_scans and len(cells) == 1:
                cells.append("1")
            try:
                cost = _cost(cells[2]) if len(cells) > 2 and cells[2] else None
                lines.append((known[cells[0]], _pieces(cells[1]), cost))
            except (KeyError, IndexError, ValueError, InvalidOperation):
                shown = Truncator(",".join(row)).chars(60)
                problems.append(gettext("Line %(number)d cannot be read: %(text)s") % {"number": number, "text": shown})
            else:
                if cost is None and self.needs_cost:
                    told = gettext("Line %(number)d: a unit cost is needed; what costs nothing costs 0.")
                    problems.append(told % {"number": number})
        if problems:
            raise forms.ValidationError(problems)
        return lines


class ShelvesField(forms.CharField):
    """One line each: a SKU and its shelf, parted by comma, tab or space. Without a shelf the SKU is taken off."""

    widget = forms.Textarea

    def clean(self, value: Any) -> dict[int, str]:
        typed = [re.split(r"[\t,]+|\s+", line.strip(), maxsplit=1) for line in super().clean(value).splitlines()]
        named = {parts[0]: parts[1].strip() if len(parts) > 1 else "" for parts in typed if parts[0]}
        known = dict(Sku.objects.filter(code__in=named).values_list("code", "pk"))
        if unknown := sorted(set(named) - set(known)):
            raise forms.ValidationError(gettext("No such SKU: %(sku)s.") % {"sku": ", ".join(unknown)})
        return {known[code]: shelf for code, shelf in named.items()}


class AmountsField(forms.CharField):
    """One line each: a SKU or a line number, and whole yen, parted by comma, tab or space."""

    widget = forms.Textarea

    def clean(self, value: Any) -> list[tuple[str, Decimal]]:
        found, problems = [], []
        for number, line in enumerate(super().clean(value).splitlines(), start=1):
            name, amount = [*line.replace("\t", " ").replace(",", " ").split(), "", ""][:2]
            if name and re.fullmatch(r"-?[0-9]{1,12}", amount):
                found.append((name, Decimal(amount)))
            elif line.strip():
                problems.append(gettext("Line %(number)d cannot be read: %(text)s") % {"number": number, "text": line})
        if problems:
            raise forms.ValidationError(problems)
        return found


def _pieces(text: str) -> int:
    """Python would also read 1_000, which nobody types on purpose."""
    if "_" in text:
        raise ValueError(text)
    return int(text)


def _cost(text: str) -> Decimal:
    if "_" in text:
        raise ValueError(text)
    return Decimal(text)


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
    expected = forms.CharField(
        label=_("slip number of what was expected"),
        max_length=100,
        required=False,
        help_text=_("What arrives is counted on it, SKU by SKU."),
    )
    invoice_follows = forms.BooleanField(
        label=_("its invoice comes later"),
        required=False,
        help_text=_("What is owed is booked with the supplier's invoice (仕入未請求)."),
    )
    occurred_at = forms.SplitDateTimeField(label=_("goods received at"))
    lines = LinesField(
        label=_("lines"), help_text=_("One line each: SKU, pieces, unit cost (excl. tax)"), needs_cost=True
    )

    def clean_expected(self) -> dict[int, int]:
        """The open expectation of each SKU under that number."""
        named = self.cleaned_data["expected"]
        if not named:
            return {}
        found = ExpectedReceipt.objects.filter(
            external_id=named, cancelled_at__isnull=True, received_quantity__lt=F("quantity")
        )
        # The first line that still waits for pieces of a SKU takes them.
        expected = dict(found.order_by("-line_no").values_list("sku_id", "pk"))
        if not expected:
            raise forms.ValidationError(_("Nothing is expected any more under this number."))
        return expected

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("invoice_follows") and not cleaned.get("supplier"):
            self.add_error("supplier", _("Only a supplier sends an invoice."))
        return cleaned

    def books(self) -> PurchaseBooks:
        return PurchaseBooks.NOT_INVOICED if self.cleaned_data["invoice_follows"] else PurchaseBooks.PAYABLE

    def receipt_lines(self) -> list[ReceiptLine]:
        expected = self.cleaned_data["expected"]
        return [
            ReceiptLine(number, sku.pk, pieces, cost, expected.get(sku.pk))
            for number, (sku, pieces, cost) in enumerate(self.cleaned_data["lines"], start=1)
            if cost is not None
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


def place_field(label: Any) -> forms.ModelChoiceField[Location]:
    return forms.ModelChoiceField(label=label, queryset=Location.objects.filter(is_active=True).order_by("code"))


class ShelvesForm(forms.Form):
    location = place_field(_("location"))
    lines = ShelvesField(
        label=_("lines"), help_text=_("One line each: SKU, shelf. Without a shelf the SKU is taken off its shelf.")
    )


class TransferForm(forms.Form):
    own_places = ("from_location",)
    sent_to = ("to_location", "destination")

    external_id = forms.CharField(label=_("slip number"), max_length=100)
    from_location = place_field(_("moved from"))
    to_location = place_field(_("moved to"))
    destination = forms.ModelChoiceField(
        label=pgettext_lazy("transfer", "destination"),
        queryset=Location.objects.filter(is_active=True).exclude(kind=Location.Kind.IN_TRANSIT).order_by("code"),
        required=False,
        help_text=_("Over the road: where the goods go. Only there their arrival is noted."),
    )
    occurred_at = forms.SplitDateTimeField(label=_("left at"))
    lines = LinesField(label=_("lines"), help_text=_("One line each: SKU, pieces"))
    note = forms.CharField(label=_("note"), max_length=200, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        road = cleaned.get("to_location")
        is_on_road = road is not None and road.kind == Location.Kind.IN_TRANSIT
        if is_on_road and not cleaned.get("destination") and "destination" not in self.errors:
            self.add_error("destination", _("Say where the goods go: only there their arrival is noted."))
        return cleaned

    def transfer_lines(self) -> list[TransferLine]:
        return [
            TransferLine(number, sku.pk, pieces)
            for number, (sku, pieces, _cost) in enumerate(self.cleaned_data["lines"], start=1)
        ]


class RoadForm(forms.Form):
    """A transfer over the road, named by its number."""

    def name_only(self, transfers: QuerySet[StockDocument]) -> None:
        """Who works with some places only names transfers that concern these."""
        field = self.fields["transfer"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = transfers


class ArrivalForm(RoadForm):
    """Pieces of a transfer that was sent over the road. A SKU that stands on several lines of it fills them one after the other."""

    own_places = ("to_location",)

    external_id = forms.CharField(label=_("slip number"), max_length=100)
    transfer = forms.ModelChoiceField(
        label=_("stock document no. of the transfer"),
        queryset=StockDocument.objects.filter(source_type="TRANSFER"),
        widget=forms.NumberInput,
    )
    to_location = place_field(_("moved to"))
    occurred_at = forms.SplitDateTimeField(label=_("arrived at"))
    lines = LinesField(label=_("lines"), help_text=_("One line each: SKU, pieces"))
    note = forms.CharField(label=_("note"), max_length=200, required=False)

    def transfer_lines(self) -> list[TransferLine]:
        sent: dict[int, list[tuple[int, int]]] = {}
        movements = StockMovement.objects.filter(document=self.cleaned_data["transfer"], quantity__gt=0)
        for sku_id, line_no, pieces in movements.order_by("document_line").values_list(
            "sku_id", "document_line", "quantity"
        ):
            sent.setdefault(sku_id, []).append((line_no, pieces))
        found = []
        for sku, pieces, _cost in self.cleaned_data["lines"]:
            parts = sent.get(sku.pk) or [(0, pieces)]
            for number, (line_no, at_most) in enumerate(parts, start=1):
                part = pieces if number == len(parts) else min(pieces, at_most)
                if part:
                    found.append(TransferLine(line_no, sku.pk, part))
                pieces -= part
        return found


class RedirectForm(RoadForm):
    """Where goods go that are on the road already."""

    own_places = ()
    sent_to = ("destination",)

    transfer = forms.ModelChoiceField(
        label=_("stock document no. of the transfer"),
        queryset=StockDocument.objects.filter(source_type="TRANSFER"),
        widget=forms.NumberInput,
    )
    destination = forms.ModelChoiceField(
        label=_("new destination"),
        queryset=Location.objects.filter(is_active=True).exclude(kind=Location.Kind.IN_TRANSIT).order_by("code"),
    )
    reason = forms.CharField(label=_("reason"), max_length=200)


class CountForm(forms.Form):
    external_id = forms.CharField(label=_("slip number"), max_length=100)
    location = place_field(_("location"))
    occurred_at = forms.SplitDateTimeField(
        label=_("counted at"), help_text=_("The moment of the count: what moved since is taken into account.")
    )
    lines = LinesField(label=_("lines"), help_text=_("One line each: SKU, pieces that were counted"))
    note = forms.CharField(label=_("note"), max_length=200, required=False)

    def counts(self) -> list[Count]:
        return [
            Count(number, sku.pk, pieces)
            for number, (sku, pieces, _cost) in enumerate(self.cleaned_data["lines"], start=1)
        ]


class WriteDownForm(forms.Form):
    external_id = forms.CharField(label=_("slip number"), max_length=100)
    location = place_field(_("location"))
    occurred_at = forms.SplitDateTimeField(label=_("occurred at"))
    lines = AmountsField(label=_("lines"), help_text=_("One line each: SKU, yen that all of its pieces here lose"))
    note = forms.CharField(label=_("note"), max_length=200, required=False)

    def clean_lines(self) -> list[WriteDownLine]:
        typed = self.cleaned_data["lines"]
        known = dict(Sku.objects.filter(code__in=[code for code, _amount in typed]).values_list("code", "pk"))
        if unknown := [code for code, _amount in typed if code not in known]:
            raise forms.ValidationError(_("No such SKU: %(sku)s."), params={"sku": ", ".join(unknown)})
        return [WriteDownLine(number, known[code], amount) for number, (code, amount) in enumerate(typed, start=1)]


class LateCostForm(forms.Form):
    """Cost that a receipt turns out to have. Who bears or is owed it is an account without open items."""

    CONTRAS = {
        "other_payables": _("Other payables"),
        "bank": _("Bank account"),
        "cash": _("Cash"),
        "freight": _("Freight that was booked as an expense"),
    }

    external_id = forms.CharField(label=_("slip number"), max_length=100)
    receipt = forms.ModelChoiceField(
        label=_("stock document no. of the receipt"),
        queryset=StockDocument.objects.filter(source_type="RECEIPT"),
        widget=forms.NumberInput,
    )
    contra_role = forms.ChoiceField(label=_("against"), choices=list(CONTRAS.items()))
    occurred_at = forms.SplitDateTimeField(label=_("occurred at"))
    lines = AmountsField(
        label=_("lines"), help_text=_("One line each: line number of the receipt, yen excl. tax (less: negative)")
    )
    note = forms.CharField(label=_("note"), max_length=200, required=False)

    def clean_lines(self) -> list[tuple[int, Decimal]]:
        typed = self.cleaned_data["lines"]
        if unread := [name for name, _amount in typed if not re.fullmatch("[0-9]{1,9}", name)]:
            raise forms.ValidationError(_("Not a line number: %(names)s"), params={"names": ", ".join(unread)})
        return [(int(name), amount) for name, amount in typed]


class HoldForm(forms.Form):
    channel = forms.ModelChoiceField(
        label=_("sales channel"), queryset=Channel.objects.filter(is_active=True).order_by("code")
    )
    ref = forms.CharField(label=_("reference"), max_length=100)
    kind = forms.ChoiceField(label=_("kind"), choices=Hold.Kind.choices, initial=Hold.Kind.KEEP)
    owner_label = forms.CharField(label=_("kept for"), max_length=100)
    owner_phone = forms.CharField(label=_("phone"), max_length=30, required=False)
    expires_at = forms.SplitDateTimeField(
        label=_("expires at"),
        required=False,
        widget=forms.SplitDateTimeWidget(
            date_attrs={"type": "date"}, time_attrs={"type": "time"}, date_format="%Y-%m-%d", time_format="%H:%M"
        ),
        help_text=_("Empty: as long as this kind usually runs."),
    )
    priority = forms.IntegerField(
        label=_("priority"),
        min_value=0,
        max_value=999,
        initial=50,
        required=False,
        help_text=_("Customer orders with a smaller number get goods first."),
    )
    lines = LinesField(
        label=_("lines"),
        takes_scans=True,
        help_text=_("One line each: SKU, pieces. A scanned code alone is one piece."),
    )

    def demands(self) -> tuple[list[HoldDemand], dict[int, int]]:
        """Pieces of stock, and the kits that they are for."""
        lines = [(sku.pk, pieces) for sku, pieces, _cost in self.cleaned_data["lines"]]
        facts = sku_facts_by_id(key for key, _pieces in lines)
        return demanded((facts[key], pieces) for key, pieces in lines)


class ExpectedForm(forms.Form):
    external_id = forms.CharField(label=_("slip number"), max_length=100)
    location = place_field(_("location"))
    supplier = forms.ModelChoiceField(
        label=_("supplier"), queryset=Supplier.objects.filter(is_active=True).order_by("code"), required=False
    )
    expected_date = forms.DateField(label=_("expected date"), widget=forms.DateInput(attrs={"type": "date"}))
    lines = LinesField(label=_("lines"), help_text=_("One line each: SKU, pieces, unit cost (excl. tax)"))

    def expected_lines(self) -> list[ExpectedLine]:
        return [
            ExpectedLine(number, sku.pk, pieces, self.cleaned_data["expected_date"], cost)
            for number, (sku, pieces, cost) in enumerate(self.cleaned_data["lines"], start=1)
        ]


class AvailabilityForm(forms.Form):
    channel = forms.ModelChoiceField(label=_("sales channel"), queryset=Channel.objects.order_by("code"))
    skus = forms.CharField(label=_("SKU"), help_text=_("Several codes parted by spaces."))

    def found(self) -> list[Sku]:
        return list(Sku.objects.filter(code__in=self.cleaned_data["skus"].split()).order_by("code"))
