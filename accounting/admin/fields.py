"""How amounts are typed in the forms of this room."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from erp.core.money import AMOUNT_DIGITS, COMPANY_CURRENCY, DECIMALS, ZERO


class AmountField(forms.DecimalField):
    """Reads what people copy from a statement of their bank: thousands parted, yen signs, full width. A browser's field for numbers drops it."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = re.sub(r"[,¥\\\s]|円$", "", unicodedata.normalize("NFKC", value))
        amount = super().to_python(value)
        if amount is not None and not self.decimal_places and amount != amount.to_integral_value():
            raise forms.ValidationError(_("Whole yen, without a fraction."), code="fraction")
        return amount

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "inputmode": "numeric", "autocomplete": "off", "size": 14}


def amount_field(label: Any, **options: Any) -> AmountField:
    """An amount of the company's currency: whole yen, and no more digits than its column holds."""
    decimals = DECIMALS[COMPANY_CURRENCY]
    return AmountField(
        label=label, min_value=ZERO, max_digits=AMOUNT_DIGITS + decimals, decimal_places=decimals, **options
    )
