"""What the tests of the books are made of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from accounting import services
from accounting.models import Counterparty, OpenItem
from accounting.services import CREDIT, DEBIT, EntryDraft, Line, NewItem, Party, PostedEntry
from customers.models import BillTo, CreditGroup
from erp.core.actors import Actor

NOON = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
CLERK = Actor.staff("tanaka", "tests")


def debit(role: str, amount: int, **more) -> Line:
    return _line(DEBIT, role, amount, **more)


def credit(role: str, amount: int, **more) -> Line:
    return _line(CREDIT, role, amount, **more)


def _line(side: str, role: str, amount: int, **more) -> Line:
    named = {"account_code": role} if role.isdecimal() else {"role": role}
    return Line(side, Decimal(amount), **named, **more)


def settle(side: str, item_id: int, amount: int, **more) -> Line:
    return Line(side, Decimal(amount), settles=item_id, **more)


def draft(*lines: Line, on: date = TODAY, source_id: int = 1, description: str = "", source_type="TEST") -> EntryDraft:
    return EntryDraft(on, description, source_type, source_id, lines)


def post(*lines: Line, on: date = TODAY, source_id: int = 1, description: str = "") -> PostedEntry:
    one = draft(*lines, on=on, source_id=source_id, description=description)
    return services.post_entries(drafts=[one], at=NOON, by=CLERK)[0]


def counterparty(code: str = "CARD") -> Party:
    row = Counterparty.objects.get(code=code)
    return Party("COUNTERPARTY", row.pk, row.name)


def new_item(party: Party, document_id: int = 1, due: date | None = None, document_type: str = "SHIPMENT") -> NewItem:
    return NewItem(party, due, document_type, document_id, f"SH-{document_id}")


def card_sale(amount: int = 11_000, *, on: date = TODAY, document_id: int = 1, channel_id: int | None = None) -> int:
    """A sale by card, net of tax, and the open item it left."""
    entry = post(
        debit("receivable.card", amount, opens=new_item(counterparty(), document_id), channel_id=channel_id),
        credit("sales.ec", amount, channel_id=channel_id),
        on=on,
        source_id=document_id,
    )
    item_id = entry.item_ids[0]
    assert item_id is not None
    return item_id


def remaining(item_id: int) -> int:
    return int(OpenItem.objects.get(pk=item_id).remaining_amount)


def bill_to(code: str = "B1", *, credit_group: CreditGroup | None = None) -> Party:
    row = BillTo.objects.create(code=code, name=f"株式会社{code}", credit_group=credit_group)
    return Party("BILL_TO", row.pk, row.name)


def supplier(supplier_id: int = 7) -> Party:
    return Party("SUPPLIER", supplier_id, "株式会社仕入先")
