"""How a site fares, in the words of its pages: what keeps us from talking to it, and what of our work for it fails."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext

from ec_gateway.models import EcSite, SiteActivity, SiteState


def connection_of(state: SiteState) -> str:
    if state.setup_error:
        return gettext("Set-up cannot be used")
    if state.is_paused_by_staff:
        return gettext("Paused by staff")
    return gettext("Paused: nothing answers") if state.open_until else gettext("Connected")


def in_short(site: EcSite) -> str:
    """For a list. Needs ``state`` and ``activities`` of the site."""
    state: SiteState | None = getattr(site, "state", None)
    if not site.platform or state is None:
        return "-"
    failing = [activity.get_activity_display() for activity in _failing(site)]
    told = gettext("Fails: %(what)s") % {"what": ", ".join(failing)} if failing else ""
    return format_html_join("", "<div>{}</div>", ([line] for line in (connection_of(state), told) if line))


def in_full(site: EcSite) -> str:
    """For the site's own page: what is wrong, since when, and why."""
    state: SiteState | None = getattr(site, "state", None)
    if not site.platform or state is None:
        return "-"
    return "\n".join([connection_of(state), *_since(state), *_reasons(site, state)])


def _since(state: SiteState) -> Iterator[str]:
    if state.silent_since is not None:
        yield gettext("Since %(at)s.") % {"at": date_format(localtime(state.silent_since), "DATETIME_FORMAT")}


def _reasons(site: EcSite, state: SiteState) -> Iterator[str]:
    if state.setup_error:
        yield state.setup_error
    elif state.open_until is not None:
        yield state.last_error
    for activity in _failing(site):
        since = activity.last_error_at
        yield gettext("%(what)s: failed %(count)d times in a row, last %(at)s: %(error)s") % {
            "what": activity.get_activity_display(),
            "count": activity.failures_in_row,
            "at": date_format(localtime(since), "DATETIME_FORMAT") if since else "-",
            "error": activity.last_error,
        }


def _failing(site: EcSite) -> list[SiteActivity]:
    return [activity for activity in site.activities.all() if activity.failures_in_row]
