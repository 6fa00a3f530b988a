"""The gate before every page: a session that is over is none, and who has to choose a password or set up a second factor does that first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from erp.access import selectors, services
from erp.access.pages.requests import SESSION_KEY, session_id_of, visit_of
from erp.core.middleware import actor_of
from erp.core.retries import retried

SEEN_EVERY = dt.timedelta(minutes=1)
# Open to whoever still has something to do before all other pages.
ALWAYS = ("admin:logout", "admin:jsi18n", "set_language")
TO_CHANGE = ("admin:password_change",)
TO_ENROL = ("admin:access_factor", *TO_CHANGE)


class Gate:
    """One question per request of somebody who is signed in; one write per minute and session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self.get_response(request)
        return self._stop(request) or self.get_response(request)

    def _stop(self, request: HttpRequest) -> HttpResponseBase | None:
        user: Any = request.user
        at, session_id = timezone.now(), session_id_of(request)
        standing = None
        if session_id is not None:
            standing = selectors.standing(session_id=session_id, user_id=user.pk)
        if standing is None or session_id is None:
            return self._over(request, "")
        if standing.is_ended:
            return self._over(request, "ENDED")
        if end := standing.end(at):
            retried(
                services.note_end,
                session_id=session_id, end=end, user=user, visit=visit_of(request), at=at, by=actor_of(request),
            )  # fmt: skip
            return self._over(request, end)
        if at - standing.last_seen_at >= SEEN_EVERY:
            services.touch(session_id=session_id, at=at)
        if standing.must_change_password:
            return self._first(request, TO_CHANGE)
        if standing.needs_factor and not standing.has_factor:
            return self._first(request, TO_ENROL)
        if standing.has_factor and not standing.has_shown_factor:
            return self._over(request, "CHANGED")
        return None

    def _over(self, request: HttpRequest, why: str) -> HttpResponseBase:
        """Sign out, and say why on the page to sign in, which leads back to where it ended."""
        request.session.pop(SESSION_KEY, None)
        logout(request)
        is_page = request.method == "GET" and request.path != reverse("admin:logout")
        told = {**({"why": why} if why else {}), **({"next": request.get_full_path()} if is_page else {})}
        query = f"?{urlencode(told)}" if told else ""
        return HttpResponseRedirect(f"{reverse('admin:login')}{query}")

    def _first(self, request: HttpRequest, pages: tuple[str, ...]) -> HttpResponseBase | None:
        if request.path in {reverse(name) for name in (*ALWAYS, *pages)}:
            return None
        return HttpResponseRedirect(reverse(pages[0]))
