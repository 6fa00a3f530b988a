"""送り状番号 back from the carriers: their result file is read, judged row by row, and applied. The same file again changes nothing.

What a parcel that is still being picked is told is kept on it until it leaves (出荷確定 takes it along); one that has left tells its channel.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from django.db.models import F, Q
from django.utils.translation import gettext as _

from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.identifiers import plain
from erp.core.use_case import use_case
from erp.orders.exceptions import NotShippable
from erp.orders.models import OrderEvent, Shipment
from erp.orders.models.carriers import Carrier
from erp.orders.selectors.carriers import carrier_and_before, carrier_of, is_another_carrier
from erp.orders.services import parcels
from erp.orders.services.progress import LONGEST, set_tracking
from erp.orders.services.shipping import ShipRequest, ship
from erp.orders.services.tracking_numbers import fault_of_number, refuse_bad_number

MOST_ROWS = 5_000
NUMBER_NAMES = ("お客様管理番号", "お客様側管理番号", "出荷番号", "受注番号", "shipment", "shipment_number")
TRACKING_NAMES = (
    "伝票番号", "送り状番号", "お問い合せ送り状No.", "お問い合せ送り状No", "お問い合わせ送り状No.", "お問い合わせ番号", "お問合せ番号",
    "tracking_number",
)  # fmt: skip
CARRIER_NAMES = ("運送会社", "配送会社", "carrier")
# Files without a row of names, by carrier: where the number of ours and that of theirs stand (B2: 1 and 4, e-Hiden III: 10 and 62).
PLACES = {Carrier.YAMATO.value: (0, 3), Carrier.SAGAWA.value: (9, 61)}
# The carrier that writes a column of this name, where the file does not say.
WRITTEN_BY = {
    "お客様側管理番号": Carrier.JAPAN_POST.value, "お問い合せ送り状No.": Carrier.SAGAWA.value, "お問い合せ送り状No": Carrier.SAGAWA.value,
    "伝票番号": Carrier.YAMATO.value,
}  # fmt: skip


class Verdict(Enum):
    """What a row of a file means for us."""

    TAKE = "TAKE"
    SAME = "SAME"
    OTHER = "OTHER"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class TrackingRow:
    """One row as it was read. ``line`` is its number in the file; ``fault`` says why it could not be read."""

    line: int
    number: str
    tracking_number: str
    carrier: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A row and what it means. ``shipment`` is the parcel it is for; ``why`` is for people. ``carrier_before`` was to carry that parcel, where
    the row is of another carrier."""

    row: TrackingRow
    verdict: Verdict
    shipment: Shipment | None = None
    why: str = ""
    carrier_before: str = ""


def read_tracking_file(content: bytes, *, carrier: str = "") -> list[TrackingRow]:
    """The rows of a result file, cp932 or UTF-8, by the names in its first row, else by the carrier's places.

    Raises InvalidInput for a file that cannot be read at all, or of which it is not clear what stands where.
    """
    text = _decoded(content)
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error:
        raise InvalidInput([Problem("", "unreadable", _told_unreadable())]) from None
    filled = [
        (line, [cell.strip() for cell in row]) for line, row in enumerate(rows, start=1) if any(map(str.strip, row))
    ]
    if not filled:
        raise InvalidInput([Problem("", "empty", _("The file is empty."))])
    if len(filled) > MOST_ROWS:
        raise InvalidInput([Problem("", "too_long", _("The file has more than %(most)d rows.") % {"most": MOST_ROWS})])
    names = filled[0][1]
    number_at, tracking_at = _place(names, NUMBER_NAMES), _place(names, TRACKING_NAMES)
    if number_at is not None and tracking_at is not None:
        carrier_at = _place(names, CARRIER_NAMES)
        meant = carrier or WRITTEN_BY.get(names[tracking_at], "") or WRITTEN_BY.get(names[number_at], "")
        return [_row(line, row, number_at, tracking_at, carrier_at, meant) for line, row in filled[1:]]
    if carrier in PLACES:
        return [_row(line, row, *PLACES[carrier], None, carrier) for line, row in filled]
    told = _("The first row names neither a shipment number nor a tracking number. Names that are known: %(names)s")
    raise InvalidInput(
        [Problem("", "unknown_file", told % {"names": ", ".join((*NUMBER_NAMES[:4], *TRACKING_NAMES[:3]))})]
    )


def judge(rows: Sequence[TrackingRow]) -> list[Judged]:
    """What each row means, given what is recorded now. Reads only; as many questions for a thousand rows as for one."""
    numbers = {row.number for row in rows if not row.fault}
    found = Shipment.objects.filter(Q(number__in=numbers) | Q(order__number__in=numbers)).exclude(state="CANCELLED")
    by_number: dict[str, list[Shipment]] = {}
    for parcel in found.select_related("order", "delivery").order_by("pk"):
        by_number.setdefault(parcel.number, []).append(parcel)
        by_number.setdefault(parcel.order.number, []).append(parcel)
    given = [row.tracking_number for row in rows if row.tracking_number]
    known = Shipment.objects.filter(tracking_number__in=given).exclude(state="CANCELLED")
    used = dict(known.order_by("pk").values_list("tracking_number", "number"))
    called_back = set(
        Shipment.objects.filter(state="CANCELLED", number__in=numbers - by_number.keys()).values_list(
            "number", flat=True
        )
    )
    seen: dict[str, int] = {}
    return [
        Judged(row, Verdict.REFUSED, why=_("Shipment %(number)s was called back.") % {"number": row.number})
        if row.number in called_back
        else _judged(row, by_number.get(row.number, []), used, seen)
        for row in rows
    ]


@use_case
def take_tracking(
    *, shipment_id: int, carrier: str, tracking_number: str, ship_too: bool = False, ship_date: dt.date | None = None, at: dt.datetime, by: Actor
) -> bool:  # fmt: skip
    """Keep who carries a parcel under which number; with ``ship_too`` a parcel that is being picked leaves at once (出荷確定).

    Returns whether anything changed. Raises NotShippable for one that was called back, InvalidInput for what is no tracking number, and
    whatever shipping refuses.
    """
    parcel = parcels.lock([shipment_id]).get(shipment_id)
    if parcel is None or parcel.state == Shipment.State.CANCELLED:
        raise NotShippable(_("There is no such shipment."))
    if parcel.state != Shipment.State.INSTRUCTED:
        return set_tracking(shipment_id=shipment_id, carrier=carrier, tracking_number=tracking_number, at=at, by=by)
    if ship_too:
        request = ShipRequest(shipment_id, carrier=carrier, tracking_number=tracking_number)
        ship(requests=[request], ship_date=ship_date, at=at, by=by)
        return True
    tracking_number = refuse_bad_number(tracking_number, carrier or parcel.carrier)
    row = Shipment.objects.filter(pk=shipment_id)
    before = row.values_list("carrier", "tracking_number").get()
    if before == (carrier or before[0], tracking_number):
        return False
    row.update(carrier=carrier or before[0], tracking_number=tracking_number, version=F("version") + 1)
    detail = " ".join(filter(None, (parcel.number, carrier_and_before(parcel.carrier, carrier), tracking_number)))
    OrderEvent.objects.create(
        order_id=parcel.order_id, kind=OrderEvent.Kind.TRACKING, detail=detail[:300], recorded_at=at, actor=str(by)
    )
    return True


def _judged(row: TrackingRow, parcels_: Sequence[Shipment], used: dict[str, str], seen: dict[str, int]) -> Judged:
    if row.fault:
        return Judged(row, Verdict.REFUSED, why=row.fault)
    if not parcels_:
        return Judged(row, Verdict.REFUSED, why=_("No shipment has this number: %(number)s") % {"number": row.number})
    if len(parcels_) > 1:
        told = _("The order has several shipments; name one: %(numbers)s")
        return Judged(row, Verdict.REFUSED, why=told % {"numbers": ", ".join(parcel.number for parcel in parcels_)})
    parcel = parcels_[0]
    before = parcel.carrier or parcel.delivery.carrier
    carrier = row.carrier or carrier_of(before)
    if len(row.carrier) > LONGEST["carrier"]:
        told = _("A carrier has at most %(most)d characters: %(text)s")
        return Judged(row, Verdict.REFUSED, parcel, told % {"most": LONGEST["carrier"], "text": row.carrier})
    if why := fault_of_number(row.tracking_number, carrier):
        return Judged(row, Verdict.REFUSED, parcel, why)
    if (first := seen.setdefault(row.tracking_number, row.line)) != row.line:
        return Judged(row, Verdict.REFUSED, parcel, _("Row %(line)d has the same tracking number.") % {"line": first})
    if used.get(row.tracking_number, parcel.number) != parcel.number:
        told = _("Shipment %(number)s has this tracking number already.")
        return Judged(row, Verdict.REFUSED, parcel, told % {"number": used[row.tracking_number]})
    changed = before if is_another_carrier(before, carrier) else ""
    if parcel.tracking_number == row.tracking_number and not changed:
        return Judged(row, Verdict.SAME, parcel, _("It has this number already."))
    if parcel.tracking_number not in ("", row.tracking_number):
        told = _("It has another number: %(number)s")
        return Judged(row, Verdict.OTHER, parcel, told % {"number": parcel.tracking_number}, changed)
    return Judged(row, Verdict.TAKE, parcel, carrier_before=changed)


def _row(
    line: int, row: Sequence[str], number_at: int, tracking_at: int, carrier_at: int | None, carrier: str
) -> TrackingRow:
    if len(row) <= max(number_at, tracking_at):
        return TrackingRow(line, "", "", carrier, _("The row has %(count)d columns only.") % {"count": len(row)})
    named = row[carrier_at] if carrier_at is not None and carrier_at < len(row) else ""
    number = row[number_at]
    fault = "" if number else _("There is no shipment number in this row.")
    return TrackingRow(line, number, plain(row[tracking_at]), carrier_of(named) if named else carrier, fault)


def _place(names: Sequence[str], known: Iterable[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _told_unreadable() -> str:
    return _("The file cannot be read as CSV. Choose the file that the carrier's software wrote, as it is.")


def _decoded(content: bytes) -> str:
    if content.startswith((b"PK", bytes.fromhex("d0cf11e0"))):
        raise InvalidInput([Problem("", "workbook", _("This is an Excel workbook. Save it as CSV, and choose that."))])
    if b"\0" in content:
        raise InvalidInput([Problem("", "unreadable", _told_unreadable())])
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInput([Problem("", "unreadable", _("The file is neither cp932 (Shift-JIS) nor UTF-8."))])
