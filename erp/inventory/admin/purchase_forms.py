"""What staff type of suppliers' papers: their invoices for goods that came before, and goods that go back to them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.models import Supplier
from erp.core.models import RoundingMethod, TaxClass
from erp.core.money import Rounding
from erp.inventory.admin.forms import LinesField, place_field
from erp.inventory.models import StockDocument
from erp.inventory.services import InvoicedAmount, SupplierReturnLine


class RoundingField(forms.ChoiceField):
    """As the supplier rounds the tax of a paper. Down, where nobody says otherwise."""

    def __init__(self) -> None:
        super().__init__(
            label=_("the supplier rounds tax"), choices=RoundingMethod.choices, initial=RoundingMethod.DOWN
        )

    def clean(self, value: Any) -> Rounding:
        return Rounding(super().clean(value))


def receipt_field(**options: Any) -> forms.ModelChoiceField[StockDocument]:
    return forms.ModelChoiceField(
        label=_("stock document no. of the receipt"),
        queryset=StockDocument.objects.filter(source_type="RECEIPT"),
        widget=forms.NumberInput,
        **options,
    )


class SupplierInvoiceForm(forms.Form):
    """One field per tax class: a paper has one total for each."""

    external_id = forms.CharField(label=_("invoice number"), max_length=100)
    receipt = receipt_field(help_text=_("One that waits for its invoice, from the list below."))
    occurred_at = forms.SplitDateTimeField(label=_("date of the invoice"))
    tax_rounding = RoundingField()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for tax_class in TaxClass:
            self.fields[tax_class] = forms.DecimalField(
                label=_("%(tax_class)s: amount excl. tax") % {"tax_class": tax_class.label},
                min_value=Decimal(1),
                max_digits=14,
                decimal_places=0,
                required=False,
            )

    def amounts(self) -> list[InvoicedAmount]:
        typed = {tax_class: self.cleaned_data[tax_class] for tax_class in TaxClass}
        return [InvoicedAmount(tax_class.value, net) for tax_class, net in typed.items() if net is not None]


class SupplierReturnForm(forms.Form):
    external_id = forms.CharField(label=_("slip number"), max_length=100)
    supplier = forms.ModelChoiceField(
        label=_("supplier"), queryset=Supplier.objects.filter(is_active=True).order_by("code")
    )
    location = place_field(_("location"))
    receipt = receipt_field(
        required=False,
        help_text=_("The credit lowers what is owed for it. Empty: it becomes a claim against the supplier."),
    )
    occurred_at = forms.SplitDateTimeField(label=_("left at"))
    tax_rounding = RoundingField()
    lines = LinesField(
        label=_("lines"), help_text=_("One line each: SKU, pieces, credit per piece (excl. tax)"), needs_cost=True
    )
    note = forms.CharField(label=_("note"), max_length=200, required=False)

    def return_lines(self) -> list[SupplierReturnLine]:
        return [
            SupplierReturnLine(number, sku.pk, pieces, cost)
            for number, (sku, pieces, cost) in enumerate(self.cleaned_data["lines"], start=1)
            if cost is not None
        ]
