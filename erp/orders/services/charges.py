"""Money without goods that a channel reports: charges billed by themselves, fees of platforms and banks, bad debt. Levels: document, open items."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from accounting.selectors import PaymentRoutes, payment_routes
from accounting.services import EntryDraft, Party, post_entries
from erp.core import locks, messages, rows
from erp.core.actors import Actor
from erp.core.clock import unbookable
from erp.core.errors import Conflict, InvalidInput, NotFound, Problem
from erp.core.models import Channel, MessageLog
from erp.core.money import ZERO, Rounding
from erp.core.selectors import tax_rates
from erp.core.tax import Rate, TaxedAmount, document_tax, rate_on
from erp.core.use_case import use_case
from erp.orders import postings
from erp.orders.models import PaymentMethod
from erp.orders.postings import ChargeGroup, Dimensions, Document

MESSAGE_KIND = "charge"


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """``kind`` is one of ``postings.CHARGES``; ``net_amount`` is tax-exclusive: what we earn is positive, what it costs us negative."""

    kind: str
    net_amount: Decimal
    description: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """A document about money only. ``method`` and ``provider`` say by which way it is paid, as on an order."""

    external_id: str
    lines: tuple[ChargeLine, ...]
    charge_date: dt.date
    method: str = PaymentMethod.CARD
    provider: str = ""


@use_case
def record_charges(*, channel: str, charges: Sequence[Charge], at: dt.datetime, by: Actor) -> list[int]:
    """Post what a channel reports besides orders, at the standard rate of its date, tax once per document and kind.

    Each is kept as a message, which is its document in the books; the key of that message is returned. Constant number of statements. The
    same ``external_id`` again returns the first document.

    Raises:
        NotFound: no such channel.
        InvalidInput: names every line of an unknown kind or without an amount in whole units.
        Conflict: an id was recorded with other content.
        PeriodClosed: the books of a date are closed.
    """
    shop = Channel.objects.filter(code=channel).first()
    if shop is None:
        raise NotFound(_("The sales channel “%(code)s” does not exist or is off.") % {"code": channel})
    _refuse_malformed(charges, at=at)
    locks.hold_all(f"charge:{shop.pk}:{charge.external_id}" for charge in charges)
    known = _known(shop.pk, charges)
    fresh = list({charge.external_id: charge for charge in charges if charge.external_id not in known}.values())
    known |= _store(fresh, shop.pk, at=at, by=by)
    rates, routes = tax_rates(), payment_routes()
    drafts = [_entry(charge, known[charge.external_id], shop, rates, routes) for charge in fresh]
    if entries := [draft for draft in drafts if draft is not None]:
        post_entries(drafts=entries, at=at, by=by)
    return [known[charge.external_id] for charge in charges]


def _refuse_malformed(charges: Sequence[Charge], *, at: dt.datetime) -> None:
    problems = [
        Problem(f"{charge.external_id}/lines/{index}", "bad_charge", f"{line.kind} {line.net_amount}")
        for charge in charges
        for index, line in enumerate(charge.lines)
        if line.kind not in postings.CHARGES
        or not line.net_amount
        or line.net_amount != line.net_amount.to_integral_value()
    ]
    problems += [Problem(charge.external_id, "no_lines", "") for charge in charges if not charge.lines]
    for charge in charges:
        problems += unbookable(f"{charge.external_id}/charge_date", charge.charge_date, at=at)
    if problems:
        raise InvalidInput(problems)


def _known(channel_id: int, charges: Sequence[Charge]) -> dict[str, int]:
    """Documents that are there, by external id."""
    wanted = {charge.external_id: messages.fingerprint(asdict(charge)) for charge in charges}
    stored = MessageLog.objects.filter(
        channel_id=channel_id, external_id__in=wanted, kind=MESSAGE_KIND, outcome=MessageLog.Outcome.DONE
    ).values_list("external_id", "pk", "fingerprint")
    found = {external_id: pk for external_id, pk, _fingerprint in stored}
    if other := sorted(name for name, _pk, fingerprint in stored if fingerprint != wanted[name]):
        raise Conflict(_("%(ids)s: recorded before with other content.") % {"ids": ", ".join(other)})
    return found


def _store(charges: Sequence[Charge], channel_id: int, *, at: dt.datetime, by: Actor) -> dict[str, int]:
    ids = rows.allocate_ids({MessageLog: len(charges)}).get(MessageLog, iter(()))
    keys = {charge.external_id: key for charge, key in zip(charges, ids, strict=True)}
    rows.insert(
        MessageLog,
        ("id", "direction", "channel_id", "kind", "external_id", "revision", "body", "fingerprint", "outcome", "detail",
         "recorded_at", "actor"),
        [
            (keys[charge.external_id], "IN", channel_id, MESSAGE_KIND, charge.external_id, 1, messages.encode(asdict(charge)),
             messages.fingerprint(asdict(charge)), "DONE", "", at, str(by))
            for charge in charges
        ],
    )  # fmt: skip
    return keys


def _entry(charge: Charge, key: int, shop: Channel, rates: Sequence[Rate], routes: PaymentRoutes) -> EntryDraft | None:
    rate = rate_on(rates, tax_class="STANDARD", on=charge.charge_date)
    numbered: dict[str, list[tuple[int, Decimal]]] = {}
    for number, line in enumerate(charge.lines, 1):
        numbered.setdefault(line.kind, []).append((number, line.net_amount))
    groups = [ChargeGroup(kind, lines, _tax(lines, rate, shop), rate.code) for kind, lines in numbered.items()]
    return postings.charges(
        document=Document("CHARGE", key, charge.external_id),
        groups=groups,
        debtor=_debtor(charge, shop, routes),
        description=", ".join(dict.fromkeys(line.description for line in charge.lines if line.description)),
        on=charge.charge_date,
        dimensions=Dimensions(shop.pk, shop.department_id, shop.currency),
    )


def _tax(lines: Sequence[tuple[int, Decimal]], rate: Rate, shop: Channel) -> Decimal:
    """On the sum, rounded by magnitude, with its sign."""
    net = sum((amount for _number, amount in lines), ZERO)
    total = document_tax(
        [TaxedAmount(rate, abs(net), False)], rounding=Rounding(shop.tax_rounding), currency=shop.currency
    )
    return total[rate.code].tax.copy_sign(net)


def _debtor(charge: Charge, shop: Channel, routes: PaymentRoutes) -> tuple[str, Party]:
    route = routes.find(shop.pk, charge.method, charge.provider)
    if route is None or route.party is None:
        raise NotFound(_("Nobody owes what is paid by %(method)s.") % {"method": charge.method})
    return route.role, route.party
