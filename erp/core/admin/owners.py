"""The page 情報の持ち主: every fact of the ownership registry, who owns it, which way it goes, and how that went last with each site."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core import ownership
from erp.core.doors import may_open
from erp.core.field_names import FIELDS
from erp.core.ownership import Delivery, Fact, Owner, Trace

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ASSETS: dict[str, StrOrPromise] = {
    "stock": _("Stock"), "orders": _("Orders"), "customer": _("Customers"), "credit": pgettext_lazy("asset", "Credit"), "product": _("Products"),
    "price": _("Prices"), "accounting": _("Accounting"), "correspondence": _("Mails to shoppers"),
}  # fmt: skip
OWNERS: dict[Owner, StrOrPromise] = {Owner.MAMORI: _("Mamori (core system)"), Owner.EC: _("EC site")}
WAYS: dict[Delivery, StrOrPromise] = {
    Delivery.READ_API: _("Mamori → EC: the site reads it (API)"),
    Delivery.PUSH: _("Mamori → EC: Mamori sends it"),
    Delivery.INTAKE: _("EC → Mamori: taken in with the news of the site"),
    Delivery.NEVER: _("stays where it is"),
}
# What a write by the side that does not own the fact meets.
REFUSED: dict[tuple[Owner, Delivery], StrOrPromise] = {
    (Owner.MAMORI, Delivery.READ_API): _(
        "No call of the API writes it. If it is sent, the message is refused, naming each such field. Nothing is changed."
    ),
    (Owner.MAMORI, Delivery.PUSH): _(
        "No call of the API takes it. What is changed on the site itself is found by the comparison and overwritten with our figure."
    ),
    (Owner.MAMORI, Delivery.NEVER): _("No call of the API takes it or shows it."),
    (Owner.EC, Delivery.INTAKE): _(
        "No form of Mamori changes it. Only newer news of the site does; older news is answered and not applied."
    ),
    (Owner.EC, Delivery.NEVER): _("Mamori has no place for it and keeps nothing of it."),
}


@dataclass(frozen=True, slots=True)
class Field:
    code: str
    label: StrOrPromise


@dataclass(frozen=True, slots=True)
class SiteTrace:
    site: str
    what: str
    at: dt.datetime | None
    drift: int | None
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """Facts of one asset that have the same owner and go the same way."""

    owner: Owner
    owner_name: StrOrPromise
    way: StrOrPromise
    refused: StrOrPromise
    fields: Sequence[Field]
    traces: Sequence[SiteTrace]


@dataclass(frozen=True, slots=True)
class Asset:
    code: str
    title: StrOrPromise
    rows: Sequence[Row]


def context(request: HttpRequest) -> dict[str, Any]:
    """All assets, or the one that is asked for."""
    by_asset = {asset: list(facts) for asset, facts in groupby(ownership.registered(), key=lambda fact: fact.asset)}
    codes = sorted(by_asset, key=lambda code: (list(ASSETS).index(code) if code in ASSETS else len(ASSETS), code))
    wanted = request.GET.get("asset", "")
    return {
        "choices": [(code, ASSETS.get(code, code)) for code in codes],
        "wanted": wanted if wanted in codes else "",
        "assets": [
            Asset(code, ASSETS.get(code, code), _rows(code, by_asset[code], request))
            for code in codes
            if wanted not in codes or code == wanted
        ],
    }


def _rows(asset: str, facts: Sequence[Fact], request: HttpRequest) -> list[Row]:
    def way(fact: Fact) -> tuple[int, int]:
        return list(Owner).index(fact.owner), list(Delivery).index(fact.delivery)

    rows = []
    for _key, group in groupby(sorted(facts, key=way), key=way):
        alike = list(group)
        owner, delivery = alike[0].owner, alike[0].delivery
        rows.append(
            Row(
                owner=owner,
                owner_name=OWNERS[owner],
                way=WAYS[delivery],
                refused=REFUSED[(owner, delivery)],
                fields=[Field(fact.field, _label(fact)) for fact in alike],
                traces=[_shown(trace, request) for trace in ownership.traces_of(asset, delivery)],
            )
        )
    return rows


def _label(fact: Fact) -> StrOrPromise:
    """What people call it; a field that nobody named here is shown by its name in the API alone."""
    return FIELDS.get(f"{fact.asset}.{fact.field}") or FIELDS.get(fact.field, "")


def _shown(trace: Trace, request: HttpRequest) -> SiteTrace:
    is_open = bool(trace.drift_list) and may_open(trace.drift_list, request)
    url = f"{reverse(trace.drift_list)}?{trace.drift_query}" if is_open and trace.drift else ""
    at = None if trace.at is None else timezone.localtime(trace.at)
    return SiteTrace(trace.site, trace.what, at, trace.drift, url)
