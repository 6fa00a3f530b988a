"""Papers of parcels as PDF: ピッキングリスト and 納品書. Data only; what they look like is in ``templates/pdf``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import override

from erp.core import pdf
from erp.core.barcodes import code128
from erp.core.clock import business_date
from erp.orders.selectors.carriers import carrier_name
from erp.orders.selectors.delivery_notes import delivery_notes, slot_in_words
from erp.orders.selectors.picking import ParcelPicks, Pick, picking_list

# A paper that a person can carry and a server prints within a second or two.
MOST_PARCELS = 300


@dataclass(frozen=True, slots=True)
class Issue:
    """What a paper of the house says of itself: its number, who had it made, and how often each shipment stood on one before."""

    run_id: int
    by: str
    earlier: Mapping[int, int]

    def of(self, shipment_id: int) -> str:
        """The mark of a shipment that was printed before; empty the first time."""
        before = self.earlier.get(shipment_id, 0)
        return f"再発行（{before + 1}回目）" if before else ""


def picking_list_pdf(shipment_ids: Sequence[int], issue: Issue | None = None) -> pdf.Paper | None:
    """None where none of them is being picked."""
    now = timezone.now()
    with override("ja"):
        found = picking_list(shipment_ids, on=business_date(now))
        if not found.parcels:
            return None
        data = {
            "printed_at": timezone.localtime(now).strftime("%Y/%m/%d %H:%M"),
            "issue": f"印刷番号 {issue.run_id}・{issue.by}" if issue else "",
            "parcel_count": len(found.parcels),
            "pieces": sum(place.quantity for place in found.places),
            "places": [
                {"place": each.place, "quantity": each.quantity, "picks": [_pick(pick) for pick in each.picks]}
                for each in found.places
            ],
            "parcels": [_parcel(parcel, issue) for parcel in found.parcels],
        }
        return pdf.render("picking_list", data, at=now)


def delivery_notes_pdf(
    shipment_ids: Sequence[int], _issue: Issue | None = None, *, always_hidden: bool = False
) -> pdf.Paper | None:
    """None where all of them were called back. How often it was printed is for the house, not for who opens the parcel."""
    with override("ja"):
        notes = delivery_notes(shipment_ids, always_hidden=always_hidden)
        data = {"notes": [asdict(note) for note in notes]}
        return pdf.render("delivery_note", data, at=timezone.now()) if notes else None


def download(paper: pdf.Paper, name: str) -> HttpResponse:
    answer = HttpResponse(paper.content, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _pick(pick: Pick) -> dict[str, Any]:
    return {
        "place": pick.place,
        "shelf": pick.shelf,
        "quantity": pick.quantity,
        "parcels": pick.parcels,
        **asdict(pick.goods),
    }


def _parcel(parcel: ParcelPicks, issue: Issue | None) -> dict[str, Any]:
    row = parcel.shipment
    delivery, gift = row.delivery, row.delivery.gift or {}
    wish = [delivery.wish_date.strftime("%Y/%m/%d")] if delivery.wish_date else []
    wish += [slot_in_words(delivery.time_slot)] if delivery.time_slot else []
    return {
        "number": row.number,
        "again": issue.of(row.pk) if issue else "",
        "bars": code128(row.number),
        "order_number": row.order.number,
        "channel": row.order.channel.name,
        "recipient": delivery.recipient_name or row.order.orderer_name,
        "carrier": carrier_name(row.carrier or delivery.carrier),
        "wish": " ".join(wish),
        "gift": " ".join(name for key, name in _GIFT.items() if gift.get(key)),
        "note": row.order.shop_note,
        "quantity": sum(pick.quantity for pick in parcel.picks),
        "picks": [_pick(pick) for pick in parcel.picks],
        "missing": [_pick(pick) for pick in parcel.missing],
    }


_GIFT = {"noshi": "熨斗", "wrapping": "ラッピング", "message": "メッセージカード"}
