"""What must be true when the day is over, asked of Mamori and of the sites themselves."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from ec_gateway.management.fault_day.remote import RemoteSite
from ec_gateway.models import Activity, EcSite, InboundEvent, Listing, ShipmentNotice, SiteActivity, SitePush
from erp.core.models import StaffTask
from erp.core.verify import verify
from erp.inventory.selectors import available_to_promise
from erp.orders.models import (
    CANCEL_AFTER_PART_LEFT,
    CANCEL_WHILE_PICKING,
    LateRevision,
    Order,
    OrderState,
    PaymentEvent,
    Return,
    Shipment,
)

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


# The orders of each site, as the site tells them.
Sent = Sequence[tuple[Pair, Sequence[Mapping[str, Any]]]]


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
        Verdict("what the sites changed last is here, or staff were told", list(_revision_faults(orders))),
        Verdict(
            "what the sites said of money and returns is here once, or staff were told", list(_news_faults(orders))
        ),
        Verdict("every parcel that has left is known at its site, and no other", list(_parcel_faults(orders))),
        Verdict("allocated is never more than on hand", _broken_rows()),
        Verdict("no message is left unread in the inbox", list(_failed_messages(pairs))),
        Verdict(f"verify is clean ({len(results)} checks, {rows:,} rows)", faults),
        Verdict("nobody met an error that no contract knows", surprises),
    ]


def _order_faults(orders: Sent) -> Iterator[str]:
    for pair, theirs in orders:
        ours = Counter(Order.objects.filter(channel=pair.row.channel).values_list("external_id", flat=True))
        known = {str(order["external_id"]) for order in theirs}
        yield from (f"{pair.code} {key}: not here" for key in sorted(known - set(ours)))
        yield from (f"{pair.code} {key}: the site does not know it" for key in sorted(set(ours) - known))
        yield from (f"{pair.code} {key}: here {number} times" for key, number in sorted(ours.items()) if number > 1)


def _cancel_faults(orders: Sent) -> Iterator[str]:
    told = set(StaffTask.objects.filter(subject_type="ORDER").values_list("subject_id", "kind"))
    refused = set(_refused(InboundEvent.Kind.CANCEL).values_list("site_id", "external_id"))
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


def _revision_faults(orders: Sent) -> Iterator[str]:
    """A revision that came when nothing could be amended any more is kept, and staff are asked."""
    for pair, theirs in orders:
        mine = Order.objects.filter(channel=pair.row.channel)
        ours = dict(mine.values_list("external_id", "revision"))
        kept = set(LateRevision.objects.filter(order__in=mine).values_list("order__external_id", "revision"))
        for sent in theirs:
            key, revision = str(sent["external_id"]), int(sent["revision"])
            if key in ours and ours[key] != revision and (key, revision) not in kept:
                yield f"{pair.code} {key}: revision {revision} there, {ours[key]} here, and nobody was told"


def _news_faults(orders: Sent) -> Iterator[str]:
    """Payments by the id of their news, returns by the number of their request."""
    for pair, theirs in orders:
        paid, back = Counter[str](), Counter[str]()
        for sent in theirs:
            paid.update(sent["payments"])
            back.update(sent["returns"])
        channel = pair.row.channel
        heard = Counter(PaymentEvent.objects.filter(order__channel=channel).values_list("event_id", flat=True))
        taken = Counter(
            Return.objects.filter(channel=channel, order__isnull=False).values_list("external_id", flat=True)
        )
        for what, kind, there, here in (
            ("payment", InboundEvent.Kind.PAYMENT, paid, heard),
            ("return", InboundEvent.Kind.RETURN, back, taken),
        ):
            refused = Counter(_said_id(event) for event in _refused(kind).filter(site=pair.row))
            for key in sorted(there.keys() - refused.keys()):
                if here[key] != there[key]:
                    yield f"{pair.code} {what} {key}: said {there[key]} times, here {here[key]} times"
            yield from (
                f"{pair.code} {what} {key}: the site did not say so" for key in sorted(here.keys() - there.keys())
            )


def _said_id(event: InboundEvent) -> str:
    return str(event.document.get("event_id") or event.document.get("external_id"))


def _parcel_faults(orders: Sent) -> Iterator[str]:
    for pair, theirs in orders:
        told = {str(number) for sent in theirs for number in sent["shipments"]}
        left = Shipment.objects.filter(order__channel=pair.row.channel, shipped_at__isnull=False)
        ours = set(left.values_list("number", flat=True))
        yield from (f"{pair.code} {number}: has left, and the site does not know" for number in sorted(ours - told))
        yield from (f"{pair.code} {number}: the site knows it, and it has not left" for number in sorted(told - ours))


def _refused(kind: str) -> QuerySet[InboundEvent]:
    """What the domain would not take, and staff have a task about."""
    told = StaffTask.objects.filter(subject_type="INBOUND_EVENT").values("subject_id")
    return InboundEvent.objects.filter(kind=kind, state=InboundEvent.State.REFUSED, pk__in=told)


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
