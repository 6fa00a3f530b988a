"""What must be true when the day is over, asked of Mamori and of the sites themselves."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection

from ec_gateway.management.fault_day.remote import RemoteSite
from ec_gateway.models import Activity, EcSite, InboundEvent, Listing, ShipmentNotice, SiteActivity, SitePush
from erp.core.models import StaffTask
from erp.core.verify import verify
from erp.inventory.selectors import available_to_promise
from erp.orders.models import CANCEL_AFTER_PART_LEFT, CANCEL_WHILE_PICKING, Order, OrderState

BROKEN_ROWS = "SELECT count(*) FROM inventory_stockbalance WHERE allocated > on_hand OR allocated < 0"
# By these staff learn of a cancellation that came when goods were being picked, or had left in part.
TELLS = (CANCEL_WHILE_PICKING, CANCEL_AFTER_PART_LEFT)


@dataclass(frozen=True)
class Pair:
    """One site from both sides."""

    row: EcSite
    remote: RemoteSite

    @property
    def code(self) -> str:
        return self.row.channel.code


@dataclass(frozen=True)
class Verdict:
    what: str
    faults: Sequence[str]

    @property
    def is_kept(self) -> bool:
        return not self.faults


def still_waiting(pairs: Sequence[Pair]) -> dict[str, int]:
    """What is on its way yet, by name; empty when everything has arrived."""
    found: Counter[str] = Counter()
    for pair in pairs:
        state = pair.remote.state()
        found["webhooks to send"] += state["webhooks"].get("waiting", 0)
        cursors = dict(SiteActivity.objects.filter(site=pair.row).values_list("activity", "cursor"))
        for activity in (Activity.POLL, Activity.INBOX):
            seen = cursors.get(activity, "")
            found[f"order events {activity.label}"] += state["events"] - (int(seen) if seen.isdecimal() else 0)
    rows = [pair.row.pk for pair in pairs]
    found["inbox"] = InboundEvent.objects.filter(site__in=rows, state=InboundEvent.State.RECEIVED).count()
    found["figures to push"] = SitePush.objects.filter(site__in=rows, dirty_since__isnull=False).count()
    found["parcels to announce"] = ShipmentNotice.objects.filter(site__in=rows, due_at__isnull=False).count()
    return {name: count for name, count in found.items() if count > 0}


def drift(pairs: Sequence[Pair], *, at: dt.datetime) -> list[str]:
    """Every listing whose site shows something else than its channel may sell."""
    found = []
    for pair in pairs:
        codes = dict(Listing.objects.filter(site=pair.row, is_active=True).values_list("sku_id", "external_code"))
        ours = available_to_promise(channel_id=pair.row.channel_id, sku_ids=list(codes), at=at)
        theirs = pair.remote.stock()
        found += [
            f"{pair.code} {code}: shows {theirs.get(code)}, {ours[sku_id].available} may be sold"
            for sku_id, code in codes.items()
            if theirs.get(code) != ours[sku_id].available
        ]
    return found


def verdicts(pairs: Sequence[Pair], *, drifted: Sequence[str], surprises: Sequence[str]) -> list[Verdict]:
    orders = [(pair, pair.remote.orders()) for pair in pairs]
    count = sum(len(found) for _pair, found in orders)
    results = verify()
    faults = [
        f"{fault.promise} {fault.subject_type} {fault.subject_label}: {fault.detail}"
        for result in results
        for fault in result.faults
    ]
    rows = sum(result.rows for result in results)
    return [
        Verdict("every site shows what may be sold: drift 0", drifted),
        Verdict(f"every order of every site is here once, and no other ({count:,})", list(_order_faults(orders))),
        Verdict("what the sites cancelled is cancelled, or staff were told", list(_cancel_faults(orders))),
        Verdict("allocated is never more than on hand", _broken_rows()),
        Verdict("no message is left unread in the inbox", list(_failed_messages(pairs))),
        Verdict(f"verify is clean ({len(results)} checks, {rows:,} rows)", faults),
        Verdict("nobody met an error that no contract knows", surprises),
    ]


def _order_faults(orders: Sequence[tuple[Pair, list[dict[str, object]]]]) -> Iterator[str]:
    for pair, theirs in orders:
        ours = Counter(Order.objects.filter(channel=pair.row.channel).values_list("external_id", flat=True))
        known = {str(order["external_id"]) for order in theirs}
        yield from (f"{pair.code} {key}: not here" for key in sorted(known - set(ours)))
        yield from (f"{pair.code} {key}: the site does not know it" for key in sorted(set(ours) - known))
        yield from (f"{pair.code} {key}: here {number} times" for key, number in sorted(ours.items()) if number > 1)


def _cancel_faults(orders: Sequence[tuple[Pair, list[dict[str, object]]]]) -> Iterator[str]:
    told = set(StaffTask.objects.filter(subject_type="ORDER").values_list("subject_id", "kind"))
    refused = set(
        InboundEvent.objects.filter(kind=InboundEvent.Kind.CANCEL, state=InboundEvent.State.REFUSED)
        .filter(pk__in=StaffTask.objects.filter(subject_type="INBOUND_EVENT").values("subject_id"))
        .values_list("site_id", "external_id")
    )
    for pair, theirs in orders:
        mine = {
            order.external_id: order
            for order in Order.objects.filter(channel=pair.row.channel).only("external_id", "state")
        }
        for sent in theirs:
            order = mine.get(str(sent["external_id"]))
            if order is None:
                continue
            is_cancelled = order.state == OrderState.CANCELLED
            # What had left as a whole is refused, with a task.
            is_told = (pair.row.pk, order.external_id) in refused or any((order.pk, kind) in told for kind in TELLS)
            if sent["is_cancelled"] and not is_cancelled and not is_told:
                yield f"{pair.code} {order.external_id}: cancelled there, {order.state} here, and nobody was told"
            if is_cancelled and not sent["is_cancelled"]:
                yield f"{pair.code} {order.external_id}: cancelled here, not there"


def _broken_rows() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(BROKEN_ROWS)
        count = cursor.fetchone()[0]
    return [f"{count} balances"] if count else []


def _failed_messages(pairs: Sequence[Pair]) -> Iterator[str]:
    failed = InboundEvent.objects.filter(site__in=[pair.row.pk for pair in pairs], state=InboundEvent.State.FAILED)
    for event in failed.order_by("pk"):
        yield f"{event.kind} {event.external_id}: {event.error[:300]}"


def inbox_table(pairs: Sequence[Pair]) -> list[str]:
    """How the messages came and what became of them; refusals with their reason."""
    events = InboundEvent.objects.filter(site__in=[pair.row.pk for pair in pairs])
    counts = Counter(events.values_list("source", "kind", "state"))
    lines = [
        f"  {source:<8} {kind:<11} {state:<10} {number:>7,}" for (source, kind, state), number in sorted(counts.items())
    ]
    refused = Counter(
        (kind, error[:160])
        for kind, error in events.filter(state=InboundEvent.State.REFUSED).values_list("kind", "error")
    )
    return [*lines, *(f"  refused {kind}, {number}×: {error}" for (kind, error), number in sorted(refused.items()))]
