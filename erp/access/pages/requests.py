"""What this room reads of a request."""

from __future__ import annotations

from django.http import HttpRequest

from erp.access.services import Visit
from erp.core.actors import Actor
from erp.core.addresses import address_of

SESSION_KEY = "access_session"


def visit_of(request: HttpRequest) -> Visit:
    # A query says what was looked for, and of a file what is in it.
    query = request.META.get("QUERY_STRING", "")
    path = f"{request.path}?{query}" if query else request.path
    return Visit(address_of(request), request.META.get("HTTP_USER_AGENT", ""), path)


def session_id_of(request: HttpRequest) -> int | None:
    """The number of this session; None where there is none."""
    found = request.session.get(SESSION_KEY)
    return found if isinstance(found, int) else None


def door(request: HttpRequest) -> Actor:
    """Who acts before anybody is signed in."""
    return Actor.staff("sign-in", f"{address_of(request)} {request.path}")
