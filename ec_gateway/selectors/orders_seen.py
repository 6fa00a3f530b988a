"""Up to which of its own orders a site's figures, as we would push them now, are complete."""

from __future__ import annotations

from ec_gateway.models import Activity, SiteActivity


def orders_seen(*, site_id: int) -> str:
    """The platform's cursor up to which every order of the site was not only fetched but applied; empty where nothing is known.

    The inbox notes it as the cursor of its own activity, when it has worked off what was polled; before it has ever done so, the cursor of
    polling counts. Ask before reading the stock: what is applied afterwards only makes the figure newer than it claims to be.
    """
    cursors = dict(
        SiteActivity.objects.filter(site_id=site_id, activity__in=[Activity.INBOX, Activity.POLL]).values_list(
            "activity", "cursor"
        )
    )
    return cursors.get(Activity.INBOX, "") or cursors.get(Activity.POLL, "")
