"""Signing secrets and tokens of EC sites, encrypted at rest with a key made from ``SECRET_KEY`` (and its fallbacks, while it is rotated)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext as _

from ec_gateway.models import EcSite
from erp.core.errors import DomainError


class CredentialsUnreadable(DomainError):
    """The credentials were sealed under another SECRET_KEY. They must be entered again."""

    code = "credentials_unreadable"


def seal(credentials: Mapping[str, str]) -> bytes:
    return _fernet().encrypt(json.dumps(dict(credentials)).encode())


def unseal(site: EcSite) -> dict[str, str]:
    """Raises CredentialsUnreadable; a site without credentials has none."""
    sealed = bytes(site.sealed_credentials)
    if not sealed:
        return {}
    try:
        opened = _fernet().decrypt(sealed)
    except InvalidToken as error:
        raise CredentialsUnreadable(_("The credentials of this site cannot be read; enter them again.")) from error
    found: dict[str, str] = json.loads(opened)
    return found


def _fernet() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = [hashlib.sha256(b"mamori.credentials:" + secret.encode()).digest() for secret in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
