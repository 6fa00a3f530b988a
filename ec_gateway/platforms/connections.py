"""From a site's row to its platform. Connections are kept per process, so that a call does not begin with a handshake."""

from __future__ import annotations

import json
from functools import lru_cache

from django.utils.translation import gettext as _

from ec_gateway import credentials, platforms
from ec_gateway.models import EcSite
from ec_gateway.platforms.interface import Platform
from erp.core.errors import DomainError


class NotConnected(DomainError):
    """The site has no platform to call, or one that nobody knows."""

    code = "not_connected"


def connect(site: EcSite) -> Platform:
    """The site's platform; another one when address, settings or credentials have changed.

    Raises NotConnected; CredentialsUnreadable.
    """
    if site.platform not in platforms.PLATFORMS or not site.base_url:
        raise NotConnected(_("This site has no platform and address that can be called."))
    secrets = json.dumps(credentials.unseal(site), sort_keys=True)
    return _connected(site.pk, site.platform, site.base_url, json.dumps(site.settings, sort_keys=True), secrets)


@lru_cache(maxsize=256)
def _connected(site_id: int, platform: str, base_url: str, settings: str, secrets: str) -> Platform:
    return platforms.connect(
        platform, base_url=base_url.rstrip("/"), settings=json.loads(settings), credentials=json.loads(secrets)
    )
