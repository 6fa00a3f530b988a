"""How amounts are typed in the forms of this room."""

from __future__ import annotations

from typing import Any

from django import forms

from erp.core.money import AMOUNT_DIGITS, COMPANY_CURRENCY, DECIMALS, ZERO


def amount_field(label: Any, **options: Any) -> forms.DecimalField:
    """An amount of the company's currency: whole yen, and no more digits than its column holds."""
    decimals = DECIMALS[COMPANY_CURRENCY]
    return forms.DecimalField(
        label=label, min_value=ZERO, max_digits=AMOUNT_DIGITS + decimals, decimal_places=decimals, **options
    )
