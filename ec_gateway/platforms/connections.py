"""From a site's row to its platform. Connections are kept per process, so that a call does not begin with a handshake."""

from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache

from django.utils.translation import gettext as _

from ec_gateway import credentials, platforms
from ec_gateway.models import EcSite, SiteState
from ec_gateway.platforms.interface import Platform
from ec_gateway.services import setups
from erp.core.actors import Actor
from erp.core.errors import DomainError, InvalidInput


class NotConnected(DomainError):
    """The site has no platform to call, or one that nobody knows."""

    code = "not_connected"


class SetupUnusable(DomainError):
    """What was typed for the site cannot be used; every fault of it is named."""

    code = "setup_unusable"


def connect(site: EcSite, *, at: dt.datetime, by: Actor) -> Platform:
    """The site's platform; another one when address, settings or credentials have changed. The state of the site says whether it could be.

    Raises NotConnected; SetupUnusable; CredentialsUnreadable.
    """
    try:
        platform = _platform_of(site)
    except DomainError as refusal:
        setups.note_unusable(site=site, why=str(refusal), at=at, by=by)
        raise
    state: SiteState | None = getattr(site, "state", None)
    if state is not None and state.setup_error:
        setups.note_usable(site=site, at=at, by=by)
    return platform


def _platform_of(site: EcSite) -> Platform:
    if site.platform not in platforms.PLATFORMS or not site.base_url:
        raise NotConnected(_("This site has no platform and address that can be called."))
    secrets = json.dumps(credentials.unseal(site), sort_keys=True)
    try:
        return _connected(site.pk, site.platform, site.base_url, json.dumps(site.settings, sort_keys=True), secrets)
    except InvalidInput as faults:
        raise SetupUnusable(_("The set-up of this site cannot be used."), problems=faults.problems) from faults


@lru_cache(maxsize=256)
def _connected(site_id: int, platform: str, base_url: str, settings: str, secrets: str) -> Platform:
    return platforms.connect(
        platform, base_url=base_url.rstrip("/"), settings=json.loads(settings), credentials=json.loads(secrets)
    )
