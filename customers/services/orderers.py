"""Who ordered: source records of the channels, kept current by what each order says of its orderer.

On the hot path of every order, hence set-based: the number of statements does not grow with the number of orderers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter

from django.db import connection
from django.db.models import Model

from customers.models import ChannelIdentity, CustomerRecord, GoldenCustomer
from erp.core import locks, rows
from erp.core.actors import Actor
from erp.core.use_case import use_case


@dataclass(frozen=True, slots=True)
class CustomerData:
    """What a source says of a customer, as given: nothing here is normalised."""

    kind: str = "PERSON"
    company: str = ""
    department: str = ""
    family_name: str = ""
    given_name: str = ""
    family_kana: str = ""
    given_kana: str = ""
    email: str = ""
    email_is_relay: bool = False
    phone: str = ""
    country: str = "JP"
    postal_code: str = ""
    prefecture: str = ""
    city: str = ""
    street: str = ""
    building: str = ""

    @property
    def display_name(self) -> str:
        return (self.company or f"{self.family_name} {self.given_name}".strip())[:150]


@dataclass(frozen=True, slots=True)
class OrdererNews:
    """``external_id`` is the channel's own number of the customer, None for a guest; ``as_of`` is when the source spoke."""

    external_id: str | None
    data: CustomerData
    as_of: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    record_id: int
    golden_id: int
    as_of: datetime
    data: CustomerData


CONTENT = [field.name for field in fields(CustomerData)]
_content = attrgetter(*CONTENT)

_READ = f"""
SELECT identity.external_id, record.id, record.golden_id, record.source_updated_at, {", ".join(f"record.{name}" for name in CONTENT)}
FROM customers_channelidentity identity JOIN customers_customerrecord record ON record.id = identity.record_id
WHERE identity.channel_id = %s AND identity.external_id = ANY(%s)
ORDER BY record.id FOR NO KEY UPDATE OF record
"""  # noqa: S608 - the columns are ours


@use_case
def register_orderers(*, channel_id: int, news: Sequence[OrdererNews], at: datetime, by: Actor) -> list[int]:
    """The customer record of each orderer, in the order of ``news``.

    An unknown customer gets a golden record, a record and an identity; a known one is brought up to date unless something newer is known;
    each guest gets a record of its own. Repeatable for customers, not for guests: their order says which record is theirs.
    """
    latest: dict[str, OrdererNews] = {}
    for item in news:
        if item.external_id is not None and (
            item.external_id not in latest or latest[item.external_id].as_of < item.as_of
        ):
            latest[item.external_id] = item
    guests = [item for item in news if item.external_id is None]
    # As many keys as could be needed, so that lock, look and keys are one round trip; those of known customers stay unused.
    most = len(latest) + len(guests)
    with rows.pipeline():
        # Two first orders of one customer must not both find nobody.
        locks.hold_all(_lock_name(channel_id, external_id) for external_id in latest)
        found = rows.ask(_READ, [channel_id, list(latest)])
        fresh_ids = rows.ask_ids({GoldenCustomer: most, CustomerRecord: most})
    known = {
        external_id: _Known(record_id, golden_id, as_of, CustomerData(*content))
        for external_id, record_id, golden_id, as_of, *content in found.all()
    }
    ids = fresh_ids()

    newcomers = [item for external_id, item in latest.items() if external_id not in known]
    record_ids = iter(ids.get(CustomerRecord, []))
    _create(channel_id, [*newcomers, *guests], ids, at)
    _bring_up_to_date([(known[external_id], item) for external_id, item in latest.items() if external_id in known])

    by_external_id = {external_id: record.record_id for external_id, record in known.items()}
    by_external_id |= {str(item.external_id): next(record_ids) for item in newcomers}
    return [next(record_ids) if item.external_id is None else by_external_id[item.external_id] for item in news]


@dataclass(frozen=True, slots=True)
class Registered:
    """``is_new``: nobody was known under the number; ``is_unchanged``: the same, or something newer, was known already."""

    record_id: int
    is_new: bool
    is_unchanged: bool


@use_case
def register_customer(*, channel_id: int, news: OrdererNews, at: datetime, by: Actor) -> Registered:
    """What a channel says of one of its customers, without an order. Older news never overwrites newer."""
    assert news.external_id is not None, "a guest has no number to be registered under"
    locks.hold(_lock_name(channel_id, news.external_id))
    before = rows.ask(_READ, [channel_id, [news.external_id]]).all()
    [record_id] = register_orderers(channel_id=channel_id, news=[news], at=at, by=by)
    if not before:
        return Registered(record_id, is_new=True, is_unchanged=False)
    [(_id, _record_id, _golden_id, as_of, *content)] = before
    return Registered(record_id, is_new=False, is_unchanged=news.as_of <= as_of or news.data == CustomerData(*content))


def _lock_name(channel_id: int, external_id: str | None) -> str:
    return f"customer:{channel_id}:{external_id}"


def _create(channel_id: int, unknown: list[OrdererNews], ids: Mapping[type[Model], list[int]], at: datetime) -> None:
    """Rows for everyone in ``unknown``, who take the first of ``ids`` in their order."""
    if not unknown:
        return
    golden_ids, record_ids = ids[GoldenCustomer][: len(unknown)], ids[CustomerRecord][: len(unknown)]
    with rows.pipeline(unless=len(unknown) >= rows.COPY_FROM):
        rows.insert(
            GoldenCustomer,
            ["id", "created_at", "display_name", "version"],
            [(pk, at, item.data.display_name, 1) for pk, item in zip(golden_ids, unknown, strict=True)],
        )
        rows.insert(
            CustomerRecord,
            ["id", "golden_id", "channel_id", "created_at", "source_updated_at", "version", *CONTENT],
            [
                (pk, golden_id, channel_id, at, item.as_of, 1, *_content(item.data))
                for pk, golden_id, item in zip(record_ids, golden_ids, unknown, strict=True)
            ],
        )
        rows.insert(
            ChannelIdentity,
            ["channel_id", "external_id", "record_id"],
            [
                (channel_id, item.external_id, pk)
                for pk, item in zip(record_ids, unknown, strict=True)
                if item.external_id is not None
            ],
        )


_RENAME = """
UPDATE customers_goldencustomer AS golden SET display_name = new.display_name, version = golden.version + 1
FROM unnest(%s::bigint[], %s::text[]) AS new (id, display_name) WHERE golden.id = new.id
"""


def _bring_up_to_date(pairs: list[tuple[_Known, OrdererNews]]) -> None:
    """The time moves with every newer word, so that an older one that comes late changes nothing; the content only where it differs."""
    newer = [(known, item) for known, item in pairs if known.as_of < item.as_of]
    changed = [(known, item) for known, item in newer if known.data != item.data]
    rows.update(CustomerRecord, "id", ["source_updated_at"], [(known.record_id, item.as_of) for known, item in newer])
    if not changed:
        return
    rows.update(CustomerRecord, "id", CONTENT, [(known.record_id, *_content(item.data)) for known, item in changed])
    record_ids = sorted(known.record_id for known, _item in changed)
    names = {known.golden_id: item.data.display_name for known, item in changed}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_customerrecord SET version = version + 1 WHERE id = ANY(%s)", [record_ids])
        cursor.execute(
            "SELECT FROM customers_goldencustomer WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [list(names)]
        )
        cursor.execute(_RENAME, [list(names), list(names.values())])
