"""Who calls: one key of one EC site, found by its prefix in one query, so that a key revoked a moment ago is refused now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ec_gateway.models import ApiKey
from erp.core.actors import Actor

KEYWORD = "Api-Key"
LAST_USED_EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Client:
    """The key of a request with its site and channel. A request sees this channel only."""

    key_id: str
    prefix: str
    scopes: frozenset[str]
    requests_per_minute: int
    site_id: int
    channel_id: int
    channel_code: str
    currency: str

    def actor(self, request: Request) -> Actor:
        return Actor.channel(self.channel_code, f"{request.META.get('REMOTE_ADDR', '')} {request.path}"[:200])


_FIND = """
SELECT key.id, key.prefix, key.scopes, key.requests_per_minute, site.id, channel.id, channel.code, channel.currency,
       key.hashed_key, key.revoked, key.expiry_date, key.last_used_at, channel.is_active
FROM ec_gateway_apikey key JOIN ec_gateway_ecsite site ON site.id = key.site_id JOIN core_channel channel ON channel.id = site.channel_id
WHERE key.prefix = %s
"""

# Requests of one key that come together write once: whoever finds the row locked leaves it to the other.
_USED = """
UPDATE ec_gateway_apikey SET last_used_at = %s WHERE id = (
    SELECT id FROM ec_gateway_apikey WHERE id = %s AND (last_used_at IS NULL OR last_used_at < %s) FOR NO KEY UPDATE SKIP LOCKED
)
"""


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key <prefix>.<secret>``. ``request.auth`` is the :class:`Client`; there is no user."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Client] | None:
        keyword, _space, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if keyword.lower() != KEYWORD.lower():
            return None
        return AnonymousUser(), find_client(key.strip(), at=timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return KEYWORD


def find_client(key: str, *, at: dt.datetime) -> Client:
    """Raises AuthenticationFailed. An unknown key and a wrong secret look alike; the owner of a true secret is told what is wrong with it."""
    prefix = key.partition(".")[0]
    row = None
    if key.isascii() and key.isprintable():
        with connection.cursor() as cursor:
            cursor.execute(_FIND, [prefix])
            row = cursor.fetchone()
    if row is None or not ApiKey.objects.key_generator.verify(key, row[8]):
        raise AuthenticationFailed(_("This API key is not known."), "key_unknown")
    key_id, prefix, scopes, per_minute, site_id, channel_id, code, currency, _hash, revoked, expiry, used_at, active = (
        row
    )
    if revoked:
        raise AuthenticationFailed(_("This API key was revoked."), "key_revoked")
    if expiry is not None and expiry <= at:
        raise AuthenticationFailed(_("This API key has expired."), "key_expired")
    if not active:
        raise AuthenticationFailed(_("The sales channel of this API key is not active."), "channel_inactive")
    if used_at is None or used_at < at - LAST_USED_EVERY:
        with connection.cursor() as cursor:
            cursor.execute(_USED, [at, key_id, at - LAST_USED_EVERY])
    return Client(key_id, prefix, frozenset(scopes), per_minute, site_id, channel_id, code, currency)
