"""Who calls: one key of one EC site, found by its prefix in one query, so that a key revoked a moment ago is refused now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ec_gateway.models import ApiKey
from erp.core.actors import Actor
from erp.core.addresses import address_of

KEYWORD = "Api-Key"
LAST_USED_EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Client:
    """The key of a request with its site and channel. A request sees this channel only."""

    key_id: int
    prefix: str
    scopes: frozenset[str]
    requests_per_minute: int
    site_id: int
    channel_id: int
    channel_code: str
    currency: str

    def actor(self, request: Request) -> Actor:
        return Actor.channel(self.channel_code, f"{address_of(request)} {request.path}"[:200])


# The column of the statement below that a question beside it (``ApiView.question_beside``) reads the channel from.
CHANNEL_COLUMN = "channel.id"
_COLUMNS = (
    "key.id", "key.prefix", "key.scopes", "key.requests_per_minute", "site.id", "channel.id", "channel.code", "channel.currency",
    "key.hashed_key", "key.revoked", "key.expiry_date", "key.last_used_at", "channel.is_active",
)  # fmt: skip
_KEYS = """
FROM ec_gateway_apikey key JOIN ec_gateway_ecsite site ON site.id = key.site_id JOIN core_channel channel ON channel.id = site.channel_id
"""
_WIDTH = len(_COLUMNS)

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
        view = request.parser_context["view"]
        # A NUL is refused later, with the words of its place; no statement can carry it. Pages of the documentation ask nothing.
        asks = hasattr(view, "question_beside") and "\0" not in request.path
        client, view.beside = find_client(
            key.strip(), at=timezone.now(), question=view.question_beside() if asks else None
        )
        return AnonymousUser(), client

    def authenticate_header(self, request: Request) -> str:
        return KEYWORD


def find_client(
    key: str, *, at: dt.datetime, question: tuple[str, dict[str, Any]] | None = None
) -> tuple[Client, list[Sequence[Any]]]:
    """Raises AuthenticationFailed. An unknown key and a wrong secret look alike; the owner of a true secret is told what is wrong with it.

    ``question`` is asked in the same round trip; its rows come with the client, and nobody sees them when the key is refused.
    """
    prefix = key.partition(".")[0]
    rows = _ask(prefix, question) if key.isascii() and key.isprintable() else []
    row = rows[0][:_WIDTH] if rows else None
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
    client = Client(key_id, prefix, frozenset(scopes), per_minute, site_id, channel_id, code, currency)
    return client, [row[_WIDTH:] for row in rows]


def _ask(prefix: str, question: tuple[str, dict[str, Any]] | None) -> list[Sequence[Any]]:
    statement, parameters = question or ("", {})
    beside = f"LEFT JOIN LATERAL ({statement}) beside ON true" if statement else ""
    with connection.cursor() as cursor:
        # The question is a constant of our own.
        cursor.execute(
            f"SELECT {', '.join(_COLUMNS)}{', beside.*' if statement else ''} {_KEYS} {beside} WHERE key.prefix = %(prefix)s",
            {"prefix": prefix, **parameters},
        )
        found: list[Sequence[Any]] = cursor.fetchall()
    return found
