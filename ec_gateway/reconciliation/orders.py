"""The site's orders against ours: there and not here, here and not there, cancelled there, other totals. Nothing is ever deleted for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog.selectors import sku_facts, skus_by_channel_code
from ec_gateway.models import EcSite, InboundEvent, Listing, ReconciliationRow
from ec_gateway.platforms.interface import News, NewsKind, OrderSummary, UnreadableOrder
from ec_gateway.platforms.unreadable import text_of
from erp.orders.selectors import Standing, orders_placed_since, standings

Cause = ReconciliationRow.Cause

# Younger news may still be on their way through the inbox.
A_MOMENT = dt.timedelta(minutes=2)
# Where no order of this number stands here, these say that it has not come in.
NOT_HERE = (Cause.THERE_NOT_HERE, Cause.WAITS_IN_INBOX, Cause.UNREADABLE_THERE)
# How much of an entry that cannot be read a report shows, in characters.
MOST_SHOWN = 2_000


@dataclass(slots=True)
class OrderDifference:
    """``document`` is what the site sold, from the inbox or from the site itself, ``news`` what the site said when it was asked."""

    cause: str
    external_id: str
    evidence: dict[str, Any]
    standing: Standing | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    news: list[News] = field(default_factory=list)

    def hear(self, news: list[News]) -> None:
        """The site was asked about this order."""
        self.news = news
        for item in news:
            if item.kind == NewsKind.ORDER:
                self.document = item.document


@dataclass(slots=True)
class OrderComparison:
    """``seen`` are the numbers of all orders that the site named."""

    compared: int = 0
    seen: set[str] = field(default_factory=set)
    differences: list[OrderDifference] = field(default_factory=list)

    def add_page(self, site: EcSite, page: Sequence[OrderSummary | UnreadableOrder], *, at: dt.datetime) -> None:
        """Compare one page of the site's list with what stands here. What cannot be read is a difference, and stops nothing."""
        theirs = {item.external_id: item for item in page if isinstance(item, OrderSummary)}
        known = standings(channel_id=site.channel_id, external_ids=theirs)
        doubtful = [item for key, item in theirs.items() if _has_doubt(item, known.get(key))]
        inbox = newest_events(site.pk, [item.external_id for item in doubtful])
        self.compared += len(theirs)
        self.seen |= theirs.keys()
        for item in doubtful:
            found = _difference(item, known.get(item.external_id), inbox.get(item.external_id), at)
            if found is not None:
                self.differences.append(found)
        self._add_unreadable(site, [item for item in page if isinstance(item, UnreadableOrder)])

    def _add_unreadable(self, site: EcSite, entries: Sequence[UnreadableOrder]) -> None:
        known = standings(channel_id=site.channel_id, external_ids=filter(None, (item.external_id for item in entries)))
        for item in entries:
            self.compared += 1
            self.seen |= {item.external_id} - {""}
            standing = known.get(item.external_id)
            evidence = {"problem": text_of(item.problem)[:MOST_SHOWN], "entry": text_of(item.raw)[:MOST_SHOWN]}
            if standing is not None:
                evidence["number"] = standing.number
            self.differences.append(OrderDifference(Cause.UNREADABLE_THERE, item.external_id, evidence, standing))

    def add_unseen(self, site: EcSite, *, since: dt.datetime, until: dt.datetime) -> None:
        """Orders that were placed in this time by our books and that the site did not name."""
        for standing in orders_placed_since(channel_id=site.channel_id, since=since, until=until):
            self.compared += standing.external_id not in self.seen
            if standing.external_id not in self.seen and not standing.is_cancelled:
                evidence = {"number": standing.number, "site_names_it": False}
                self.differences.append(OrderDifference(Cause.HERE_NOT_THERE, standing.external_id, evidence, standing))


def _has_doubt(theirs: OrderSummary, ours: Standing | None) -> bool:
    if ours is None:
        return not theirs.is_cancelled
    if theirs.is_cancelled:
        return not ours.is_cancelled
    return None not in (theirs.total, ours.total) and theirs.total != ours.total


def _difference(
    theirs: OrderSummary, ours: Standing | None, event: InboundEvent | None, at: dt.datetime
) -> OrderDifference | None:
    evidence: dict[str, Any] = {"changed_at": theirs.changed_at.isoformat()}
    document: Mapping[str, Any] = {}
    if event is not None:
        evidence |= {"event": event.pk, "event_state": event.state, "error": event.error}
        document = event.document if event.kind == InboundEvent.Kind.ORDER else {}
    if ours is not None:
        evidence |= {"number": ours.number}
    if event is not None and event.state == InboundEvent.State.RECEIVED:
        return OrderDifference(Cause.WAITS_IN_INBOX, theirs.external_id, evidence, ours, document)
    if at - theirs.changed_at < A_MOMENT:
        return None
    if ours is None:
        return OrderDifference(Cause.THERE_NOT_HERE, theirs.external_id, evidence, None, document)
    if theirs.is_cancelled:
        return OrderDifference(Cause.CANCELLED_THERE, theirs.external_id, evidence, ours)
    evidence |= {"ours": str(ours.total), "theirs": str(theirs.total)}
    return OrderDifference(Cause.TOTAL_DIFFERS, theirs.external_id, evidence, ours)


def newest_events(site_id: int, external_ids: Collection[str]) -> dict[str, InboundEvent]:
    """The last news of each order that changes it, as the inbox has it."""
    kinds = [InboundEvent.Kind.ORDER, InboundEvent.Kind.CANCEL]
    events = InboundEvent.objects.filter(site_id=site_id, external_id__in=list(external_ids), kind__in=kinds)
    return {event.external_id: event for event in events.defer("raw").order_by("pk")}


def missing_units(site: EcSite, differences: Iterable[OrderDifference]) -> dict[int, dict[str, int]]:
    """SKU → order → units, of orders that have not come in, as far as the site told what is in them."""
    sold: list[tuple[str, str, int]] = []
    for difference in differences:
        if difference.cause not in NOT_HERE or difference.standing is not None:
            continue
        for line in _lines(difference.document):
            for code in (line.get("sku"), line.get("channel_item_code")):
                if isinstance(code, str) and code and isinstance(line.get("quantity"), int):
                    sold.append((code, difference.external_id, line["quantity"]))
                    break
    found: dict[int, dict[str, int]] = {}
    sku_ids = _sku_ids(site, {code for code, _order, _units in sold})
    for code, order, units in sold:
        if code in sku_ids:
            of_sku = found.setdefault(sku_ids[code], {})
            of_sku[order] = of_sku.get(order, 0) + units
    return found


def _lines(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lines = document.get("lines")
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def _sku_ids(site: EcSite, codes: Collection[str]) -> dict[str, int]:
    """By the site's code, the channel's or our own: whichever the order names."""
    ours = skus_by_channel_code(site.channel_id, codes)
    facts = sku_facts({*codes, *ours.values()})
    listed = dict(
        Listing.objects.filter(site=site, external_code__in=list(codes)).values_list("external_code", "sku_id")
    )
    by_channel = {code: facts[sku].sku_id for code, sku in ours.items() if sku in facts}
    return listed | by_channel | {code: facts[code].sku_id for code in codes if code in facts}
