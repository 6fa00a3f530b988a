"""The page of one customer (顧客カルテ), as far as the user may know it, and the one act on it: to undo a merge."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from customers.models import ExposureEntry
from erp.core.admin import ServiceAdmin
from erp.core.permissions import SEE_AMOUNTS, SEE_COSTS
from erp.insights.selectors import CustomerCard
from erp.insights.selectors.customer_card import Debt, Exposure

# As they add up: what is still to be shipped, what is shipped and not billed, what is billed, less what was paid before.
TERMS = {
    ExposureEntry.Kind.OPEN_ORDER: _("Open orders"),
    ExposureEntry.Kind.UNBILLED: _("Shipped, not billed"),
    ExposureEntry.Kind.RECEIVABLE: _("Receivables"),
    ExposureEntry.Kind.DEPOSIT: _("Deposits"),
}


def context(page: ServiceAdmin, request: HttpRequest, card: CustomerCard) -> dict[str, Any]:
    may = request.user.has_perm
    return {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": f"{_('Customer card')} {card.name}",
        "card": card,
        "accounts": [(one, _terms(one.exposure) if one.exposure else []) for one in card.accounts],
        "items": [(item, card.is_overdue(item)) for item in card.items],
        "debts": [(debt, _items_url(debt)) for debt in card.debts],
        "own_codes": [one.account.code for one in card.accounts],
        "is_shared": any(debt.is_shared for debt in card.debts),
        "today": timezone.localdate(),
        "sees_records": may("customers.view_customerrecord"),
        "sees_merges": may("customers.view_mergeevent"),
        "undoes_merges": may("customers.change_mergeevent"),
        "sees_accounts": may("customers.view_account"),
        "sees_credit": may("customers.view_creditgroup"),
        "sees_scores": may("insights.view_customerrfm"),
        "sees_orders": may("orders.view_order") and may(SEE_AMOUNTS),
        "sees_returns": may("orders.view_return"),
        "sees_items": may("accounting.view_openitem"),
        "sees_costs": may(SEE_COSTS),
    }


def _items_url(debt: Debt) -> str:
    """What accounting sees as open of the bill-to."""
    asked: dict[str, str | int] = {
        "party_kind__exact": "BILL_TO",
        "party_id__exact": debt.bill_to.pk,
        "state": "open",
        "_all": 1,
    }
    return f"{reverse('admin:accounting_openitem_changelist')}?{urlencode(asked)}"


def _terms(exposure: Exposure) -> list[tuple[Any, Any, str]]:
    """Each term with the rows of the exposure ledger behind it."""
    ledger = reverse("admin:customers_exposureentry_changelist")
    return [
        (TERMS.get(kind, kind), amount, f"{ledger}?credit_group__id__exact={exposure.group.pk}&kind__exact={kind}")  # type: ignore[call-overload]
        for kind, amount in exposure.terms
    ]
