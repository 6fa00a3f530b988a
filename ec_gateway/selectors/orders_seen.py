"""Up to which of its own orders a site's figures, as we would push them now, are complete."""

from __future__ import annotations

from ec_gateway.models import Activity, SiteActivity


def orders_seen(*, site_id: int) -> str:
    """The platform's cursor up to which every order of the site was not only fetched but applied; empty where nothing is known.

    The inbox notes it as the cursor of its own activity when it has worked off what was polled. Ask before reading the stock: what is applied
    afterwards only makes the figure newer than it claims to be.
    """
    inbox = SiteActivity.objects.filter(site_id=site_id, activity=Activity.INBOX)
    return inbox.values_list("cursor", flat=True).first() or ""
