"""Who belongs to which segment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext as _

from erp.core.errors import NotFound
from erp.insights.models import CustomerRfm, RfmDefinition, Segment


@dataclass(frozen=True, slots=True)
class RfmView:
    """A golden customer's scores with what they were made from."""

    golden_id: int
    as_of: dt.date
    last_order_date: dt.date
    order_count: int
    amount: Decimal
    r: int
    f: int
    m: int
    segment_code: str


@dataclass(frozen=True, slots=True)
class Member:
    """A customer of a channel by the channel's own number."""

    external_id: str
    golden_id: int
    as_of: dt.date
    r: int
    f: int
    m: int


def definition_on(day: dt.date) -> RfmDefinition:
    """The definition in force; without any, by value over all orders."""
    found = RfmDefinition.objects.filter(valid_from__lte=day).order_by("-valid_from").first()
    return found or RfmDefinition(valid_from=day)


def segments() -> list[Segment]:
    return list(Segment.objects.order_by("rank", "code"))


def rfm_of(golden_ids: Iterable[int]) -> dict[int, RfmView]:
    """Customers that never bought are missing."""
    found = CustomerRfm.objects.filter(pk__in=set(golden_ids)).values_list(
        "pk", "as_of", "last_order_date", "order_count", "amount", "r", "f", "m", "segment__code"
    )
    return {row[0]: RfmView(*row[:-1], row[-1] or "") for row in found}


_MEMBERS = """
SELECT identity.external_id, rfm.golden_id, rfm.as_of, rfm.r, rfm.f, rfm.m
FROM customers_channelidentity identity
JOIN customers_customerrecord record ON record.id = identity.record_id
JOIN insights_customerrfm rfm ON rfm.golden_id = record.golden_id
WHERE identity.channel_id = %s AND rfm.segment_id = %s AND identity.external_id > %s
ORDER BY identity.external_id LIMIT %s
"""


def members(*, segment_code: str, channel_id: int, after: str = "", limit: int = 500) -> list[Member]:
    """A page of a channel's customers in a segment, in the order of the channel's own numbers. Raises NotFound for an unknown segment."""
    segment = Segment.objects.filter(code=segment_code).first()
    if segment is None:
        raise NotFound(_("There is no segment %(code)s.") % {"code": segment_code})
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, [channel_id, segment.pk, after, limit])
        return [Member(*row) for row in cursor.fetchall()]
