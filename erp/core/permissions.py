"""Permissions that stand for no table: what several rooms ask before they show or offer something; and whether a list may be opened."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import resolve, reverse

# May know what goods cost, and what is earned with them.
SEE_COSTS = "core.see_costs"
# May see what orders, parcels and their lines amount to. Whoever packs does not need it.
SEE_AMOUNTS = "core.see_amounts"
# May look at the audit trail.
SEE_AUDIT = "core.view_auditrow"


def may_open(url_name: str, request: HttpRequest) -> bool:
    """Whether the user may open the list of this name, e.g. ``admin:orders_order_changelist``."""
    page: Any = resolve(reverse(url_name)).func
    return bool(page.model_admin.has_view_permission(request))
