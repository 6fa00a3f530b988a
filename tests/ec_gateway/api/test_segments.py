"""Members of a segment come page by page, of this channel only."""

from __future__ import annotations

import datetime as dt

import pytest

from customers.models import ChannelIdentity
from customers.services import CustomerData, OrdererNews, register_orderers
from erp.insights.models import CustomerRfm, Segment
from tests.ec_gateway.api.world import WHEN

pytestmark = pytest.mark.django_db


def test_pages_lead_to_every_member_once(world):
    champions = Segment.objects.get(code="champions")
    names = [f"m-{number:02}" for number in range(7)]
    register_orderers(
        channel_id=world.channel.pk,
        news=[OrdererNews(name, CustomerData(family_name=name), WHEN["at"]) for name in names],
        **WHEN,
    )
    for identity in ChannelIdentity.objects.filter(external_id__in=names).select_related("record"):
        CustomerRfm.objects.create(
            golden_id=identity.record.golden_id, as_of=dt.date(2026, 11, 22), last_order_date=dt.date(2026, 11, 20),
            order_count=1, amount=1, r=5, f=5, m=5, segment=champions,
        )  # fmt: skip
    caller, seen, cursor = world.caller(), [], ""
    while cursor is not None:
        page = caller.call("GET", f"/segments/champions/customers?limit=3&cursor={cursor}").json()
        seen += [item["external_id"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert seen == ["c-9", *names]
    assert world.other_site().call("GET", "/segments/champions/customers").json()["items"] == []


def test_an_unknown_segment_is_said(world):
    answer = world.caller().call("GET", "/segments/nobody/customers")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
