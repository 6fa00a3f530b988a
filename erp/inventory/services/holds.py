"""Claims with an owner and an expiry, before there is an order (仮引当・取り置き). An expired line counts as free, whether swept or not.

Takes these levels of the house's lock order: the hold by name, balances by primary key, hold lines.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.utils.translation import gettext as _

from catalog.models import Sku
from catalog.selectors import SkuFacts, sku_codes, sku_facts_by_id
from erp.core import changes, locks, messages, rows
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, NotAllowedNow, NotFound, Problem
from erp.core.use_case import use_case
from erp.inventory import selectors
from erp.inventory.exceptions import InsufficientStock, OtherHold, Shortage
from erp.inventory.models import Hold, HoldLine
from erp.inventory.selectors import Rules
from erp.inventory.selectors.holds import HoldView
from erp.inventory.selectors.policies import set_aside_from
from erp.inventory.services import balances
from erp.inventory.services.balances import Balance, BalanceKey
from erp.inventory.services.figures import faults_of_pieces
from erp.inventory.services.promises import let_go_promises, lock_promises

NO_KITS: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class HoldDemand:
    sku_id: int
    quantity: int


def demanded(asked: Iterable[tuple[SkuFacts, int]]) -> tuple[list[HoldDemand], dict[int, int]]:
    """SKUs as somebody asks for them, in pieces of stock: of a kit those of its components; and how many kits they are for."""
    lines, kits = [], Counter[int]()
    for sku, number in asked:
        lines += [HoldDemand(part, number * pieces) for part, pieces in sku.components]
        if sku.is_kit:
            kits[sku.sku_id] += number
    return lines, dict(kits)


def lifetime_of(kind: str) -> dt.timedelta:
    """How long a hold of this kind runs when nobody says how long."""
    found: dt.timedelta = settings.HOLD_LIFETIMES[kind]
    return found


@use_case
def place_hold(
    *,
    channel_id: int,
    ref: str,
    lines: Sequence[HoldDemand],
    expires_at: dt.datetime | None = None,
    kind: str = Hold.Kind.CART.value,
    owner_label: str = "",
    owner_phone: str = "",
    priority: int = 50,
    lifetime: dt.timedelta | None = None,
    kits: Mapping[int, int] = NO_KITS,
    at: dt.datetime,
    by: Actor,
) -> HoldView:
    """Keep the pieces of every line until ``expires_at``, or of none. What counts is what the channel may sell by all its rules.

    ``lines`` are pieces of stock. ``kits`` says how many kits (SKU id → number) they were made of, so that the kits' own rules count too.

    Without an expiry the hold runs as long as its kind does (``settings.HOLD_LIFETIMES``). A customer order (客注) keeps what is there now and
    waits for the rest. Again with the same lines it answers with the hold as it stands, whatever became of it; extend it to get lost pieces
    back. ``lifetime`` and ``kits`` are what a caller asked for, and must be the same again too.

    Raises:
        InsufficientStock: names every short SKU with what is left.
        OtherHold: the reference was used for other lines, other kits, or another lifetime.
        InvalidInput: no pieces, a kit of nothing, or an expiry that has passed.
    """
    wanted = _total(lines)
    expires_at = expires_at or at + lifetime_of(kind)
    _refuse_senseless(lines, wanted, expires_at, at=at)
    lasting = [] if lifetime is None else [lifetime.total_seconds()]
    as_kits = [sorted(kits.items())] if kits else []
    fingerprint = messages.fingerprint([kind, sorted(wanted.items()), *lasting, *as_kits])
    locks.hold(lock_name(channel_id, ref))
    if existing := Hold.objects.filter(channel_id=channel_id, ref=ref).first():
        if existing.fingerprint != fingerprint:
            raise OtherHold(_("The hold %(ref)s was placed with other content.") % {"ref": ref})
        return replace(selectors.hold(channel_id=channel_id, ref=ref), is_replay=True)

    parts = _parts_of(kits)
    if kits and kind != Hold.Kind.CUSTOMER_ORDER:
        _refuse_hidden_kits(channel_id, kits, Counter(), at=at)
    hold = Hold.objects.create(
        channel_id=channel_id,
        ref=ref,
        kind=kind,
        owner_label=owner_label,
        owner_phone=owner_phone,
        priority=priority,
        expires_at=expires_at,
        created_at=at,
        actor=str(by),
        fingerprint=fingerprint,
        wanted=sorted(wanted.items()),
        kits=sorted(kits.items()),
        kit_parts=[(kit_id, sku_id, pieces) for kit_id in sorted(parts) for sku_id, pieces in parts[kit_id]],
    )
    acquire(hold, wanted, at=at)
    return selectors.hold(channel_id=channel_id, ref=ref)


@use_case
def extend_hold(*, channel_id: int, ref: str, expires_at: dt.datetime, at: dt.datetime, by: Actor) -> HoldView:
    """Keep the pieces longer. Pieces that are gone by now (expired, taken by a physical fact) are acquired again, all or none, by the rules by which
    they were acquired first: those of kits that lack pieces count too.

    Raises:
        NotFound: no such hold.
        NotAllowedNow: it was released or became an order.
        InsufficientStock: names every SKU (or kit) that cannot be had again; the hold stays as it was.
    """
    locks.hold(lock_name(channel_id, ref))
    hold = Hold.objects.filter(channel_id=channel_id, ref=ref).first()
    if hold is None:
        raise NotFound(_("There is no hold %(ref)s.") % {"ref": ref})
    if expires_at <= at:
        raise InvalidInput([Problem("/expires_at", "invalid", _("The expiry has passed."))])
    lock_promises(document_type="HOLD", document_ids=[hold.pk])
    if hold.kits and hold.closed_at is None and hold.kind != Hold.Kind.CUSTOMER_ORDER:
        _refuse_lost_kits(hold, at=at)
    acquire(hold, dict(hold.wanted), expires_at=expires_at, at=at)
    return selectors.hold(channel_id=channel_id, ref=ref)


@use_case
def release_hold(*, channel_id: int, ref: str, at: dt.datetime, by: Actor) -> int:
    """Give the pieces of a hold back and close it. Returns how many; again, there are none. Raises NotFound."""
    locks.hold(lock_name(channel_id, ref))
    hold = Hold.objects.filter(channel_id=channel_id, ref=ref).first()
    if hold is None:
        raise NotFound(_("There is no hold %(ref)s.") % {"ref": ref})
    let_go_promises(document_type="HOLD", document_ids=[hold.pk])
    locked = balances.locked(balances.LOCK_OF_HOLDS, [at, [hold.pk]])
    freed = release_lines([hold.pk], locked, at=at)
    Hold.objects.filter(pk=hold.pk, closed_at__isnull=True).update(closed_at=at)
    return sum(freed.values())


@use_case
def sweep_expired_holds(*, limit: int = 100, at: dt.datetime, by: Actor) -> int:
    """Tidy up: release what has expired and close its holds. Returns how many holds; call again until it is none.

    Nobody waits for it, since expiry counts when read; it also announces the pieces that the clock has freed.
    """
    due = list(
        Hold.objects.filter(expires_at__lte=at, closed_at__isnull=True)
        .order_by("pk")
        .values_list("pk", flat=True)[:limit]
    )
    if due:
        locked = balances.locked(balances.LOCK_OF_HOLDS, [at, due])
        # Extended meanwhile? Then its lines have a later expiry, and so has its header.
        still_due = list(Hold.objects.filter(pk__in=due, expires_at__lte=at).values_list("pk", flat=True))
        release_lines(still_due, locked, at=at)
        Hold.objects.filter(pk__in=still_due, closed_at__isnull=True).update(closed_at=at)
    return len(due)


def acquire(hold: Hold, wanted: Mapping[int, int], *, at: dt.datetime, expires_at: dt.datetime | None = None) -> None:
    """Claim what the hold lacks of ``wanted``, all or none, and let all its lines run until the new expiry.

    A customer order takes what is there, safety stock too, as an order does, but for what is left of binding quotas of other channels.
    """
    until = expires_at or hold.expires_at
    waits = hold.kind == Hold.Kind.CUSTOMER_ORDER
    rules = selectors.rules(channel_id=hold.channel_id, sku_ids=wanted, at=at)
    found = balances.lock_sellable(channel_id=hold.channel_id, sku_ids=list(wanted), hold_refs=[hold.ref], at=at)
    locked = {(row.sku_id, row.location_id): row for row, _rank in found}
    if not Hold.objects.filter(pk=hold.pk, closed_at__isnull=True).exists():
        raise NotAllowedNow(_("The hold %(ref)s is closed.") % {"ref": hold.ref})
    # Asked behind the lock: whoever uses a quota holds these balances.
    aside = set_aside_from(channel_id=hold.channel_id, sku_ids=wanted, at=at) if waits else None
    change = dict.fromkeys(locked, 0)
    for key, pieces in balances.release_expired_holds(locked.values(), at=at).items():
        change[key] -= pieces
    own = HoldLine.objects.filter(hold=hold, released_at__isnull=True).values_list("sku_id", "quantity")
    missing = dict(wanted)
    for sku_id, quantity in own:
        missing[sku_id] -= quantity

    taken = _take(missing, [row for row, rank in found if rank is not None], change, rules, aside)
    for key, pieces in taken.items():
        change[key] += pieces
    with rows.pipeline():
        balances.add_to_allocated({locked[key].id: pieces for key, pieces in change.items()})
        _write_lines(hold.pk, taken, until)
        changes.record(topic="stock", keys=[sku_id for (sku_id, _location), pieces in change.items() if pieces])
    if expires_at is not None:
        HoldLine.objects.filter(hold=hold, released_at__isnull=True).update(expires_at=until)
        Hold.objects.filter(pk=hold.pk).update(expires_at=until)


def _take(
    missing: Mapping[int, int],
    sellable: Iterable[Balance],
    change: Mapping[BalanceKey, int],
    rules: Mapping[int, Rules],
    aside: Mapping[int, int] | None,
) -> dict[BalanceKey, int]:
    """``aside``: what a customer order, which takes a part too, leaves of each SKU; None for all other holds."""
    of_sku: dict[int, list[Balance]] = defaultdict(list)
    for row in sellable:
        of_sku[row.sku_id].append(row)
    taken: dict[BalanceKey, int] = {}
    short: dict[int, tuple[int, int]] = {}
    for sku_id, needed in missing.items():
        free = {
            (sku_id, row.location_id): row.unclaimed - change[sku_id, row.location_id] for row in of_sku.get(sku_id, ())
        }
        if aside is not None:
            needed = min(needed, sum(free.values()) - aside.get(sku_id, 0))
        elif needed > (left := rules[sku_id].shown(sum(free.values()))):
            short[sku_id] = (needed, left)
            continue
        for key, pieces in free.items():
            if needed > 0 and pieces > 0:
                taken[key] = min(needed, pieces)
                needed -= taken[key]
    if short:
        codes = dict(Sku.objects.filter(pk__in=short).values_list("pk", "code"))
        raise InsufficientStock(
            [Shortage(sku_id, codes.get(sku_id, ""), wanted, left) for sku_id, (wanted, left) in sorted(short.items())]
        )
    return taken


# A line that was released before comes back to life; one that lost pieces to a physical fact is filled up.
_WRITE_LINES = """
INSERT INTO inventory_holdline AS line (hold_id, expires_at, line_no, sku_id, location_id, quantity)
SELECT %s::bigint, %s::timestamptz, 1, n.* FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS n
ON CONFLICT (sku_id, location_id, hold_id, line_no) DO UPDATE
SET quantity = EXCLUDED.quantity + CASE WHEN line.released_at IS NULL THEN line.quantity ELSE 0 END,
    released_at = NULL, expires_at = EXCLUDED.expires_at
"""


def _write_lines(hold_id: int, taken: Mapping[BalanceKey, int], expires_at: dt.datetime) -> None:
    if taken:
        skus, locations = zip(*taken, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_LINES, [hold_id, expires_at, list(skus), list(locations), list(taken.values())])


_RELEASE_LINES = """
UPDATE inventory_holdline SET released_at = %s
WHERE hold_id = ANY(%s) AND released_at IS NULL
  AND (sku_id, location_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
RETURNING sku_id, location_id, quantity
"""


def release_lines(
    hold_ids: Sequence[int], locked: Mapping[BalanceKey, Balance], *, at: dt.datetime
) -> dict[BalanceKey, int]:
    """Release the holds' lines on locked balances, together with the pieces. Returns the pieces per balance."""
    freed: dict[BalanceKey, int] = defaultdict(int)
    if locked and hold_ids:
        with connection.cursor() as cursor:
            cursor.execute(
                _RELEASE_LINES, [at, list(hold_ids), [sku for sku, _loc in locked], [loc for _sku, loc in locked]]
            )
            for sku_id, location_id, quantity in cursor.fetchall():
                freed[sku_id, location_id] += quantity
        balances.add_to_allocated({locked[key].id: -pieces for key, pieces in freed.items()})
        changes.record(topic="stock", keys=[sku_id for sku_id, _location in freed])
    return freed


def _refuse_lost_kits(hold: Hold, *, at: dt.datetime) -> None:
    """Of the kits of a hold, as many as lack a piece are acquired anew, from what it still has of them and what is there.

    Where a piece was wanted beside the kits too, those beside them are the first ones lost.
    """
    kits, wanted = dict(hold.kits), Counter(dict(hold.wanted))
    parts = selectors.kit_parts(hold)
    missing = wanted.copy()
    running = HoldLine.objects.filter(hold=hold, released_at__isnull=True, expires_at__gt=at)
    missing.subtract(dict(running.values_list("sku_id").annotate(Sum("quantity"))))
    missing.subtract(wanted - _pieces(kits, parts))
    lost = {
        kit_id: min(count, max((-(-missing[sku_id] // quantity) for sku_id, quantity in parts[kit_id]), default=0))
        for kit_id, count in kits.items()
    }
    again = {kit_id: count for kit_id, count in lost.items() if count > 0}
    if again:
        _refuse_hidden_kits(hold.channel_id, again, _pieces(again, parts) - +missing, at=at)


def _parts_of(kits: Mapping[int, int]) -> dict[int, tuple[tuple[int, int], ...]]:
    """What each of the kits is made of today."""
    facts = sku_facts_by_id(kits)
    if empty := sorted(fact.code for fact in facts.values() if not fact.components):
        told = _("Nothing can be kept of a kit without components: %(skus)s.")
        raise InvalidInput([Problem("/lines", "unknown_sku", told % {"skus": ", ".join(empty)})])
    return {kit_id: fact.components for kit_id, fact in facts.items()}


def _pieces(kits: Mapping[int, int], parts: Mapping[int, Sequence[tuple[int, int]]]) -> Counter[int]:
    """What so many kits are made of."""
    pieces: Counter[int] = Counter()
    for kit_id, count in kits.items():
        for sku_id, quantity in parts[kit_id]:
            pieces[sku_id] += count * quantity
    return pieces


def _refuse_hidden_kits(channel_id: int, kits: Mapping[int, int], loose: Counter[int], *, at: dt.datetime) -> None:
    """No more kits than are shown of what is there together with the hold's own ``loose`` pieces. Of components that are short ``acquire`` tells,
    behind their lock."""
    rules = selectors.rules(channel_id=channel_id, sku_ids=kits, at=at)
    short = []
    for kit_id, found in selectors.available_to_promise(channel_id=channel_id, sku_ids=kits, at=at).items():
        makes = min(
            (
                (component.availability.available + loose[component.sku_id]) // component.quantity
                for component in found.components
            ),
            default=0,
        )
        if (shown := rules[kit_id].shown(makes)) < kits[kit_id] <= makes:
            short.append((kit_id, kits[kit_id], shown))
    if short:
        codes = sku_codes([kit_id for kit_id, _wanted, _left in short])
        raise InsufficientStock([Shortage(kit_id, codes[kit_id], wanted, left) for kit_id, wanted, left in short])


def _total(lines: Sequence[HoldDemand]) -> dict[int, int]:
    wanted: dict[int, int] = defaultdict(int)
    for line in lines:
        wanted[line.sku_id] += line.quantity
    return dict(wanted)


def _refuse_senseless(
    lines: Sequence[HoldDemand], wanted: Mapping[int, int], expires_at: dt.datetime, *, at: dt.datetime
) -> None:
    problems = [
        Problem(f"/lines/{index}/quantity", "invalid", _("A line needs at least one piece."))
        for index, line in enumerate(lines)
        if line.quantity < 1
    ]
    for index, line in enumerate(lines):
        problems += faults_of_pieces(index, line.quantity)
    known = set(Sku.objects.filter(pk__in=wanted, is_kit=False).values_list("pk", flat=True))
    problems += [
        Problem(f"/lines/{index}/sku", "unknown_sku", _("This SKU has no stock of its own."))
        for index, line in enumerate(lines)
        if line.sku_id not in known
    ]
    if not lines:
        problems.append(Problem("/lines", "invalid", _("A hold needs lines.")))
    if expires_at <= at:
        problems.append(Problem("/expires_at", "invalid", _("The expiry has passed.")))
    if problems:
        raise InvalidInput(problems)


def lock_name(channel_id: int, ref: str) -> str:
    return f"hold:{channel_id}:{ref}"
