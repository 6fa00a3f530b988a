"""A channel's customer under the channel's own number, with who that is for the whole company."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from customers.models import ChannelIdentity, CustomerRecord
from erp.core.errors import NotFound


@dataclass(frozen=True, slots=True)
class ChannelCustomer:
    """``record`` is what this channel said; ``golden_id`` the one customer behind it and the records of others."""

    external_id: str
    record: CustomerRecord
    golden_id: int
    as_of: datetime


def channel_customer(*, channel_id: int, external_id: str) -> ChannelCustomer:
    """Raises NotFound, also for a customer of another channel."""
    identities = ChannelIdentity.objects.filter(channel_id=channel_id, external_id=external_id)
    identity = identities.select_related("record").first()
    if identity is None:
        raise NotFound(_("This channel has no customer %(id)s.") % {"id": external_id})
    record = identity.record
    return ChannelCustomer(external_id, record, record.golden_id, record.source_updated_at)
