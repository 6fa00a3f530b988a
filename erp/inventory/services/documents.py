"""Headers of movements, and the idempotency of those that stock itself owns (receipts, adjustments, transfers). Internal to ``services``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from erp.core import locks, messages, rows
from erp.core.actors import Actor
from erp.core.clock import refuse_unbookable, written_moment
from erp.core.errors import Conflict, InvalidInput, Problem
from erp.inventory.models import StockDocument, StockMovement

# A clock may run ahead by so much.
CLOCKS_DIFFER = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class BookedLine:
    """What one line moved: pieces and value, signed alike."""

    line_no: int
    sku_id: int
    location_id: int
    quantity: int
    value: Decimal


@dataclass(frozen=True, slots=True)
class Booked:
    """The answer of a use-case with an external id. The same call again gets the same lines, with ``is_replay`` set."""

    document_id: int
    lines: tuple[BookedLine, ...]
    is_replay: bool = False


_NEW_DOCUMENTS = """
INSERT INTO inventory_stockdocument
    (kind, source_type, external_id, fingerprint, note, occurred_at, recorded_at, actor, source_id)
SELECT %s::text, %s::text, '', '', '', occurred_at, %s::timestamptz, %s::text, source_id
FROM unnest(%s::bigint[], %s::timestamptz[]) WITH ORDINALITY AS source (source_id, occurred_at, number) ORDER BY number
RETURNING id, source_id
"""


def new_documents(
    *,
    kind: str,
    source_type: str,
    source_ids: Iterable[int],
    occurred_at: dt.datetime | Mapping[int, dt.datetime],
    at: dt.datetime,
    by: Actor,
) -> dict[int, int]:
    """One document per source of another room, all in one statement. They need no lock, so make them before the balances are locked.

    ``occurred_at`` is one moment for all, or one per source.
    """
    ids = list(dict.fromkeys(source_ids))
    moments = [occurred_at[key] if isinstance(occurred_at, Mapping) else occurred_at for key in ids]
    for moment in set(moments):
        refuse_unbookable({"occurred_at": moment}, at=at)
    with connection.cursor() as cursor:
        cursor.execute(_NEW_DOCUMENTS, [kind, source_type, at, str(by), ids, moments])
        return {source_id: document_id for document_id, source_id in cursor.fetchall()}


_HEADER_COLUMNS = (
    "id", "kind", "source_type", "source_id", "external_id", "fingerprint", "note", "occurred_at", "recorded_at", "actor",
)  # fmt: skip


def gather_documents(
    keys: Mapping[int, int],
    *,
    kind: str,
    source_type: str,
    occurred_at: dt.datetime,
    batch: rows.Batch,
    at: dt.datetime,
    by: Actor,
) -> None:
    """As ``new_documents``, under keys taken beforehand (source → key), with the writes of the ``batch``."""
    refuse_unbookable({"occurred_at": occurred_at}, at=at)
    headers = [
        (key, kind, source_type, source_id, "", "", "", occurred_at, at, str(by)) for source_id, key in keys.items()
    ]
    batch.insert(StockDocument, _HEADER_COLUMNS, headers)


# A document that stock owns is its own source.
_NEW_DOCUMENT = """
INSERT INTO inventory_stockdocument
    (id, source_id, supplier_id, destination_id, awaits_invoice, kind, source_type, external_id, fingerprint, note, occurred_at, recorded_at, actor)
SELECT new.id, coalesce(%s::bigint, new.id), %s::bigint, %s::bigint, %s::boolean, %s::text, %s::text, %s::text, %s::text, %s::text,
       %s::timestamptz, %s::timestamptz, %s::text
FROM (SELECT nextval(pg_get_serial_sequence('inventory_stockdocument', 'id')) AS id) AS new
RETURNING id
"""


def replay(*, source_type: str, external_id: str, content: Any) -> Booked | None:
    """Lock the external id and look whether it was booked before: with this content, the answer of then; with other content, a Conflict."""
    if not external_id:
        raise AssertionError("a document of stock needs an external id, so that sending it twice books it once")
    locks.hold(_lock_name(source_type, external_id))
    known = StockDocument.objects.filter(source_type=source_type, external_id=external_id).first()
    if known is None:
        return None
    if known.fingerprint != messages.fingerprint(content):
        raise Conflict(_("%(id)s was booked before with other content.") % {"id": external_id})
    return booked(known.pk, is_replay=True)


def new_document(
    *,
    kind: str,
    source_type: str,
    external_id: str,
    content: Any,
    occurred_at: dt.datetime,
    at: dt.datetime,
    by: Actor,
    source_id: int | None = None,
    supplier_id: int | None = None,
    destination_id: int | None = None,
    awaits_invoice: bool = False,
    note: str = "",
) -> int:
    refuse_unbookable({"occurred_at": occurred_at}, at=at)
    if kind != StockDocument.Kind.REVALUATION:
        _refuse_to_come(occurred_at, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            _NEW_DOCUMENT,
            [
                source_id,
                supplier_id,
                destination_id,
                awaits_invoice,
                kind,
                source_type,
                external_id,
                messages.fingerprint(content),
                note[:200],
                occurred_at,
                at,
                str(by),
            ],
        )
        document_id: int = cursor.fetchone()[0]
    return document_id


def _refuse_to_come(occurred_at: dt.datetime, *, at: dt.datetime) -> None:
    """Pieces are on hand as soon as they are booked. With a later moment they would not be in the books of a count until then, and be found once
    more; and a count of a later moment would know better than every one until then. What is owed or worth may be dated ahead."""
    if occurred_at > at + CLOCKS_DIFFER:
        told = _("%(moment)s has not come yet.") % {"moment": written_moment(occurred_at)}
        raise InvalidInput([Problem("/occurred_at", "bad_time", told)])


def booked(document_id: int, *, is_replay: bool = False) -> Booked:
    lines = (
        StockMovement.objects.filter(document_id=document_id)
        .order_by("id")
        .values_list("document_line", "sku_id", "location_id", "quantity", "value")
    )
    return Booked(document_id, tuple(BookedLine(*row) for row in lines), is_replay)


def _lock_name(source_type: str, external_id: str) -> str:
    return f"stock:{source_type}:{external_id}"
