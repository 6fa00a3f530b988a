"""What stands around the pages of staff: what they write outside of services is signed, what the database refuses them is told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import structlog
from django.conf import settings
from django.contrib import messages
from django.db import Error, connection, transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from psycopg import Error as DriverError

from erp.core import doors, guards
from erp.core.actors import Actor
from erp.core.addresses import address_of
from erp.core.use_case import sign

log = structlog.get_logger(__name__)

READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET", "SHOW", "EXPLAIN")


# U+FFFD, as it is written in an address.
NOBODYS_SIGN = "%EF%BF%BD"


class LanguageMiddleware:
    """The house's language, unless this user chose another one on the page. What the browser prefers decides nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        if chosen == settings.LANGUAGE_CODE or chosen not in dict(settings.LANGUAGES):
            return self.get_response(request)
        with translation.override(chosen):
            return self.get_response(request)


class QueryMiddleware:
    """A NUL in the address of a page is a sign like any other that nobody has in a name: PostgreSQL takes none, and every filter would fail on
    it. The API refuses it by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        asked = request.META.get("QUERY_STRING", "")
        if not request.path.startswith("/api/") and ("%00" in asked or "\0" in asked):
            request.META["QUERY_STRING"] = asked.replace("%00", NOBODYS_SIGN).replace("\0", NOBODYS_SIGN)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        """A form that holds one was filled in by a program: it is refused as a whole, before anything of it is read or kept."""
        if request.method != "POST" or getattr(request.resolver_match, "app_name", "") != "admin":
            return None
        sent = (text for name, values in request.POST.lists() for text in (name, *values))
        files = (file.name or "" for _name, some in request.FILES.lists() for file in some)
        if not any("\0" in text for text in chain(sent, files)):
            return None
        return render(request, "nul.html", status=400)


def actor_of(request: HttpRequest) -> Actor:
    """The member of staff behind a request, and from where: address and page."""
    return Actor.staff(request.user.get_username(), f"{address_of(request)} {request.path}")


class ActorMiddleware:
    """Signs each writing statement of a logged-in user, in the transaction of that statement, and says whose links are written.

    The signature is local to the transaction, and a statement outside of one gets one: nothing is left on a connection that another request
    takes from the pool. A rolled-back savepoint takes a signature with it, hence every statement and not only the first.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        def signed(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
            is_read = isinstance(sql, str) and sql.lstrip().upper().startswith(READS)
            if is_read or getattr(connection, "mamori_use_case", False) or not request.user.is_authenticated:
                return execute(sql, params, many, context)
            with transaction.atomic(savepoint=False):
                sign(actor_of(request))
                return execute(sql, params, many, context)

        with connection.execute_wrapper(signed), doors.asked_by(request):
            return self.get_response(request)


class GuardMiddleware:
    """A form that the database refuses ends in a sentence on the page it came from, not in a page of error. Nothing of it was written.

    Forms ask what they can before; this is for what only the database sees: two people at once, and what a form does not show.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponseBase | None:
        is_form = request.method == "POST" and getattr(request.resolver_match, "app_name", "") == "admin"
        refusal = guards.refusal_behind(fault) if is_form and isinstance(fault, Error | DriverError) else None
        if refusal is None:
            return None
        log.warning("refused by the database", page=request.path, exc_info=fault)
        messages.error(request, guards.told(refusal))
        return HttpResponseRedirect(request.get_full_path())
