"""Who may come in and how we get out: API keys of sites, their credentials, and the warning before either ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from ec_gateway import credentials
from ec_gateway.models import ApiKey, EcSite
from erp.core.actors import Actor
from erp.core.clock import written_day, written_moment
from erp.core.errors import NotAllowedNow, NotFound
from erp.core.models import StaffTask
from erp.core.staff_tasks import Finding, open_tasks
from erp.core.use_case import use_case

WARN_AHEAD = dt.timedelta(days=14)
EXPIRES = "ACCESS_EXPIRES"


@dataclass(frozen=True, slots=True)
class NewKey:
    """``secret`` is the whole key as the client sends it. It is known here and now only: what is stored is its hash."""

    key: ApiKey
    secret: str


@use_case
def create_key(
    *,
    site_id: int,
    name: str,
    scopes: Sequence[str],
    requests_per_minute: int = 6000,
    expiry_date: dt.datetime | None = None,
    at: dt.datetime,
    by: Actor,
) -> NewKey:
    """A new key each time: the caller shows it once."""
    key, secret = ApiKey.objects.create_key(
        site_id=site_id,
        name=name,
        scopes=sorted(scopes),
        requests_per_minute=requests_per_minute,
        expiry_date=expiry_date,
    )
    assert isinstance(key, ApiKey)
    return NewKey(key, secret)


@use_case
def rotate_key(*, key_id: int, overlap: dt.timedelta, at: dt.datetime, by: Actor) -> NewKey:
    """A new key that may what the old one may and lives as long; the old one ends after ``overlap``, in which the site changes over.

    Raises:
        NotFound: no such key.
        NotAllowedNow: it was revoked, or has expired.
    """
    old = ApiKey.objects.select_for_update(of=("self",), no_key=True).filter(pk=key_id).first()
    if old is None:
        raise NotFound(_("There is no such API key."))
    if old.revoked or (old.expiry_date is not None and old.expiry_date <= at):
        raise NotAllowedNow(_("The API key %(name)s is revoked or has expired.") % {"name": old.name})
    made = create_key(
        site_id=old.site_id,
        name=old.name,
        scopes=old.scopes,
        requests_per_minute=old.requests_per_minute,
        expiry_date=None if old.expiry_date is None else at + (old.expiry_date - old.created),
        at=at,
        by=by,
    )
    ends = at + overlap
    old.expiry_date = ends if old.expiry_date is None else min(old.expiry_date, ends)
    old.save(update_fields=["expiry_date"])
    return made


@use_case
def revoke_keys(*, key_ids: Sequence[int], at: dt.datetime, by: Actor) -> int:
    """From the next request on nobody comes in with them. Cannot be undone. Returns how many were not revoked before."""
    return ApiKey.objects.filter(pk__in=key_ids, revoked=False).update(revoked=True)


@use_case
def set_credentials(*, site_id: int, given: Mapping[str, str], at: dt.datetime, by: Actor) -> list[str]:
    """Keep the credentials of a site by name; an empty one is forgotten, the others stay. Returns the names that are kept.

    Where the old ones cannot be read any more (another SECRET_KEY) the new ones take their place.
    """
    site = EcSite.objects.select_for_update(of=("self",), no_key=True).filter(pk=site_id).first()
    if site is None:
        raise NotFound(_("There is no such EC site."))
    try:
        known = credentials.unseal(site)
    except credentials.CredentialsUnreadable:
        known = {}
    kept = {name: value for name, value in {**known, **given}.items() if value}
    site.sealed_credentials = credentials.seal(kept) if kept else b""
    site.save(update_fields=["sealed_credentials"])
    return sorted(kept)


@use_case
def warn_of_expiry(*, at: dt.datetime, by: Actor) -> int:
    """The daily job: one task per site whose keys or credentials end within two weeks or have ended unnoticed; closes those that are settled.

    A key that was replaced (another one of the same name lives longer) needs nobody. Returns how many sites are warned of.
    """
    findings = [
        Finding(EXPIRES, "EC_SITE", site.pk, site.channel.code, "\n".join(reasons))
        for site in EcSite.objects.select_related("channel").prefetch_related("api_keys").order_by("pk")
        if (reasons := _reasons(site, at=at))
    ]
    open_tasks(findings, at=at, by=by)
    settled = StaffTask.objects.filter(kind=EXPIRES, subject_type="EC_SITE", closed_at__isnull=True)
    settled.exclude(subject_id__in=[finding.subject_id for finding in findings]).update(
        closed_at=at, closed_by=str(by), resolution=_("Nothing expires any more.")
    )
    return len(findings)


@dataclass(frozen=True, slots=True)
class Ends:
    """When the first key of a site ends that nothing has replaced, and its credentials. None: they do not."""

    key: dt.datetime | None
    credentials: dt.datetime | None


def ends(*, at: dt.datetime) -> list[tuple[EcSite, Ends]]:
    """Of every site. What has ended and is not revoked counts as well."""
    found = []
    for site in EcSite.objects.select_related("channel").prefetch_related("api_keys").order_by("pk"):
        keys = [key.expiry_date for key in _ending(site, at=at) if key.expiry_date is not None]
        credentials_end = None
        if site.credentials_expire_on is not None:
            last_day = site.credentials_expire_on + dt.timedelta(days=1)
            credentials_end = dt.datetime.combine(last_day, dt.time.min, tzinfo=ZoneInfo(settings.TIME_ZONE))
        found.append((site, Ends(min(keys, default=None), credentials_end)))
    return found


def next_end(*, at: dt.datetime) -> dt.datetime | None:
    """When the first key or credentials end that nothing has replaced; those that have ended and are not revoked count as well. None: never."""
    moments = [moment for _site, one in ends(at=at) for moment in (one.key, one.credentials)]
    return min((moment for moment in moments if moment is not None), default=None)


def _ending(site: EcSite, *, at: dt.datetime) -> list[ApiKey]:
    """Keys that end some time, but for those of which a key of the same name lives on."""
    keys = [key for key in site.api_keys.all() if not key.revoked]
    lasting = {key.name for key in keys if key.expiry_date is None or key.expiry_date > at + WARN_AHEAD}
    return [
        key
        for key in keys
        if key.expiry_date is not None and (key.expiry_date > at + WARN_AHEAD or key.name not in lasting)
    ]


def _reasons(site: EcSite, *, at: dt.datetime) -> list[str]:
    zone = ZoneInfo(settings.TIME_ZONE)
    told = [
        _("API key “%(name)s” (%(prefix)s): valid until %(until)s.")
        % {"name": key.name, "prefix": key.prefix, "until": written_moment(key.expiry_date)}
        for key in _ending(site, at=at)
        if key.expiry_date is not None and key.expiry_date <= at + WARN_AHEAD
    ]
    until = site.credentials_expire_on
    if until is not None and until <= (at + WARN_AHEAD).astimezone(zone).date():
        told.append(_("Credentials of the site: valid until %(until)s.") % {"until": written_day(until)})
    return told
