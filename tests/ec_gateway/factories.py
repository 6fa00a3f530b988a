"""Sites for the tests of the gateway: a channel that sells from one warehouse, and what the site lists of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from catalog.models import Sku
from ec_gateway import credentials
from ec_gateway.models import EcSite, Listing
from ec_gateway.services import sites
from erp.core.actors import Actor
from erp.core.models import Channel
from tests.orders import factories as order_factories

NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
ROBOT = Actor.job("test")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "token-of-the-site"


def after(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def shop(**fields: Any) -> tuple[EcSite, Any]:
    """A site on the generic platform with all its rows, and the warehouse it sells from."""
    channel, place = order_factories.shop()
    return site(channel, **fields), place


def site(channel: Channel, **fields: Any) -> EcSite:
    fields.setdefault("platform", "generic")
    fields.setdefault("base_url", "http://127.0.0.1:9")
    fields.setdefault("sealed_credentials", credentials.seal({"webhook_secret": SECRET, "token": TOKEN}))
    made = EcSite.objects.create(channel=channel, **fields)
    sites.ensure_rows(site_ids=[made.pk])
    return made


def listed(site: EcSite, *skus: Sku) -> list[Listing]:
    """The site lists the SKUs under their own codes."""
    return [Listing.objects.create(site=site, sku=sku, external_code=sku.code) for sku in skus]
