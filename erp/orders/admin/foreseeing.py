"""What acts change on an order: they are done, the order is told in lines of words before and behind them, and all of it is taken back.

With the fingerprint of what a person saw it stays, if it still is just that. So what is confirmed is what was shown, and never something else.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext

from catalog.selectors import sku_facts
from erp.core import changes, documents
from erp.core.actors import Actor
from erp.core.admin import ServiceAdmin, for_people
from erp.core.clock import written_day
from erp.core.errors import DomainError
from erp.core.keys import key_in
from erp.core.money import ZERO
from erp.core.permissions import SEE_AMOUNTS
from erp.core.task_kinds import label_of
from erp.inventory.selectors import claims_on, put_back
from erp.orders import selectors
from erp.orders.models import Delivery, Order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

Told = dict[str, str]
# Who would lose pieces is among these: claims are given up in the order in which they are read here.
MOST_LOSERS = 50


@dataclass(frozen=True, slots=True)
class Deed:
    """Calls of services about one order, each with what it is about, in the order in which they are made.

    ``takes`` are SKUs of which pieces may be taken from others.
    """

    order_id: int
    calls: tuple[tuple[str, Callable[..., object]], ...]
    takes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Foreseen:
    """``changes`` are what is changed, now, and afterwards; ``refused`` what is not done, and why; ``answers`` what the services gave back."""

    changes: tuple[tuple[str, str, str], ...]
    refused: tuple[tuple[str, str], ...]
    fingerprint: str
    answers: tuple[object, ...] = ()

    def is_what_was_seen(self, fingerprint: str) -> bool:
        return bool(self.changes) and self.fingerprint == fingerprint


@dataclass(slots=True)
class _Standing:
    """How things stood before the deed, read in its transaction. ``mails`` leave by themselves, a minute after they were owed."""

    told: Told = field(default_factory=dict)
    mails: Told = field(default_factory=dict)
    claims: dict[tuple[str, int], int] = field(default_factory=dict)
    announced: Collection[int] = ()
    version: tuple[int, int] = (0, 0)


def foresee(page: ServiceAdmin, request: HttpRequest, deed: Deed, *, seen: str = "") -> Foreseen:
    """What the deed changes, as far as the user may know it. Nothing stays of it, unless it is what was ``seen``: then it is done.

    What is refused of one call harms no other. What the order was is read just before the first call takes its lock; whatever comes between
    shows in what the calls lead to, which is compared too. A mail that left meanwhile is no change, unless the deed does something about it.
    """
    before, refused, answers = _Standing(), list[tuple[str, str]](), list[object]()

    def done(*, at: dt.datetime, by: Actor) -> None:
        nonlocal before
        order = _read(deed)
        before = _Standing(
            told=_told(request, order),
            mails=_mails(request, order),
            claims=claims_on(deed.takes, limit=MOST_LOSERS) if deed.takes else {},
            announced=changes.announced(audience=order.channel.code),
            version=(order.revision, order.version),
        )
        refused.clear()
        answers.clear()
        for what, service in deed.calls:
            try:
                with transaction.atomic():
                    answers.append(service(at=at, by=by))
            except DomainError as refusal:
                refused.append((what, for_people(refusal)))

    def look() -> Foreseen:
        order = _read(deed)
        differing = [
            *_differing(before.told, _told(request, order)),
            *_differing(before.mails, _mails(request, order)),
            *_losers(before.claims, deed.takes),
            *_news(order, before.announced),
        ]
        seal = json.dumps([before.version, before.told, differing, refused], ensure_ascii=False)
        fingerprint = hashlib.sha256(seal.encode()).hexdigest()
        return Foreseen(tuple(differing), tuple(refused), fingerprint, tuple(answers))

    return page.try_out(request, done, look, stays=lambda found: found.is_what_was_seen(seen))


def ticked(values: Iterable[str]) -> dict[int, str]:
    """Order and fingerprint as the boxes of a preview carry them."""
    pairs = [value.partition(":")[::2] for value in values]
    return {key: seen for text, seen in pairs if (key := key_in(text))}


def _read(deed: Deed) -> Order:
    return Order.objects.select_related("channel").get(pk=deed.order_id)


def _differing(now: Told, then: Told) -> Iterator[tuple[str, str, str]]:
    for label in dict.fromkeys([*now, *then]):
        if now.get(label) != then.get(label):
            yield label, now.get(label, "–"), then.get(label, "–")


def _losers(before: Mapping[tuple[str, int], int], skus: Iterable[int]) -> Iterator[tuple[str, str, str]]:
    """Whose pieces are taken."""
    if not before:
        return
    left = claims_on(list(skus), only=list(before))
    losing = {key: (pieces, left.get(key, 0)) for key, pieces in before.items() if left.get(key, 0) < pieces}
    numbers = documents.numbers_of(losing)
    for key, (had, has) in losing.items():
        loser = gettext("%(document)s loses pieces") % {"document": f"{documents.label_of(key[0])} {numbers[key]}"}
        words = gettext("reserved %(count)d")
        yield loser, words % {"count": had}, words % {"count": has}


def _news(order: Order, before: Collection[int]) -> Iterator[tuple[str, str, str]]:
    """What sites read of it: of this order its own channel, of stock every one."""
    topics = {
        "order": gettext("order"),
        "payment": gettext("payment"),
        "shipment": gettext("shipment"),
        "return": gettext("return"),
        "stock": gettext("stock"),
    }
    found = {
        change.topic
        for number, change in changes.announced(audience=order.channel.code).items()
        if number not in before
    }
    if told := [words for topic, words in topics.items() if topic in found]:
        yield gettext("told to the sales channel"), "–", _listed(told)


def _told(request: HttpRequest, order: Order) -> Told:
    """An order in lines of words, as far as the user may know it; what differs between two of them is what an act changes."""
    sheet, may = selectors.order_sheet(order), request.user.has_perm
    told = _where_it_stands(sheet)
    parts: tuple[tuple[str, Callable[[selectors.OrderSheet], Told]], ...] = (
        (SEE_AMOUNTS, _amounts),
        ("orders.view_orderline", partial(_lines, sees_amounts=may(SEE_AMOUNTS))),
        ("orders.view_delivery", _deliveries),
        ("orders.view_shipment", _parcels),
        ("orders.view_return", partial(_returns, sees_amounts=may(SEE_AMOUNTS))),
        ("orders.view_orderpayment", _payments),
        ("accounting.view_openitem", _open_items),
        ("accounting.view_journalentry", _entries),
        ("core.view_stafftask", _tasks),
    )
    for permission, part in parts:
        if may(permission):
            told |= part(sheet)
    return told


def _mails(request: HttpRequest, order: Order) -> Told:
    """Each kind in its own line, so that a mail the deed adds does not tell of those beside it."""
    if not request.user.has_perm("correspondence.view_mail"):
        return {}
    name = gettext("mail to a shopper")
    return _joined(
        (f"{name}: {mail.get_kind_display()}", mail.get_state_display()) for mail in selectors.mails_of(order)
    )


def _where_it_stands(sheet: selectors.OrderSheet) -> Told:
    told = {
        gettext("state"): str(sheet.order.get_state_display()),
        gettext("reasons to wait"): _listed(hold.get_reason_display() for hold in sheet.open_holds),
        gettext("why stock is not reserved"): _listed(wait.get_reason_display() for wait in sheet.waits),
    }
    if sheet.order.is_provisional:
        told[gettext("provisional")] = gettext("yes")
    return told


def _deliveries(sheet: selectors.OrderSheet) -> Told:
    return {f"{gettext('delivery')} {row.ref}".strip(): _delivery(row) for row in sheet.deliveries}


def _parcels(sheet: selectors.OrderSheet) -> Told:
    return _joined((_parcel_name(parcel), _parcel(parcel)) for parcel in sheet.shipments)


def _open_items(sheet: selectors.OrderSheet) -> Told:
    items = [found.item for found in selectors.items_of(sheet)]
    sides = (("DEBIT", gettext("still owed to us")), ("CREDIT", gettext("still owed by us")))
    return {title: _money(sum((item.remaining for item in items if item.side == side), ZERO)) for side, title in sides}


def _tasks(sheet: selectors.OrderSheet) -> Told:
    still_open = [task for task in selectors.tasks_of(sheet) if task.closed_at is None]
    return {gettext("open tasks"): _listed(label_of(task.kind) for task in still_open)}


def _amounts(sheet: selectors.OrderSheet) -> Told:
    order = sheet.order
    told = {
        gettext("total (incl. tax)"): _money(order.total),
        gettext("tax"): _money(order.tax_amount),
        gettext("amount due from the customer"): _money(order.amount_due),
    }
    if order.account_id:
        told[gettext("open order exposure")] = _money(order.exposure_amount)
    return told


def _lines(sheet: selectors.OrderSheet, *, sees_amounts: bool) -> Told:
    codes = [line.row.sku.code for line in sheet.lines if line.row.sku_id and line.row.sku is not None]
    names = {code: facts.name for code, facts in sku_facts(codes).items()}

    def parts(line: selectors.SheetLine) -> Iterator[str]:
        row = line.row
        if row.sku_id and row.sku is not None:
            # The line is called by the name that was ordered; it says another one where the SKU has it.
            name = names.get(row.sku.code, "")
            yield row.sku.code if name == row.name else f"{row.sku.code} {name}".strip()
        else:
            yield f"{gettext('Unknown SKU')} {row.sku_code or row.channel_item_code}".strip()
        yield gettext("ordered %(count)d") % {"count": row.quantity}
        if row.release_date:
            yield gettext("On sale from %(day)s") % {"day": written_day(row.release_date)}
        for found, words in (
            (line.reserved, gettext("reserved %(place)s %(count)d")),
            (line.taken_from, gettext("taken from %(place)s %(count)d")),
        ):
            for kept in found:
                yield words % {"place": f"{kept.place} {kept.sku}".strip(), "count": kept.quantity}
        for count, words in (
            (line.lacking, gettext("lacking %(count)d")),
            (row.shipped_quantity, gettext("shipped %(count)d")),
            (row.cancelled_quantity, gettext("cancelled %(count)d")),
            (row.returned_quantity, gettext("returned %(count)d")),
        ):
            if count:
                yield words % {"count": count}
        if sees_amounts:
            yield gettext("amount %(amount)s") % {"amount": _money(row.gross_amount)}

    return {f"{line.row.line_no} {line.row.name}": _listed(parts(line)) for line in sheet.lines}


def _delivery(row: Delivery) -> str:
    where = f"〒{row.postal_code} {row.prefecture}{row.city}{row.street} {row.building}{row.pickup_point}"
    wish = f"{gettext('wished date')} {written_day(row.wish_date)} {row.time_slot}" if row.wish_date else ""
    return _listed(part for part in (row.recipient_name, where.strip("〒 "), wish.strip()) if part)


def _parcel_name(parcel: selectors.SheetShipment) -> str:
    """By what is in it: the number of one that does not exist yet is not known."""
    contents = "、".join(f"{_name_of(line.order_line)} × {line.quantity}" for line in parcel.lines)
    return gettext("parcel: %(contents)s") % {"contents": contents}


def _parcel(parcel: selectors.SheetShipment) -> str:
    row = parcel.row
    days = (
        (row.ship_date, gettext("left on %(day)s")),
        (row.delivered_date, gettext("arrived on %(day)s")),
        (row.accepted_date, gettext("accepted on %(day)s")),
    )
    reached = [words % {"day": written_day(day)} for day, words in days if day]
    sold = sum(line.reported_quantity for line in parcel.lines)
    reported = gettext("reported sold %(count)d") % {"count": sold} if sold else ""
    return _listed(part for part in (row.get_state_display(), *reached, reported, row.tracking_number) if part)


def _returns(sheet: selectors.OrderSheet, *, sees_amounts: bool) -> Told:
    """By what came back: the number of one that does not exist yet is not known."""
    return _joined((_return_name(back), _return(back, sees_amounts=sees_amounts)) for back in sheet.returns)


def _return_name(back: selectors.SheetReturn) -> str:
    contents = "、".join(
        f"{line.sku.code if line.sku is not None else ''} {line.description} × {line.quantity} {line.get_condition_display()}".strip()
        for line in back.lines
    )
    return gettext("return: %(contents)s") % {"contents": contents}


def _return(back: selectors.SheetReturn, *, sees_amounts: bool) -> str:
    """Where its pieces went, and what it amounts to."""
    arrived, words = put_back("RETURN", back.row.pk), gettext("put into %(place)s %(count)d")
    parts = [words % {"place": place, "count": count} for place, count in arrived.items()]
    if sees_amounts:
        parts.append(gettext("amount %(amount)s") % {"amount": _money(back.row.gross_amount)})
    return _listed([back.row.get_kind_display(), *parts])


def _name_of(row: Any) -> str:
    return f"{row.sku.code if row.sku_id else row.sku_code or row.channel_item_code} {row.name}"


def _payments(sheet: selectors.OrderSheet) -> Told:
    told = {}
    for row in sheet.payments:
        sums = (
            (row.received_amount, gettext("received %(amount)s")),
            (row.applied_amount, gettext("applied to shipments %(amount)s")),
            (row.refunded_amount, gettext("refunded %(amount)s")),
        )
        parts = [str(row.get_status_display()), *(words % {"amount": _money(sum_)} for sum_, words in sums if sum_)]
        told[f"{row.line_no}. {row.get_method_display()} {_money(row.amount)}"] = _listed(parts)
    # What sales took and had not come is no prepaid money: it is owed since.
    kept = sum(
        (row.received_amount - (row.applied_amount - row.owed_amount) - row.refunded_amount for row in sheet.payments),
        ZERO,
    )
    is_cancelled = sheet.order.cancelled_at is not None
    back = max(kept - selectors.still_to_be_sold(sheet.order.pk), ZERO) if is_cancelled and kept > 0 else ZERO
    told[gettext("prepaid money to give back")] = _money(back)
    return told


def _entries(sheet: selectors.OrderSheet) -> Told:
    """By what they say: the number of one that does not exist yet is not known."""
    unknown = [*(back.row.number for back in sheet.returns), *(report.number for report in sheet.reports)]
    return _joined(
        (
            f"{gettext('journal entry')}: {_without(entry.head.description, unknown)}",
            f"{_side((row.name, row.debit) for row in entry.sums)} / {_side((row.name, row.credit) for row in entry.sums)}",
        )
        for entry in selectors.entries_of(sheet)
    )


def _without(description: str, numbers: Iterable[str]) -> str:
    for number in numbers:
        description = description.replace(number, "")
    return description.strip()


def _side(sums: Iterable[tuple[str, Decimal]]) -> str:
    return " + ".join(f"{name} {_money(amount)}" for name, amount in sums if amount)


def _joined(found: Iterable[tuple[str, str]]) -> Told:
    """Several that are called the same stand in one line."""
    told: dict[str, list[str]] = defaultdict(list)
    for label, words in found:
        told[label].append(words)
    return {label: _listed(words) for label, words in told.items()}


def _money(amount: Decimal | None) -> str:
    return "–" if amount is None else f"{amount:,.0f}"


def _listed(words: Iterable[object]) -> str:
    return "、".join(map(str, words)) or "–"
