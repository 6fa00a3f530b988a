"""What stands behind the figures of a balance, or of a style's balances: whose the claimed pieces are, what comes, what moved last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from catalog.models import Sku
from catalog.selectors import sku_codes
from erp.core import documents
from erp.core.admin import document_link, document_named
from erp.inventory.admin.holds import time_left
from erp.inventory.models import ChannelPolicy, ChannelQuota, StockMovement
from erp.inventory.selectors import Availability, Term, TermKind
from erp.inventory.selectors.balance_sheet import Key, claims_on_balances, last_movements, still_to_come

# Where a rule of a channel that a term comes from is looked up.
RULES: Mapping[TermKind, type[Model]] = {
    TermKind.QUOTAS: ChannelQuota,
    **dict.fromkeys(
        (TermKind.BUFFER_PERCENT, TermKind.BUFFER, TermKind.FLOOR, TermKind.LAST_PIECES, TermKind.CAP), ChannelPolicy
    ),
}


def context(request: HttpRequest, keys: Collection[Key], *, at: dt.datetime, limit: int) -> dict[str, Any]:
    """For ``inventory/behind.html``; what a user may not look at is left out there."""
    claims = claims_on_balances(keys, at=at, limit=limit)
    moved = last_movements(keys, limit=limit)
    numbers = documents.numbers_of((row.document.source_type, row.document.source_id) for row in moved)
    return {
        "claims": claims,
        "reservations": [
            (row, document_link(row.document_type, row.document_id, row.document_number)) for row in claims.reservations
        ],
        "held": [(row, time_left(row.expires_at, at)) for row in claims.holds],
        "coming": still_to_come(keys, limit=limit),
        "moved": [(row, _source(row, numbers)) for row in moved],
    }


def _source(row: StockMovement, numbers: Mapping[tuple[str, int], str]) -> str:
    document = row.document
    number = numbers.get((document.source_type, document.source_id), "") or document.external_id
    if document.source_id == document.pk:
        return document_link("STOCK", document.pk, f"{documents.label_of(document.source_type)} {number}".strip())
    return document_named(document.source_type, document.source_id, number)


def term_url(request: HttpRequest, term: Term, *, sku: Sku, channel_id: int, balances: Mapping[Key, int]) -> str:
    """Where a term of what may be sold is looked up: the balance whose pieces it is, or the rules of the channel. Empty for who may not look."""
    if rule := RULES.get(term.kind):
        page = admin.site._registry[rule]
        if not page.has_view_permission(request):
            return ""
        asked = {"channel__id__exact": channel_id} if rule is ChannelPolicy else {"q": sku.code}
        return f"{reverse(f'admin:inventory_{rule._meta.model_name}_changelist')}?{urlencode(asked)}"
    balance = balances.get((sku.pk, term.location_id or 0))
    return reverse("admin:inventory_stockbalance_change", args=[balance]) if balance else ""


@dataclass(frozen=True, slots=True)
class Part:
    """A component of a kit: how many pieces of it go into one, how many may be sold, for how many kits that is enough, and the page that says why."""

    code: str
    quantity: int
    available: int
    makes: int
    url: str


def terms_of(answer: Availability) -> tuple[Term, ...]:
    """Of a kit of which none can be made there is no term; which component is lacking is told all the same."""
    is_made = any(term.kind is TermKind.COMPONENTS for term in answer.terms)
    return answer.terms if is_made or not answer.components else (Term(TermKind.COMPONENTS, 0), *answer.terms)


def codes_of_components(answers: Iterable[Availability]) -> dict[int, str]:
    wanted = {part.sku_id for answer in answers for part in answer.components}
    return sku_codes(wanted) if wanted else {}


def components(answer: Availability, codes: Mapping[int, str], channel_id: int) -> list[Part]:
    """The scarcest one first."""
    page = reverse("admin:inventory_availability")
    return [
        Part(
            codes[part.sku_id], part.quantity, part.availability.available, part.makes,
            f"{page}?{urlencode([('channel', str(channel_id)), ('skus', codes[part.sku_id])])}",
        )
        for part in sorted(answer.components, key=lambda part: (part.makes, codes[part.sku_id]))
    ]  # fmt: skip
