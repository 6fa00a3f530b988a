"""Where the pages of the back office lead whoever sees them: every list and the first row of each, as one role after the other opens them."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.signals import request_finished
from django.db import close_old_connections
from django.urls import Resolver404, get_resolver, reverse

from tests.back_office import access

BELOW = "/admin/"


class _Reader(HTMLParser):
    def __init__(self, here: str) -> None:
        super().__init__()
        self.here = here
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = (dict(attrs).get("href") or "").partition("?")[0].partition("#")[0] if tag == "a" else ""
        if address and (path := urljoin(self.here, address)).startswith(BELOW):
            self.found.add(path)


def links_of(page: str, here: str) -> set[str]:
    reader = _Reader(here)
    reader.feed(page)
    return reader.found


def pages_of(user: User) -> Iterator[str]:
    """The first page, and of every list that the user may open the list, its newest row, and the pages that are offered on both."""
    request = access._request(user, BELOW)
    yield reverse("admin:index")
    for model, page in sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label_lower):
        if not page.has_view_permission(request):
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist") + "?_all=1"
        if (row := page.get_queryset(request).order_by("-pk").first()) is not None:
            yield reverse(f"{name}_change", args=[row.pk])
            offered = [(link, [row.pk]) for link in getattr(page, "object_links", ())]
        else:
            offered = []
        for link, keys in [*((link, []) for link in getattr(page, "list_links", ())), *offered]:
            if link.is_open(page, request):
                yield reverse(link.url_name, args=keys)


def _end(file: Any) -> None:
    """Close a file as a browser does that has it. The test's own connection must not be closed with the request."""
    request_finished.disconnect(close_old_connections)
    try:
        file.close()
    finally:
        request_finished.connect(close_old_connections)


def shut_links(client: Any, user: User) -> dict[str, set[str]]:
    """The links that this user is shown and may not follow, by the kind of page they lead to, with the pages they stand on.

    Who may open a page is asked of the page, once per kind of page.
    """
    client.force_login(user)
    opens: dict[str, bool] = {}
    shut: dict[str, set[str]] = {}
    for here in pages_of(user):
        answer = client.get(here, follow=True)
        assert answer.status_code == 200, (user.username, here, answer.status_code)
        if "text/html" not in answer.headers["Content-Type"]:
            _end(answer)
            continue
        for path in links_of(answer.content.decode(), here):
            try:
                name = get_resolver().resolve(path).url_name or path
            except Resolver404:
                name = path
            if name not in opens:
                opens[name] = access.may_open(user, access.Address(path, path, name))
            if not opens[name]:
                shut.setdefault(name, set()).add(here.partition("?")[0])
    return shut
