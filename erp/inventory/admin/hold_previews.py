"""What extending or releasing many holds would do, hold by hold and to what may be sold: it is done, looked at, and taken back. Then what was ticked
is done."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext

from catalog.selectors import sku_codes
from erp.core.actors import Actor
from erp.core.admin import for_people
from erp.core.errors import DomainError
from erp.core.models import Channel
from erp.inventory import selectors
from erp.inventory.models import Hold
from erp.inventory.selectors.holds import HoldView
from erp.inventory.selectors.policies import channels_selling_any
from erp.inventory.selectors.staff import shop_channels_of

if TYPE_CHECKING:
    from erp.inventory.admin.holds import HoldAdmin

# What a person can look through, and one transaction can lock for a moment.
MOST_HOLDS = 100


@dataclass(frozen=True, slots=True)
class Row:
    """``refusal`` says why the hold would stay as it is."""

    hold: Hold
    now: str
    then: str
    refusal: str


@dataclass(frozen=True, slots=True)
class Figure:
    """What a channel may sell of a SKU."""

    sku: str
    channel: str
    now: int
    then: int


def preview(
    page: HoldAdmin,
    request: HttpRequest,
    chosen: QuerySet[Hold],
    *,
    act: str,
    title: str,
    service_of: Callable[[Hold], Callable[..., object]],
) -> HttpResponse:
    """``act`` is the action that does it; ``service_of`` makes its one call for a hold."""
    holds = list(chosen.order_by("pk")[: MOST_HOLDS + 1])
    more, holds = len(holds) > MOST_HOLDS, holds[:MOST_HOLDS]
    skus = sorted({sku_id for hold in holds for sku_id, _pieces in hold.wanted})
    codes, channels = sku_codes(skus), _channels(request, holds, skus)
    refused: dict[int, str] = {}

    def one_after_the_other(*, at: dt.datetime, by: Actor) -> None:
        """As the act does it: what is refused of one harms no other, and whoever comes first gets what is there."""
        refused.clear()
        for hold in holds:
            service = service_of(hold)
            try:
                with transaction.atomic():
                    service(at=at, by=by)
            except DomainError as refusal:
                refused[hold.pk] = for_people(refusal)

    def look() -> tuple[dict[int, str], dict[tuple[int, int], int]]:
        return _standing(holds, codes), _may_sell(channels, skus)

    now, sells = look()
    then, would_sell = page.try_out(request, one_after_the_other, look)
    rows = [Row(hold, now[hold.pk], then[hold.pk], refused.get(hold.pk, "")) for hold in holds]
    figures = [
        Figure(codes[sku_id], channel.name, sells[channel.pk, sku_id], would_sell[channel.pk, sku_id])
        for sku_id in skus
        for channel in channels
        if sells[channel.pk, sku_id] != would_sell[channel.pk, sku_id]
    ]
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": title,
        "rows": rows,
        "figures": figures,
        "act": act,
        "until": request.POST.get("until", ""),
        "would": sum(row.now != row.then for row in rows),
        "more": MOST_HOLDS if more else 0,
    }
    return TemplateResponse(request, "inventory/hold_preview.html", context)


def _channels(request: HttpRequest, holds: Sequence[Hold], skus: Sequence[int]) -> list[Channel]:
    """All that sell any of these goods; the staff of a shop are told of their own."""
    own = shop_channels_of(request.user)
    found = channels_selling_any(skus, beside={hold.channel_id for hold in holds})
    return [channel for channel in found if own is None or channel.pk in own]


def _may_sell(channels: Sequence[Channel], skus: Sequence[int]) -> dict[tuple[int, int], int]:
    now = timezone.now()
    return {
        (channel.pk, sku_id): found.available
        for channel in channels
        for sku_id, found in selectors.available_to_promise(channel_id=channel.pk, sku_ids=skus, at=now).items()
    }


def _standing(holds: Sequence[Hold], codes: dict[int, str]) -> dict[int, str]:
    """SKU by SKU what is kept of what is wanted, and until when."""
    now = timezone.now()
    views = selectors.holds_of([hold.pk for hold in holds])
    return {key: _in_words(view, codes, now) for key, view in views.items()}


def _in_words(hold: HoldView, codes: dict[int, str], now: dt.datetime) -> str:
    kept: dict[int, int] = defaultdict(int)
    if hold.expires_at > now:
        for line in hold.lines:
            kept[line.sku_id] += line.quantity
    pieces = "、".join(f"{codes[item.sku_id]} {kept[item.sku_id]}/{item.quantity}" for item in hold.wanted)
    if hold.is_closed:
        return f"{pieces} {pgettext('of a hold', 'closed')}"
    ends = date_format(timezone.localtime(hold.expires_at), "SHORT_DATETIME_FORMAT")
    until = gettext("until %(time)s") % {"time": ends}
    return f"{pieces} {pgettext('of a hold', 'expired') if hold.expires_at <= now else until}"
